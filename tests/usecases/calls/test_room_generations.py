"""A session never runs out of room codes: 100ms allows 100 per room, so the session moves to a new room in time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tenants import FIVE_ROLES, HMS_ROLES, MovableClock, Sandbox, Tenant, make_tenant
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import SessionId, uuid7
from videobroker.domain.rooms import build_room_name
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsForbidden
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens

CIRCLE = "/v1/groups/circle"


async def join_hosted_page(tenant: Tenant, user_id: str = "tutor-1") -> dict[str, Any]:
    response = await tenant.post(f"{CIRCLE}/join", {"user_id": user_id, "surface": "prebuilt"})
    assert response.status_code == 200, response.text
    joined: dict[str, Any] = response.json()
    return joined


async def is_accepted(sandbox: Sandbox, code: str) -> bool:
    return (await sandbox.client.post("/v2/token", json={"code": code})).status_code == 200


@asynccontextmanager
async def hms_client(tenant: Tenant, sandbox: Sandbox) -> AsyncIterator[HmsClient]:
    account, clock = sandbox.account("tutoring"), tenant.broker.now
    keys = AccountKeys(account["access_key"], account["secret"])
    client = HmsClient(account["api_url"], ManagementTokens(keys, clock), clock)
    yield client
    await client.aclose()


ROOMS = """
    select provider_room_id from rooms where app_id = :app and provider_room_id is not null
    union select provider_room_id from former_rooms where app_id = :app
"""


async def count_open_rooms(tenant: Tenant) -> int:
    """The number of rooms of all generations that are enabled at the vendor."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        room_ids = list((await unit_of_work.execute(text(ROOMS), {"app": tenant.app.id})).scalars())
    provider, count = tenant.broker.provider(tenant.app, ProviderName.HMS), 0
    for room_id in room_ids:
        with suppress(HmsForbidden):  # 100ms refuses the codes of a disabled room
            await provider.count_codes_left(room_id)
            count += 1
    return count


async def disable_codes(tenant: Tenant, sandbox: Sandbox, room_id: str) -> None:
    async with hms_client(tenant, sandbox) as client:
        for code in await client.list_codes(room_id):
            await client.disable_code(code.code)


@pytest.fixture
async def school(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app whose template has five roles."""
    accounts = {ProviderName.HMS: sandbox.account("school", prebuilt=True)}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: {role: role for role in FIVE_ROLES}})


async def run_calls(
    tenant: Tenant, sandbox: Sandbox, people: Mapping[str, str], *, count: int, leave: int | None = None
) -> set[str]:
    """Run consecutive calls, and return the room IDs. With `leave`, the first room has only this many codes left.

    The first of these people is a host: after each call, only a host can start the next one.
    """
    host_role = next(iter(people.values()))
    await tenant.create_group(
        participants=[{"user_id": user_id, "role": role} for user_id, role in people.items()],
        policy={"host_roles": [host_role]},
    )
    rooms: set[str] = set()
    former: set[str] = set()
    for number in range(count):
        joined = [await join_hosted_page(tenant, user_id) for user_id in people]
        codes = {each["room_code"] for each in joined}
        assert len({each["room_id"] for each in joined}) == 1
        assert not codes & former
        assert all([await is_accepted(sandbox, code) for code in codes])
        rooms.add(joined[0]["room_id"])
        if leave is not None and number == 0:
            await sandbox.use_up_codes(joined[0]["room_id"], leave=leave)
        assert (await tenant.post(f"{CIRCLE}/end")).status_code == 200
        assert not any([await is_accepted(sandbox, code) for code in codes])
        former |= codes
    return rooms


async def test_two_roles_can_have_more_calls_than_a_room_has_codes(tutoring: Tenant, sandbox: Sandbox) -> None:
    people = {"tutor-1": "tutor", "student-1": "student"}
    rooms = await run_calls(tutoring, sandbox, people, count=20, leave=60)
    assert len(rooms) == 2
    assert len(await tutoring.events("room.opened")) == 20


@pytest.mark.long
async def test_five_roles_can_have_sixty_calls_in_one_session(school: Tenant, sandbox: Sandbox) -> None:
    rooms = await run_calls(school, sandbox, {f"user-{role}": role for role in FIVE_ROLES}, count=60)
    assert 4 <= len(rooms) <= 6


@pytest.mark.long
async def test_more_removals_than_codes_never_issue_a_disabled_code(tutoring: Tenant, sandbox: Sandbox) -> None:
    people = [{"user_id": f"s{n}", "role": "student"} for n in range(20)]
    await tutoring.create_group(participants=[{"user_id": "tutor-1", "role": "tutor"}, *people])
    rooms = []
    for number, person in enumerate(people):
        joined = await join_hosted_page(tutoring, person["user_id"])
        rooms.append(joined["room_id"])
        assert await is_accepted(sandbox, joined["room_code"])
        if number == 0:
            await sandbox.use_up_codes(joined["room_id"], leave=10)
        removed = await tutoring.post(f"{CIRCLE}/participants/{person['user_id']}/remove", {"ban": True})
        assert removed.json()["enforcement"] == "done"
        assert not await is_accepted(sandbox, joined["room_code"])
    assert len(set(rooms)) == 2
    assert rooms[10] == rooms[0] != rooms[11], "every code is used before the room is left"
    assert await is_accepted(sandbox, (await join_hosted_page(tutoring))["room_code"])
    assert len({call["id"] for call in (await tutoring.get(f"{CIRCLE}/calls")).json()["data"]}) == 1


async def test_a_page_join_in_a_room_without_codes_moves_the_sdk_call_to_one_new_room(
    tutoring: Tenant, sandbox: Sandbox
) -> None:
    await tutoring.create_group()
    room_id = (await tutoring.post(f"{CIRCLE}/join", {"user_id": "tutor-1"})).json()["room_id"]
    await sandbox.use_up_codes(room_id, leave=0)
    await disable_codes(tutoring, sandbox, room_id)
    joined = await join_hosted_page(tutoring, "student-1")
    assert joined["room_id"] != room_id
    assert await is_accepted(sandbox, joined["room_code"])
    assert (await tutoring.post(f"{CIRCLE}/join", {"user_id": "tutor-1"})).json()["room_id"] == joined["room_id"]
    assert await count_open_rooms(tutoring) == 1


async def test_a_hundred_concurrent_joins_without_codes_open_one_new_room(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.create_group(policy={"host_roles": ["tutor", "student"]})
    first = await join_hosted_page(tutoring)
    await sandbox.use_up_codes(first["room_id"], leave=3)
    await tutoring.post(f"{CIRCLE}/end")
    joined = await asyncio.gather(*(join_hosted_page(tutoring, ("tutor-1", "student-1")[n % 2]) for n in range(100)))
    assert len({each["room_id"] for each in joined} | {first["room_id"]}) == 2
    assert await count_open_rooms(tutoring) == 1
    assert (await sandbox.counters())["rooms_created"] == 2


async def test_a_former_room_is_closed_before_a_new_one_opens(
    tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await tutoring.create_group()
    first = await join_hosted_page(tutoring)
    await sandbox.use_up_codes(first["room_id"], leave=3)
    await tutoring.post(f"{CIRCLE}/end")
    await sandbox.inject_fault("status", status=500, operation="end_room")
    refused = await tutoring.post(f"{CIRCLE}/join", {"user_id": "tutor-1", "surface": "prebuilt"})
    assert refused.status_code == 503
    assert (await sandbox.counters())["rooms_created"] == 1
    await sandbox.clear_faults()
    clock.move(minutes=1)
    await tutoring.run_due_jobs()
    assert await count_open_rooms(tutoring) == 0
    joined = await join_hosted_page(tutoring)
    assert joined["room_id"] != first["room_id"]
    assert await count_open_rooms(tutoring) == 1


async def test_webhooks_about_a_former_room_belong_to_the_session(
    webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    people = [{"user_id": f"s{n}", "role": "student"} for n in range(3)]
    await webhook_tenant.create_group(participants=[{"user_id": "tutor-1", "role": "tutor"}, *people])
    first = await join_hosted_page(webhook_tenant)
    await sandbox.join_room(first["room_id"], code=first["room_code"], user_id="tutor-1")
    student = await join_hosted_page(webhook_tenant, "s0")
    await sandbox.use_up_codes(first["room_id"], leave=0)
    clock.move(seconds=40)
    await webhook_tenant.post(f"{CIRCLE}/participants/s0/remove")
    second = await join_hosted_page(webhook_tenant, "s1")
    assert second["room_id"] != student["room_id"]
    await sandbox.join_room(second["room_id"], code=second["room_code"], user_id="s1")
    clock.move(seconds=20)
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    (call,) = (await webhook_tenant.get(f"{CIRCLE}/calls")).json()["data"]
    assert call["ended_at"] is None
    joins = await webhook_tenant.events("participant.joined")
    assert sorted(event["user_id"] for event in joins) == ["s1", "tutor-1"]
    (left,) = await webhook_tenant.events("participant.left")
    assert left["user_id"] == "tutor-1"


async def test_the_fixed_room_of_an_account_keeps_its_codes_at_the_limit(
    broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox, tutoring: Tenant
) -> None:
    provider = tutoring.broker.provider(tutoring.app, ProviderName.HMS)
    room_id = await provider.open_room("fixed")
    await provider.issue_codes(room_id)
    await sandbox.use_up_codes(room_id, leave=0)
    accounts = {ProviderName.HMS: sandbox.account("tutoring", prebuilt=True) | {"room_id": room_id}}
    fixed = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
    await fixed.create_group()
    joined = await join_hosted_page(fixed, "student-1")
    assert joined["room_id"] == room_id
    removed = await fixed.post(f"{CIRCLE}/participants/student-1/remove")
    assert removed.status_code == 200
    rejoined = await join_hosted_page(fixed, "student-1")
    assert rejoined["room_id"] == room_id
    assert await is_accepted(sandbox, rejoined["room_code"])


def test_room_names_of_all_generations_are_unique_and_short_enough(tutoring: Tenant) -> None:
    session_id = SessionId(uuid7(tutoring.broker.now()))
    names = [build_room_name(tutoring.app.id, session_id, generation) for generation in (0, 1, 2, 10, 99_999)]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 63
