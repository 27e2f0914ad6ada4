"""Legacy tutoring endpoints, on 100ms and on Agora."""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from tenants import HMS_ROLES, LESSON, MovableClock, Sandbox, Tenant, context_of, error_code, make_tenant
from videobroker.broker import Broker
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.user_tokens import TokenRules
from videobroker.sandbox.agora.tokens import read_token
from videobroker.usecases import management
from videobroker.usecases.access import load_join_context
from videobroker.usecases.calls.rooms import renew_room

HMS_TOKEN, AGORA_TOKEN = "/api/100ms/token", "/api/agora/token"
START, END = "/api/video-sessions/start", "/api/video-sessions/end"
EVERY_PATH = [HMS_TOKEN, AGORA_TOKEN, START, END]
AGORA_ROLES = {"tutor": "publisher", "student": "publisher", "guest": "subscriber"}
AGORA_ACCOUNT = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}


async def request_as_backend(
    tenant: Tenant, path: str, user_id: str = "tutor-1", booking: Any = "lesson-1"
) -> httpx.Response:
    """A request of the app's backend for one of its users."""
    return await tenant.post(path, {"bookingId": booking}, headers={"X-User-Id": user_id})


async def user_token(tenant: Tenant, user_id: str) -> str:
    """A token of the app's own identity provider, which the service trusts afterwards."""
    secret = f"a-secret-of-the-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    return jwt.encode({"sub": user_id, "exp": int(time.time()) + 600}, secret, algorithm="HS256")


def claims(sandbox: Sandbox, token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, sandbox.workspace.secret, algorithms=["HS256"])
    return found


async def two_accounts(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app with an account at both providers."""
    accounts = {ProviderName.HMS: sandbox.account("tutoring"), ProviderName.AGORA: AGORA_ACCOUNT}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES, ProviderName.AGORA: AGORA_ROLES})


class TestFrozenResponses:
    """These responses are frozen, because legacy frontends that are never deployed again parse them."""

    async def test_a_100ms_token(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        """Legacy frontends join with `token`, and find their own peer by `userId`."""
        await tutoring.book()
        response = (await request_as_backend(tutoring, HMS_TOKEN)).json()
        token_claims = claims(sandbox, response["token"])
        assert response | {"token": "TOKEN"} == {
            "token": "TOKEN",
            "roomId": token_claims["room_id"],
            "userId": "tutor-1-lesson-1",
            "role": "teacher",
            "appId": sandbox.workspace.access_key,
        }

    async def test_an_agora_token(self, agora: Tenant) -> None:
        """Legacy frontends call `client.join(appId, channelName, token, uid)`."""
        await agora.book()
        response = (await request_as_backend(agora, AGORA_TOKEN)).json()
        (rtc,) = read_token(response["token"]).services
        assert response | {"token": "TOKEN"} == {
            "token": "TOKEN",
            "channelName": rtc.channel,
            "uid": int(rtc.uid),
            "appId": "a60a" * 8,
        }

    async def test_a_video_session_on_100ms(self, tutoring: Tenant, clock: MovableClock) -> None:
        """Legacy frontends and reports parse the row of the app's former database."""
        await tutoring.book()
        room_id = (await request_as_backend(tutoring, HMS_TOKEN)).json()["roomId"]
        started = (await request_as_backend(tutoring, START)).json()
        clock.move(minutes=40)
        ended = (await request_as_backend(tutoring, END)).json()
        frozen = {
            "id": started["id"],
            "bookingId": "lesson-1",
            "status": "in_progress",
            "startedAt": started["startedAt"],
            "endedAt": None,
            "duration": None,
            "hmsRoomId": room_id,
            "agoraChannel": None,
            "agoraUid": None,
        }
        assert started == frozen
        assert ended == frozen | {
            "status": "completed",
            "endedAt": ended["endedAt"],
            "duration": ended["duration"],
        }
        assert 2400 <= ended["duration"] < 2430

    async def test_a_video_session_on_agora(self, agora: Tenant) -> None:
        """Legacy frontends and reports parse the row, with two fields that were added for Agora."""
        await agora.book()
        token = (await request_as_backend(agora, AGORA_TOKEN)).json()
        started = (await request_as_backend(agora, START)).json()
        assert started == {
            "id": started["id"],
            "bookingId": "lesson-1",
            "status": "in_progress",
            "startedAt": started["startedAt"],
            "endedAt": None,
            "duration": None,
            "hmsRoomId": None,
            "agoraChannel": token["channelName"],
            "agoraUid": token["uid"],
        }

    async def test_an_error(self, tutoring: Tenant) -> None:
        """Legacy frontends show `error` to the person. `code` is new, and they do not read it."""
        response = await request_as_backend(tutoring, HMS_TOKEN, booking="nowhere")
        assert (response.status_code, response.json()) == (
            404,
            {"error": "Booking not found"},
        )
        assert response.headers["content-type"] == "application/json"


class TestTokens:
    async def test_the_token_has_the_name_of_the_response(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.book()
        for user_id, role in (("tutor-1", "teacher"), ("student-1", "student")):
            response = (await request_as_backend(tutoring, HMS_TOKEN, user_id)).json()
            token_claims = claims(sandbox, response["token"])
            assert token_claims["user_id"] == response["userId"] == f"{user_id}-lesson-1"
            assert (
                (token_claims["role"], token_claims["room_id"])
                == (response["role"], response["roomId"])
                == (role, token_claims["room_id"])
            )

    async def test_the_vendor_accepts_the_token(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.book()
        response = (await request_as_backend(tutoring, HMS_TOKEN)).json()
        entered = await sandbox.client.post(
            f"/_sandbox/rooms/{response['roomId']}/peers", json={"token": response["token"], "name": "Ada"}
        )
        assert entered.status_code == 200, entered.text

    async def test_the_journal_contains_the_person(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await request_as_backend(tutoring, HMS_TOKEN)
        await tutoring.join()
        old, new = await tutoring.events("credentials.issued")
        assert (old["user_id"], old["data"]["provider_user_id"]) == ("tutor-1", "tutor-1-lesson-1")
        assert (new["user_id"], "provider_user_id" in new["data"]) == ("tutor-1", False)
        (started,) = await tutoring.events("call.started")
        assert started["user_id"] == "tutor-1"

    async def test_everyone_has_a_unique_and_stable_uid(self, agora: Tenant) -> None:
        await agora.book()
        tutor, student, tutor_again = [
            (await request_as_backend(agora, AGORA_TOKEN, user_id)).json()
            for user_id in ("tutor-1", "student-1", "tutor-1")
        ]
        assert tutor["channelName"] == student["channelName"]
        assert tutor["uid"] == tutor_again["uid"] != student["uid"]

    async def test_an_agora_token_lasts_an_hour(self, agora: Tenant) -> None:
        await agora.book(duration_minutes=120)
        response = (await request_as_backend(agora, AGORA_TOKEN)).json()
        assert read_token(response["token"]).expire == 3600

    async def test_a_user_requests_a_token_for_themselves(self, tutoring: Tenant) -> None:
        await tutoring.book()
        bearer = {"Authorization": f"Bearer {await user_token(tutoring, 'student-1')}"}
        token = await tutoring.api.post(HMS_TOKEN, json={"bookingId": "lesson-1"}, headers=bearer)
        assert (token.status_code, token.json()["userId"], token.json()["role"]) == (
            200,
            "student-1-lesson-1",
            "student",
        )

    async def test_a_host_starts_and_ends_the_session(self, tutoring: Tenant) -> None:
        await tutoring.book()
        bearer = {"Authorization": f"Bearer {await user_token(tutoring, 'tutor-1')}"}
        for path in (START, END):
            done = await tutoring.api.post(path, json={"bookingId": "lesson-1"}, headers=bearer)
            assert done.status_code == 200, done.text

    async def test_no_proxy_may_store_a_response(self, tutoring: Tenant) -> None:
        await tutoring.book()
        assert (await request_as_backend(tutoring, HMS_TOKEN)).headers["Cache-Control"] == "no-store"

    async def test_concurrent_requests_get_one_room(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.book()
        responses = await asyncio.gather(
            *(request_as_backend(tutoring, HMS_TOKEN, user_id) for user_id in ("tutor-1", "student-1") * 10)
        )
        assert len({response.json()["roomId"] for response in responses}) == 1
        assert (await sandbox.counters())["create_room"] == 1


class TestBodies:
    async def test_a_number_equals_its_digits(self, tutoring: Tenant) -> None:
        await tutoring.book("42")
        response = await request_as_backend(tutoring, HMS_TOKEN, booking=42)
        assert (response.status_code, response.json()["userId"]) == (200, "tutor-1-42")
        assert (await request_as_backend(tutoring, START, booking=42)).json()["bookingId"] == "42"

    async def test_unknown_fields_are_ignored(self, tutoring: Tenant) -> None:
        await tutoring.book()
        body = {"bookingId": "lesson-1", "role": "teacher", "userId": "tutor-1"}
        response = await tutoring.post(HMS_TOKEN, body, headers={"X-User-Id": "student-1"})
        assert (response.status_code, response.json()["role"]) == (200, "student")

    @pytest.mark.parametrize("path", EVERY_PATH)
    @pytest.mark.parametrize("booking", [None, True, 1.5, "", "x" * 129, "a\x00b", ["lesson-1"], 10**200])
    async def test_a_body_without_a_booking_is_refused(self, tutoring: Tenant, path: str, booking: Any) -> None:
        response = await request_as_backend(tutoring, path, booking=booking)
        assert (response.status_code, error_code(response)) == (422, "invalid_request")
        assert "bookingId" in response.json()["error"]

    @pytest.mark.parametrize("path", EVERY_PATH)
    async def test_a_body_that_is_not_json_is_refused(self, tutoring: Tenant, path: str) -> None:
        response = await tutoring.send("POST", path, content=b"{", headers={"X-User-Id": "tutor-1"})
        assert (response.status_code, set(response.json())) == (400, {"error"})


class TestRefusals:
    @pytest.mark.parametrize("path", EVERY_PATH)
    async def test_a_caller_without_credentials_is_refused(self, tutoring: Tenant, path: str) -> None:
        await tutoring.book()
        for headers in ({}, {"Authorization": "Bearer vb_wrong"}, {"Authorization": "Bearer a.b.c"}):
            response = await tutoring.api.post(path, json={"bookingId": "lesson-1"}, headers=headers)
            assert (response.status_code, set(response.json())) == (401, {"error"})
            assert response.headers["WWW-Authenticate"] == "Bearer"
        unnamed = await tutoring.post(path, {"bookingId": "lesson-1"})
        assert (unnamed.status_code, "X-User-Id" in unnamed.json()["error"]) == (422, True)

    @pytest.mark.parametrize("path", EVERY_PATH)
    async def test_a_key_needs_the_scope(self, tutoring: Tenant, path: str) -> None:
        key = await tutoring.create_key(scopes=[Scope.EVENTS_READ])
        headers = {"Authorization": f"Bearer {key}", "X-User-Id": "tutor-1"}
        response = await tutoring.api.post(path, json={"bookingId": "lesson-1"}, headers=headers)
        assert (response.status_code, error_code(response)) == (403, "scope_missing")

    @pytest.mark.parametrize(
        ("terms", "user_id", "sentence"),
        [
            ({}, "stranger", "You are not a participant of this booking"),
            ({"status": "pending"}, "tutor-1", "Booking is not confirmed"),
            ({"status": "cancelled"}, "tutor-1", "Booking was cancelled"),
            ({"status": "completed"}, "tutor-1", "Booking is completed"),
            ({"modality": "physical"}, "tutor-1", "Video is not enabled for this booking"),
            ({"starts_in": timedelta(days=1)}, "tutor-1", "It is too early to join this booking"),
            ({"starts_in": timedelta(days=-1)}, "tutor-1", "This booking is over"),
            ({"policy": {"waiting_room": "until_host"}}, "student-1", "The host has not joined yet"),
            ({"policy": {"waiting_room": "admit"}}, "student-1", "The host has not admitted you yet"),
        ],
        ids=lambda value: None if isinstance(value, dict) else value,
    )
    async def test_a_refusal_is_a_readable_sentence(
        self, tutoring: Tenant, sandbox: Sandbox, terms: dict[str, Any], user_id: str, sentence: str
    ) -> None:
        await tutoring.book(**terms)
        for path in (HMS_TOKEN, START):
            response = await request_as_backend(tutoring, path, user_id)
            assert (response.status_code, response.json()["error"]) == (403, sentence)
        assert "create_room" not in await sandbox.counters()

    async def test_a_person_who_has_to_wait_learns_how_long(self, tutoring: Tenant) -> None:
        await tutoring.book(starts_in=timedelta(hours=1))
        response = await request_as_backend(tutoring, HMS_TOKEN)
        assert 2970 <= int(response.headers["Retry-After"]) <= 3000

    @pytest.mark.parametrize("path", EVERY_PATH)
    async def test_the_booking_of_another_app_is_not_found(self, tutoring: Tenant, other: Tenant, path: str) -> None:
        await other.book()
        response = await request_as_backend(tutoring, path)
        assert (response.status_code, response.json()["error"]) == (404, "Booking not found")

    async def test_a_refusal_is_journaled(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await request_as_backend(tutoring, HMS_TOKEN, "stranger")
        (denied,) = await tutoring.events("credentials.denied")
        assert (denied["user_id"], denied["data"]["reason"]) == ("stranger", "not_a_participant")

    async def test_a_provider_outage_can_be_retried(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.book()
        await sandbox.inject_fault("status", status=400)
        response = await request_as_backend(tutoring, HMS_TOKEN)
        assert (response.status_code, error_code(response)) == (502, "provider_refused")
        await sandbox.clear_faults()
        assert (await request_as_backend(tutoring, HMS_TOKEN)).status_code == 200


class TestProviders:
    async def test_a_booking_on_another_provider_is_a_clear_error(self, tutoring: Tenant, agora: Tenant) -> None:
        for tenant, path, here in ((tutoring, AGORA_TOKEN, "100ms"), (agora, HMS_TOKEN, "agora")):
            await tenant.book()
            response = await request_as_backend(tenant, path)
            assert (response.status_code, error_code(response)) == (422, "surface_not_offered")
            assert f"takes place at {here}" in response.json()["error"]
            assert await tenant.events("room.opened", "call.started", "credentials.issued") == []

    async def test_a_stranger_does_not_learn_the_provider(self, agora: Tenant) -> None:
        await agora.book()
        response = await request_as_backend(agora, HMS_TOKEN, "stranger")
        assert (response.status_code, error_code(response)) == (403, "not_a_participant")

    async def test_the_first_token_decides_if_both_providers_are_possible(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        tenant = await two_accounts(broker, api, sandbox)
        for booking, path, other_path in (("one", AGORA_TOKEN, HMS_TOKEN), ("two", HMS_TOKEN, AGORA_TOKEN)):
            await tenant.book(booking, providers=["100ms", "agora"])
            assert (await request_as_backend(tenant, path, booking=booking)).status_code == 200
            assert (await request_as_backend(tenant, other_path, booking=booking)).status_code == 422
        assert await tenant.events("provider.switched") == []

    async def test_a_provider_that_is_down_is_not_replaced_by_one_that_the_frontend_cannot_use(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        tenant = await two_accounts(broker, api, sandbox)
        await tenant.book(providers=["100ms", "agora"])
        await sandbox.inject_fault("status", status=503)
        response = await request_as_backend(tenant, HMS_TOKEN)
        assert (response.status_code, error_code(response)) == (503, "provider_unavailable")
        assert await tenant.events("room.opened", "credentials.issued") == []


class TestFixedRoom:
    """`HMS100_ROOM_ID`: one room for all bookings."""

    async def test_every_booking_meets_there_and_ending_one_leaves_it_open(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        room_id = "65f0c1a2b3d4e5f60718293a"
        accounts = {ProviderName.HMS: sandbox.account("tutoring") | {"room_id": room_id}}
        tenant = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
        for booking in ("one", "two"):
            await tenant.book(booking)
            response = (await request_as_backend(tenant, HMS_TOKEN, booking=booking)).json()
            assert claims(sandbox, response["token"])["room_id"] == response["roomId"] == room_id
            assert (await request_as_backend(tenant, START, booking=booking)).json()["hmsRoomId"] == room_id
            assert (await request_as_backend(tenant, END, booking=booking)).json()["hmsRoomId"] == room_id
        assert not {"create_room", "end_room", "disable_room"} & set(await sandbox.counters())
        assert await tenant.events("room.closed") == []


class TestVideoSessions:
    async def test_starting_again_changes_nothing(self, tutoring: Tenant) -> None:
        await tutoring.book()
        first = (await request_as_backend(tutoring, START)).json()
        assert (await request_as_backend(tutoring, START, "student-1")).json() == first
        assert len(await tutoring.events("call.started")) == 1

    async def test_a_token_starts_the_session(self, tutoring: Tenant) -> None:
        await tutoring.book()
        joined = await tutoring.join()
        assert (await request_as_backend(tutoring, START)).json()["id"] == joined.json()["call"]["id"]

    async def test_ending_again_returns_the_same_response(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await request_as_backend(tutoring, START)
        first = (await request_as_backend(tutoring, END)).json()
        assert (first["status"], first["duration"]) == ("completed", 0)
        assert (await request_as_backend(tutoring, END, "student-1")).json() == first

    async def test_another_session_can_follow(self, tutoring: Tenant) -> None:
        await tutoring.book()
        first = (await request_as_backend(tutoring, START)).json()
        await request_as_backend(tutoring, END)
        second = (await request_as_backend(tutoring, START)).json()
        assert first["id"] != second["id"]
        assert first["hmsRoomId"] == second["hmsRoomId"]

    async def test_a_call_retains_its_room_while_the_session_moves_to_another_room(self, tutoring: Tenant) -> None:
        await tutoring.book()
        room_id = (await request_as_backend(tutoring, START)).json()["hmsRoomId"]
        await self.replace_room(tutoring)
        ended = (await request_as_backend(tutoring, END)).json()
        assert (ended["status"], ended["hmsRoomId"]) == ("completed", room_id)
        assert (await request_as_backend(tutoring, END)).json() == ended
        following = (await request_as_backend(tutoring, START)).json()["hmsRoomId"]
        assert following not in {None, room_id}
        await self.replace_room(tutoring)
        assert (await request_as_backend(tutoring, END)).json()["hmsRoomId"] == following

    async def replace_room(self, tenant: Tenant) -> None:
        """The effect of a removal if the room has no codes left: the next join opens another room."""
        key, now = SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1"), tenant.broker.now()
        entrance = await load_join_context(tenant.broker, key, None)
        assert entrance.room is not None
        await renew_room(
            context_of(tenant.broker, tenant.app, actor=tenant.actor, now=now), entrance.session, entrance.room
        )

    async def test_a_session_that_never_started_cannot_end(self, tutoring: Tenant) -> None:
        await tutoring.book()
        response = await request_as_backend(tutoring, END)
        assert (response.status_code, response.json()) == (
            404,
            {"error": "Video session not found"},
        )

    async def test_a_stranger_cannot_end_a_session(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await request_as_backend(tutoring, START)
        response = await request_as_backend(tutoring, END, "stranger")
        assert (response.status_code, response.json()["error"]) == (403, "You are not a participant of this booking")
        assert (await request_as_backend(tutoring, START)).json()["status"] == "in_progress"

    async def test_the_policy_defines_the_permitted_roles(self, tutoring: Tenant) -> None:
        bearer = {"Authorization": f"Bearer {await user_token(tutoring, 'student-1')}"}
        for call_roles, status in (([], 403), (["student"], 200)):
            await tutoring.book(policy={"call_roles": call_roles})
            started = await tutoring.api.post(START, json={"bookingId": "lesson-1"}, headers=bearer)
            assert started.status_code == status
            ended = await tutoring.api.post(END, json={"bookingId": "lesson-1"}, headers=bearer)
            assert (ended.status_code, error_code(ended)) == (403, "role_may_not")

    async def test_before_the_first_token_there_is_no_uid(self, agora: Tenant) -> None:
        await agora.book()
        started = (await request_as_backend(agora, START)).json()
        assert (started["agoraUid"], started["agoraChannel"] is None) == (None, False)


BOOKINGS: dict[str, dict[str, Any]] = {
    "open": {},
    "pending": {"status": "pending"},
    "cancelled": {"status": "cancelled"},
    "completed": {"status": "completed"},
    "physical": {"modality": "physical"},
    "early": {"starts_in": timedelta(hours=2)},
    "over": {"starts_in": timedelta(hours=-3)},
    "early for students": {
        "starts_in": timedelta(minutes=20),
        "policy": {"opens_before_seconds_by_role": {"tutor": 1800}},
    },
    "waiting for the host": {"policy": {"waiting_room": "until_host"}},
    "waiting to be admitted": {"policy": {"waiting_room": "admit"}},
    "another participant": {"participants": [*LESSON, {"user_id": "extra", "role": "student"}]},
}
PEOPLE = ["tutor-1", "student-1", "extra", "stranger"]


class TestAgreementWithV1:
    """Both interfaces return one room, role, and decision for a booking. The order of the requests does not matter."""

    @pytest.mark.parametrize("old_first", [True, False], ids=["old first", "new first"])
    @pytest.mark.parametrize("state", BOOKINGS)
    @pytest.mark.parametrize("provider", ["100ms", "agora"])
    async def test_legacy_and_v1_agree(
        self, tutoring: Tenant, agora: Tenant, provider: str, state: str, old_first: bool
    ) -> None:
        tenant, path = (tutoring, HMS_TOKEN) if provider == "100ms" else (agora, AGORA_TOKEN)
        for number, user_id in enumerate(PEOPLE):
            booking = f"lesson-{number}"
            await tenant.book(booking, **BOOKINGS[state])
            if old_first:
                old = await request_as_backend(tenant, path, user_id, booking)
                new = await tenant.join(booking, user_id)
            else:
                new = await tenant.join(booking, user_id)
                old = await request_as_backend(tenant, path, user_id, booking)
            assert old.status_code == new.status_code, (user_id, old.text, new.text)
            if new.is_success:
                assert _entry(old.json()) == _entry(new.json())
            else:
                assert error_code(old) == error_code(new)

    @pytest.mark.parametrize("state", BOOKINGS)
    async def test_legacy_and_v1_start_and_end_one_call(self, tutoring: Tenant, state: str) -> None:
        for number, user_id in enumerate(PEOPLE):
            booking = f"lesson-{number}"
            await tutoring.book(booking, **BOOKINGS[state])
            for action in ("start", "end"):
                old = await request_as_backend(tutoring, f"/api/video-sessions/{action}", user_id, booking)
                new = await tutoring.post(f"/v1/bookings/{booking}/{action}", {"user_id": user_id})
                if new.is_success:
                    assert _call(old.json()) == _call(new.json())
                else:
                    assert error_code(old) == error_code(new), (user_id, old.text, new.text)


def _entry(response: dict[str, Any]) -> tuple[Any, ...]:
    """Room and role, or channel and uid, from the response of either interface."""
    if "uid" in response:
        return response.get("channelName", response.get("channel")), response["uid"]
    return response.get("roomId", response.get("room_id")), response["role"]


def _call(response: dict[str, Any]) -> tuple[Any, ...]:
    return (
        response["id"],
        response.get("bookingId") or response["session"]["reference"],
        response.get("startedAt") or response["started_at"],
        response.get("endedAt") or response.get("ended_at"),
        response["duration"] if "duration" in response else response["duration_seconds"],
    )


class TestWholeFlows:
    async def test_a_lesson_on_100ms(self, tutoring: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
        """Tutor and student meet in the room of a confirmed booking. A stranger is refused, and the call is counted."""
        await tutoring.book("b-77", status="pending")
        refused = await request_as_backend(tutoring, HMS_TOKEN, "student-1", "b-77")
        assert (refused.status_code, refused.json()["error"]) == (403, "Booking is not confirmed")
        await tutoring.book("b-77")
        student, tutor = [
            (await request_as_backend(tutoring, HMS_TOKEN, user_id, "b-77")).json()
            for user_id in ("student-1", "tutor-1")
        ]
        assert (student["role"], tutor["role"]) == ("student", "teacher")
        assert student["roomId"] == tutor["roomId"]
        for person in (student, tutor):
            entered = await sandbox.client.post(
                f"/_sandbox/rooms/{person['roomId']}/peers", json={"token": person["token"], "name": person["userId"]}
            )
            assert entered.status_code == 200, entered.text
        assert (await request_as_backend(tutoring, HMS_TOKEN, "stranger", "b-77")).status_code == 403
        started = (await request_as_backend(tutoring, START, "tutor-1", "b-77")).json()
        assert (started["status"], started["hmsRoomId"]) == ("in_progress", tutor["roomId"])
        clock.move(minutes=30)
        ended = (await request_as_backend(tutoring, END, "tutor-1", "b-77")).json()
        assert ended["id"] == started["id"]
        lasted = datetime.fromisoformat(ended["endedAt"]) - datetime.fromisoformat(ended["startedAt"])
        assert ended["duration"] == int(lasted.total_seconds()) >= 1800

    async def test_a_lesson_on_agora(self, agora: Tenant, clock: MovableClock) -> None:
        """Tutor and student meet in an Agora channel. The channel and uid are stored with the session."""
        await agora.book("b-78")
        started = (await request_as_backend(agora, START, "student-1", "b-78")).json()
        student, tutor = [
            (await request_as_backend(agora, AGORA_TOKEN, user_id, "b-78")).json()
            for user_id in ("student-1", "tutor-1")
        ]
        assert started["agoraChannel"] == student["channelName"] == tutor["channelName"]
        assert student["uid"] != tutor["uid"]
        assert (await request_as_backend(agora, AGORA_TOKEN, "stranger", "b-78")).status_code == 403
        clock.move(minutes=45)
        ended = (await request_as_backend(agora, END, "student-1", "b-78")).json()
        assert (ended["status"], ended["agoraUid"]) == ("completed", student["uid"])
        assert 2700 <= ended["duration"] < 2730
