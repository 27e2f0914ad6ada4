"""Cleanup of webhooks and deliveries after their retention, and on erasure of a person."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from delivery.backend import Backend, deliver_due, respond, start_backend
from tenants import LESSON, MovableClock, Sandbox, Tenant
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.actors import Actor
from videobroker.domain.retention import MIN_RETENTION, RetentionPolicy
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.journal.erasure import ErasureResult, erase_person
from videobroker.usecases.operations import cleanup
from videobroker.usecases.operations.cleanup import delete_expired_history
from videobroker.usecases.webhooks import endpoints

MONTH = timedelta(days=30)


@pytest.fixture
async def local_tenant(webhook_tenant: Tenant) -> AsyncIterator[Tenant]:
    """An app whose webhooks can be delivered on this machine."""
    sender = WebhookSender(allow_private=True, seconds=60.0)
    yield replace(webhook_tenant, broker=replace(webhook_tenant.broker, webhook_sender=sender))
    await sender.aclose()


async def rows(tenant: Tenant, table: str) -> list[dict[str, Any]]:
    """The app's rows of a table, oldest first."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await unit_of_work.execute(
            text(f"select * from {table} where app_id = :app order by 1, 2"),  # noqa: S608  constant names
            {"app": tenant.app.id},
        )
        return [dict(row._mapping) for row in found]


async def join_and_leave(tenant: Tenant, sandbox: Sandbox, *people: str) -> None:
    """Let these people join and leave the lesson, and process the webhooks about it."""
    for person in people:
        credentials = (await tenant.join(user_id=person)).json()
        peer = await sandbox.join_room(credentials["room_id"], token=credentials["token"], name=f"Name of {person}")
        await sandbox.leave_room(credentials["room_id"], peer)
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()


async def replay(sandbox: Sandbox, room_id: str) -> None:
    """Resend all webhooks of the vendor about a room."""
    response = await sandbox.client.post("/_sandbox/webhooks/replay", json={"room_id": room_id})
    assert response.status_code == 200, response.text
    assert response.json()["events"]
    await sandbox.deliver_webhooks()


async def delete_expired(tenant: Tenant) -> int:
    return await delete_expired_history(tenant.broker, tenant.app.id, now=tenant.broker.now())


async def register_endpoint(tenant: Tenant, backend: Backend) -> None:
    """Register `backend` as an endpoint."""
    request = endpoints.EndpointRequest(backend.url)
    await endpoints.create(tenant.context, request)


class TestProviderWebhooks:
    async def test_they_are_deleted_after_a_month_and_attendance_is_unchanged(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        await join_and_leave(webhook_tenant, sandbox, "tutor-1", "student-1")
        (call,) = (await webhook_tenant.get("/v1/bookings/lesson-1/calls")).json()["data"]
        before = (await webhook_tenant.get(f"/v1/calls/{call['id']}")).json()
        assert len(before["attendance"]) == 2
        count = len(await rows(webhook_tenant, "inbox"))
        assert count > 3
        clock.move(days=29, hours=23)
        assert await delete_expired(webhook_tenant) == 0
        clock.move(hours=2)
        deleted = REGISTRY.get_sample_value("videobroker_deleted_rows_total", {"table": "inbox"}) or 0.0
        assert await delete_expired(webhook_tenant) == count
        assert REGISTRY.get_sample_value("videobroker_deleted_rows_total", {"table": "inbox"}) == deleted + count
        assert await rows(webhook_tenant, "inbox") == []
        after = (await webhook_tenant.get(f"/v1/calls/{call['id']}")).json()
        assert after["attendance"] == before["attendance"]

    async def test_pending_webhooks_are_never_deleted(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        credentials = (await webhook_tenant.join()).json()
        await sandbox.join_room(credentials["room_id"], token=credentials["token"])
        await sandbox.deliver_webhooks()
        waiting = [each["id"] for each in await rows(webhook_tenant, "inbox") if each["state"] == "pending"]
        assert waiting
        clock.move(days=400)
        await delete_expired(webhook_tenant)
        assert [each["id"] for each in await rows(webhook_tenant, "inbox")] == waiting
        for session_id in await webhook_tenant._sessions():
            assert await process_session(
                webhook_tenant.broker, webhook_tenant.app.id, session_id, now=webhook_tenant.broker.now()
            ) == len(waiting)

    async def test_a_replay_of_deleted_webhooks_changes_nothing(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        credentials = (await webhook_tenant.join()).json()
        peer = await sandbox.join_room(credentials["room_id"], token=credentials["token"])
        await sandbox.leave_room(credentials["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        (call,) = (await webhook_tenant.get("/v1/bookings/lesson-1/calls")).json()["data"]
        before = (await webhook_tenant.get(f"/v1/calls/{call['id']}")).json()
        stored = await rows(webhook_tenant, "inbox")
        journal = await webhook_tenant.events()
        clock.move(days=8)
        short_retention_broker = replace(webhook_tenant.broker, retention=RetentionPolicy(webhooks=MIN_RETENTION))
        assert await delete_expired_history(
            short_retention_broker, webhook_tenant.app.id, now=short_retention_broker.now()
        ) == len(stored)
        # An operator can do this in the vendor's dashboard.
        await replay(sandbox, credentials["room_id"])
        assert len(await rows(webhook_tenant, "inbox")) == len(stored)
        await webhook_tenant.run_due_jobs()
        after = (await webhook_tenant.get(f"/v1/calls/{call['id']}")).json()
        assert [
            {name: value for name, value in each.items() if name != "evidence"} for each in after["attendance"]
        ] == [{name: value for name, value in each.items() if name != "evidence"} for each in before["attendance"]]
        assert await webhook_tenant.events("participant.joined", "participant.left") == [
            each for each in journal if each["type"] in {"participant.joined", "participant.left"}
        ]

    async def test_with_unlimited_retention_they_are_never_deleted(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        await join_and_leave(webhook_tenant, sandbox, "tutor-1")
        count = len(await rows(webhook_tenant, "inbox"))
        clock.move(days=4000)
        unlimited_broker = replace(webhook_tenant.broker, retention=RetentionPolicy(webhooks=None, deliveries=None))
        assert await delete_expired_history(unlimited_broker, webhook_tenant.app.id, now=unlimited_broker.now()) == 0
        assert len(await rows(webhook_tenant, "inbox")) == count

    async def test_only_webhooks_of_the_app_are_deleted_in_several_transactions(
        self,
        webhook_tenant: Tenant,
        other: Tenant,
        sandbox: Sandbox,
        clock: MovableClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(cleanup, "BATCH_ROWS", 2)
        await webhook_tenant.book()
        await join_and_leave(webhook_tenant, sandbox, "tutor-1", "student-1")
        count = len(await rows(webhook_tenant, "inbox"))
        clock.move(days=31)
        assert await delete_expired(other) == 0
        assert (len(await rows(webhook_tenant, "inbox")), await delete_expired(webhook_tenant)) == (count, count)
        assert await rows(webhook_tenant, "inbox") == []


class TestDeliveries:
    async def test_completed_deliveries_are_deleted_after_a_month_and_pending_ones_are_not(
        self, local_tenant: Tenant, clock: MovableClock
    ) -> None:
        async with start_backend() as backend:
            await register_endpoint(local_tenant, backend)
            await local_tenant.book()
            await deliver_due(local_tenant)
            delivered = [each["id"] for each in await rows(local_tenant, "deliveries")]
            assert {each["state"] for each in await rows(local_tenant, "deliveries")} == {"delivered"}
            clock.move(days=1)
            backend.default_behavior = respond(503)
            await local_tenant.book("lesson-2")
            await deliver_due(local_tenant)
            waiting = {each["id"] for each in await rows(local_tenant, "deliveries")} - set(delivered)
            assert waiting
            clock.move(days=29, hours=1)
            assert await delete_expired(local_tenant) == len(delivered)
            left = await rows(local_tenant, "deliveries")
            assert {each["id"] for each in left} == waiting
            assert {each["state"] for each in left} == {"pending"}
            assert {each["delivery_id"] for each in await rows(local_tenant, "attempts")} == waiting
            clock.move(days=400)
            assert await delete_expired(local_tenant) == 0
            backend.default_behavior = respond()
            assert await deliver_due(local_tenant) == len(waiting)

    async def test_recently_retried_deliveries_are_retained_and_deleted_ones_are_not_sent_again(
        self, local_tenant: Tenant, clock: MovableClock
    ) -> None:
        async with start_backend() as backend:
            await register_endpoint(local_tenant, backend)
            await local_tenant.book()
            await deliver_due(local_tenant)
            first, *rest = await rows(local_tenant, "deliveries")
            await local_tenant.book("lesson-2")
            await deliver_due(local_tenant)
            clock.move(days=29)
            response = await local_tenant.post(f"/v1/deliveries/{first['id']}/retry")
            assert response.status_code in {200, 202}, response.text
            assert await deliver_due(local_tenant) == 1
            clock.move(days=2)
            assert await delete_expired(local_tenant) > len(rest)
            assert [each["id"] for each in await rows(local_tenant, "deliveries")] == [first["id"]]
            received = len(backend.received)
            assert await deliver_due(local_tenant) == 0
            assert len(backend.received) == received


class TestErasure:
    async def erase(self, tenant: Tenant, user_id: str) -> ErasureResult:
        now = tenant.broker.now()
        return await erase_person(tenant.broker, tenant.app.id, user_id, actor=Actor(tenant.app.id), now=now)

    async def test_it_empties_only_webhooks_about_the_person(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        await join_and_leave(webhook_tenant, sandbox, "tutor-1", "student-1")
        before = {each["id"]: each for each in await rows(webhook_tenant, "inbox")}
        theirs = {key for key, each in before.items() if b"student-1" in each["body"]}
        assert len(theirs) >= 2
        erased = await self.erase(webhook_tenant, "student-1")
        assert (erased.webhooks, erased.unprocessed) == (len(theirs), 0)
        after = {each["id"]: each for each in await rows(webhook_tenant, "inbox")}
        assert {key for key, each in after.items() if each["body"] == b""} == theirs
        assert b"Name of student-1" not in b"".join(each["body"] for each in after.values())
        for key, each in after.items():
            assert each | {"body": None} == before[key] | {"body": None}
        assert (await self.erase(webhook_tenant, "student-1")).webhooks == 0

    async def test_deduplication_still_works_afterwards(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await sandbox.set_webhook_behavior(duplicates=2)
        await webhook_tenant.book()
        credentials = (await webhook_tenant.join(user_id="student-1")).json()
        await sandbox.join_room(credentials["room_id"], token=credentials["token"], name="Name of student-1")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        count = len(await rows(webhook_tenant, "inbox"))
        await self.erase(webhook_tenant, "student-1")
        await replay(sandbox, credentials["room_id"])
        assert len(await rows(webhook_tenant, "inbox")) == count
        assert b"student-1" not in b"".join(each["body"] for each in await rows(webhook_tenant, "inbox"))

    async def test_it_processes_pending_webhooks_first(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        credentials = (await webhook_tenant.join(user_id="student-1")).json()
        await sandbox.join_room(credentials["room_id"], token=credentials["token"])
        await sandbox.deliver_webhooks()
        waiting = sum(
            each["state"] == "pending" and b"student-1" in each["body"] for each in await rows(webhook_tenant, "inbox")
        )
        assert waiting > 0
        erased = await self.erase(webhook_tenant, "student-1")
        assert (erased.webhooks, erased.unprocessed) == (waiting, 0)
        (call,) = (await webhook_tenant.get("/v1/bookings/lesson-1/calls")).json()["data"]
        assert call["people"] == 1
        assert b"student-1" not in b"".join(each["body"] for each in await rows(webhook_tenant, "inbox"))

    async def test_it_erases_webhooks_that_cannot_be_processed(
        self, webhook_tenant: Tenant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object, **__: object) -> bool:
            raise RuntimeError("cannot be processed")

        await webhook_tenant.book()
        credentials = (await webhook_tenant.join(user_id="student-1")).json()
        await sandbox.join_room(credentials["room_id"], token=credentials["token"])
        await sandbox.deliver_webhooks()
        theirs = {each["id"] for each in await rows(webhook_tenant, "inbox") if b"student-1" in each["body"]}
        with monkeypatch.context() as patch:
            patch.setattr("videobroker.usecases.attendance.process_webhooks.add_observations", fail)
            erased = await self.erase(webhook_tenant, "student-1")
        assert (erased.webhooks, erased.unprocessed) == (len(theirs), len(theirs))
        found = {each["id"]: each for each in await rows(webhook_tenant, "inbox")}
        assert {(found[each]["state"], found[each]["note"], found[each]["body"]) for each in theirs} == {
            ("ignored", "names a person who was erased", b"")
        }
        await webhook_tenant.run_due_jobs()
        assert {each["state"] for each in await rows(webhook_tenant, "inbox")} <= {"applied", "ignored"}

    async def test_it_finds_people_by_their_agora_uid(self, agora_webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await agora_webhook_tenant.book()
        for person in ("tutor-1", "student-1"):
            credentials = (await agora_webhook_tenant.join(user_id=person)).json()
            await sandbox.join_channel(credentials)
            await sandbox.leave_channel(credentials)
        await sandbox.deliver_webhooks()
        await agora_webhook_tenant.run_due_jobs()
        uid = next(each["uid"] for each in await rows(agora_webhook_tenant, "uids") if each["user_id"] == "student-1")
        theirs = [
            each["id"]
            for each in await rows(agora_webhook_tenant, "inbox")
            # Join and leave (`uid`), and the end of the channel if they left last (`lastUid`).
            if uid in json.loads(each["body"])["payload"].values()
        ]
        assert len(theirs) >= 2
        assert (await self.erase(agora_webhook_tenant, "student-1")).webhooks == len(theirs)
        erased_ids = [each["id"] for each in await rows(agora_webhook_tenant, "inbox") if each["body"] == b""]
        assert erased_ids == theirs

    async def test_it_erases_responses_of_receivers_about_the_person(self, local_tenant: Tenant) -> None:
        async with start_backend() as backend:
            backend.default_behavior = respond(200, b"saved Student One")
            await register_endpoint(local_tenant, backend)
            await local_tenant.book()
            await local_tenant.join(user_id="student-1")
            await local_tenant.join(user_id="tutor-1")
            await local_tenant.book(
                "lesson-2", participants=[person for person in LESSON if person["user_id"] != "student-1"]
            )
            await deliver_due(local_tenant)
            about = {each["id"] for each in await local_tenant.events(user_id="student-1")}
            elsewhere = {each["id"] for each in await local_tenant.events(reference="lesson-2", kind="booking")}
            assert about
            assert elsewhere
            await self.erase(local_tenant, "student-1")
            events = {each["id"]: str(each["event_id"]) for each in await rows(local_tenant, "deliveries")}
            stored = {events[each["delivery_id"]]: each["body"] for each in await rows(local_tenant, "attempts")}
            assert {stored[each] for each in about} == {""}
            assert {stored[each] for each in elsewhere} == {"saved Student One"}
