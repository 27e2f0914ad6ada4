"""No decision about who attended is made while webhooks of the session are not processed.

Both people are in the call until its end. Then the vendor's attendance API is down, so that only the webhooks prove it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from tenants import MovableClock, Sandbox, Tenant
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import SessionId, WebhookId, uuid7
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.attendance.inbox_writer import IncomingWebhook
from videobroker.storage.calls import calls
from videobroker.usecases.attendance import process_webhooks
from videobroker.usecases.attendance.process_webhooks import MAX_WEBHOOK_DELAY, process_session
from videobroker.usecases.attendance.reconciliation import GIVE_UP_AFTER, reconcile_call
from videobroker.usecases.lifecycle import WEBHOOK_RETRY_DELAY, run_due_steps

AFTER_NO_SHOWS = timedelta(minutes=20) + GIVE_UP_AFTER
AFTER_WINDOW = timedelta(hours=2) + GIVE_UP_AFTER
LATER = timedelta(seconds=1)


async def join_all(tenant: Tenant, sandbox: Sandbox) -> None:
    """Ada and Ben join the call."""
    for user_id in ("tutor-1", "student-1"):
        joined = (await tenant.join(user_id=user_id)).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])


async def session_of(tenant: Tenant) -> SessionId:
    (session_id,) = await tenant._sessions()
    return session_id


async def next_step_at(tenant: Tenant) -> datetime:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        statement = text("select attend_at from sessions where app_id = :app")
        found: datetime = (await unit_of_work.execute(statement, {"app": tenant.app.id})).scalar_one()
        return found


@asynccontextmanager
async def another_worker(tenant: Tenant) -> AsyncIterator[None]:
    """Another worker is processing all pending webhooks of the session, and fails in the end."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        assert await webhook_inbox.claim_pending(unit_of_work, tenant.app.id, await session_of(tenant))
        yield


async def run_steps(tenant: Tenant) -> None:
    """Run the due steps, without processing webhooks first."""
    await run_due_steps(tenant.broker, tenant.app.id, await session_of(tenant), now=tenant.broker.now())


async def reconcile_all(tenant: Tenant) -> None:
    session_id = await session_of(tenant)
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await calls.newest_of_session(unit_of_work, tenant.app.id, session_id)
    for call in found:
        await reconcile_call(tenant.broker, tenant.app.id, session_id, call.id, now=tenant.broker.now())


async def verdicts(tenant: Tenant) -> tuple[bool, set[str]]:
    """Whether the verdicts are final, and all verdicts."""
    report = (await tenant.get("/v1/bookings/lesson-1/attendance")).json()
    return report["final"], {each["verdict"] for each in report["participants"]}


async def receive_unprocessable(tenant: Tenant) -> None:
    """Receive a webhook of an account that is not configured any more."""
    now = tenant.broker.now()
    await tenant.broker.inbox_writer.record(
        IncomingWebhook(
            app_id=tenant.app.id,
            id=WebhookId(uuid7(now)),
            provider=ProviderName.AGORA,
            event_id=str(uuid4()),
            dedup_key=None,
            type="103",
            provider_room_id=None,
            session_id=await session_of(tenant),
            sent_at=None,
            received_at=now,
            body=b"{}",
            ignored=None,
        )
    )


@pytest.fixture
async def lesson(webhook_tenant: Tenant, sandbox: Sandbox) -> AsyncIterator[Tenant]:
    """A booking. The people in it are known from webhooks only, which are stored and not processed."""
    await webhook_tenant.book()
    await webhook_tenant.join()
    # The vendor reports that the call is empty: the absence of all others is proved, too.
    await reconcile_all(webhook_tenant)
    await join_all(webhook_tenant, sandbox)
    await sandbox.deliver_webhooks()
    await sandbox.inject_fault("status", operation="list_sessions", status=500)
    yield webhook_tenant
    await sandbox.clear_faults()


async def test_people_of_stored_webhooks_are_no_no_shows(lesson: Tenant, clock: MovableClock) -> None:
    clock.move(seconds=AFTER_NO_SHOWS.total_seconds())
    await run_steps(lesson)
    assert await lesson.events("participant.no_show") == []


async def test_no_no_shows_are_reported_while_another_worker_processes_webhooks(
    lesson: Tenant, clock: MovableClock
) -> None:
    clock.move(seconds=AFTER_NO_SHOWS.total_seconds())
    async with another_worker(lesson):
        await run_steps(lesson)
        assert await next_step_at(lesson) <= lesson.broker.now() + WEBHOOK_RETRY_DELAY
        assert await lesson.events("participant.no_show") == []
    clock.move(seconds=WEBHOOK_RETRY_DELAY.total_seconds())
    await run_steps(lesson)
    assert await lesson.events("participant.no_show", "participant.joined") == await lesson.events("participant.joined")
    assert await next_step_at(lesson) > lesson.broker.now() + WEBHOOK_RETRY_DELAY


async def test_no_verdict_is_final_while_another_worker_processes_webhooks(lesson: Tenant, clock: MovableClock) -> None:
    clock.move(seconds=AFTER_WINDOW.total_seconds())
    async with another_worker(lesson):
        await run_steps(lesson)
        clock.move(seconds=GIVE_UP_AFTER.total_seconds())
        await run_steps(lesson)
        assert (await verdicts(lesson))[0] is False
        assert await lesson.events("call.settled", "session.closed") == []
    clock.move(seconds=GIVE_UP_AFTER.total_seconds())
    await run_steps(lesson)
    final, found = await verdicts(lesson)
    assert final
    assert "absent" not in found


async def test_no_call_is_settled_while_another_worker_processes_webhooks(lesson: Tenant, clock: MovableClock) -> None:
    await lesson.post("/v1/bookings/lesson-1/end")
    clock.move(seconds=(GIVE_UP_AFTER + LATER).total_seconds())
    async with another_worker(lesson):
        await reconcile_all(lesson)
        assert await lesson.events("call.settled") == []
    await reconcile_all(lesson)
    (settled,) = await lesson.events("call.settled")
    assert settled["data"]["people"] == 2


async def test_an_empty_group_call_does_not_end_while_another_worker_processes_webhooks(
    webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await webhook_tenant.create_group()
    joined = (await webhook_tenant.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).json()
    peer = await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.leave_room(joined["room_id"], peer)
    await sandbox.deliver_webhooks()
    await process_session(
        webhook_tenant.broker, webhook_tenant.app.id, await session_of(webhook_tenant), now=webhook_tenant.broker.now()
    )
    clock.move(minutes=20)
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()
    await sandbox.inject_fault("status", operation="list_sessions", status=500)
    async with another_worker(webhook_tenant):
        await run_steps(webhook_tenant)
        assert await webhook_tenant.events("call.ended") == []
    await run_steps(webhook_tenant)
    assert await webhook_tenant.events("call.ended") == []


async def test_a_webhook_that_cannot_be_processed_delays_a_verdict_for_a_limited_time(
    lesson: Tenant, clock: MovableClock
) -> None:
    await lesson.post("/v1/bookings/lesson-1/end")
    clock.move(seconds=AFTER_WINDOW.total_seconds())
    await receive_unprocessable(lesson)
    await run_steps(lesson)
    assert (await verdicts(lesson))[0] is False
    clock.move(seconds=(MAX_WEBHOOK_DELAY + LATER).total_seconds())
    await reconcile_all(lesson)
    await run_steps(lesson)
    assert (await verdicts(lesson))[0] is True


async def test_an_error_in_processing_delays_a_verdict_for_a_limited_time(
    lesson: Tenant, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(process_webhooks, "add_observations", failing)
    await lesson.post("/v1/bookings/lesson-1/end")
    await run_steps(lesson)
    clock.move(seconds=AFTER_WINDOW.total_seconds())
    await reconcile_all(lesson)
    await run_steps(lesson)
    assert (await verdicts(lesson))[0] is True
