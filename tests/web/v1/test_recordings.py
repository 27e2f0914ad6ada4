"""Recordings of the provider: reported by webhooks, journaled once, and not part of the attendance."""

import json
from typing import Any

from tenants import HOOK_SECRET, MovableClock, Sandbox, Tenant, with_webhooks
from videobroker.domain.times import rfc3339

RECORDINGS = ("recording.started", "recording.ready", "recording.failed")


async def start_call(tenant: Tenant, sandbox: Sandbox, user_id: str = "tutor-1", reference: str = "lesson-1") -> Any:
    """A person is in the room. Returns their join credentials."""
    response = await tenant.join(reference, user_id)
    assert response.status_code == 200, response.text
    credentials = response.json()
    await sandbox.join_room(credentials["room_id"], token=credentials["token"])
    return credentials


async def record(sandbox: Sandbox, clock: MovableClock, room_id: str, minutes: int = 3, **error: str) -> None:
    """The provider records for this time."""
    path = f"/_sandbox/rooms/{room_id}/recorder"
    assert (await sandbox.client.post(path)).status_code == 200
    clock.move(minutes=minutes)
    assert (await sandbox.client.delete(path, params=error)).status_code == 200


async def recording_events(tenant: Tenant) -> list[dict[str, Any]]:
    """The events about recordings."""
    return await tenant.events(*RECORDINGS)


async def send_webhook(tenant: Tenant, kind: str, data: dict[str, Any], event_id: str) -> None:
    """100ms sends a webhook."""
    body = {
        "version": "2.0",
        "id": event_id,
        "timestamp": rfc3339(tenant.broker.now().replace(microsecond=0)),
        "type": kind,
        "data": data,
    }
    headers = {"Videobroker-Hook-Secret": HOOK_SECRET}
    response = await tenant.api.post(f"/hooks/100ms/{tenant.app.name}", content=json.dumps(body), headers=headers)
    assert response.status_code == 200, response.text


class TestARecording:
    async def test_is_journaled_with_its_call_and_is_in_no_attendance(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = await start_call(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        started, ready = await recording_events(webhook_tenant)
        assert [started["type"], ready["type"]] == ["recording.started", "recording.ready"]
        assert {each["data"]["call"] for each in (started, ready)} == {tutor["call"]["id"]}
        assert started["data"]["recording"] == ready["data"]["recording"]
        assert (ready["session"]["reference"], ready["user_id"]) == ("lesson-1", None)
        assert (ready["data"]["provider"], ready["data"]["kind"]) == ("100ms", "composite")
        assert 180 <= ready["data"]["duration_seconds"] <= 240
        assert ready["data"]["size_bytes"] > 0
        assert ready["data"]["started_at"] < ready["data"]["stopped_at"]
        call = (await webhook_tenant.get(f"/v1/calls/{tutor['call']['id']}")).json()
        assert [each["user_id"] for each in call["attendance"]] == ["tutor-1"]

    async def test_is_journaled_once_however_often_and_in_whatever_order_the_provider_reports_it(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await sandbox.set_webhook_behavior(duplicates=2, shuffle=True, new_ids=True)
        await webhook_tenant.book()
        tutor = await start_call(webhook_tenant, sandbox)
        for _ in range(2):
            await record(sandbox, clock, tutor["room_id"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        await sandbox.client.post("/_sandbox/webhooks/replay", json={"new_ids": True})
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        events = await recording_events(webhook_tenant)
        assert sorted(each["type"] for each in events) == ["recording.ready"] * 2 + ["recording.started"] * 2
        assert len({(each["type"], each["data"]["recording"]) for each in events}) == 4
        assert {each["data"]["call"] for each in events} == {tutor["call"]["id"]}

    async def test_that_fails_is_journaled_with_the_reason_but_no_url(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = await start_call(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"], error_type="UPLOAD_ERROR")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        _, failed = await recording_events(webhook_tenant)
        assert (failed["type"], failed["data"]["reason"]) == ("recording.failed", "UPLOAD_ERROR")
        assert failed["data"]["message"] == "recording failed at [removed]"

    async def test_is_journaled_without_the_url_of_a_file(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = await start_call(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"])
        await record(sandbox, clock, tutor["room_id"], error_type="MAX_RETRIES_REACHED")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        events = await recording_events(webhook_tenant)
        assert len(events) == 4
        journal = json.dumps(events)
        assert not [part for part in ("://", "Amz", ".mp4", "sandbox-recordings") if part in journal]

    async def test_that_is_reported_long_after_its_call_belongs_to_it(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await sandbox.set_webhook_behavior(hold=10_000)
        await webhook_tenant.book()
        tutor = await start_call(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"])
        await webhook_tenant.post("/v1/bookings/lesson-1/end")
        clock.move(minutes=5)
        again = (await webhook_tenant.join()).json()
        assert again["call"]["id"] != tutor["call"]["id"]
        clock.move(hours=3)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert {each["data"]["call"] for each in await recording_events(webhook_tenant)} == {tutor["call"]["id"]}

    async def test_of_a_room_without_a_known_call_is_journaled(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = (await webhook_tenant.join()).json()
        await webhook_tenant.post("/v1/bookings/lesson-1/end")
        clock.move(hours=2)
        data = {"room_id": tutor["room_id"], "beam_id": "b" * 24, "session_id": "5" * 24, "recording_enabled": True}
        await send_webhook(webhook_tenant, "beam.started.success", data, "e1")
        await webhook_tenant.run_due_jobs()
        (started,) = await recording_events(webhook_tenant)
        assert (started["data"]["call"], started["data"]["recording"]) == (None, "b" * 24)


class TestSharedRooms:
    """An account with a fixed room: a recording belongs to the session with the call, if there is only one."""

    async def test_a_recording_belongs_to_the_only_session_with_a_call(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book("elsewhere")
        room_id = (await webhook_tenant.join("elsewhere")).json()["room_id"]
        shared = await with_webhooks(webhook_tenant, sandbox, room_id=room_id)
        await shared.post("/v1/bookings/elsewhere/end")
        clock.move(minutes=5)
        await shared.book("first")
        await start_call(shared, sandbox, reference="first")
        await record(sandbox, clock, room_id)
        await sandbox.deliver_webhooks()
        await shared.run_due_jobs()
        events = await recording_events(shared)
        assert [(each["type"], each["session"]["reference"]) for each in events] == [
            ("recording.started", "first"),
            ("recording.ready", "first"),
        ]

    async def test_a_recording_of_several_sessions_belongs_to_none(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book("elsewhere")
        room_id = (await webhook_tenant.join("elsewhere")).json()["room_id"]
        shared = await with_webhooks(webhook_tenant, sandbox, room_id=room_id)
        await shared.book("first")
        await start_call(shared, sandbox, reference="first")
        await record(sandbox, clock, room_id)
        await sandbox.deliver_webhooks()
        await shared.run_due_jobs()
        assert await recording_events(shared) == []
        counted = (await shared.get("/v1/diagnostics/webhooks")).json()["data"]
        notes = {each["type"]: each["note"] for each in counted if each["type"].startswith("beam.")}
        assert notes["beam.recording.success"] == "is about a recording of no single session"
