"""Attendance, closing, and removal after failures: lost responses, quick rejoins, shared rooms, rescheduling."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tenants import HOOK_SECRET, MovableClock, Sandbox, Tenant, context_of, error_code, make_tenant
from videobroker.domain.actors import Actor
from videobroker.domain.apps import ProviderName
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.times import rfc3339
from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.contract import Surface
from videobroker.providers.hms.provider import HmsProvider
from videobroker.usecases import management
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.joining.join import JoinRequester, join
from videobroker.usecases.legacy.room_codes import issue_room_code

LESSON_1 = "/v1/bookings/lesson-1"


async def credentials(
    tenant: Tenant, user_id: str = "tutor-1", reference: str = "lesson-1", **options: Any
) -> dict[str, Any]:
    response = await tenant.join(reference, user_id, **options)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def call_of(tenant: Tenant, joined: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await tenant.get(f"/v1/calls/{joined['call']['id']}")).json()
    return found


async def people_of(tenant: Tenant, reference: str = "lesson-1") -> dict[str, dict[str, Any]]:
    found = (await tenant.get(f"/v1/bookings/{reference}/attendance")).json()
    return {each["user_id"]: each for each in found["participants"]}


class TestEndingAndRejoining:
    async def test_immediately_gives_every_call_its_own_people_and_provider_session(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        first = await credentials(webhook_tenant)
        await sandbox.join_room(first["room_id"], token=first["token"])
        clock.move(minutes=30)
        await webhook_tenant.post(f"{LESSON_1}/end")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        clock.move(seconds=20)
        second = await credentials(webhook_tenant)
        peer = await sandbox.join_room(second["room_id"], token=second["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        await webhook_tenant.reconcile_calls()
        clock.move(minutes=10)
        await sandbox.leave_room(second["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        await webhook_tenant.reconcile_calls()
        first_call, second_call = await call_of(webhook_tenant, first), await call_of(webhook_tenant, second)
        assert [len(call["attendance"]) for call in (first_call, second_call)] == [1, 1]
        assert not set(first_call["provider_call_ids"]) & set(second_call["provider_call_ids"])
        assert 599 <= second_call["attendance"][0]["present_seconds"] <= 630
        assert len(await webhook_tenant.events("participant.joined")) == 2

    async def test_while_webhooks_are_processed_gets_a_response(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        joined = await credentials(webhook_tenant)
        session_id = (await call_of(webhook_tenant, joined))["id"]
        for _ in range(5):
            peer = await sandbox.join_room(joined["room_id"], token=joined["token"])
            await sandbox.leave_room(joined["room_id"], peer)
            await sandbox.deliver_webhooks()
            (session_id,) = await webhook_tenant._sessions()
            now = webhook_tenant.broker.now()
            ended, _ = await asyncio.gather(
                webhook_tenant.post(f"{LESSON_1}/end"),
                process_session(webhook_tenant.broker, webhook_tenant.app.id, session_id, now=now),
            )
            assert ended.status_code == 200, ended.text
            joined = await credentials(webhook_tenant)


class TestSharedRoom:
    @pytest.fixture
    async def shared(self, tutoring: Tenant, sandbox: Sandbox) -> Tenant:
        provider = tutoring.broker.provider(tutoring.app, ProviderName.HMS)
        room_id = await provider.open_room(f"fixed-{uuid4()}")
        account = sandbox.account("tutoring", prebuilt=True) | {"webhook_secret": HOOK_SECRET, "room_id": room_id}
        now = tutoring.broker.now()
        app = await management.set_account(
            context_of(tutoring.broker, tutoring.app, now=now), ProviderName.HMS, account
        )
        shared = replace(tutoring, app=app)
        others = [{"user_id": "tutor-1", "role": "tutor"}, {"user_id": "student-2", "role": "student"}]
        await shared.book("first", starts_in=timedelta(minutes=5))
        await shared.book("second", starts_in=timedelta(minutes=65), participants=others)
        return shared

    async def test_a_departure_belongs_to_the_lesson_for_which_the_person_joined(
        self, shared: Tenant, clock: MovableClock
    ) -> None:
        joined = await credentials(shared, reference="first")
        joined_at = shared.broker.now()
        await self._send_webhook(shared, joined, "peer.join.success", joined_at=rfc3339(joined_at))
        clock.move(minutes=58)
        await credentials(shared, reference="second")  # For the next lesson, in advance.
        clock.move(minutes=6)
        moments = {"joined_at": rfc3339(joined_at), "left_at": rfc3339(shared.broker.now())}
        await self._send_webhook(shared, joined, "peer.leave.success", **moments)
        await shared.run_due_jobs()
        assert (await people_of(shared, "first"))["tutor-1"]["present_minutes"] == 64
        assert (await people_of(shared, "second"))["tutor-1"]["present_minutes"] == 0

    async def test_reconciliation_finds_no_one_in_a_lesson_for_which_they_have_no_credentials(
        self, shared: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        joined = await credentials(shared, reference="first")
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        clock.move(minutes=56)
        other = await credentials(shared, "student-2", "second")
        await sandbox.join_room(other["room_id"], token=other["token"])
        await shared.reconcile_calls()
        assert (await people_of(shared, "first"))["tutor-1"]["first_joined_at"] is not None
        assert (await people_of(shared, "second"))["tutor-1"]["first_joined_at"] is None

    async def _send_webhook(self, tenant: Tenant, joined: dict[str, Any], type_: str, **moments: str) -> None:
        data = {
            "room_id": joined["room_id"],
            "session_id": "1" * 24,
            "peer_id": "p1",
            "user_id": "tutor-1",
            "role": "teacher",
            **moments,
        }
        body = {"id": str(uuid4()), "timestamp": rfc3339(tenant.broker.now()), "type": type_, "data": data}
        response = await tenant.api.post(
            f"/hooks/100ms/{tenant.app.name}",
            content=json.dumps(body),
            headers={"Videobroker-Hook-Secret": HOOK_SECRET},
        )
        assert response.status_code == 200, response.text


class TestPeopleWithoutWebhooks:
    async def test_who_joined_with_room_codes_are_found_by_reconciliation(
        self, tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await tutoring.book()
        key = SessionKey(tutoring.app.id, SessionKind.BOOKING, "lesson-1")
        now = tutoring.broker.now()
        _, code = await issue_room_code(
            context_of(tutoring.broker, tutoring.app, actor=Actor(tutoring.app.id), now=now),
            key,
            role="tutor",
            user_id="tutor-1",
        )
        await sandbox.join_room(await room_id_of(tutoring), code=code, user_id="tutor-1")
        clock.move(minutes=16)
        await tutoring.run_due_jobs()
        missing = await tutoring.events("participant.no_show")
        assert [event["user_id"] for event in missing] == ["student-1"]
        assert (await people_of(tutoring))["tutor-1"]["source"] == "reconciled"


class TestLostResponses:
    async def test_a_channel_whose_closing_was_not_confirmed_reopens(
        self, agora_webhook_tenant: Tenant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        close = AgoraProvider.close_room

        async def answered_too_late(self: AgoraProvider, room_id: str, *, codes: Collection[str] = ()) -> str | None:
            await close(self, room_id, codes=codes)
            raise ProviderUnavailable("no answer in time")

        await agora_webhook_tenant.create_group()
        await agora_webhook_tenant.post("/v1/groups/circle/join", {"user_id": "tutor-1"})
        monkeypatch.setattr(AgoraProvider, "close_room", answered_too_late)
        await agora_webhook_tenant.post("/v1/groups/circle/end")
        monkeypatch.undo()
        joined = await agora_webhook_tenant.post("/v1/groups/circle/join", {"user_id": "tutor-1"})
        await sandbox.join_channel(joined.json())

    async def test_a_join_that_overlaps_the_closing_is_closed_too(
        self, webhook_tenant: Tenant, clock: MovableClock
    ) -> None:
        await webhook_tenant.book(starts_in=timedelta())
        started_at = webhook_tenant.broker.now() + timedelta(minutes=74, seconds=57)
        clock.move(minutes=75, seconds=1)
        await webhook_tenant.run_due_jobs()
        key = SessionKey(webhook_tenant.app.id, SessionKind.BOOKING, "lesson-1")
        await join(
            context_of(webhook_tenant.broker, webhook_tenant.app, actor=Actor(webhook_tenant.app.id), now=started_at),
            key,
            JoinRequester("tutor-1"),
            surface=Surface.SDK,
        )
        clock.move(hours=2)
        await webhook_tenant.run_due_jobs()
        (call,) = (await webhook_tenant.get(f"{LESSON_1}/calls")).json()["data"]
        assert call["end_reason"] == "window_closed"
        assert len(await webhook_tenant.events("room.closed")) >= 1

    async def test_a_room_that_cannot_be_closed_does_not_prevent_a_verdict(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refused(self: HmsProvider, room_id: str, *, codes: Collection[str] = ()) -> None:
            raise ProviderRefused("the key was revoked")

        await webhook_tenant.book()
        joined = await credentials(webhook_tenant)
        peer = await sandbox.join_room(joined["room_id"], token=joined["token"])
        clock.move(minutes=60)
        await sandbox.leave_room(joined["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        monkeypatch.setattr(HmsProvider, "close_room", refused)
        for _ in range(4):
            clock.move(minutes=30)
            await webhook_tenant.run_due_jobs()
            await webhook_tenant.reconcile_calls()
        assert (await webhook_tenant.get(f"{LESSON_1}/attendance")).json()["final"] is True


class TestEmptyCall:
    async def test_is_not_ended_while_a_person_of_a_recent_webhook_is_in_it(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.create_group()
        joined = (await webhook_tenant.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).json()
        peer = await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.leave_room(joined["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        clock.move(minutes=4, seconds=50)
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        clock.move(seconds=30)
        await webhook_tenant.run_due_jobs()
        assert (await call_of(webhook_tenant, joined))["ended_at"] is None
        assert await webhook_tenant.present_users(joined["room_id"]) == ["tutor-1"]


class TestRescheduledBooking:
    async def test_is_judged_by_who_attended_the_new_time(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        for user_id in ("tutor-1", "student-1"):
            joined = await credentials(webhook_tenant, user_id)
            await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        clock.move(minutes=3)
        await webhook_tenant.book(starts_in=timedelta(days=1))
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        clock.move(days=1, minutes=-5)
        joined = await credentials(webhook_tenant)
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        clock.move(minutes=16)
        await webhook_tenant.run_due_jobs()
        assert [event["user_id"] for event in await webhook_tenant.events("participant.no_show")] == ["student-1"]
        assert (await people_of(webhook_tenant))["student-1"]["present_seconds"] == 0


class TestBlockedPerson:
    async def test_is_no_no_show(self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
        await webhook_tenant.book()
        await webhook_tenant.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        joined = await credentials(webhook_tenant)
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        clock.move(minutes=16)
        await webhook_tenant.run_due_jobs()
        assert await webhook_tenant.events("participant.no_show") == []
        clock.move(minutes=50)
        assert (await people_of(webhook_tenant))["student-1"]["rule"] == "removed"

    async def test_is_removed_although_the_room_code_cannot_be_replaced(
        self, webhook_tenant: Tenant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refused(self: HmsProvider, room_id: str, role: str, code: str) -> str:
            raise ProviderRefused("the template has no such role")

        await webhook_tenant.book()
        joined = await credentials(webhook_tenant, "student-1", surface="prebuilt")
        await sandbox.join_room(joined["room_id"], code=joined["room_code"], user_id="student-1")
        monkeypatch.setattr(HmsProvider, "replace_code", refused)
        removed = await webhook_tenant.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        assert removed.json()["enforcement"] == "pending"
        assert await webhook_tenant.present_users(joined["room_id"]) == []

    async def test_gets_no_room_code_from_legacy_endpoints(
        self, webhook_tenant: Tenant, api: Any, sandbox: Sandbox
    ) -> None:
        account = sandbox.account("therapy") | {"room_code_prefix": "therabook"}
        roles = {ProviderName.HMS: {"therapist": "host", "client": "guest"}}
        therapy = await make_tenant(webhook_tenant.broker, api, {ProviderName.HMS: account}, roles)
        starts_at = rfc3339(therapy.broker.now() + timedelta(minutes=5)).replace("Z", "")[:23] + "Z"
        body = {"therapistId": "therapist-1", "clientId": "client-1", "scheduledTime": starts_at, "duration": 50}
        created = (await therapy.post("/api/video-calls/rooms", body)).json()
        await therapy.post(f"/v1/bookings/{created['id']}/participants/client-1/remove", {"ban": True})
        as_client = {"headers": {"X-User-Id": "client-1"}}
        booking = (await therapy.get(f"/api/video-calls/booking/{created['id']}", **as_client)).json()
        listed = (await therapy.get("/api/video-calls/rooms", params={"clientId": "client-1"}, **as_client)).json()
        assert booking.get("roomCode") is None
        assert [each["roomCode"] for each in listed] == [None]


async def room_id_of(tenant: Tenant) -> str:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        statement = text("select provider_room_id from rooms where app_id = :app")
        return str((await unit_of_work.execute(statement, {"app": tenant.app.id})).scalar_one())


async def test_webhooks_with_a_time_in_the_future_are_stored_and_change_nothing(webhook_tenant: Tenant) -> None:
    await webhook_tenant.book()
    joined = await credentials(webhook_tenant)
    data = {
        "room_id": joined["room_id"],
        "session_id": "1" * 24,
        "peer_id": "p1",
        "user_id": "tutor-1",
        "role": "teacher",
        "joined_at": "9998-12-31T00:00:00Z",
    }
    body = json.dumps({"id": str(uuid4()), "type": "peer.join.success", "data": data})
    headers = {"Videobroker-Hook-Secret": HOOK_SECRET}
    await webhook_tenant.api.post(f"/hooks/100ms/{webhook_tenant.app.name}", content=body, headers=headers)
    await webhook_tenant.run_due_jobs()
    assert (await call_of(webhook_tenant, joined))["attendance"] == []
    (counted,) = (await webhook_tenant.get("/v1/diagnostics/webhooks")).json()["data"]
    assert (counted["state"], counted["note"]) == ("ignored", "lies in the future")


async def test_an_unavailable_code_is_refused_in_v1(webhook_tenant: Tenant) -> None:
    await webhook_tenant.book()
    await webhook_tenant.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
    assert error_code(await webhook_tenant.join(user_id="student-1", surface="prebuilt")) == "participant_removed"
