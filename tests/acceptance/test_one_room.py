"""One session, one room, one vendor call: over processes, under load, and through crashes."""

import asyncio
import time

import httpx
import pytest

from polling import eventually
from tenants import Sandbox, Tenant
from videobroker.domain.api_keys import compute_key_digest
from videobroker.usecases import tenants

from .conftest import StartBroker

pytestmark = pytest.mark.long

JOIN = "/v1/bookings/lesson-1/join"


def client(url: str, tenant: Tenant) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {tenant.key}"},
        timeout=30,
        limits=httpx.Limits(max_connections=100),
    )


async def counted(sandbox: Sandbox, operation: str) -> int:
    return int((await sandbox.counters()).get(operation, 0))


@pytest.mark.representative
async def test_a_hundred_first_joins_over_two_processes_make_one_room(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=300)
    one, two = start_broker(), start_broker()
    async with client(one.url, tutoring) as first, client(two.url, tutoring) as second:
        answers = await asyncio.gather(
            *(
                (first, second)[n % 2].post(JOIN, json={"user_id": ("tutor-1", "student-1")[n // 2 % 2]})
                for n in range(100)
            )
        )
    assert [answer.status_code for answer in answers] == [200] * 100
    assert len({answer.json()["room_id"] for answer in answers}) == 1
    assert len({answer.json()["call"]["id"] for answer in answers}) == 1
    counters = await sandbox.counters()
    assert counters["create_room"] == 1
    assert len(await tutoring.events("credentials.issued")) == 100
    assert len(await tutoring.events("room.opened", "call.started")) == 2


@pytest.mark.representative
async def test_a_broker_killed_between_the_vendors_room_and_our_commit_leaves_a_room_that_the_next_join_finds(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    # The vendor makes the room, but its answers are lost: the broker is still trying when it is killed.
    await sandbox.inject_fault("drop", operation="create_room", after=True)
    doomed, survivor = start_broker(), start_broker()
    async with client(doomed.url, tutoring) as first, client(survivor.url, tutoring) as second:
        lost = asyncio.create_task(first.post(JOIN, json={"user_id": "tutor-1"}))
        await eventually(lambda: counted(sandbox, "rooms_created"))
        doomed.kill()
        await sandbox.clear_faults()
        # The lease of a dead process keeps people outside for no longer than a request may wait.
        answer = await second.post(JOIN, json={"user_id": "student-1"})
        with pytest.raises(httpx.TransportError):
            await lost
    assert answer.status_code == 200, answer.text
    assert (await sandbox.counters())["rooms_created"] == 1
    entered = await sandbox.client.post(
        f"/_sandbox/rooms/{answer.json()['room_id']}/peers", json={"token": answer.json()["token"], "name": "Ben"}
    )
    assert entered.status_code == 200


async def test_a_restarted_broker_goes_on_where_the_killed_one_stopped(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    before = start_broker()
    async with client(before.url, tutoring) as api:
        room_id = (await api.post(JOIN, json={"user_id": "tutor-1"})).json()["room_id"]
    before.kill()
    after = start_broker()
    async with client(after.url, tutoring) as api:
        assert (await api.post(JOIN, json={"user_id": "student-1"})).json()["room_id"] == room_id
    assert (await sandbox.counters())["create_room"] == 1


async def test_a_broker_that_is_told_to_stop_finishes_what_runs(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=700)
    broker = start_broker()
    async with client(broker.url, tutoring) as api:
        running = asyncio.create_task(api.post(JOIN, json={"user_id": "tutor-1"}))
        await eventually(lambda: counted(sandbox, "create_room"))
        broker.process.terminate()
        assert (await running).status_code == 200
    assert await asyncio.to_thread(broker.process.wait, 20) == 0


async def test_hundreds_of_first_joins_at_a_slow_vendor_wait_without_holding_the_database(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=2000)
    broker = start_broker()
    limits = httpx.Limits(max_connections=400)
    async with httpx.AsyncClient(
        base_url=broker.url, headers={"Authorization": f"Bearer {tutoring.key}"}, timeout=60, limits=limits
    ) as api:
        crowd = [asyncio.create_task(api.post(JOIN, json={"user_id": "student-1"})) for _ in range(400)]
        await eventually(lambda: counted(sandbox, "create_room"))
        # Meanwhile everything else that needs the database is served.
        assert (await api.get("/readyz")).status_code == 200
        answers = await asyncio.gather(*crowd)
        metrics = (await api.get("/metrics")).text
    assert [answer.status_code for answer in answers] == [200] * 400
    assert len({answer.json()["room_id"] for answer in answers}) == 1
    assert (await sandbox.counters())["create_room"] == 1
    assert 'videobroker_batch_rejected_items_total{batcher="join_context"} 0.0' in metrics


async def test_what_one_replica_revokes_or_cancels_is_refused_by_the_other(
    tutoring: Tenant, start_broker: StartBroker
) -> None:
    await tutoring.book()
    one, two = start_broker(), start_broker()
    async with client(one.url, tutoring) as first, client(two.url, tutoring) as second:
        for api in (first, second):
            assert (await api.post(JOIN, json={"user_id": "tutor-1"})).status_code == 200
        assert (await first.post("/v1/bookings/lesson-1/cancel")).status_code == 200
        # At once: sessions are never remembered.
        refused = await second.post(JOIN, json={"user_id": "tutor-1"})
        assert (refused.status_code, refused.json()["code"]) == (403, "session_cancelled")

        found = await tutoring.broker.tenant_cache.by_key(compute_key_digest(tutoring.key))
        assert found is not None
        await tenants.revoke_key(tutoring.broker, tutoring.app, found[0].id, now=tutoring.broker.now())
        revoked = time.monotonic()
        asked = revoked
        for api in (first, second):
            # Each answer that still lets in was asked for within a second after the revocation.
            while (answer := await api.post(JOIN, json={"user_id": "tutor-1"})).status_code != 401:
                assert asked - revoked < 1.0, answer.text
                # Between two requests of a client.
                await asyncio.sleep(0.02)
                asked = time.monotonic()
            assert answer.json()["code"] == "api_key_revoked"
            asked = time.monotonic()
