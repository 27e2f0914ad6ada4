"""Enqueues jobs for due sessions and calls to reconcile, and again for work whose jobs were lost."""

from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.storage import console_sessions, failed_attempts, idempotency, jobs, operator_sign_in_links
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.calls import calls, orphaned_rooms
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.joining import lobby, removals, tickets
from videobroker.storage.sessions import sessions
from videobroker.storage.webhooks import deliveries

BATCH_ROWS = 200
"""Rows of each kind per transaction."""
MAX_ENDPOINTS_PER_SWEEP = 5_000
MAX_BATCHES = 100
"""Transactions per sweep. The next sweep continues."""
RECLAIM_AFTER = timedelta(minutes=1)
"""When a due session is claimed again, in case its job was lost."""
RECONCILE_EVERY = timedelta(minutes=1)
"""How often a call is reconciled that is open or ended recently."""
DELETE_BATCH_ROWS = 10_000
STUCK_AFTER = timedelta(seconds=15)
"""A webhook should be processed by then."""


async def sweep(broker: Broker, *, now: datetime) -> int:
    """Enqueue a job for everything that is due, and return how many.

    Safe to run concurrently: sweeps claim different rows. Jobs that are still queued are not enqueued twice.
    """
    total = await _sweep_lost(broker, now)
    for _ in range(MAX_BATCHES):
        found = await _sweep_due(broker, now)
        total += found
        if found < BATCH_ROWS:
            break
    return total


async def _sweep_due(broker: Broker, now: datetime) -> int:
    """Enqueue time-driven work: lifecycle steps, reconciliations, and rooms of deleted sessions to close."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        due = await sessions.claim_due(unit_of_work, now=now, again_at=now + RECLAIM_AFTER, limit=BATCH_ROWS)
        unsettled = await calls.claim_unsettled(
            unit_of_work, now=now, reconciled_before=now - RECONCILE_EVERY, limit=BATCH_ROWS
        )
        orphaned = await orphaned_rooms.claim_due(unit_of_work, now=now, again_at=now + RECLAIM_AFTER, limit=BATCH_ROWS)
        found = [
            *(Job(JobKind.RUN_DUE_STEPS, app_id, session_id, provider=name) for app_id, session_id, name in due),
            *(Job(JobKind.CLOSE_ORPHANED_ROOMS, app_id, session_id) for app_id, session_id in orphaned),
            *(
                Job(JobKind.RECONCILE, app_id, session_id, call_id, provider=name)
                for app_id, session_id, call_id, name in unsettled
            ),
        ]
        await enqueue(unit_of_work, *found, unless_queued=True)
    return max(len(due), len(unsettled), len(orphaned))


async def _sweep_lost(broker: Broker, now: datetime) -> int:
    """Enqueue pending work again: webhooks, removals, and deliveries whose jobs were lost or failed."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        stuck = await webhook_inbox.sessions_with_stuck_webhooks(unit_of_work, now=now, after=STUCK_AFTER)
        waiting = await deliveries.due_endpoints(unit_of_work, now=now, limit=MAX_ENDPOINTS_PER_SWEEP)
        unenforced = await removals.sessions_to_enforce(unit_of_work, now=now, after=RECLAIM_AFTER, limit=BATCH_ROWS)
        found = [
            *(Job(JobKind.PROCESS_WEBHOOKS, app_id, session_id) for app_id, session_id in stuck),
            *(Job(JobKind.ENFORCE_REMOVALS, app_id, session_id) for app_id, session_id in unenforced),
            *(Job(JobKind.DELIVER, app_id, endpoint_id) for app_id, endpoint_id in waiting),
        ]
        await enqueue(unit_of_work, *found, unless_queued=True)
    return len(found)


async def delete_expired_rows(broker: Broker) -> None:
    """Delete expired waiting room entries, tickets, idempotency answers, console sessions, counts of wrong
    credentials, and old job logs."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        await lobby.delete_old(unit_of_work, now=broker.now(), limit=DELETE_BATCH_ROWS)
    async with broker.store.cross_app_transaction() as unit_of_work:
        await tickets.delete_old(unit_of_work, now=broker.now(), limit=DELETE_BATCH_ROWS)
    async with broker.store.cross_app_transaction() as unit_of_work:
        await idempotency.delete_expired(unit_of_work, limit=DELETE_BATCH_ROWS)
    async with broker.store.transaction() as unit_of_work:
        await console_sessions.delete_expired(unit_of_work, now=broker.now(), limit=DELETE_BATCH_ROWS)
        await operator_sign_in_links.delete_expired(unit_of_work, now=broker.now())
    async with broker.store.transaction() as unit_of_work:
        await failed_attempts.delete_expired(unit_of_work, now=broker.now(), limit=DELETE_BATCH_ROWS)
    deleted = DELETE_BATCH_ROWS
    while deleted == DELETE_BATCH_ROWS:
        async with broker.store.transaction() as unit_of_work:
            deleted = await jobs.prune(unit_of_work, limit=DELETE_BATCH_ROWS)
