"""Legacy appointments with the prebuilt page: integer IDs, an immediate room code, and the legacy responses."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from tenants import MovableClock, Sandbox, Tenant, context_of, error_code, make_tenant
from videobroker.broker import Broker
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management, registration
from videobroker.web.legacy.schemas import iso_string

ROLES = {ProviderName.HMS: {"doctor": "host", "patient": "guest"}}
VISIT = [{"user_id": "doctor-1", "role": "doctor"}, {"user_id": "patient-1", "role": "patient"}]
NO_ROOM = "No video room for this booking"


@pytest.fixture
async def clinic(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app for appointments: doctor -> host, patient -> guest. Its settings have no subdomain."""
    return await make_tenant(broker, api, {ProviderName.HMS: sandbox.account("appointments")}, ROLES)


def appointment_body(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    """The body that the legacy frontend sends, for an appointment in five minutes."""
    starts_at = iso_string(tenant.broker.now() + timedelta(minutes=5))
    return {"patientId": 7, "doctorId": "d-1", "dateTime": starts_at, "type": "VIRTUAL", **fields}


async def create(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    response = await tenant.post("/api/bookings", appointment_body(tenant, **fields))
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def info(tenant: Tenant, booking: Any, **options: Any) -> httpx.Response:
    return await tenant.get(f"/api/bookings/video/info/{booking}", **options)


async def bearer(tenant: Tenant, user_id: str) -> dict[str, str]:
    """The header of a user, with a token of the app's own identity provider, which the service trusts afterwards."""
    secret = f"a-secret-of-the-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    token = jwt.encode({"sub": user_id, "exp": int(time.time()) + 600}, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


async def exchange_code(sandbox: Sandbox, code: str) -> dict[str, Any]:
    """The claims of the token that the prebuilt page gets for the code."""
    response = await sandbox.client.post("/v2/token", json={"code": code})
    assert response.status_code == 200, response.text
    claims: dict[str, Any] = jwt.decode(response.json()["token"], sandbox.workspace.secret, algorithms=["HS256"])
    return claims


async def status_of(tenant: Tenant, reference: str) -> str:
    return str((await tenant.get(f"/v1/bookings/{reference}")).json()["status"])


class TestFrozenResponses:
    """These responses are frozen, because legacy frontends that are never deployed again parse them."""

    async def test_virtual_appointment(self, clinic: Tenant, clock: MovableClock) -> None:
        """The row as Prisma returned it: the frontend uses `id`, `videoRoomId`, and the dates of `toISOString`."""
        body = appointment_body(clinic)
        row = (await clinic.post("/api/bookings", body)).json()
        made = row["createdAt"]
        assert len(made) == len("2026-03-12T14:00:00.000Z")
        assert row | {"videoRoomId": "CODE"} == {
            "id": 1,
            "patientId": 7,
            "doctorId": "d-1",
            "dateTime": body["dateTime"],
            "type": "VIRTUAL",
            "videoRoomId": "CODE",
            "createdAt": made,
            "updatedAt": made,
        }
        assert list(row) == [
            "id", "patientId", "doctorId", "dateTime", "type", "videoRoomId", "createdAt", "updatedAt"
        ]  # fmt: skip

    async def test_physical_appointment(self, clinic: Tenant) -> None:
        """The row with `null`, which the frontend checks before it shows the button."""
        body = appointment_body(clinic, dateTime="2030-03-12T15:00:00+01:00")
        del body["type"]
        row = (await clinic.post("/api/bookings", body)).json()
        assert row | {"createdAt": "NOW", "updatedAt": "NOW"} == {
            "id": 1,
            "patientId": 7,
            "doctorId": "d-1",
            "dateTime": "2030-03-12T14:00:00.000Z",
            "type": "PHYSICAL",
            "videoRoomId": None,
            "createdAt": "NOW",
            "updatedAt": "NOW",
        }

    async def test_video_info(self, clinic: Tenant) -> None:
        """The fields that `handleJoinVideoCall` reads: `roomCode` is part of the URL of the page."""
        row = await create(clinic)
        response = await info(clinic, row["id"])
        assert response.status_code == 200
        assert response.json() == {"roomCode": row["videoRoomId"], "dateTime": row["dateTime"], "type": "VIRTUAL"}

    async def test_no_video_room(self, clinic: Tenant) -> None:
        """The frontend shows this exact sentence. `code` is an addition for newer clients."""
        response = await info(clinic, 99)
        assert response.status_code == 404
        assert response.json() == {"error": "No video room for this booking"}

    async def test_failed_creation(self, clinic: Tenant, sandbox: Sandbox) -> None:
        """The legacy system threw `Failed to create room code`, which is in its logs and messages."""
        await sandbox.inject_fault("status", status=500)
        response = await clinic.post("/api/bookings", appointment_body(clinic))
        assert response.status_code == 503
        assert response.json() == {"error": "Failed to create room code"}

    async def test_missing_key(self, clinic: Tenant) -> None:
        """Legacy clients read `error` of every failure, including those that the legacy system did not have."""
        response = await clinic.api.get("/api/bookings/video/info/1")
        assert response.status_code == 401
        assert response.json() == {
            "error": "Send an API key, or a user token: `Authorization: Bearer ...`.",
        }


class TestWholeFlow:
    """The requests of an app that was written with the legacy guide only."""

    async def test_both_people_meet_in_one_room(self, clinic: Tenant, sandbox: Sandbox) -> None:
        row = await create(clinic, patientId="patient-1", doctorId="doctor-1")
        rooms = set()
        for user_id in ("patient-1", "doctor-1"):
            response = await clinic.api.get(
                f"/api/bookings/video/info/{row['id']}", headers=await bearer(clinic, user_id)
            )
            claims = await exchange_code(sandbox, response.json()["roomCode"])
            assert claims["role"] == "guest"
            rooms.add(claims["room_id"])
        assert len(rooms) == 1
        assert (await sandbox.counters())["create_room"] == 1

    async def test_a_physical_appointment_has_no_room(self, clinic: Tenant, sandbox: Sandbox) -> None:
        row = await create(clinic, type="PHYSICAL")
        response = await info(clinic, row["id"])
        assert (response.status_code, response.json()["error"]) == (404, NO_ROOM)
        assert (await sandbox.counters())["rooms_created"] == 0

    async def test_without_the_vendor_no_booking_is_created(self, clinic: Tenant, sandbox: Sandbox) -> None:
        await sandbox.inject_fault("status", status=500)
        failed = await clinic.post("/api/bookings", appointment_body(clinic))
        assert failed.status_code == 503
        await sandbox.clear_faults()
        (booking,) = (await clinic.get("/v1/bookings")).json()["data"]
        assert booking["status"] == "cancelled"
        assert (await info(clinic, booking["reference"])).json()["error"] == NO_ROOM
        joined = await clinic.post(f"/v1/bookings/{booking['reference']}/join", {"user_id": "7"})
        assert (joined.status_code, error_code(joined)) == (403, "session_cancelled")

    async def test_an_appointment_can_be_created_again_afterwards(self, clinic: Tenant, sandbox: Sandbox) -> None:
        await sandbox.inject_fault("status", status=500)
        assert (await clinic.post("/api/bookings", appointment_body(clinic))).status_code == 503
        await sandbox.clear_faults()
        assert (await create(clinic))["id"] == 2

    async def test_a_process_that_crashes_midway_leaves_no_booking(
        self, clinic: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("something")

        monkeypatch.setattr("videobroker.usecases.legacy.numbered_bookings.open_room", fail)
        failed = await clinic.post("/api/bookings", appointment_body(clinic))
        assert (failed.status_code, failed.json()["error"]) == (500, "Failed to create booking")
        assert await status_of(clinic, "1") == "pending"
        joined = await clinic.post("/v1/bookings/1/join", {"user_id": "7"})
        assert (joined.status_code, error_code(joined)) == (403, "session_not_confirmed")

    async def test_a_template_without_the_role_creates_no_booking(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        accounts = {ProviderName.HMS: sandbox.account("tutoring")}
        clinic = await make_tenant(broker, api, accounts, ROLES)
        failed = await clinic.post("/api/bookings", appointment_body(clinic))
        assert (failed.status_code, error_code(failed)) == (422, "role_not_mapped")
        assert await status_of(clinic, "1") == "cancelled"


class TestNumbers:
    async def test_twenty_concurrent_requests_get_twenty_numbers(self, clinic: Tenant) -> None:
        rows = await asyncio.gather(*(create(clinic, type="PHYSICAL") for _ in range(20)))
        assert sorted(row["id"] for row in rows) == list(range(1, 21))

    async def test_numbers_used_by_v1_are_skipped(self, clinic: Tenant) -> None:
        for reference in ("1", "2", "4"):
            await clinic.book(reference, participants=VISIT)
        made = [(await create(clinic, type="PHYSICAL"))["id"] for _ in range(3)]
        assert made == [3, 5, 6]
        assert {person["user_id"] for person in (await clinic.get("/v1/bookings/1")).json()["participants"]} == {
            "doctor-1",
            "patient-1",
        }

    async def test_a_number_that_v1_uses_meanwhile_is_not_overwritten(
        self, clinic: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        register_new = registration.register_new

        async def late(*args: Any, **options: Any) -> Any:
            if (await clinic.get("/v1/bookings/1")).status_code == 404:
                await clinic.book("1", participants=VISIT)
            return await register_new(*args, **options)

        monkeypatch.setattr(registration, "register_new", late)
        assert (await create(clinic, type="PHYSICAL"))["id"] == 2
        assert (await clinic.get("/v1/bookings/1")).json()["modality"] == "virtual"

    async def test_many_used_numbers_are_skipped_in_few_steps(
        self, clinic: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("videobroker.storage.legacy.counters.NUMBERS_PER_QUERY", 3)
        for reference in range(1, 8):
            await clinic.book(str(reference), participants=VISIT)
        assert (await create(clinic, type="PHYSICAL"))["id"] == 8

    async def test_every_app_has_its_own_numbers(self, clinic: Tenant, other: Tenant) -> None:
        assert (await create(clinic, type="PHYSICAL"))["id"] == 1
        assert (await info(other, 1)).status_code == 404

    async def test_a_repeated_request_creates_no_second_booking(self, clinic: Tenant) -> None:
        body, headers = appointment_body(clinic), {"Idempotency-Key": "once"}
        first, second = [await clinic.post("/api/bookings", body, headers=headers) for _ in range(2)]
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()


class TestPermissions:
    @pytest.mark.parametrize(("user_id", "role"), [("7", "patient"), ("d-1", "doctor")])
    async def test_a_user_whose_role_may_book_can_book_for_themselves(
        self, clinic: Tenant, user_id: str, role: str
    ) -> None:
        headers = await bearer(clinic, user_id)
        refused = await clinic.api.post("/api/bookings", json=appointment_body(clinic), headers=headers)
        assert (refused.status_code, error_code(refused)) == (403, "role_may_not")
        assert (await clinic.get("/v1/bookings")).json()["data"] == []
        await management.change_app(
            context_of(clinic.broker, clinic.app), policy={"booking_roles": [role]}, role_maps=clinic.app.role_maps
        )
        response = await clinic.api.post("/api/bookings", json=appointment_body(clinic), headers=headers)
        assert response.status_code == 201

    async def test_but_not_for_others(self, clinic: Tenant) -> None:
        response = await clinic.api.post(
            "/api/bookings", json=appointment_body(clinic), headers=await bearer(clinic, "8")
        )
        assert (response.status_code, error_code(response)) == (403, "not_yourself")
        assert (await clinic.get("/v1/bookings")).json()["data"] == []

    async def test_the_token_of_a_stranger_finds_no_room(self, clinic: Tenant) -> None:
        row = await create(clinic)
        headers = await bearer(clinic, "8")
        response = await clinic.api.get(f"/api/bookings/video/info/{row['id']}", headers=headers)
        assert (response.status_code, response.json()["error"]) == (404, NO_ROOM)

    async def test_a_stranger_named_by_the_backend_finds_no_room(self, clinic: Tenant) -> None:
        row = await create(clinic)
        response = await info(clinic, row["id"], headers={"X-User-Id": "8"})
        assert (response.status_code, response.json()["error"]) == (404, NO_ROOM)

    async def test_a_key_needs_the_scope(self, clinic: Tenant) -> None:
        key = await clinic.create_key(scopes=[Scope.SESSIONS_READ])
        response = await clinic.post(
            "/api/bookings", appointment_body(clinic), headers={"Authorization": f"Bearer {key}"}
        )
        assert (response.status_code, error_code(response)) == (403, "scope_missing")
        assert "error" in response.json()

    async def test_the_journal_contains_who_got_the_code(self, clinic: Tenant) -> None:
        row = await create(clinic)
        await clinic.api.get(f"/api/bookings/video/info/{row['id']}", headers=await bearer(clinic, "7"))
        at_creation, later = await clinic.events("credentials.issued")
        assert (at_creation["user_id"], later["user_id"]) == (None, "7")
        assert later["asked_by"]["user_id"] == "7"
        assert later["data"]["role"] == "guest"
        assert row["videoRoomId"] not in str(later)


class TestVideoInfo:
    @pytest.mark.parametrize("booking", ["99", "lesson-1", "1.0", "01", "-1", "0", "9" * 17, "9" * 400, "%00", "²"])
    async def test_an_unknown_booking_is_not_found(self, clinic: Tenant, booking: str) -> None:
        await clinic.book("lesson-1", participants=VISIT)
        response = await info(clinic, booking)
        assert (response.status_code, response.json()["error"]) == (404, NO_ROOM)

    @pytest.mark.parametrize("status", ["cancelled", "completed", "pending"])
    async def test_a_booking_that_does_not_take_place_has_no_room(
        self, clinic: Tenant, sandbox: Sandbox, status: str
    ) -> None:
        await clinic.book("1", participants=VISIT, status=status)
        response = await info(clinic, 1)
        assert (response.status_code, response.json()["error"]) == (404, NO_ROOM)
        assert (await sandbox.counters())["rooms_created"] == 0

    async def test_a_booking_of_v1_gets_its_code_on_demand(self, clinic: Tenant, sandbox: Sandbox) -> None:
        await clinic.book("1", participants=VISIT, starts_in=timedelta(days=3))
        first, second = [(await info(clinic, 1)).json() for _ in range(2)]
        assert first == second
        assert (await exchange_code(sandbox, first["roomCode"]))["role"] == "guest"
        assert (await sandbox.counters())["create_room"] == 1

    async def test_the_code_is_the_same_before_and_after_the_window(self, clinic: Tenant, clock: MovableClock) -> None:
        row = await create(clinic)
        clock.move(days=2)
        assert (await info(clinic, row["id"])).json()["roomCode"] == row["videoRoomId"]

    async def test_no_room_is_created_for_a_past_booking(self, clinic: Tenant, clock: MovableClock) -> None:
        await clinic.book("1", participants=VISIT)
        clock.move(days=2)
        assert (await info(clinic, 1)).json() == {"error": NO_ROOM}

    async def test_errors_have_the_legacy_format(self, clinic: Tenant, sandbox: Sandbox) -> None:
        await clinic.book("1", participants=VISIT)
        await sandbox.inject_fault("status", status=500)
        response = await info(clinic, 1)
        assert (response.status_code, response.json()["error"]) == (500, "Failed to get video info")

    async def test_unexpected_errors_have_the_legacy_format(
        self, clinic: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("something")

        monkeypatch.setattr("videobroker.web.legacy.appointments.issue_room_code", fail)
        response = await info(clinic, 1)
        assert (response.status_code, response.json()["error"]) == (500, "Failed to get video info")


class TestBody:
    @pytest.mark.parametrize(
        ("sent", "read"),
        [
            ("2030-03-12T14:00:00.000Z", "2030-03-12T14:00:00.000Z"),
            ("2030-03-12T14:00:00Z", "2030-03-12T14:00:00.000Z"),
            ("2030-03-12T14:00Z", "2030-03-12T14:00:00.000Z"),
            ("2030-03-12T14:00:00.123456Z", "2030-03-12T14:00:00.123Z"),
            ("2030-03-12T15:00:00+01:00", "2030-03-12T14:00:00.000Z"),
            ("2030-03-12T09:30-0430", "2030-03-12T14:00:00.000Z"),
        ],
    )
    async def test_timestamps_are_parsed_as_in_javascript(self, clinic: Tenant, sent: str, read: str) -> None:
        assert (await create(clinic, type="PHYSICAL", dateTime=sent))["dateTime"] == read

    @pytest.mark.parametrize("sent", ["2030-03-12T14:00:00", "2030-03-12T14:00", "2030-03-12"])
    async def test_a_timestamp_without_an_offset_is_refused_with_a_reason(self, clinic: Tenant, sent: str) -> None:
        response = await clinic.post("/api/bookings", appointment_body(clinic, dateTime=sent))
        assert response.status_code == 400
        assert "offset" in response.json()["error"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"dateTime": "tomorrow"},
            {"dateTime": "2030-02-30T14:00:00Z"},
            {"dateTime": 1_800_000_000_000},
            {"dateTime": None},
            {"patientId": ""},
            {"patientId": True},
            {"patientId": None},
            {"patientId": 2**53},
            {"patientId": 1.5},
            {"patientId": "a\x00b"},
            {"doctorId": "x" * 129},
            {"doctorId": 7},
            {"type": "virtual"},
            {"duration": 0},
            {"duration": "60"},
        ],
    )
    async def test_invalid_values_are_refused(self, clinic: Tenant, wrong: dict[str, Any]) -> None:
        response = await clinic.post("/api/bookings", appointment_body(clinic, **wrong))
        assert response.status_code == 400
        assert set(response.json()) == {"error"}
        assert (await clinic.get("/v1/bookings")).json()["data"] == []

    async def test_a_body_that_is_not_json_is_refused(self, clinic: Tenant) -> None:
        response = await clinic.send("POST", "/api/bookings", content=b"{")
        assert (response.status_code, error_code(response)) == (400, "malformed_json")

    async def test_unknown_fields_are_ignored(self, clinic: Tenant) -> None:
        assert (await create(clinic, type="PHYSICAL", reason="a cough"))["id"] == 1

    async def test_v1_returns_the_booking(self, clinic: Tenant) -> None:
        row = await create(clinic, duration=30)
        booking = (await clinic.get(f"/v1/bookings/{row['id']}")).json()
        assert booking["participants"] == [
            {"user_id": "7", "role": "patient", "display_name": None},
            {"user_id": "d-1", "role": "doctor", "display_name": None},
        ]
        assert booking["metadata"] == {"appointment": {"patientId": 7, "doctorId": "d-1"}}
        assert (booking["status"], booking["modality"], booking["duration_minutes"]) == ("confirmed", "virtual", 30)


class TestAgreementWithV1:
    @pytest.fixture
    async def clinic(self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
        """An app for appointments with the prebuilt page, so that v1 also returns codes."""
        accounts = {ProviderName.HMS: sandbox.account("appointments", prebuilt=True)}
        return await make_tenant(broker, api, accounts, ROLES)

    @pytest.mark.parametrize("first", ["old", "v1"])
    @pytest.mark.parametrize("surface", ["sdk", "prebuilt"])
    async def test_the_patient_gets_the_same_room_and_role(
        self, clinic: Tenant, sandbox: Sandbox, first: str, surface: str
    ) -> None:
        await clinic.book("5", participants=VISIT)
        responses: dict[str, Any] = {}
        for way in ("old", "v1") if first == "old" else ("v1", "old"):
            if way == "old":
                responses[way] = (await info(clinic, 5, headers={"X-User-Id": "patient-1"})).json()
            else:
                responses[way] = (await clinic.join("5", "patient-1", surface=surface)).json()
        claims = await exchange_code(sandbox, responses["old"]["roomCode"])
        assert (claims["room_id"], claims["role"]) == (responses["v1"]["room_id"], responses["v1"]["role"])
        if surface == "prebuilt":
            assert responses["old"]["roomCode"] == responses["v1"]["room_code"]
        assert (await sandbox.counters())["create_room"] == 1

    @pytest.mark.parametrize("status", ["confirmed", "pending", "cancelled", "completed"])
    @pytest.mark.parametrize("modality", ["virtual", "physical"])
    @pytest.mark.parametrize("user_id", ["patient-1", "doctor-1", "stranger"])
    async def test_within_the_window_both_admit_the_same_people(
        self, clinic: Tenant, status: str, modality: str, user_id: str
    ) -> None:
        await clinic.book("5", participants=VISIT, status=status, modality=modality)
        old = await info(clinic, 5, headers={"X-User-Id": user_id})
        decision = (await clinic.post("/v1/bookings/5/access", {"user_id": user_id})).json()
        assert (old.status_code == 200) == (decision["decision"] == "admit")
        if old.status_code != 200:
            assert error_code(old) == decision["reason"]
