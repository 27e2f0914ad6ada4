"""What providers record by themselves: told by webhooks, in the journal once, and nobody's attendance."""

import json
from typing import Any

from tenants import HOOK_SECRET, MovableClock, Sandbox, Tenant, with_webhooks
from videobroker.domain.times import rfc3339

RECORDINGS = ("recording.started", "recording.ready", "recording.failed")


async def begun(tenant: Tenant, sandbox: Sandbox, user_id: str = "tutor-1", reference: str = "lesson-1") -> Any:
    """Somebody is in the room; their join credentials."""
    response = await tenant.join(reference, user_id)
    assert response.status_code == 200, response.text
    credentials = response.json()
    await sandbox.join_room(credentials["room_id"], token=credentials["token"])
    return credentials


async def record(sandbox: Sandbox, clock: MovableClock, room_id: str, minutes: int = 3, **error: str) -> None:
    """The provider records for so long."""
    path = f"/_sandbox/rooms/{room_id}/recorder"
    assert (await sandbox.client.post(path)).status_code == 200
    clock.move(minutes=minutes)
    assert (await sandbox.client.delete(path, params=error)).status_code == 200


async def told(tenant: Tenant) -> list[dict[str, Any]]:
    """What the journal says of recordings."""
    return await tenant.events(*RECORDINGS)


async def hear(tenant: Tenant, kind: str, data: dict[str, Any], event_id: str) -> None:
    """100ms tells something."""
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
    async def test_is_in_the_journal_with_its_call_and_nobodys_attendance(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = await begun(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        started, ready = await told(webhook_tenant)
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

    async def test_is_told_once_however_often_and_in_whatever_order_the_provider_tells_it(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await sandbox.set_webhook_behavior(duplicates=2, shuffle=True, new_ids=True)
        await webhook_tenant.book()
        tutor = await begun(webhook_tenant, sandbox)
        for _ in range(2):
            await record(sandbox, clock, tutor["room_id"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        await sandbox.client.post("/_sandbox/webhooks/replay", json={"new_ids": True})
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        events = await told(webhook_tenant)
        assert sorted(each["type"] for each in events) == ["recording.ready"] * 2 + ["recording.started"] * 2
        assert len({(each["type"], each["data"]["recording"]) for each in events}) == 4
        assert {each["data"]["call"] for each in events} == {tutor["call"]["id"]}

    async def test_that_fails_says_why_and_holds_no_address(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = await begun(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"], error_type="UPLOAD_ERROR")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        _, failed = await told(webhook_tenant)
        assert (failed["type"], failed["data"]["reason"]) == ("recording.failed", "UPLOAD_ERROR")
        assert failed["data"]["message"] == "recording failed at [removed]"

    async def test_never_brings_the_address_of_a_file_into_the_journal(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = await begun(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"])
        await record(sandbox, clock, tutor["room_id"], error_type="MAX_RETRIES_REACHED")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        events = await told(webhook_tenant)
        assert len(events) == 4
        journal = json.dumps(events)
        assert not [part for part in ("://", "Amz", ".mp4", "sandbox-recordings") if part in journal]

    async def test_that_comes_long_after_its_call_still_belongs_to_it(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await sandbox.set_webhook_behavior(hold=10_000)
        await webhook_tenant.book()
        tutor = await begun(webhook_tenant, sandbox)
        await record(sandbox, clock, tutor["room_id"])
        await webhook_tenant.post("/v1/bookings/lesson-1/end")
        clock.move(minutes=5)
        again = (await webhook_tenant.join()).json()
        assert again["call"]["id"] != tutor["call"]["id"]
        clock.move(hours=3)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert {each["data"]["call"] for each in await told(webhook_tenant)} == {tutor["call"]["id"]}

    async def test_of_a_room_in_which_no_call_is_known_is_told_all_the_same(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = (await webhook_tenant.join()).json()
        await webhook_tenant.post("/v1/bookings/lesson-1/end")
        clock.move(hours=2)
        data = {"room_id": tutor["room_id"], "beam_id": "b" * 24, "session_id": "5" * 24, "recording_enabled": True}
        await hear(webhook_tenant, "beam.started.success", data, "e1")
        await webhook_tenant.run_due_jobs()
        (started,) = await told(webhook_tenant)
        assert (started["data"]["call"], started["data"]["recording"]) == (None, "b" * 24)


class TestARoomThatSessionsShare:
    """An account with a fixed room: a recording belongs to whose call it holds, if that is one only."""

    async def test_gives_a_recording_to_the_only_session_with_a_call(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book("elsewhere")
        room_id = (await webhook_tenant.join("elsewhere")).json()["room_id"]
        shared = await with_webhooks(webhook_tenant, sandbox, room_id=room_id)
        await shared.post("/v1/bookings/elsewhere/end")
        clock.move(minutes=5)
        await shared.book("first")
        await begun(shared, sandbox, reference="first")
        await record(sandbox, clock, room_id)
        await sandbox.deliver_webhooks()
        await shared.run_due_jobs()
        events = await told(shared)
        assert [(each["type"], each["session"]["reference"]) for each in events] == [
            ("recording.started", "first"),
            ("recording.ready", "first"),
        ]

    async def test_gives_it_to_nobody_when_several_are_in_it(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book("elsewhere")
        room_id = (await webhook_tenant.join("elsewhere")).json()["room_id"]
        shared = await with_webhooks(webhook_tenant, sandbox, room_id=room_id)
        await shared.book("first")
        await begun(shared, sandbox, reference="first")
        await record(sandbox, clock, room_id)
        await sandbox.deliver_webhooks()
        await shared.run_due_jobs()
        assert await told(shared) == []
        counted = (await shared.get("/v1/diagnostics/webhooks")).json()["data"]
        notes = {each["type"]: each["note"] for each in counted if each["type"].startswith("beam.")}
        assert notes["beam.recording.success"] == "is about a recording of no single session"
