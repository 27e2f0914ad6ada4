"""Legacy video calls of therapists and clients: sessions, lobby, statuses, and call log."""

import asyncio
import logging
import time
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from tenants import MovableClock, Sandbox, Tenant, context_of, error_code, make_tenant
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management
from videobroker.web.legacy.schemas import iso_string

ROLES = {ProviderName.HMS: {"therapist": "host", "client": "guest"}}
PAIR = [
    {"user_id": "therapist-1", "role": "therapist", "display_name": "Gina"},
    {"user_id": "client-1", "role": "client", "display_name": "Hugo"},
]
ROOMS, BOOKING, LOG = "/api/video-calls/rooms", "/api/video-calls/booking", "/api/video-calls/log"
SOON = timedelta(minutes=5)
SECRET_NAMES = ("token", "authToken", "roomCode", "room_code", "Authorization", "api_key", "password")


@pytest.fixture(autouse=True)
def quiet_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' HTTP client would log URLs, which contain codes. The service logs no URLs."""
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)


@pytest.fixture
async def practice(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app for therapy: therapist -> host, client -> guest, codes with a prefix, no page of the vendor.

    Therapists manage their bookings with their own user tokens.
    """
    account = {**sandbox.account("therapy"), "room_code_prefix": "therabook"}
    policy = {"booking_roles": ["therapist"]}
    return await make_tenant(broker, api, {ProviderName.HMS: account}, ROLES, policy=policy)


def video_call_body(tenant: Tenant, starts_in: timedelta = SOON, **fields: Any) -> dict[str, Any]:
    """The body that the legacy form sends."""
    return {
        "therapistId": "therapist-1",
        "clientId": "client-1",
        "scheduledTime": iso_string(tenant.broker.now() + starts_in),
        "duration": 50,
        **fields,
    }


async def create(tenant: Tenant, starts_in: timedelta = SOON, **fields: Any) -> dict[str, Any]:
    response = await tenant.post(ROOMS, video_call_body(tenant, starts_in, **fields))
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def patch(tenant: Tenant, booking: str, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    return await tenant.send("PATCH", f"{BOOKING}/{booking}", json=fields, headers=headers or {})


async def report(tenant: Tenant, booking: str, event: str, **fields: Any) -> httpx.Response:
    return await tenant.post(LOG, {"bookingId": booking, "event": event, **fields})


async def log_of(tenant: Tenant, booking: str) -> list[dict[str, Any]]:
    response = await tenant.get(LOG, params={"bookingId": booking})
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()
    return entries


async def bearer(tenant: Tenant, user_id: str) -> dict[str, str]:
    """The header of a user, with a token of the app's own identity provider, which the service trusts afterwards."""
    secret = f"a-secret-of-the-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    token = jwt.encode({"sub": user_id, "exp": int(time.time()) + 6 * 3600}, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


async def exchange_code(sandbox: Sandbox, code: str) -> dict[str, Any]:
    """The claims of the token that the vendor's page or SDK gets for the code."""
    response = await sandbox.client.post("/v2/token", json={"code": code})
    assert response.status_code == 200, response.text
    claims: dict[str, Any] = jwt.decode(
        response.json()["token"],
        sandbox.workspace.secret,
        algorithms=["HS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},  # The sandbox's clock was moved.
    )
    return claims


class TestFrozenResponses:
    """These responses are frozen, because legacy frontends that are never deployed again parse them."""

    async def test_created_video_call(self, practice: Tenant) -> None:
        """The legacy type `VideoCallSession`, field by field. `roomCode` is passed to the room page."""
        body = video_call_body(practice, notes="First session")
        created = (await practice.post(ROOMS, body)).json()
        assert created["roomCode"].startswith("therabook-")
        assert created | {"id": "ID", "roomCode": "CODE", "createdAt": "NOW"} == {
            "id": "ID",
            "roomCode": "CODE",
            "therapistId": "therapist-1",
            "clientId": "client-1",
            "scheduledTime": body["scheduledTime"],
            "duration": 50,
            "status": "scheduled",
            "notes": "First session",
            "createdAt": "NOW",
        }

    async def test_without_notes(self, practice: Tenant) -> None:
        """`notes?: string` of the legacy types: missing, never null."""
        assert set(await create(practice)) == {
            "id", "roomCode", "therapistId", "clientId", "scheduledTime", "duration", "status", "createdAt"
        }  # fmt: skip

    async def test_list(self, practice: Tenant) -> None:
        """The dashboard maps over the response, which is an array of sessions."""
        created = await create(practice)
        assert (await practice.get(ROOMS, params={"clientId": "client-1"})).json() == [created]

    async def test_read_and_changed_video_call(self, practice: Tenant) -> None:
        """The session. The lobby can also read `canJoin` and `opensAt`."""
        created = await create(practice, timedelta(days=1))
        read = (await practice.get(f"{BOOKING}/{created['id']}")).json()
        opens_at = read["opensAt"]
        assert len(opens_at) == len("2026-03-12T13:50:00.000Z")
        assert read == {**created, "canJoin": False, "opensAt": opens_at}
        changed = (await patch(practice, created["id"], notes="Bring the diary")).json()
        assert changed == {**created, "notes": "Bring the diary", "canJoin": False, "opensAt": opens_at}

    async def test_log_entry(self, practice: Tenant) -> None:
        """Legacy pages ignore the response. The call history shows these fields."""
        created = await create(practice)
        body = {"bookingId": created["id"], "event": "joined", "userId": "client-1", "device": "tablet"}
        entry = (await practice.post(LOG, body | {"timestamp": "2026-03-12T13:55:00.120Z"})).json()
        assert entry | {"id": "ID"} == {
            "id": "ID",
            "bookingId": created["id"],
            "event": "joined",
            "userId": "client-1",
            "timestamp": "2026-03-12T13:55:00.120Z",
            "source": "app",
            "details": {"device": "tablet"},
        }
        assert await log_of(practice, created["id"]) == [entry]

    async def test_room_behind_a_code(self, practice: Tenant) -> None:
        """New: it resolves the alias to the code that the vendor's SDK accepts."""
        created = await create(practice)
        response = await practice.get(f"{ROOMS}/{created['roomCode']}")
        assert response.json() == {
            "bookingId": created["id"],
            "roomCode": created["roomCode"].removeprefix("therabook-"),
            "url": None,
        }

    async def test_errors(self, practice: Tenant) -> None:
        """Legacy pages show `error`."""
        unknown = await practice.get(f"{BOOKING}/nothing")
        assert (unknown.status_code, unknown.json()) == (
            404,
            {"error": "Booking not found"},
        )
        unauthorized = await practice.api.get(ROOMS)
        assert unauthorized.status_code == 401
        assert set(unauthorized.json()) == {"error"}


class TestWholeFlow:
    """The requests of an app that was written with the legacy README only."""

    async def test_from_the_form_to_the_call_history(
        self, practice: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        created = await create(practice, timedelta(hours=2), notes="First session")
        booking = f"{BOOKING}/{created['id']}"
        for params in ({"therapistId": "therapist-1"}, {"clientId": "client-1"}):
            assert [each["id"] for each in (await practice.get(ROOMS, params=params)).json()] == [created["id"]]

        client, therapist = [await bearer(practice, who) for who in ("client-1", "therapist-1")]
        lobby = (await practice.api.get(booking, headers=client)).json()
        assert (lobby["canJoin"], lobby["status"]) == (False, "scheduled")
        early = await patch(practice, created["id"], therapist, status="in-progress")
        assert (early.status_code, error_code(early)) == (403, "too_early")
        assert "not open yet" in early.json()["error"]

        clock.move(hours=1, minutes=51)
        assert (await practice.api.get(booking, headers=client)).json()["canJoin"] is True
        started = await patch(practice, created["id"], therapist, status="in-progress")
        assert (started.status_code, started.json()["status"]) == (200, "in-progress")

        room = (await practice.api.get(f"{ROOMS}/{started.json()['roomCode']}", headers=client)).json()
        assert (await exchange_code(sandbox, room["roomCode"]))["role"] == "guest"
        joined = await practice.api.post(
            LOG, json={"bookingId": created["id"], "event": "participant_joined"}, headers=client
        )
        assert (joined.status_code, joined.json()["userId"]) == (201, "client-1")

        clock.move(minutes=50)
        completed = await patch(practice, created["id"], therapist, status="completed")
        assert (completed.json()["status"], completed.json()["canJoin"]) == ("completed", False)
        entries = await log_of(practice, created["id"])
        assert [(entry["event"], entry["source"]) for entry in entries] == [
            ("call.started", "videobroker"),
            ("participant_joined", "app"),
            ("call.ended", "videobroker"),
        ]
        assert (entries[0]["userId"], entries[2]["userId"]) == ("therapist-1", "therapist-1")
        assert 3000 <= entries[2]["details"]["duration"] <= 3030
        assert (await sandbox.counters())["create_room"] == 1

    async def test_without_the_vendor_the_booking_is_created_and_gets_its_code_later(
        self, practice: Tenant, sandbox: Sandbox
    ) -> None:
        await sandbox.inject_fault("status", status=500)
        created = await create(practice)
        assert created["roomCode"] is None
        assert (await practice.get(f"{BOOKING}/{created['id']}")).json()["roomCode"] is None
        await sandbox.clear_faults()
        await practice.wait_for_probe()
        listed = (await practice.get(ROOMS, params={"clientId": "client-1"})).json()
        assert listed[0]["roomCode"] is None
        code = (await practice.get(f"{BOOKING}/{created['id']}")).json()["roomCode"]
        assert (await exchange_code(sandbox, code.removeprefix("therabook-")))["role"] == "guest"
        assert (await practice.get(ROOMS, params={"clientId": "client-1"})).json()[0]["roomCode"] == code

    async def test_strangers_find_nothing(self, practice: Tenant) -> None:
        created = await create(practice)
        stranger = await bearer(practice, "client-2")
        requests: list[tuple[str, str, Any]] = [
            ("GET", f"{BOOKING}/{created['id']}", None),
            ("PATCH", f"{BOOKING}/{created['id']}", {"status": "cancelled"}),
            ("GET", f"{ROOMS}/{created['roomCode']}", None),
            ("GET", f"{LOG}?bookingId={created['id']}", None),
            ("POST", LOG, {"bookingId": created["id"], "event": "joined"}),
        ]
        for method, path, body in requests:
            response = await practice.api.request(method, path, json=body, headers=stranger)
            assert (response.status_code, error_code(response)) == (404, "session_not_found"), path
        assert (await practice.api.get(ROOMS, headers=stranger)).json() == []
        assert (await practice.get(f"{BOOKING}/{created['id']}")).json()["status"] == "scheduled"

    async def test_another_app_finds_nothing(self, practice: Tenant, other: Tenant) -> None:
        created = await create(practice)
        for path in (
            f"{BOOKING}/{created['id']}",
            f"{ROOMS}/{created['roomCode']}",
            f"{LOG}?bookingId={created['id']}",
        ):
            assert (await other.get(path)).status_code == 404
        assert (await other.get(ROOMS, params={"clientId": "client-1"})).json() == []


class TestCreation:
    async def test_a_user_whose_role_may_book_creates_their_own_booking(self, practice: Tenant) -> None:
        headers = await bearer(practice, "therapist-1")
        assert (await practice.api.post(ROOMS, json=video_call_body(practice), headers=headers)).status_code == 201

    async def test_a_user_whose_role_may_not_book_is_refused(self, practice: Tenant, sandbox: Sandbox) -> None:
        headers = await bearer(practice, "client-1")
        response = await practice.api.post(ROOMS, json=video_call_body(practice), headers=headers)
        assert (response.status_code, error_code(response)) == (403, "role_may_not")
        assert (await practice.get("/v1/bookings")).json()["data"] == []
        assert (await sandbox.counters()).get("create_room", 0) == 0

    async def test_a_user_cannot_book_for_others(self, practice: Tenant) -> None:
        headers = await bearer(practice, "client-2")
        response = await practice.api.post(ROOMS, json=video_call_body(practice), headers=headers)
        assert (response.status_code, error_code(response)) == (403, "not_yourself")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"scheduledTime": "2030-03-12T14:00"},
            {"scheduledTime": None},
            {"duration": 0},
            {"duration": "50"},
            {"therapistId": ""},
            {"clientId": "therapist-1"},
            {"notes": "x" * 4001},
        ],
    )
    async def test_invalid_values_are_refused(self, practice: Tenant, wrong: dict[str, Any]) -> None:
        response = await practice.post(ROOMS, video_call_body(practice, **wrong))
        assert response.status_code == 400
        assert set(response.json()) == {"error"}

    async def test_every_id_is_unique(self, practice: Tenant) -> None:
        created = await asyncio.gather(*(create(practice) for _ in range(20)))
        assert len({each["id"] for each in created}) == 20

    async def test_a_repeated_request_creates_no_second_call(self, practice: Tenant) -> None:
        body, headers = video_call_body(practice), {"Idempotency-Key": "once"}
        first, second = [(await practice.post(ROOMS, body, headers=headers)).json() for _ in range(2)]
        assert first == second

    async def test_without_a_prefix_the_code_is_the_vendors(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        plain = await make_tenant(broker, api, {ProviderName.HMS: sandbox.account("therapy")}, ROLES)
        created = await create(plain)
        assert (await exchange_code(sandbox, created["roomCode"]))["role"] == "guest"
        assert (await plain.get(f"{ROOMS}/{created['roomCode']}")).json()["roomCode"] == created["roomCode"]


class TestList:
    async def test_can_be_filtered_by_person_and_role(self, practice: Tenant) -> None:
        first = await create(practice, timedelta(hours=2))
        second = await create(practice, timedelta(hours=1), therapistId="client-1", clientId="client-2")
        wanted = {
            "therapistId=therapist-1": [first],
            "clientId=client-1": [first],
            "therapistId=client-1": [second],
            "userId=client-1": [second, first],
            "userId=client-1&userRole=client": [first],
            "userId=client-1&userRole=therapist": [second],
            "therapistId=therapist-1&clientId=client-2": [],
            "clientId=unknown": [],
        }
        for query, found in wanted.items():
            assert (await practice.get(f"{ROOMS}?{query}")).json() == found, query

    async def test_requires_a_person(self, practice: Tenant) -> None:
        response = await practice.get(ROOMS)
        assert response.status_code == 422
        assert "therapistId" in response.json()["error"]

    async def test_a_user_sees_their_own_bookings_only(self, practice: Tenant) -> None:
        own = await create(practice)
        await create(practice, clientId="client-2")
        headers = await bearer(practice, "client-1")
        for query in ("", "?clientId=client-1", "?therapistId=therapist-1&clientId=client-1"):
            assert (await practice.api.get(f"{ROOMS}{query}", headers=headers)).json() == [own]
        for query in ("?clientId=client-2", "?therapistId=therapist-1", "?userId=client-2&userRole=client"):
            response = await practice.api.get(f"{ROOMS}{query}", headers=headers)
            assert (response.status_code, error_code(response)) == (403, "not_yourself")

    async def test_a_user_named_by_the_backend_sees_their_own_bookings(self, practice: Tenant) -> None:
        own = await create(practice)
        await create(practice, clientId="client-2")
        for query in ("", "?therapistId=therapist-1"):
            response = await practice.get(f"{ROOMS}{query}", headers={"X-User-Id": "client-1"})
            assert response.json() == [own]

    async def test_is_limited_to_the_newest(self, practice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("videobroker.web.legacy.therapy.MAX_LISTED_CALLS", 2)
        created = [await create(practice, timedelta(hours=hours)) for hours in (3, 1, 2)]
        assert (await practice.get(f"{ROOMS}?clientId=client-1")).json() == [created[2], created[0]]

    async def test_contains_bookings_of_v1(self, practice: Tenant) -> None:
        await practice.book("therapy-1", participants=PAIR)
        (listed,) = (await practice.get(f"{ROOMS}?therapistId=therapist-1")).json()
        assert (listed["id"], listed["clientId"], listed["duration"]) == ("therapy-1", "client-1", 60)


class TestStatus:
    async def test_starting_twice_is_one_call(self, practice: Tenant) -> None:
        created = await create(practice)
        for _ in range(2):
            assert (await patch(practice, created["id"], status="in-progress")).json()["status"] == "in-progress"
        assert len((await practice.get(f"/v1/bookings/{created['id']}/calls")).json()["data"]) == 1

    async def test_a_call_that_v1_started_is_in_progress(self, practice: Tenant) -> None:
        created = await create(practice)
        await practice.join(created["id"], "therapist-1")
        assert (await practice.get(f"{BOOKING}/{created['id']}")).json()["status"] == "in-progress"
        (listed,) = (await practice.get(f"{ROOMS}?clientId=client-1")).json()
        assert listed["status"] == "in-progress"

    async def test_canceling_closes_the_room(self, practice: Tenant) -> None:
        created = await create(practice)
        await patch(practice, created["id"], status="in-progress")
        cancelled = (await patch(practice, created["id"], status="cancelled")).json()
        assert (cancelled["status"], cancelled["canJoin"], cancelled["opensAt"]) == ("cancelled", False, None)
        refused = await patch(practice, created["id"], status="in-progress")
        assert (refused.status_code, error_code(refused)) == (403, "session_cancelled")
        assert (await practice.get(f"/v1/bookings/{created['id']}")).json()["status"] == "cancelled"
        assert len(await practice.events("session.cancelled")) == 1

    async def test_a_booking_without_a_call_can_be_completed(self, practice: Tenant) -> None:
        created = await create(practice)
        assert (await patch(practice, created["id"], status="completed")).json()["status"] == "completed"
        assert (await practice.get(f"/v1/bookings/{created['id']}")).json()["status"] == "completed"

    async def test_back_to_scheduled_ends_the_call_and_reopens(self, practice: Tenant) -> None:
        created = await create(practice)
        await patch(practice, created["id"], status="in-progress")
        assert (await patch(practice, created["id"], status="scheduled")).json()["status"] == "scheduled"
        await patch(practice, created["id"], status="completed")
        assert (await patch(practice, created["id"], status="scheduled")).json()["status"] == "scheduled"
        assert (await patch(practice, created["id"], status="in-progress")).json()["status"] == "in-progress"

    async def test_a_client_cannot_change_the_status(self, practice: Tenant) -> None:
        created = await create(practice, notes="First session")
        client, before = (
            await bearer(practice, "client-1"),
            (await practice.get(f"/v1/bookings/{created['id']}")).json(),
        )
        later = iso_string(practice.broker.now() + timedelta(days=1))
        for fields in (
            {"status": "in-progress"},
            {"status": "completed"},
            {"status": "cancelled"},
            {"status": "scheduled"},
            {"scheduledTime": later},
            {"duration": 600},
            {"notes": "Forged"},
        ):
            refused = await patch(practice, created["id"], client, **fields)
            assert (refused.status_code, error_code(refused)) == (403, "role_may_not"), fields
        assert (await practice.get(f"/v1/bookings/{created['id']}")).json() == before

    async def test_a_client_can_start_but_not_end_the_call_if_the_policy_allows_it(self, practice: Tenant) -> None:
        await practice.book("therapy-1", participants=PAIR, policy={"call_roles": ["client"]})
        client = await bearer(practice, "client-1")
        assert (await patch(practice, "therapy-1", client, status="in-progress")).json()["status"] == "in-progress"
        refused = await patch(practice, "therapy-1", client, status="completed")
        assert (refused.status_code, error_code(refused)) == (403, "role_may_not")

    async def test_notes_are_for_backends(self, practice: Tenant) -> None:
        created = await create(practice, notes="First session")
        therapist = await bearer(practice, "therapist-1")
        refused = await patch(practice, created["id"], therapist, notes="Mine")
        assert (refused.status_code, error_code(refused)) == (403, "role_may_not")
        shown = await practice.api.get(f"{BOOKING}/{created['id']}", headers=therapist)
        assert "notes" not in shown.json()
        assert (await practice.get(f"{BOOKING}/{created['id']}")).json()["notes"] == "First session"

    async def test_rescheduling_before_the_lobby_opens_preserves_the_duration_and_code(self, practice: Tenant) -> None:
        created = await create(practice, timedelta(days=1))
        later = iso_string(practice.broker.now() + timedelta(days=2))
        moved = (await patch(practice, created["id"], scheduledTime=later)).json()
        assert (moved["scheduledTime"], moved["duration"], moved["roomCode"]) == (later, 50, created["roomCode"])
        assert (await patch(practice, created["id"], duration=80)).json()["duration"] == 80
        assert (await practice.get(f"{BOOKING}/{created['id']}")).json()["scheduledTime"] == later

    async def test_rescheduling_with_an_open_lobby_replaces_the_codes(self, practice: Tenant, sandbox: Sandbox) -> None:
        # A person with a code could join immediately, hours before the new time.
        created = await create(practice)
        later = iso_string(practice.broker.now() + timedelta(days=1))
        moved = (await patch(practice, created["id"], scheduledTime=later)).json()
        assert (moved["scheduledTime"], moved["duration"]) == (later, 50)
        before, after = [code["roomCode"].removeprefix("therabook-") for code in (created, moved)]
        assert before != after
        assert (await sandbox.client.post("/v2/token", json={"code": before})).status_code == 403
        assert (await sandbox.client.post("/v2/token", json={"code": after})).status_code == 200
        assert (await practice.get(f"{BOOKING}/{created['id']}")).json()["roomCode"] == moved["roomCode"]
        assert (await sandbox.counters())["rooms_created"] == 1

    async def test_rescheduling_a_running_call_ends_it(self, practice: Tenant) -> None:
        created = await create(practice)
        await patch(practice, created["id"], status="in-progress")
        later = iso_string(practice.broker.now() + timedelta(days=1))
        assert (await patch(practice, created["id"], scheduledTime=later)).json()["status"] == "scheduled"
        (ended,) = (await practice.get(f"/v1/bookings/{created['id']}/calls")).json()["data"]
        assert ended["end_reason"] == "session_moved"

    async def test_rescheduling_within_the_open_lobby_changes_nothing_else(self, practice: Tenant) -> None:
        created = await create(practice)
        await patch(practice, created["id"], status="in-progress")
        earlier = iso_string(practice.broker.now() + timedelta(minutes=2))
        moved = (await patch(practice, created["id"], scheduledTime=earlier)).json()
        assert (moved["status"], moved["roomCode"]) == ("in-progress", created["roomCode"])

    async def test_an_empty_change_changes_nothing(self, practice: Tenant) -> None:
        created = await create(practice)
        await patch(practice, created["id"])
        assert (await practice.get(f"/v1/bookings/{created['id']}")).json()["version"] == 1

    async def test_an_unknown_status_is_refused(self, practice: Tenant) -> None:
        created = await create(practice)
        assert (await patch(practice, created["id"], status="paused")).status_code == 400

    async def test_a_completed_call_preserves_its_invalid_code(self, practice: Tenant, sandbox: Sandbox) -> None:
        created = await create(practice)
        done = (await patch(practice, created["id"], status="completed")).json()
        assert done["roomCode"] == created["roomCode"]
        code = created["roomCode"].removeprefix("therabook-")
        assert (await sandbox.client.post("/v2/token", json={"code": code})).status_code == 403


class TestLog:
    async def test_the_newest_entries_are_last_and_immediately_visible(self, practice: Tenant) -> None:
        created = await create(practice)
        for number in range(5):
            await report(practice, created["id"], f"event-{number}")
        assert [entry["event"] for entry in await log_of(practice, created["id"])] == [f"event-{n}" for n in range(5)]

    async def test_a_long_history_shows_its_newest_part(
        self, practice: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("videobroker.usecases.journal.app_events.MAX_HISTORY_EVENTS", 2)
        created = await create(practice)
        for number in range(4):
            await report(practice, created["id"], f"event-{number}")
        assert [entry["event"] for entry in await log_of(practice, created["id"])] == ["event-2", "event-3"]

    @pytest.mark.parametrize("name", SECRET_NAMES)
    async def test_credentials_are_removed_by_name(self, practice: Tenant, name: str) -> None:
        created = await create(practice)
        entry = (await report(practice, created["id"], "joined", deep={"list": [{name: "s3cret"}]})).json()
        assert entry["details"] == {"deep": {"list": [{name: "[removed]"}]}}

    async def test_credentials_are_removed_by_format(self, practice: Tenant) -> None:
        created = await create(practice)
        token = jwt.encode({"sub": "x"}, "a-secret-that-is-long-enough-for-hs256", algorithm="HS256")
        leaks = [token, f"Bearer {token}", practice.key, created["roomCode"], f"https://page/{created['roomCode']}?x=1"]
        for leak in leaks:
            await report(practice, created["id"], f"joined with {leak}", note=leak)
        for event in await practice.events("app.reported"):
            assert not [leak for leak in leaks if leak in str(event)]
            assert "[removed]" in event["data"]["event"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"event": ""},
            {"event": "x" * 101},
            {"event": None},
            {"timestamp": "yesterday"},
            {"details": "x" * 4096},
            {"note": "a\x00b"},
            {"number": 2**70},
        ],
    )
    async def test_an_entry_that_cannot_be_stored_is_refused(self, practice: Tenant, wrong: dict[str, Any]) -> None:
        created = await create(practice)
        response = await practice.post(LOG, {"bookingId": created["id"], "event": "joined", **wrong})
        assert response.status_code == 400
        assert set(response.json()) == {"error"}
        assert await log_of(practice, created["id"]) == []

    async def test_a_user_reports_for_themselves(self, practice: Tenant) -> None:
        created = await create(practice)
        headers = await bearer(practice, "client-1")
        body = {"bookingId": created["id"], "event": "left", "userId": "therapist-1"}
        response = await practice.api.post(LOG, json=body, headers=headers)
        assert (response.status_code, error_code(response)) == (403, "not_yourself")

    async def test_v1_shows_the_report(self, practice: Tenant) -> None:
        created = await create(practice)
        await report(practice, created["id"], "left", userId=7, reason="bad line")
        (event,) = await practice.events("app.reported")
        assert event["session"] == {"kind": "booking", "reference": created["id"]}
        assert event["user_id"] == "7"
        assert event["data"] == {"event": "left", "reported_at": None, "details": {"reason": "bad line"}}

    async def test_an_unknown_call_is_not_found(self, practice: Tenant) -> None:
        assert (await report(practice, "nothing", "left")).json()["error"] == "Booking not found"
        assert (await practice.get(LOG, params={"bookingId": "nothing"})).status_code == 404


class TestCodes:
    @pytest.fixture
    async def practice(self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
        """An app for therapy with the vendor's page."""
        account = {**sandbox.account("therapy", prebuilt=True), "room_code_prefix": "therabook"}
        return await make_tenant(broker, api, {ProviderName.HMS: account}, ROLES)

    async def test_the_alias_and_the_code_open_the_same_page(self, practice: Tenant) -> None:
        created = await create(practice)
        code = created["roomCode"].removeprefix("therabook-")
        client = {"X-User-Id": "client-1"}
        by_alias, by_code = [
            (await practice.get(f"{ROOMS}/{each}", headers=client)).json() for each in (created["roomCode"], code)
        ]
        assert by_alias == by_code
        joined = (await practice.join(created["id"], "client-1", surface="prebuilt")).json()
        assert (by_alias["roomCode"], by_alias["url"]) == (joined["room_code"], joined["url"])

    async def test_the_code_of_v1_is_resolved_for_the_therapist(self, practice: Tenant) -> None:
        created = await create(practice)
        joined = (await practice.join(created["id"], "therapist-1", surface="prebuilt")).json()
        room = (
            await practice.get(f"{ROOMS}/therabook-{joined['room_code']}", headers={"X-User-Id": "therapist-1"})
        ).json()
        assert room == {"bookingId": created["id"], "roomCode": joined["room_code"], "url": joined["url"]}

    @pytest.mark.parametrize("code", ["nothing", "therabook-", "abc-defg-hij", '{"a":1}', "x" * 129])
    async def test_an_unknown_code_is_not_found(self, practice: Tenant, code: str) -> None:
        await create(practice)
        response = await practice.get(f"{ROOMS}/{code}")
        assert response.status_code in {404, 422}
        assert set(response.json()) == {"error"}

    async def test_a_canceled_call_returns_no_code(self, practice: Tenant) -> None:
        created = await create(practice)
        await patch(practice, created["id"], status="cancelled")
        response = await practice.get(f"{ROOMS}/{created['roomCode']}")
        assert (response.status_code, error_code(response)) == (403, "session_cancelled")

    async def test_the_journal_contains_who_got_the_code(self, practice: Tenant) -> None:
        created = await create(practice)
        await practice.api.get(f"{BOOKING}/{created['id']}", headers=await bearer(practice, "client-1"))
        await practice.api.get(f"{ROOMS}/{created['roomCode']}", headers=await bearer(practice, "therapist-1"))
        issued = await practice.events("credentials.issued")
        assert [event["user_id"] for event in issued] == [None, "client-1", "therapist-1"]
        assert len({event["data"]["token_id"] for event in issued}) == 1
        assert created["roomCode"].removeprefix("therabook-") not in str(issued)


class TestAgreementWithV1:
    @pytest.mark.parametrize("first", ["old", "v1"])
    async def test_the_client_gets_the_same_room_and_role(self, practice: Tenant, sandbox: Sandbox, first: str) -> None:
        await practice.book("therapy-1", participants=PAIR)
        responses: dict[str, Any] = {}
        for way in ("old", "v1") if first == "old" else ("v1", "old"):
            if way == "old":
                responses[way] = (await practice.get(f"{BOOKING}/therapy-1", headers={"X-User-Id": "client-1"})).json()
            else:
                responses[way] = (await practice.join("therapy-1", "client-1")).json()
        claims = await exchange_code(sandbox, responses["old"]["roomCode"].removeprefix("therabook-"))
        assert (claims["room_id"], claims["role"]) == (responses["v1"]["room_id"], responses["v1"]["role"])
        assert (await sandbox.counters())["create_room"] == 1

    @pytest.mark.parametrize("status", ["confirmed", "pending", "cancelled", "completed"])
    @pytest.mark.parametrize("starts_in", [timedelta(days=1), SOON, timedelta(days=-1)])
    @pytest.mark.parametrize("user_id", ["therapist-1", "client-1"])
    async def test_the_lobby_shows_the_decision_of_v1(
        self, practice: Tenant, status: str, starts_in: timedelta, user_id: str
    ) -> None:
        await practice.book("therapy-1", participants=PAIR, status=status, starts_in=starts_in)
        decision = (await practice.post("/v1/bookings/therapy-1/access", {"user_id": user_id})).json()
        lobby = (await practice.get(f"{BOOKING}/therapy-1", headers={"X-User-Id": user_id})).json()
        assert lobby["canJoin"] == (decision["decision"] == "admit")
        assert (lobby["opensAt"] is None) == (decision["opens_at"] is None)
        assert (await practice.get(f"{BOOKING}/therapy-1")).json()["canJoin"] == lobby["canJoin"]
        started = await patch(practice, "therapy-1", {"X-User-Id": user_id}, status="in-progress")
        assert (started.status_code == 200) == lobby["canJoin"]
        if not lobby["canJoin"]:
            assert error_code(started) == decision["reason"]
