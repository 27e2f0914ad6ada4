"""Joining: permitted people get the correct credentials, all others a reason."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest

from tenants import LESSON, MovableClock, Sandbox, Tenant, context_of
from videobroker.domain.apps import ProviderName
from videobroker.sandbox.agora.tokens import read_token
from videobroker.usecases import management

CLAIMS = {"access_key", "type", "version", "room_id", "role", "user_id", "jti", "iat", "nbf", "exp"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def decoded(sandbox: Sandbox, clock: MovableClock, token: str) -> dict[str, Any]:
    # The clock of the claims may have been moved. The expiry is checked below.
    claims: dict[str, Any] = jwt.decode(
        token,
        sandbox.workspace.secret,
        algorithms=["HS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims["nbf"] <= clock().timestamp() < claims["exp"]
    return claims


class TestHms:
    async def test_a_participant_gets_a_token_with_exactly_the_documented_claims(
        self, tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        booked = await tutoring.book()
        response = await tutoring.join()
        assert response.status_code == 200, response.text
        credentials = response.json()
        claims = decoded(sandbox, clock, credentials["token"])
        assert set(claims) == CLAIMS
        assert claims["type"] == "app"
        assert claims["version"] == 2
        assert claims["access_key"] == sandbox.workspace.access_key == credentials["app_id"]
        assert claims["role"] == "teacher" == credentials["role"]
        assert claims["user_id"] == "tutor-1" == credentials["user_id"]
        assert claims["room_id"] == credentials["room_id"]
        closes_at = moment(booked["ends_at"]) + timedelta(minutes=15)
        assert moment(credentials["expires_at"]) == closes_at
        assert claims["exp"] == int(closes_at.timestamp())

    async def test_the_vendor_accepts_the_token_for_its_room(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.book()
        credentials = (await tutoring.join()).json()
        entered = await sandbox.client.post(
            f"/_sandbox/rooms/{credentials['room_id']}/peers", json={"token": credentials["token"], "name": "Ada"}
        )
        assert entered.status_code == 200, entered.text

    async def test_everyone_in_a_session_gets_one_room_and_their_own_role(self, tutoring: Tenant) -> None:
        await tutoring.book()
        tutor, student = [(await tutoring.join(user_id=each)).json() for each in ("tutor-1", "student-1")]
        assert tutor["room_id"] == student["room_id"]
        assert (tutor["role"], student["role"]) == ("teacher", "student")
        assert tutor["call"]["id"] == student["call"]["id"]
        assert (tutor["display_name"], student["display_name"]) == ("Ada", "Ben")

    async def test_joining_again_signs_a_new_token_without_a_vendor_request(
        self, tutoring: Tenant, sandbox: Sandbox
    ) -> None:
        await tutoring.book()
        first, second = (await tutoring.join()).json(), (await tutoring.join()).json()
        assert first["token"] != second["token"]
        assert first["room_id"] == second["room_id"]
        assert (await sandbox.counters())["create_room"] == 1

    async def test_different_sessions_get_different_rooms(self, tutoring: Tenant) -> None:
        await tutoring.book("a")
        await tutoring.book("b")
        assert (await tutoring.join("a")).json()["room_id"] != (await tutoring.join("b")).json()["room_id"]

    async def test_a_reference_in_another_app_gets_another_room(self, tutoring: Tenant, other: Tenant) -> None:
        await tutoring.book()
        await other.book()
        assert (await tutoring.join()).json()["room_id"] != (await other.join()).json()["room_id"]

    async def test_the_title_is_not_sent_to_the_vendor(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.book(title="Anxiety disorder, session 3")
        room_id = (await tutoring.join()).json()["room_id"]
        claims = {"access_key": sandbox.workspace.access_key, "type": "management", "version": 2}
        moments = {"iat": 0, "nbf": 0, "exp": 2**31}
        token = jwt.encode(claims | moments, sandbox.workspace.secret, algorithm="HS256")
        room = await sandbox.client.get(f"/v2/rooms/{room_id}", headers={"Authorization": f"Bearer {token}"})
        assert room.status_code == 200
        assert "Anxiety" not in room.text

    @pytest.mark.parametrize("user_id", ["what?", "a>b~c", "Zoë", "用户", "a" * 128, "x|y z", '"quoted"'])
    async def test_the_web_sdk_decodes_every_user_id(self, tutoring: Tenant, user_id: str) -> None:
        await tutoring.book(participants=[{"user_id": user_id, "role": "tutor"}])
        token = (await tutoring.join(user_id=user_id)).json()["token"]
        payload = token.split(".")[1]
        # As atob() does it: plain base64, not the URL-safe alphabet.
        assert json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True))["user_id"] == user_id

    async def test_a_name_in_the_request_overrides_the_registered_name(self, tutoring: Tenant) -> None:
        await tutoring.book()
        assert (await tutoring.join(display_name="Countess")).json()["display_name"] == "Countess"

    async def test_a_person_without_a_name_is_shown_with_their_id(self, tutoring: Tenant) -> None:
        await tutoring.book(participants=[{"user_id": "tutor-1", "role": "tutor"}])
        assert (await tutoring.join()).json()["display_name"] == "tutor-1"

    async def test_a_token_outlives_a_short_policy_because_the_sdk_reuses_it_to_reconnect(
        self, tutoring: Tenant
    ) -> None:
        booked = await tutoring.book(policy={"token_seconds": 60})
        expires_at = moment((await tutoring.join()).json()["expires_at"])
        assert expires_at == moment(booked["ends_at"]) + timedelta(minutes=15)

    async def test_in_a_group_tokens_last_a_day_and_those_of_guests_two_hours(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.create_group(policy={"guests_allowed": True})
        member = (await tutoring.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).json()
        guest = (await tutoring.post("/v1/groups/circle/guests", {"name": "Grandma"})).json()
        for credentials, lifetime in ((member, timedelta(hours=24)), (guest, timedelta(hours=2))):
            assert abs(moment(credentials["expires_at"]) - clock() - lifetime) < timedelta(minutes=1)


class TestPrebuilt:
    async def test_the_room_code_is_that_of_the_role_and_the_vendor_accepts_it(
        self, tutoring: Tenant, sandbox: Sandbox
    ) -> None:
        await tutoring.book()
        credentials = (await tutoring.join(surface="prebuilt")).json()
        assert credentials["type"] == "100ms_room_code"
        assert credentials["url"].startswith(f"{sandbox.url}/meeting/{credentials['room_code']}?")
        assert "userId=tutor-1" in credentials["url"]
        exchanged = await sandbox.client.post("/v2/token", content=json.dumps({"code": credentials["room_code"]}))
        claims = jwt.decode(exchanged.json()["token"], options={"verify_signature": False})
        assert (claims["role"], claims["room_id"]) == ("teacher", credentials["room_id"])

    async def test_codes_are_requested_once_and_only_for_the_prebuilt_surface(
        self, tutoring: Tenant, sandbox: Sandbox
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        assert "create_room_codes" not in await sandbox.counters()
        tutor = (await tutoring.join(surface="prebuilt")).json()
        student = (await tutoring.join(user_id="student-1", surface="prebuilt")).json()
        counters = await sandbox.counters()
        assert (counters["create_room"], counters["create_room_codes"]) == (1, 1)
        assert tutor["room_id"] == student["room_id"]
        assert tutor["room_code"] != student["room_code"]

    async def test_a_provider_without_a_prebuilt_surface_reports_that(self, agora: Tenant, other: Tenant) -> None:
        for tenant in (agora, other):
            await tenant.book()
            for _ in range(2):  # Before the room exists, and afterwards.
                response = await tenant.join(surface="prebuilt")
                assert (response.status_code, response.json()["code"]) == (422, "surface_not_offered")
                await tenant.join()


class TestAgora:
    async def test_a_participant_gets_a_token_for_exactly_this_channel_and_uid(
        self, agora: Tenant, clock: MovableClock
    ) -> None:
        await agora.book()
        credentials = (await agora.join()).json()
        (rtc,) = read_token(credentials["token"]).services
        assert (rtc.channel, rtc.uid) == (credentials["channel"], str(credentials["uid"]))
        assert 1 <= credentials["uid"] < 2**31
        assert abs(moment(credentials["expires_at"]) - clock() - timedelta(hours=1)) < timedelta(seconds=5)

    async def test_a_uid_is_stable_and_unique_for_a_person(self, agora: Tenant) -> None:
        await agora.book(participants=[{"user_id": f"u{n}", "role": "student"} for n in range(20)])
        first = [(await agora.join(user_id=f"u{n}")).json()["uid"] for n in range(20)]
        uids = [(await agora.join(user_id=f"u{n}")).json()["uid"] for n in range(20)]
        assert first == uids
        assert len(set(first)) == 20

    async def test_a_token_never_outlives_the_window(self, agora: Tenant, clock: MovableClock) -> None:
        booked = await agora.book()
        clock.move(minutes=60)
        closes_at = moment(booked["ends_at"]) + timedelta(minutes=15)
        assert closes_at - timedelta(seconds=1) <= moment((await agora.join()).json()["expires_at"]) <= closes_at


class TestGuests:
    async def test_every_guest_is_another_person_even_in_the_same_second(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        guests = [(await tutoring.post("/v1/bookings/lesson-1/guests", {"name": "Gast"})).json() for _ in range(5)]
        assert len({guest["user_id"] for guest in guests}) == 5
        assert {guest["role"] for guest in guests} == {"student"}
        assert {guest["display_name"] for guest in guests} == {"Gast (guest)"}

    async def test_guests_are_refused_where_they_are_not_allowed(self, tutoring: Tenant) -> None:
        await tutoring.book()
        response = await tutoring.post("/v1/bookings/lesson-1/guests", {"name": "Gast"})
        assert (response.status_code, response.json()["code"]) == (403, "guests_not_allowed")


class TestRefusals:
    async def test_a_stranger_is_refused_and_learns_nothing_about_the_schedule(self, tutoring: Tenant) -> None:
        await tutoring.book()
        response = await tutoring.join(user_id="stranger")
        assert response.status_code == 403
        problem = response.json()
        assert problem["code"] == "not_a_participant"
        assert problem["access"] == {"decision": "refuse", "reason": "not_a_participant"}

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"status": "pending"}, "session_not_confirmed"),
            ({"status": "cancelled"}, "session_cancelled"),
            ({"status": "completed"}, "session_completed"),
            ({"modality": "physical"}, "video_disabled"),
            ({"starts_in": timedelta(hours=-3)}, "session_over"),
            ({"starts_in": timedelta(minutes=11)}, "too_early"),
        ],
    )
    async def test_each_refusal_precedes_vendor_requests_and_is_journaled(
        self, tutoring: Tenant, sandbox: Sandbox, fields: dict[str, Any], code: str
    ) -> None:
        await tutoring.book(**fields)
        response = await tutoring.join()
        assert (response.status_code, response.json()["code"]) == (403, code)
        assert "create_room" not in await sandbox.counters()
        (denied,) = await tutoring.events("credentials.denied")
        assert (denied["data"]["reason"], denied["user_id"]) == (code, "tutor-1")

    async def test_a_person_who_is_too_early_learns_the_opening_time_and_can_join_then(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        booked = await tutoring.book(starts_in=timedelta(hours=2))
        response = await tutoring.join()
        access = response.json()["access"]
        assert moment(access["opens_at"]) == moment(booked["starts_at"]) - timedelta(minutes=10)
        # Someone may move the session meanwhile: it is worth to ask again.
        assert int(response.headers["Retry-After"]) == 3600
        assert 110 * 60 - 30 <= access["retry_after"] <= 110 * 60 + 1
        clock.move(seconds=access["retry_after"])
        assert (await tutoring.join()).status_code == 200

    async def test_a_role_can_have_an_earlier_window(self, tutoring: Tenant) -> None:
        await tutoring.book(starts_in=timedelta(minutes=25), policy={"opens_before_seconds_by_role": {"tutor": 1800}})
        assert (await tutoring.join(user_id="student-1")).json()["code"] == "too_early"
        assert (await tutoring.join(user_id="tutor-1")).status_code == 200

    async def test_participants_wait_until_the_host_is_present(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"waiting_room": "until_host"})
        waiting = await tutoring.join(user_id="student-1")
        assert (waiting.status_code, waiting.json()["code"]) == (403, "waiting_for_host")
        assert waiting.headers["Retry-After"] == "5"
        assert (await tutoring.join(user_id="tutor-1")).status_code == 200
        assert (await tutoring.join(user_id="student-1")).status_code == 200

    async def test_a_running_call_can_be_joined_after_the_window(self, tutoring: Tenant, clock: MovableClock) -> None:
        booked = await tutoring.book()
        await tutoring.join()
        clock.move(minutes=90)
        late = await tutoring.join(user_id="student-1")
        assert late.status_code == 200
        assert moment(late.json()["expires_at"]) == moment(booked["ends_at"]) + timedelta(minutes=75)
        await tutoring.post("/v1/bookings/lesson-1/end")
        assert (await tutoring.join()).json()["code"] == "session_over"

    async def test_a_role_that_is_missing_in_the_role_map_is_a_clear_error(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await management.change_app(
            context_of(tutoring.broker, tutoring.app), policy={}, role_maps={ProviderName.HMS: {"tutor": "teacher"}}
        )
        response = await tutoring.join(user_id="student-1")
        assert (response.status_code, response.json()["code"]) == (422, "role_not_mapped")
        assert "student" in response.json()["detail"]

    async def test_a_role_that_is_missing_in_the_template_is_a_clear_error(self, tutoring: Tenant) -> None:
        await management.change_app(
            context_of(tutoring.broker, tutoring.app), policy={}, role_maps={ProviderName.HMS: {"tutor": "Teacher"}}
        )
        await tutoring.book(participants=LESSON[:1])
        response = await tutoring.join(surface="prebuilt")
        assert (response.status_code, response.json()["code"]) == (422, "role_not_mapped")
        assert "case-sensitive" in response.json()["detail"]


class TestAccess:
    async def test_an_access_decision_is_data_and_creates_nothing(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        booked = await tutoring.book()
        response = await tutoring.post("/v1/bookings/lesson-1/access", {"user_id": "tutor-1"})
        closes_at = moment(booked["ends_at"]) + timedelta(minutes=15)
        decision = response.json()
        assert response.status_code == 200
        assert (decision["decision"], decision["reason"], decision["role"]) == ("admit", None, "teacher")
        assert moment(decision["until"]) == moment(decision["closes_at"]) == closes_at
        assert "create_room" not in await sandbox.counters()
        assert not await tutoring.events("credentials.issued", "credentials.denied")

    async def test_it_agrees_with_joining(self, tutoring: Tenant) -> None:
        await tutoring.book("soon", starts_in=timedelta(hours=1))
        await tutoring.book("pending", status="pending")
        await tutoring.book("now")
        for reference in ("soon", "pending", "now"):
            for user_id in ("tutor-1", "unknown"):
                decision = await tutoring.post(f"/v1/bookings/{reference}/access", {"user_id": user_id})
                joined = await tutoring.join(reference, user_id)
                if joined.status_code == 200:
                    assert decision.json()["decision"] == "admit"
                else:
                    assert decision.json()["reason"] == joined.json()["code"]

    async def test_without_a_user_it_is_about_a_guest(self, tutoring: Tenant) -> None:
        await tutoring.book()
        decision = (await tutoring.post("/v1/bookings/lesson-1/access", {})).json()
        assert decision["reason"] == "guests_not_allowed"


class TestJournal:
    async def test_every_credential_is_journaled_and_no_event_contains_a_secret(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        responses = [
            await tutoring.join(),
            await tutoring.join(surface="prebuilt"),
            await tutoring.post("/v1/bookings/lesson-1/guests", {"name": "Grandma Smith"}),
        ]
        issued = await tutoring.events("credentials.issued")
        assert [event["user_id"] for event in issued] == [response.json()["user_id"] for response in responses]
        claims = jwt.decode(responses[0].json()["token"], options={"verify_signature": False})
        assert issued[0]["data"]["token_id"] == claims["jti"]
        assert issued[0]["data"]["expires_at"] == responses[0].json()["expires_at"]
        text = json.dumps(await tutoring.events())
        assert responses[0].json()["token"] not in text
        assert responses[1].json()["room_code"] not in text
        assert "Grandma" not in text

    async def test_events_contain_the_actor(self, tutoring: Tenant) -> None:
        await tutoring.book()
        headers = {"Authorization": f"Bearer {tutoring.key}", "User-Agent": "lessons/1.0"}
        await tutoring.api.post("/v1/bookings/lesson-1/join", json={"user_id": "tutor-1"}, headers=headers)
        (issued,) = await tutoring.events("credentials.issued")
        assert issued["asked_by"]["user_agent"] == "lessons/1.0"
        assert issued["asked_by"]["key_id"]
