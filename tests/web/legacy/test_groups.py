"""Legacy group chats: the responses and errors of the legacy handlers, in the order of their checks."""

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from tenants import Sandbox, Tenant, context_of, error_code, make_tenant
from videobroker.broker import Broker
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management

GROUP = "0b7c2f6e-5d1a-4a53-9f0e-1c2d3e4f5a6b"
CHAT = [
    {"user_id": "admin-1", "role": "admin", "display_name": "Eve"},
    {"user_id": "member-1", "role": "member", "display_name": "Finn"},
]
OPEN: dict[str, Any] = {"policy": {"guests_allowed": True}}
MEMBER, GUEST = "token", "guest-token"


@pytest.fixture
async def chats(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app for group chats on 100ms: admin -> host, member -> guest."""
    roles = {"admin": "host", "member": "guest", "guest": "guest"}
    accounts = {ProviderName.HMS: sandbox.account("groups")}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: roles})


async def create_group(tenant: Tenant, group: str = GROUP, **terms: Any) -> None:
    await tenant.create_group(group, **{"participants": CHAT, **terms})


async def request_token(tenant: Tenant, user_id: str = "admin-1", group: str = GROUP) -> httpx.Response:
    """A member's token, requested by the app's backend. The legacy frontend sends no body."""
    return await tenant.send("POST", f"/api/messenger/groups/{group}/video/token", headers={"X-User-Id": user_id})


async def request_guest_token(tenant: Tenant, body: Any = None, group: str = GROUP) -> httpx.Response:
    """A guest's token. `body` can be bytes that are not JSON."""
    path = f"/api/messenger/groups/{group}/video/guest-token"
    if isinstance(body, bytes):
        return await tenant.send("POST", path, content=body)
    return await tenant.send("POST", path, json={"guest_name": "Grandma"} if body is None else body)


def status_and_error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def claims(sandbox: Sandbox, response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    found: dict[str, Any] = jwt.decode(response.json()["token"], sandbox.workspace.secret, algorithms=["HS256"])
    return found


async def bearer(tenant: Tenant, user_id: str) -> dict[str, str]:
    """The header of a user, with a token of the app's own identity provider, which the service trusts afterwards."""
    secret = f"a-secret-of-the-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    token = jwt.encode({"sub": user_id, "exp": int(time.time()) + 600}, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


class TestFrozenResponses:
    """These responses are frozen, because legacy frontends that are never deployed again parse them."""

    async def test_member_token(self, chats: Tenant, sandbox: Sandbox) -> None:
        """Legacy frontends use `token`, and show controls that depend on `role`."""
        await create_group(chats)
        response = await request_token(chats)
        room_id = claims(sandbox, response)["room_id"]
        assert response.json() | {"token": "TOKEN"} == {"token": "TOKEN", "room_id": room_id, "role": "host"}

    async def test_guest_token(self, chats: Tenant, sandbox: Sandbox) -> None:
        """Equal to that of a member."""
        await create_group(chats, **OPEN)
        response = await request_guest_token(chats)
        room_id = claims(sandbox, response)["room_id"]
        assert response.json() | {"token": "TOKEN"} == {"token": "TOKEN", "room_id": room_id, "role": "guest"}

    async def test_error(self, chats: Tenant) -> None:
        """Legacy frontends show `error`. `code` is new, and they do not read it."""
        response = await request_token(chats)
        assert response.json() == {"error": "Not a member of this group"}
        assert response.headers["content-type"] == "application/json"


class TestTokens:
    @pytest.mark.parametrize(("user_id", "role"), [("admin-1", "host"), ("member-1", "guest")])
    async def test_admins_are_hosts_and_members_are_guests(
        self, chats: Tenant, sandbox: Sandbox, user_id: str, role: str
    ) -> None:
        await create_group(chats)
        response = await request_token(chats, user_id)
        found = claims(sandbox, response)
        assert (found["user_id"], found["role"], response.json()["role"]) == (user_id, role, role)

    async def test_everyone_meets_in_one_room_and_the_vendor_accepts_them(
        self, chats: Tenant, sandbox: Sandbox
    ) -> None:
        await create_group(chats, **OPEN)
        responses = [
            await request_token(chats),
            await request_token(chats, "member-1"),
            await request_guest_token(chats),
        ]
        assert len({response.json()["room_id"] for response in responses}) == 1
        for response in responses:
            room_id, token = response.json()["room_id"], response.json()["token"]
            entered = await sandbox.client.post(
                f"/_sandbox/rooms/{room_id}/peers", json={"token": token, "name": "A person"}
            )
            assert entered.status_code == 200, entered.text

    async def test_tokens_last_24_hours_for_members_and_2_for_guests(self, chats: Tenant, sandbox: Sandbox) -> None:
        await create_group(chats, **OPEN)
        for response, hours in ((await request_token(chats, "member-1"), 24), (await request_guest_token(chats), 2)):
            found = claims(sandbox, response)
            assert found["exp"] - time.time() == pytest.approx(hours * 3600, abs=30)

    async def test_the_policy_can_shorten_them(self, chats: Tenant, sandbox: Sandbox) -> None:
        await create_group(chats, policy={"guests_allowed": True, "token_seconds": 3600, "guest_token_seconds": 600})
        for response, seconds in ((await request_token(chats), 3600), (await request_guest_token(chats), 600)):
            assert claims(sandbox, response)["exp"] - time.time() == pytest.approx(seconds, abs=30)

    async def test_every_guest_is_another_person_even_within_one_second(self, chats: Tenant, sandbox: Sandbox) -> None:
        await create_group(chats, **OPEN)
        responses = await asyncio.gather(*(request_guest_token(chats) for _ in range(20)))
        guests = {claims(sandbox, response)["user_id"] for response in responses}
        assert len(guests) == 20
        assert all(guest.startswith("guest-") for guest in guests)

    async def test_a_user_requests_a_token_for_themselves(self, chats: Tenant) -> None:
        await create_group(chats)
        headers = await bearer(chats, "member-1")
        response = await chats.api.post(f"/api/messenger/groups/{GROUP}/video/token", headers=headers)
        assert (response.status_code, response.json()["role"]) == (200, "guest")

    @pytest.mark.parametrize(
        "spelt", [GROUP.upper(), GROUP.replace("-", ""), f"urn:uuid:{GROUP}", f"{{{GROUP}}}"], ids=str
    )
    async def test_an_id_can_have_every_notation_of_the_legacy_backend(self, chats: Tenant, spelt: str) -> None:
        await create_group(chats)
        assert (await request_token(chats, group=spelt)).status_code == 200

    async def test_the_body_of_a_member_is_ignored(self, chats: Tenant) -> None:
        await create_group(chats)
        for content in (b"", b"{", b'{"role": "host"}'):
            response = await chats.send(
                "POST",
                f"/api/messenger/groups/{GROUP}/video/token",
                content=content,
                headers={"X-User-Id": "member-1"},
            )
            assert (response.status_code, response.json()["role"]) == (200, "guest")

    async def test_no_proxy_may_store_a_response(self, chats: Tenant) -> None:
        await create_group(chats, **OPEN)
        for response in (await request_token(chats), await request_guest_token(chats)):
            assert response.headers["Cache-Control"] == "no-store"


class TestMemberErrors:
    """Each check of the legacy handler precedes the later ones, which fail as well."""

    @pytest.mark.parametrize("group", ["x", "1", GROUP[:-1], f"{GROUP}0", GROUP.replace("-", "_"), f"{GROUP}%0A", "ß"])
    async def test_the_id_is_checked_first(self, chats: Tenant, group: str) -> None:
        assert status_and_error(await request_token(chats, "stranger", group)) == (400, "Invalid group ID")

    async def test_membership_is_checked_next_even_for_an_unknown_group(self, chats: Tenant) -> None:
        await create_group(chats)
        off = str(uuid4())
        await create_group(chats, off, video_enabled=False)
        responses = [await request_token(chats, "stranger", group) for group in (GROUP, off, str(uuid4()))]
        assert [status_and_error(response) for response in responses] == [(403, "Not a member of this group")] * 3
        assert len({response.text for response in responses}) == 1

    async def test_video_is_checked_next(self, chats: Tenant, sandbox: Sandbox) -> None:
        await create_group(chats, video_enabled=False)
        for user_id in ("admin-1", "member-1"):
            assert status_and_error(await request_token(chats, user_id)) == (400, "Video is not enabled for this group")
        assert "create_room" not in await sandbox.counters()

    @pytest.mark.parametrize("fault", [{"kind": "status", "status": 403}, {"kind": "drop"}], ids=["refuses", "down"])
    async def test_the_vendor_is_checked_last(self, chats: Tenant, sandbox: Sandbox, fault: dict[str, Any]) -> None:
        await create_group(chats)
        await sandbox.inject_fault(**fault)
        assert status_and_error(await request_token(chats)) == (500, "Failed to generate video token")
        await sandbox.clear_faults()

    async def test_a_role_that_is_not_mapped_gets_no_token(self, chats: Tenant) -> None:
        await create_group(chats)
        role_maps = {ProviderName.HMS: {"admin": "host"}}
        await management.change_app(context_of(chats.broker, chats.app), policy={}, role_maps=role_maps)
        response = await request_token(chats, "member-1")
        assert (*status_and_error(response), error_code(response)) == (
            500,
            "Failed to generate video token",
            "role_not_mapped",
        )

    async def test_a_canceled_group_refuses_everyone(self, chats: Tenant) -> None:
        await create_group(chats)
        await chats.post(f"/v1/groups/{GROUP}/cancel")
        assert status_and_error(await request_token(chats)) == (403, "This group was closed")

    async def test_the_group_of_another_app_is_refused(self, chats: Tenant, other: Tenant) -> None:
        await create_group(chats)
        assert status_and_error(await request_token(other)) == (403, "Not a member of this group")

    async def test_a_group_on_agora_is_a_clear_error(self, agora: Tenant) -> None:
        await agora.create_group(GROUP)
        response = await request_token(agora, "tutor-1")
        assert (response.status_code, error_code(response)) == (422, "surface_not_offered")
        assert "takes place at agora" in response.json()["error"]

    async def test_a_refusal_is_journaled_with_its_reason(self, chats: Tenant) -> None:
        await create_group(chats, video_enabled=False)
        await request_token(chats, "stranger")
        (denied,) = await chats.events("credentials.denied")
        assert (denied["user_id"], denied["data"]["reason"]) == ("stranger", "video_disabled")


class TestGuestErrors:
    """Each check of the legacy handler precedes the later ones, which fail as well."""

    async def test_the_id_is_checked_first(self, chats: Tenant) -> None:
        for body in (b"{", {}, {"guest_name": "Grandma"}):
            assert status_and_error(await request_guest_token(chats, body, "x")) == (400, "Invalid group ID")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b'"Grandma"',
            b'{"guest_name": 1}',
            b'{"guest_name": ["Grandma"]}',
            b'{"guest_name": "a\\u0000b"}',
            b'{"guest_name": "\\ud800"}',
            b'{"guest_name": "%s"}' % (b"x" * 201),
        ],
    )
    async def test_the_body_is_checked_next(self, chats: Tenant, body: bytes) -> None:
        assert status_and_error(await request_guest_token(chats, body)) == (400, "Invalid request body")

    @pytest.mark.parametrize("body", [b"{}", b"null", b'{"guest_name": ""}', b'{"guest_name": null}', b'{"name": "x"}'])
    async def test_the_name_is_checked_next(self, chats: Tenant, body: bytes) -> None:
        assert status_and_error(await request_guest_token(chats, body)) == (400, "Guest name is required")

    async def test_the_group_is_checked_next(self, chats: Tenant, other: Tenant) -> None:
        await create_group(chats)
        assert status_and_error(await request_guest_token(chats, group=str(uuid4()))) == (404, "Group not found")
        assert status_and_error(await request_guest_token(other)) == (404, "Group not found")

    async def test_video_is_checked_next(self, chats: Tenant) -> None:
        await create_group(chats, video_enabled=False)
        assert status_and_error(await request_guest_token(chats)) == (400, "Video is not enabled for this group")

    async def test_guest_permission_is_checked_next(self, chats: Tenant) -> None:
        await create_group(chats)
        assert status_and_error(await request_guest_token(chats)) == (403, "Guests are not allowed in this group")

    async def test_the_vendor_is_checked_last(self, chats: Tenant, sandbox: Sandbox) -> None:
        await create_group(chats, **OPEN)
        await sandbox.inject_fault("status", status=403)
        assert status_and_error(await request_guest_token(chats)) == (500, "Failed to generate guest token")
        await sandbox.clear_faults()


class TestCallers:
    @pytest.mark.parametrize("kind", [MEMBER, GUEST])
    async def test_a_caller_without_credentials_is_refused(self, chats: Tenant, kind: str) -> None:
        await create_group(chats, **OPEN)
        for group in (GROUP, "x"):
            for headers in ({}, {"Authorization": "Bearer vb_wrong"}, {"Authorization": "Bearer wrong"}):
                path = f"/api/messenger/groups/{group}/video/{kind}"
                response = await chats.api.post(path, json={"guest_name": "Grandma"}, headers=headers)
                assert (response.status_code, set(response.json())) == (401, {"error"})
                assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_a_backend_has_to_name_its_user(self, chats: Tenant) -> None:
        response = await chats.send("POST", f"/api/messenger/groups/{GROUP}/video/token")
        assert (response.status_code, "X-User-Id" in response.json()["error"]) == (422, True)

    async def test_a_member_can_request_a_token_for_their_guest(self, chats: Tenant) -> None:
        await create_group(chats, **OPEN)
        headers = await bearer(chats, "admin-1")
        path = f"/api/messenger/groups/{GROUP}/video/guest-token"
        response = await chats.api.post(path, json={"guest_name": "Grandma"}, headers=headers)
        assert (response.status_code, response.json()["role"]) == (200, "guest")

    @pytest.mark.parametrize("kind", [MEMBER, GUEST])
    async def test_a_key_needs_the_scope(self, chats: Tenant, kind: str) -> None:
        key = await chats.create_key(scopes=[Scope.EVENTS_READ])
        headers = {"Authorization": f"Bearer {key}", "X-User-Id": "admin-1"}
        response = await chats.api.post(f"/api/messenger/groups/{GROUP}/video/{kind}", json={}, headers=headers)
        assert (response.status_code, error_code(response)) == (403, "scope_missing")


GROUPS: dict[str, dict[str, Any]] = {
    "open": {},
    "open to guests": OPEN,
    "video off": {"video_enabled": False},
    "video off, open to guests": {"video_enabled": False, **OPEN},
    "waiting for the host": {"policy": {"waiting_room": "until_host", "guests_allowed": True}},
    "waiting to be admitted": {"policy": {"waiting_room": "admit", "guests_allowed": True}},
    "closed": {**OPEN, "cancelled": True},
    "unknown": {"unknown": True},
}


class TestAgreementWithV1:
    """Both interfaces return one room, role, and decision for a group. The order of the requests does not matter."""

    @pytest.mark.parametrize("old_first", [True, False], ids=["old first", "new first"])
    @pytest.mark.parametrize("state", GROUPS)
    async def test_legacy_and_v1_agree(self, chats: Tenant, state: str, old_first: bool) -> None:
        for person in ("admin-1", "member-1", "stranger", None):
            group = await self._group(chats, **GROUPS[state])
            if old_first:
                old = await self._legacy_result(chats, group, person)
                new = await self._v1_result(chats, group, person)
            else:
                new = await self._v1_result(chats, group, person)
                old = await self._legacy_result(chats, group, person)
            assert old.is_success == new.is_success, (person, old.text, new.text)
            if new.is_success:
                for name in ("room_id", "role"):
                    assert old.json()[name] == new.json()[name]
            elif person == "stranger" or (state == "unknown" and person is not None):
                assert error_code(old) == "not_a_participant"
            else:
                assert error_code(old) == error_code(new)

    async def _group(self, chats: Tenant, *, cancelled: bool = False, unknown: bool = False, **terms: Any) -> str:
        group = str(uuid4())
        if not unknown:
            await create_group(chats, group, **terms)
        if cancelled:
            await chats.post(f"/v1/groups/{group}/cancel")
        return group

    async def _legacy_result(self, chats: Tenant, group: str, person: str | None) -> httpx.Response:
        return await (
            request_guest_token(chats, group=group) if person is None else request_token(chats, person, group)
        )

    async def _v1_result(self, chats: Tenant, group: str, person: str | None) -> httpx.Response:
        if person is None:
            return await chats.post(f"/v1/groups/{group}/guests", {"name": "Grandma"})
        return await chats.post(f"/v1/groups/{group}/join", {"user_id": person})


async def test_a_whole_group_session(chats: Tenant, sandbox: Sandbox) -> None:
    """A group is created without video, which is then enabled. An admin, a member, and a guest meet; a stranger is
    refused."""
    await create_group(chats, video_enabled=False)
    assert status_and_error(await request_token(chats)) == (400, "Video is not enabled for this group")
    switched = await chats.send(
        "PATCH", f"/v1/groups/{GROUP}", json={"video_enabled": True, "policy": {"guests_allowed": True}}
    )
    assert switched.status_code == 200, switched.text
    responses = {
        "admin": await request_token(chats),
        "member": await request_token(chats, "member-1"),
        "guest": await request_guest_token(chats, {"guest_name": "Grandma"}),
    }
    assert {who: response.json()["role"] for who, response in responses.items()} == {
        "admin": "host",
        "member": "guest",
        "guest": "guest",
    }
    assert len({claims(sandbox, response)["room_id"] for response in responses.values()}) == 1
    assert status_and_error(await request_token(chats, "stranger")) == (403, "Not a member of this group")
    (guest,) = [each for each in await chats.events("credentials.issued") if each["data"]["guest"]]
    assert UUID(guest["user_id"].removeprefix("guest-")).version == 7
    assert timedelta(hours=2) >= timedelta(seconds=claims(sandbox, responses["guest"])["exp"] - time.time())
