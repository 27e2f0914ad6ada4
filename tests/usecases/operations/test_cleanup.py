"""What was needed once goes after its time, in all that nothing depends on; and what names a person goes on request."""

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
async def near(webhook_tenant: Tenant) -> AsyncIterator[Tenant]:
    """An app whose webhooks can be delivered on this machine."""
    courier = WebhookSender(allow_private=True, seconds=60.0)
    yield replace(webhook_tenant, broker=replace(webhook_tenant.broker, webhook_sender=courier))
    await courier.aclose()


async def rows(tenant: Tenant, table: str) -> list[dict[str, Any]]:
    """What the app has in a table, oldest first."""
    async with tenant.broker.store.transaction() as unit_of_work:
        found = await unit_of_work.execute(
            text(f"select * from {table} where app_id = :app order by 1, 2"),  # noqa: S608  our own names
            {"app": tenant.app.id},
        )
        return [dict(row._mapping) for row in found]


async def meet(tenant: Tenant, sandbox: Sandbox, *people: str) -> None:
    """They come to the lesson and leave it; the provider tells of it, and it is applied."""
    for person in people:
        credentials = (await tenant.join(user_id=person)).json()
        peer = await sandbox.join_room(credentials["room_id"], token=credentials["token"], name=f"Name of {person}")
        await sandbox.leave_room(credentials["room_id"], peer)
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()


async def replay(sandbox: Sandbox, room_id: str) -> None:
    """Resend all webhooks of the vendor about a room."""
    answered = await sandbox.client.post("/_sandbox/webhooks/replay", json={"room_id": room_id})
    assert answered.status_code == 200, answered.text
    assert answered.json()["events"]
    await sandbox.deliver_webhooks()


async def cleared(tenant: Tenant) -> int:
    return await delete_expired_history(tenant.broker, tenant.app.id, now=tenant.broker.now())


async def hear_of(tenant: Tenant, backend: Backend) -> None:
    """Make `backend` hear what happens."""
    request = endpoints.EndpointRequest(backend.url)
    await endpoints.create(tenant.context, request)


class TestWebhooksOfProviders:
    async def test_go_after_a_month_and_the_attendance_that_rests_on_them_stays(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        await meet(webhook_tenant, sandbox, "tutor-1", "student-1")
        (call,) = (await webhook_tenant.get("/v1/bookings/lesson-1/calls")).json()["data"]
        before = (await webhook_tenant.get(f"/v1/calls/{call['id']}")).json()
        assert len(before["attendance"]) == 2
        count = len(await rows(webhook_tenant, "inbox"))
        assert count > 3
        clock.move(days=29, hours=23)
        assert await cleared(webhook_tenant) == 0
        clock.move(hours=2)
        deleted = REGISTRY.get_sample_value("videobroker_deleted_rows_total", {"table": "inbox"}) or 0.0
        assert await cleared(webhook_tenant) == count
        assert REGISTRY.get_sample_value("videobroker_deleted_rows_total", {"table": "inbox"}) == deleted + count
        assert await rows(webhook_tenant, "inbox") == []
        after = (await webhook_tenant.get(f"/v1/calls/{call['id']}")).json()
        assert after["attendance"] == before["attendance"]

    async def test_that_wait_to_be_applied_stay_however_old_they_are(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        credentials = (await webhook_tenant.join()).json()
        await sandbox.join_room(credentials["room_id"], token=credentials["token"])
        await sandbox.deliver_webhooks()
        waiting = [each["id"] for each in await rows(webhook_tenant, "inbox") if each["state"] == "pending"]
        assert waiting
        clock.move(days=400)
        await cleared(webhook_tenant)
        assert [each["id"] for each in await rows(webhook_tenant, "inbox")] == waiting
        for session_id in await webhook_tenant._sessions():
            assert await process_session(
                webhook_tenant.broker, webhook_tenant.app.id, session_id, now=webhook_tenant.broker.now()
            ) == len(waiting)

    async def test_that_come_again_after_they_went_change_nothing(
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
        hasty = replace(webhook_tenant.broker, retention=RetentionPolicy(webhooks=MIN_RETENTION))
        assert await delete_expired_history(hasty, webhook_tenant.app.id, now=hasty.now()) == len(stored)
        # As an operator can do in the vendor's dashboard.
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

    async def test_of_a_deployment_that_keeps_them_for_good_never_go(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        await meet(webhook_tenant, sandbox, "tutor-1")
        count = len(await rows(webhook_tenant, "inbox"))
        clock.move(days=4000)
        keeper = replace(webhook_tenant.broker, retention=RetentionPolicy(webhooks=None, deliveries=None))
        assert await delete_expired_history(keeper, webhook_tenant.app.id, now=keeper.now()) == 0
        assert len(await rows(webhook_tenant, "inbox")) == count

    async def test_of_another_app_are_not_touched_and_more_than_one_transaction_takes_all_go(
        self,
        webhook_tenant: Tenant,
        other: Tenant,
        sandbox: Sandbox,
        clock: MovableClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(cleanup, "BATCH_ROWS", 2)
        await webhook_tenant.book()
        await meet(webhook_tenant, sandbox, "tutor-1", "student-1")
        count = len(await rows(webhook_tenant, "inbox"))
        clock.move(days=31)
        assert await cleared(other) == 0
        assert (len(await rows(webhook_tenant, "inbox")), await cleared(webhook_tenant)) == (count, count)
        assert await rows(webhook_tenant, "inbox") == []


class TestDeliveries:
    async def test_go_a_month_after_their_end_and_those_on_their_way_stay(
        self, near: Tenant, clock: MovableClock
    ) -> None:
        async with start_backend() as backend:
            await hear_of(near, backend)
            await near.book()
            await deliver_due(near)
            delivered = [each["id"] for each in await rows(near, "deliveries")]
            assert {each["state"] for each in await rows(near, "deliveries")} == {"delivered"}
            clock.move(days=1)
            backend.default_behavior = respond(503)
            await near.book("lesson-2")
            await deliver_due(near)
            waiting = {each["id"] for each in await rows(near, "deliveries")} - set(delivered)
            assert waiting
            clock.move(days=29, hours=1)
            assert await cleared(near) == len(delivered)
            left = await rows(near, "deliveries")
            assert {each["id"] for each in left} == waiting
            assert {each["state"] for each in left} == {"pending"}
            assert {each["delivery_id"] for each in await rows(near, "attempts")} == waiting
            clock.move(days=400)
            assert await cleared(near) == 0
            backend.default_behavior = respond()
            assert await deliver_due(near) == len(waiting)

    async def test_that_were_sent_once_more_lately_stay_and_what_went_is_not_sent_again(
        self, near: Tenant, clock: MovableClock
    ) -> None:
        async with start_backend() as backend:
            await hear_of(near, backend)
            await near.book()
            await deliver_due(near)
            first, *rest = await rows(near, "deliveries")
            await near.book("lesson-2")
            await deliver_due(near)
            clock.move(days=29)
            answered = await near.post(f"/v1/deliveries/{first['id']}/retry")
            assert answered.status_code in {200, 202}, answered.text
            assert await deliver_due(near) == 1
            clock.move(days=2)
            assert await cleared(near) > len(rest)
            assert [each["id"] for each in await rows(near, "deliveries")] == [first["id"]]
            received = len(backend.received)
            assert await deliver_due(near) == 0
            assert len(backend.received) == received


class TestErasing:
    async def erase(self, tenant: Tenant, user_id: str) -> ErasureResult:
        now = tenant.broker.now()
        return await erase_person(tenant.broker, tenant.app.id, user_id, actor=Actor(tenant.app.id), now=now)

    async def test_empties_the_webhooks_that_tell_of_the_person_and_no_others(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        await meet(webhook_tenant, sandbox, "tutor-1", "student-1")
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

    async def test_keeps_deduplication_so_that_none_is_processed_again(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
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

    async def test_processes_pending_webhooks_first(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
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

    async def test_erases_webhooks_that_cannot_be_processed(
        self, webhook_tenant: Tenant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*_: object, **__: object) -> bool:
            raise RuntimeError("cannot be processed")

        await webhook_tenant.book()
        credentials = (await webhook_tenant.join(user_id="student-1")).json()
        await sandbox.join_room(credentials["room_id"], token=credentials["token"])
        await sandbox.deliver_webhooks()
        theirs = {each["id"] for each in await rows(webhook_tenant, "inbox") if b"student-1" in each["body"]}
        with monkeypatch.context() as patch:
            patch.setattr("videobroker.usecases.attendance.process_webhooks.add_observations", broken)
            erased = await self.erase(webhook_tenant, "student-1")
        assert (erased.webhooks, erased.unprocessed) == (len(theirs), len(theirs))
        found = {each["id"]: each for each in await rows(webhook_tenant, "inbox")}
        assert {(found[each]["state"], found[each]["note"], found[each]["body"]) for each in theirs} == {
            ("ignored", "names a person who was erased", b"")
        }
        await webhook_tenant.run_due_jobs()
        assert {each["state"] for each in await rows(webhook_tenant, "inbox")} <= {"applied", "ignored"}

    async def test_finds_people_by_the_numbers_that_agora_knows_them_by(
        self, agora_webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await agora_webhook_tenant.book()
        for person in ("tutor-1", "student-1"):
            credentials = (await agora_webhook_tenant.join(user_id=person)).json()
            await sandbox.join_channel(credentials)
            await sandbox.leave_channel(credentials)
        await sandbox.deliver_webhooks()
        await agora_webhook_tenant.run_due_jobs()
        number = next(
            each["uid"] for each in await rows(agora_webhook_tenant, "uids") if each["user_id"] == "student-1"
        )
        theirs = [
            each["id"]
            for each in await rows(agora_webhook_tenant, "inbox")
            # Their joining and leaving (`uid`), and perhaps the end of the channel, which they left last (`lastUid`).
            if number in json.loads(each["body"])["payload"].values()
        ]
        assert len(theirs) >= 2
        assert (await self.erase(agora_webhook_tenant, "student-1")).webhooks == len(theirs)
        emptied = [each["id"] for each in await rows(agora_webhook_tenant, "inbox") if each["body"] == b""]
        assert emptied == theirs

    async def test_empties_what_receivers_answered_to_events_about_the_person(self, near: Tenant) -> None:
        async with start_backend() as backend:
            backend.default_behavior = respond(200, b"saved Student One")
            await hear_of(near, backend)
            await near.book()
            await near.join(user_id="student-1")
            await near.join(user_id="tutor-1")
            await near.book("lesson-2", participants=[person for person in LESSON if person["user_id"] != "student-1"])
            await deliver_due(near)
            about = {each["id"] for each in await near.events(user_id="student-1")}
            elsewhere = {each["id"] for each in await near.events(reference="lesson-2", kind="booking")}
            assert about
            assert elsewhere
            await self.erase(near, "student-1")
            events = {each["id"]: str(each["event_id"]) for each in await rows(near, "deliveries")}
            stored = {events[each["delivery_id"]]: each["body"] for each in await rows(near, "attempts")}
            assert {stored[each] for each in about} == {""}
            assert {stored[each] for each in elsewhere} == {"saved Student One"}
