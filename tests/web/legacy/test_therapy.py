"""Video calls of therapists and clients: the session of the old mock data, its lobby, its statuses, its log."""

import asyncio
import logging
import time
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from tenants import MovableClock, Sandbox, Tenant, error_code, make_tenant
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import tenants
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
    """The tests' own client would log its addresses, and the codes in them; the service logs no address."""
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)


@pytest.fixture
async def practice(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app of a therapy product: therapist -> host, client -> guest, codes with a prefix, no page of the vendor's.

    Therapists manage their bookings with their own user tokens.
    """
    account = {**sandbox.account("therapy"), "room_code_prefix": "therabook"}
    policy = {"booking_roles": ["therapist"]}
    return await make_tenant(broker, api, {ProviderName.HMS: account}, ROLES, policy=policy)


def appointment(tenant: Tenant, starts_in: timedelta = SOON, **fields: Any) -> dict[str, Any]:
    """The body that the old form sends."""
    return {
        "therapistId": "therapist-1",
        "clientId": "client-1",
        "scheduledTime": iso_string(tenant.broker.now() + starts_in),
        "duration": 50,
        **fields,
    }


async def create(tenant: Tenant, starts_in: timedelta = SOON, **fields: Any) -> dict[str, Any]:
    response = await tenant.post(ROOMS, appointment(tenant, starts_in, **fields))
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
    """The header of a user with a token of the app's own identity provider, which the service trusts from now on."""
    secret = f"a-secret-of-the-identity-provider-{tenant.app.id}"
    await tenants.set_token_rules(tenant.broker, tenant.app, TokenRules(secret=secret), now=tenant.broker.now())
    token = jwt.encode({"sub": user_id, "exp": int(time.time()) + 6 * 3600}, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


async def exchanged(sandbox: Sandbox, code: str) -> dict[str, Any]:
    """What the vendor's page or kit gets for the code."""
    response = await sandbox.client.post("/v2/token", json={"code": code})
    assert response.status_code == 200, response.text
    claims: dict[str, Any] = jwt.decode(
        response.json()["token"],
        sandbox.workspace.secret,
        algorithms=["HS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},  # the sandbox's clock was moved
    )
    return claims


class TestFrozen:
    """The exact answers. They are frozen because old frontends, which nobody deploys again, parse exactly these."""

    async def test_a_created_video_call(self, practice: Tenant) -> None:
        """The `VideoCallSession` of the old types, field by field; `roomCode` goes to the room page."""
        body = appointment(practice, notes="First session")
        made = (await practice.post(ROOMS, body)).json()
        assert made["roomCode"].startswith("therabook-")
        assert made | {"id": "ID", "roomCode": "CODE", "createdAt": "NOW"} == {
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
        """`notes?: string` of the old types: absent, never null."""
        assert set(await create(practice)) == {
            "id", "roomCode", "therapistId", "clientId", "scheduledTime", "duration", "status", "createdAt"
        }  # fmt: skip

    async def test_a_list(self, practice: Tenant) -> None:
        """The dashboard maps over the answer: it is an array of the same sessions."""
        made = await create(practice)
        assert (await practice.get(ROOMS, params={"clientId": "client-1"})).json() == [made]

    async def test_a_read_and_a_changed_video_call(self, practice: Tenant) -> None:
        """The same session; the lobby may read `canJoin` and `opensAt` beside it."""
        made = await create(practice, timedelta(days=1))
        read = (await practice.get(f"{BOOKING}/{made['id']}")).json()
        opens_at = read["opensAt"]
        assert len(opens_at) == len("2026-03-12T13:50:00.000Z")
        assert read == {**made, "canJoin": False, "opensAt": opens_at}
        changed = (await patch(practice, made["id"], notes="Bring the diary")).json()
        assert changed == {**made, "notes": "Bring the diary", "canJoin": False, "opensAt": opens_at}

    async def test_a_log_entry(self, practice: Tenant) -> None:
        """Old pages write and forget; the call history shows these fields."""
        made = await create(practice)
        body = {"bookingId": made["id"], "event": "joined", "userId": "client-1", "device": "tablet"}
        entry = (await practice.post(LOG, body | {"timestamp": "2026-03-12T13:55:00.120Z"})).json()
        assert entry | {"id": "ID"} == {
            "id": "ID",
            "bookingId": made["id"],
            "event": "joined",
            "userId": "client-1",
            "timestamp": "2026-03-12T13:55:00.120Z",
            "source": "app",
            "details": {"device": "tablet"},
        }
        assert await log_of(practice, made["id"]) == [entry]

    async def test_a_room_behind_a_code(self, practice: Tenant) -> None:
        """New with videobroker: it turns the alias into the code that the vendor's kit takes."""
        made = await create(practice)
        response = await practice.get(f"{ROOMS}/{made['roomCode']}")
        assert response.json() == {
            "bookingId": made["id"],
            "roomCode": made["roomCode"].removeprefix("therabook-"),
            "url": None,
        }

    async def test_errors(self, practice: Tenant) -> None:
        """Old pages show `error`."""
        unknown = await practice.get(f"{BOOKING}/nothing")
        assert (unknown.status_code, unknown.json()) == (
            404,
            {"error": "Booking not found"},
        )
        nobody = await practice.api.get(ROOMS)
        assert nobody.status_code == 401
        assert set(nobody.json()) == {"error"}


class TestWholeFlow:
    """What an app does that was written from the old README alone."""

    async def test_from_the_form_to_the_call_history(
        self, practice: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        made = await create(practice, timedelta(hours=2), notes="First session")
        booking = f"{BOOKING}/{made['id']}"
        for params in ({"therapistId": "therapist-1"}, {"clientId": "client-1"}):
            assert [each["id"] for each in (await practice.get(ROOMS, params=params)).json()] == [made["id"]]

        client, therapist = [await bearer(practice, who) for who in ("client-1", "therapist-1")]
        lobby = (await practice.api.get(booking, headers=client)).json()
        assert (lobby["canJoin"], lobby["status"]) == (False, "scheduled")
        early = await patch(practice, made["id"], therapist, status="in-progress")
        assert (early.status_code, error_code(early)) == (403, "too_early")
        assert "not open yet" in early.json()["error"]

        clock.move(hours=1, minutes=51)
        assert (await practice.api.get(booking, headers=client)).json()["canJoin"] is True
        started = await patch(practice, made["id"], therapist, status="in-progress")
        assert (started.status_code, started.json()["status"]) == (200, "in-progress")

        room = (await practice.api.get(f"{ROOMS}/{started.json()['roomCode']}", headers=client)).json()
        assert (await exchanged(sandbox, room["roomCode"]))["role"] == "guest"
        joined = await practice.api.post(
            LOG, json={"bookingId": made["id"], "event": "participant_joined"}, headers=client
        )
        assert (joined.status_code, joined.json()["userId"]) == (201, "client-1")

        clock.move(minutes=50)
        completed = await patch(practice, made["id"], therapist, status="completed")
        assert (completed.json()["status"], completed.json()["canJoin"]) == ("completed", False)
        entries = await log_of(practice, made["id"])
        assert [(entry["event"], entry["source"]) for entry in entries] == [
            ("call.started", "videobroker"),
            ("participant_joined", "app"),
            ("call.ended", "videobroker"),
        ]
        assert (entries[0]["userId"], entries[2]["userId"]) == ("therapist-1", "therapist-1")
        assert 3000 <= entries[2]["details"]["duration"] <= 3030
        assert (await sandbox.counters())["create_room"] == 1

    async def test_without_the_vendor_the_booking_stands_and_gets_its_code_later(
        self, practice: Tenant, sandbox: Sandbox
    ) -> None:
        await sandbox.inject_fault("status", status=500)
        made = await create(practice)
        assert made["roomCode"] is None
        assert (await practice.get(f"{BOOKING}/{made['id']}")).json()["roomCode"] is None
        await sandbox.clear_faults()
        listed = (await practice.get(ROOMS, params={"clientId": "client-1"})).json()
        assert listed[0]["roomCode"] is None
        code = (await practice.get(f"{BOOKING}/{made['id']}")).json()["roomCode"]
        assert (await exchanged(sandbox, code.removeprefix("therabook-")))["role"] == "guest"
        assert (await practice.get(ROOMS, params={"clientId": "client-1"})).json()[0]["roomCode"] == code

    async def test_strangers_find_nothing(self, practice: Tenant) -> None:
        made = await create(practice)
        stranger = await bearer(practice, "client-2")
        asked: list[tuple[str, str, Any]] = [
            ("GET", f"{BOOKING}/{made['id']}", None),
            ("PATCH", f"{BOOKING}/{made['id']}", {"status": "cancelled"}),
            ("GET", f"{ROOMS}/{made['roomCode']}", None),
            ("GET", f"{LOG}?bookingId={made['id']}", None),
            ("POST", LOG, {"bookingId": made["id"], "event": "joined"}),
        ]
        for method, path, body in asked:
            response = await practice.api.request(method, path, json=body, headers=stranger)
            assert (response.status_code, error_code(response)) == (404, "session_not_found"), path
        assert (await practice.api.get(ROOMS, headers=stranger)).json() == []
        assert (await practice.get(f"{BOOKING}/{made['id']}")).json()["status"] == "scheduled"

    async def test_another_app_finds_nothing_either(self, practice: Tenant, other: Tenant) -> None:
        made = await create(practice)
        for path in (f"{BOOKING}/{made['id']}", f"{ROOMS}/{made['roomCode']}", f"{LOG}?bookingId={made['id']}"):
            assert (await other.get(path)).status_code == 404
        assert (await other.get(ROOMS, params={"clientId": "client-1"})).json() == []


class TestCreation:
    async def test_a_user_whose_role_may_book_creates_their_own(self, practice: Tenant) -> None:
        headers = await bearer(practice, "therapist-1")
        assert (await practice.api.post(ROOMS, json=appointment(practice), headers=headers)).status_code == 201

    async def test_a_user_whose_role_may_not_book_creates_none(self, practice: Tenant, sandbox: Sandbox) -> None:
        headers = await bearer(practice, "client-1")
        response = await practice.api.post(ROOMS, json=appointment(practice), headers=headers)
        assert (response.status_code, error_code(response)) == (403, "role_may_not")
        assert (await practice.get("/v1/bookings")).json()["data"] == []
        assert (await sandbox.counters()).get("create_room", 0) == 0

    async def test_and_nobody_elses(self, practice: Tenant) -> None:
        headers = await bearer(practice, "client-2")
        response = await practice.api.post(ROOMS, json=appointment(practice), headers=headers)
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
    async def test_what_cannot_be_right_is_refused(self, practice: Tenant, wrong: dict[str, Any]) -> None:
        response = await practice.post(ROOMS, appointment(practice, **wrong))
        assert response.status_code == 400
        assert set(response.json()) == {"error"}

    async def test_every_id_is_another_one(self, practice: Tenant) -> None:
        made = await asyncio.gather(*(create(practice) for _ in range(20)))
        assert len({each["id"] for each in made}) == 20

    async def test_the_same_request_again_makes_no_second_call(self, practice: Tenant) -> None:
        body, headers = appointment(practice), {"Idempotency-Key": "once"}
        first, second = [(await practice.post(ROOMS, body, headers=headers)).json() for _ in range(2)]
        assert first == second

    async def test_without_a_prefix_the_code_is_the_vendors(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        plain = await make_tenant(broker, api, {ProviderName.HMS: sandbox.account("therapy")}, ROLES)
        made = await create(plain)
        assert (await exchanged(sandbox, made["roomCode"]))["role"] == "guest"
        assert (await plain.get(f"{ROOMS}/{made['roomCode']}")).json()["roomCode"] == made["roomCode"]


class TestList:
    async def test_by_person_and_role(self, practice: Tenant) -> None:
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
            "clientId=nobody": [],
        }
        for query, found in wanted.items():
            assert (await practice.get(f"{ROOMS}?{query}")).json() == found, query

    async def test_somebody_has_to_be_named(self, practice: Tenant) -> None:
        response = await practice.get(ROOMS)
        assert response.status_code == 422
        assert "therapistId" in response.json()["error"]

    async def test_a_user_sees_their_own_and_may_not_ask_for_others(self, practice: Tenant) -> None:
        mine = await create(practice)
        await create(practice, clientId="client-2")
        headers = await bearer(practice, "client-1")
        for query in ("", "?clientId=client-1", "?therapistId=therapist-1&clientId=client-1"):
            assert (await practice.api.get(f"{ROOMS}{query}", headers=headers)).json() == [mine]
        for query in ("?clientId=client-2", "?therapistId=therapist-1", "?userId=client-2&userRole=client"):
            response = await practice.api.get(f"{ROOMS}{query}", headers=headers)
            assert (response.status_code, error_code(response)) == (403, "not_yourself")

    async def test_a_user_whom_the_backend_names_sees_their_own(self, practice: Tenant) -> None:
        mine = await create(practice)
        await create(practice, clientId="client-2")
        for query in ("", "?therapistId=therapist-1"):
            response = await practice.get(f"{ROOMS}{query}", headers={"X-User-Id": "client-1"})
            assert response.json() == [mine]

    async def test_the_list_keeps_the_newest(self, practice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("videobroker.web.legacy.therapy.MAX_LISTED_CALLS", 2)
        made = [await create(practice, timedelta(hours=hours)) for hours in (3, 1, 2)]
        assert (await practice.get(f"{ROOMS}?clientId=client-1")).json() == [made[2], made[0]]

    async def test_bookings_of_v1_are_there_too(self, practice: Tenant) -> None:
        await practice.book("therapy-1", participants=PAIR)
        (listed,) = (await practice.get(f"{ROOMS}?therapistId=therapist-1")).json()
        assert (listed["id"], listed["clientId"], listed["duration"]) == ("therapy-1", "client-1", 60)


class TestStatus:
    async def test_starting_twice_is_one_call(self, practice: Tenant) -> None:
        made = await create(practice)
        for _ in range(2):
            assert (await patch(practice, made["id"], status="in-progress")).json()["status"] == "in-progress"
        assert len((await practice.get(f"/v1/bookings/{made['id']}/calls")).json()["data"]) == 1

    async def test_a_call_that_v1_started_is_in_progress(self, practice: Tenant) -> None:
        made = await create(practice)
        await practice.join(made["id"], "therapist-1")
        assert (await practice.get(f"{BOOKING}/{made['id']}")).json()["status"] == "in-progress"
        (listed,) = (await practice.get(f"{ROOMS}?clientId=client-1")).json()
        assert listed["status"] == "in-progress"

    async def test_cancelling_shuts_the_door(self, practice: Tenant) -> None:
        made = await create(practice)
        await patch(practice, made["id"], status="in-progress")
        cancelled = (await patch(practice, made["id"], status="cancelled")).json()
        assert (cancelled["status"], cancelled["canJoin"], cancelled["opensAt"]) == ("cancelled", False, None)
        refused = await patch(practice, made["id"], status="in-progress")
        assert (refused.status_code, error_code(refused)) == (403, "session_cancelled")
        assert (await practice.get(f"/v1/bookings/{made['id']}")).json()["status"] == "cancelled"
        assert len(await practice.events("session.cancelled")) == 1

    async def test_completing_without_a_call(self, practice: Tenant) -> None:
        made = await create(practice)
        assert (await patch(practice, made["id"], status="completed")).json()["status"] == "completed"
        assert (await practice.get(f"/v1/bookings/{made['id']}")).json()["status"] == "completed"

    async def test_back_to_scheduled_ends_the_call_and_reopens(self, practice: Tenant) -> None:
        made = await create(practice)
        await patch(practice, made["id"], status="in-progress")
        assert (await patch(practice, made["id"], status="scheduled")).json()["status"] == "scheduled"
        await patch(practice, made["id"], status="completed")
        assert (await patch(practice, made["id"], status="scheduled")).json()["status"] == "scheduled"
        assert (await patch(practice, made["id"], status="in-progress")).json()["status"] == "in-progress"

    async def test_a_client_changes_nothing(self, practice: Tenant) -> None:
        made = await create(practice, notes="First session")
        client, before = await bearer(practice, "client-1"), (await practice.get(f"/v1/bookings/{made['id']}")).json()
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
            refused = await patch(practice, made["id"], client, **fields)
            assert (refused.status_code, error_code(refused)) == (403, "role_may_not"), fields
        assert (await practice.get(f"/v1/bookings/{made['id']}")).json() == before

    async def test_a_client_starts_the_call_where_the_policy_says_so_and_does_not_end_it(
        self, practice: Tenant
    ) -> None:
        await practice.book("therapy-1", participants=PAIR, policy={"call_roles": ["client"]})
        client = await bearer(practice, "client-1")
        assert (await patch(practice, "therapy-1", client, status="in-progress")).json()["status"] == "in-progress"
        refused = await patch(practice, "therapy-1", client, status="completed")
        assert (refused.status_code, error_code(refused)) == (403, "role_may_not")

    async def test_notes_are_for_backends(self, practice: Tenant) -> None:
        made = await create(practice, notes="First session")
        therapist = await bearer(practice, "therapist-1")
        refused = await patch(practice, made["id"], therapist, notes="Mine")
        assert (refused.status_code, error_code(refused)) == (403, "role_may_not")
        shown = await practice.api.get(f"{BOOKING}/{made['id']}", headers=therapist)
        assert "notes" not in shown.json()
        assert (await practice.get(f"{BOOKING}/{made['id']}")).json()["notes"] == "First session"

    async def test_moving_a_call_before_its_lobby_opens_keeps_its_length_and_its_code(self, practice: Tenant) -> None:
        made = await create(practice, timedelta(days=1))
        later = iso_string(practice.broker.now() + timedelta(days=2))
        moved = (await patch(practice, made["id"], scheduledTime=later)).json()
        assert (moved["scheduledTime"], moved["duration"], moved["roomCode"]) == (later, 50, made["roomCode"])
        assert (await patch(practice, made["id"], duration=80)).json()["duration"] == 80
        assert (await practice.get(f"{BOOKING}/{made['id']}")).json()["scheduledTime"] == later

    async def test_moving_a_call_whose_lobby_is_open_makes_its_codes_worthless_and_new_ones(
        self, practice: Tenant, sandbox: Sandbox
    ) -> None:
        # Whoever holds a code could go in at once, hours before the new time.
        made = await create(practice)
        later = iso_string(practice.broker.now() + timedelta(days=1))
        moved = (await patch(practice, made["id"], scheduledTime=later)).json()
        assert (moved["scheduledTime"], moved["duration"]) == (later, 50)
        before, after = [code["roomCode"].removeprefix("therabook-") for code in (made, moved)]
        assert before != after
        assert (await sandbox.client.post("/v2/token", json={"code": before})).status_code == 403
        assert (await sandbox.client.post("/v2/token", json={"code": after})).status_code == 200
        assert (await practice.get(f"{BOOKING}/{made['id']}")).json()["roomCode"] == moved["roomCode"]
        assert (await sandbox.counters())["rooms_created"] == 1

    async def test_moving_a_call_that_runs_ends_it(self, practice: Tenant) -> None:
        made = await create(practice)
        await patch(practice, made["id"], status="in-progress")
        later = iso_string(practice.broker.now() + timedelta(days=1))
        assert (await patch(practice, made["id"], scheduledTime=later)).json()["status"] == "scheduled"
        (ended,) = (await practice.get(f"/v1/bookings/{made['id']}/calls")).json()["data"]
        assert ended["end_reason"] == "session_moved"

    async def test_moving_a_call_within_its_open_lobby_changes_nothing_else(self, practice: Tenant) -> None:
        made = await create(practice)
        await patch(practice, made["id"], status="in-progress")
        sooner = iso_string(practice.broker.now() + timedelta(minutes=2))
        moved = (await patch(practice, made["id"], scheduledTime=sooner)).json()
        assert (moved["status"], moved["roomCode"]) == ("in-progress", made["roomCode"])

    async def test_nothing_changes_nothing(self, practice: Tenant) -> None:
        made = await create(practice)
        await patch(practice, made["id"])
        assert (await practice.get(f"/v1/bookings/{made['id']}")).json()["version"] == 1

    async def test_a_status_that_nobody_knows(self, practice: Tenant) -> None:
        made = await create(practice)
        assert (await patch(practice, made["id"], status="paused")).status_code == 400

    async def test_a_completed_call_keeps_its_dead_code(self, practice: Tenant, sandbox: Sandbox) -> None:
        made = await create(practice)
        done = (await patch(practice, made["id"], status="completed")).json()
        assert done["roomCode"] == made["roomCode"]
        code = made["roomCode"].removeprefix("therabook-")
        assert (await sandbox.client.post("/v2/token", json={"code": code})).status_code == 403


class TestLog:
    async def test_the_newest_stand_last_and_are_there_at_once(self, practice: Tenant) -> None:
        made = await create(practice)
        for number in range(5):
            await report(practice, made["id"], f"event-{number}")
        assert [entry["event"] for entry in await log_of(practice, made["id"])] == [f"event-{n}" for n in range(5)]

    async def test_a_long_history_shows_its_newest_part(
        self, practice: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("videobroker.usecases.journal.app_events.MAX_HISTORY_EVENTS", 2)
        made = await create(practice)
        for number in range(4):
            await report(practice, made["id"], f"event-{number}")
        assert [entry["event"] for entry in await log_of(practice, made["id"])] == ["event-2", "event-3"]

    @pytest.mark.parametrize("name", SECRET_NAMES)
    async def test_credentials_are_not_kept_by_name(self, practice: Tenant, name: str) -> None:
        made = await create(practice)
        entry = (await report(practice, made["id"], "joined", deep={"list": [{name: "s3cret"}]})).json()
        assert entry["details"] == {"deep": {"list": [{name: "[removed]"}]}}

    async def test_nor_by_their_looks(self, practice: Tenant) -> None:
        made = await create(practice)
        token = jwt.encode({"sub": "x"}, "a-secret-that-is-long-enough-for-hs256", algorithm="HS256")
        leaks = [token, f"Bearer {token}", practice.key, made["roomCode"], f"https://page/{made['roomCode']}?x=1"]
        for leak in leaks:
            await report(practice, made["id"], f"joined with {leak}", note=leak)
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
    async def test_what_cannot_be_kept_is_refused(self, practice: Tenant, wrong: dict[str, Any]) -> None:
        made = await create(practice)
        response = await practice.post(LOG, {"bookingId": made["id"], "event": "joined", **wrong})
        assert response.status_code == 400
        assert set(response.json()) == {"error"}
        assert await log_of(practice, made["id"]) == []

    async def test_a_user_reports_for_themselves(self, practice: Tenant) -> None:
        made = await create(practice)
        headers = await bearer(practice, "client-1")
        body = {"bookingId": made["id"], "event": "left", "userId": "therapist-1"}
        response = await practice.api.post(LOG, json=body, headers=headers)
        assert (response.status_code, error_code(response)) == (403, "not_yourself")

    async def test_v1_shows_the_report(self, practice: Tenant) -> None:
        made = await create(practice)
        await report(practice, made["id"], "left", userId=7, reason="bad line")
        (event,) = await practice.events("app.reported")
        assert event["session"] == {"kind": "booking", "reference": made["id"]}
        assert event["user_id"] == "7"
        assert event["data"] == {"event": "left", "reported_at": None, "details": {"reason": "bad line"}}

    async def test_of_an_unknown_call(self, practice: Tenant) -> None:
        assert (await report(practice, "nothing", "left")).json()["error"] == "Booking not found"
        assert (await practice.get(LOG, params={"bookingId": "nothing"})).status_code == 404


class TestCodes:
    @pytest.fixture
    async def practice(self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
        """The same app, with the vendor's page."""
        account = {**sandbox.account("therapy", prebuilt=True), "room_code_prefix": "therabook"}
        return await make_tenant(broker, api, {ProviderName.HMS: account}, ROLES)

    async def test_the_alias_and_the_code_open_the_same_page(self, practice: Tenant) -> None:
        made = await create(practice)
        code = made["roomCode"].removeprefix("therabook-")
        client = {"X-User-Id": "client-1"}
        by_alias, by_code = [
            (await practice.get(f"{ROOMS}/{each}", headers=client)).json() for each in (made["roomCode"], code)
        ]
        assert by_alias == by_code
        joined = (await practice.join(made["id"], "client-1", surface="prebuilt")).json()
        assert (by_alias["roomCode"], by_alias["url"]) == (joined["room_code"], joined["url"])

    async def test_the_code_of_v1_is_resolved_for_the_therapist(self, practice: Tenant) -> None:
        made = await create(practice)
        joined = (await practice.join(made["id"], "therapist-1", surface="prebuilt")).json()
        room = (
            await practice.get(f"{ROOMS}/therabook-{joined['room_code']}", headers={"X-User-Id": "therapist-1"})
        ).json()
        assert room == {"bookingId": made["id"], "roomCode": joined["room_code"], "url": joined["url"]}

    @pytest.mark.parametrize("code", ["nothing", "therabook-", "abc-defg-hij", '{"a":1}', "x" * 129])
    async def test_an_unknown_code(self, practice: Tenant, code: str) -> None:
        await create(practice)
        response = await practice.get(f"{ROOMS}/{code}")
        assert response.status_code in {404, 422}
        assert set(response.json()) == {"error"}

    async def test_a_cancelled_call_gives_no_code(self, practice: Tenant) -> None:
        made = await create(practice)
        await patch(practice, made["id"], status="cancelled")
        response = await practice.get(f"{ROOMS}/{made['roomCode']}")
        assert (response.status_code, error_code(response)) == (403, "session_cancelled")

    async def test_the_journal_knows_who_got_the_code(self, practice: Tenant) -> None:
        made = await create(practice)
        await practice.api.get(f"{BOOKING}/{made['id']}", headers=await bearer(practice, "client-1"))
        await practice.api.get(f"{ROOMS}/{made['roomCode']}", headers=await bearer(practice, "therapist-1"))
        issued = await practice.events("credentials.issued")
        assert [event["user_id"] for event in issued] == [None, "client-1", "therapist-1"]
        assert len({event["data"]["token_id"] for event in issued}) == 1
        assert made["roomCode"].removeprefix("therabook-") not in str(issued)


class TestAgreementWithV1:
    @pytest.mark.parametrize("first", ["old", "v1"])
    async def test_the_client_gets_the_same_room_and_role(self, practice: Tenant, sandbox: Sandbox, first: str) -> None:
        await practice.book("therapy-1", participants=PAIR)
        asked: dict[str, Any] = {}
        for way in ("old", "v1") if first == "old" else ("v1", "old"):
            if way == "old":
                asked[way] = (await practice.get(f"{BOOKING}/therapy-1", headers={"X-User-Id": "client-1"})).json()
            else:
                asked[way] = (await practice.join("therapy-1", "client-1")).json()
        claims = await exchanged(sandbox, asked["old"]["roomCode"].removeprefix("therabook-"))
        assert (claims["room_id"], claims["role"]) == (asked["v1"]["room_id"], asked["v1"]["role"])
        assert (await sandbox.counters())["create_room"] == 1

    @pytest.mark.parametrize("status", ["confirmed", "pending", "cancelled", "completed"])
    @pytest.mark.parametrize("starts_in", [timedelta(days=1), SOON, timedelta(days=-1)])
    @pytest.mark.parametrize("user_id", ["therapist-1", "client-1"])
    async def test_the_lobby_says_what_v1_decides(
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
