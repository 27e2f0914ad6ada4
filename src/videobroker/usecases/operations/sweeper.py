"""Finds what is to be done and nobody speaks of: due sessions, calls to ask about, notices that nobody applied."""

from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.storage import console_sessions, idempotency, jobs
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.calls import calls
from videobroker.storage.jobs import Job, Kind, enqueue
from videobroker.storage.joining import lobby, removals, tickets
from videobroker.storage.sessions import sessions
from videobroker.storage.webhooks import deliveries

AT_ONCE = 200
"""So many of each kind are taken in one transaction."""
MOST_ENDPOINTS = 5_000
ROUNDS = 100
"""So often at most; the rest comes with the next sweep."""
AGAIN_AFTER = timedelta(minutes=1)
"""A due session whose job was lost is found again then."""
ASK_EVERY = timedelta(minutes=1)
"""How often a provider is asked about a call that is open, or that ended lately."""
FORGOTTEN_AT_ONCE = 10_000
STUCK_AFTER = timedelta(seconds=15)
"""A notice should have been applied by then."""


async def sweep(broker: Broker, *, now: datetime) -> int:
    """See to it that there is a job for everything that is due; how much that is.

    Several sweeps at once take different things. What a job of an earlier sweep waits for gets no second one.
    """
    total = await _sweep_forgotten(broker, now)
    for _ in range(ROUNDS):
        found = await _sweep_due(broker, now)
        total += found
        if found < AT_ONCE:
            break
    return total


async def _sweep_due(broker: Broker, now: datetime) -> int:
    """What falls due by the passing of time."""
    async with broker.store.transaction() as transaction:
        due = await sessions.claim_due(transaction, now=now, again_at=now + AGAIN_AFTER, limit=AT_ONCE)
        asked = await calls.claim_unsettled(transaction, now=now, asked_before=now - ASK_EVERY, limit=AT_ONCE)
        found = [
            *(Job(Kind.ATTEND, app_id, session_id) for app_id, session_id in due),
            *(Job(Kind.ASK, app_id, session_id, call_id) for app_id, session_id, call_id in asked),
        ]
        await enqueue(transaction, *found, unless_queued=True)
    return max(len(due), len(asked))


async def _sweep_forgotten(broker: Broker, now: datetime) -> int:
    """What had a job once, and is still to be done."""
    async with broker.store.transaction() as transaction:
        stuck = await webhook_inbox.sessions_with_stuck_webhooks(transaction, now=now, after=STUCK_AFTER)
        waiting = await deliveries.due_endpoints(transaction, now=now, limit=MOST_ENDPOINTS)
        unenforced = await removals.sessions_to_enforce(transaction, now=now, after=AGAIN_AFTER, limit=AT_ONCE)
        found = [
            *(Job(Kind.APPLY, app_id, session_id) for app_id, session_id in stuck),
            *(Job(Kind.EXPEL, app_id, session_id) for app_id, session_id in unenforced),
            *(Job(Kind.DELIVER, app_id, endpoint_id) for app_id, endpoint_id in waiting),
        ]
        await enqueue(transaction, *found, unless_queued=True)
    return len(found)


async def delete_expired_rows(broker: Broker) -> None:
    """Delete what is not needed anymore: old idempotency answers, waiting rooms, and tickets, and the queue's log."""
    async with broker.store.transaction() as transaction:
        await lobby.delete_old(transaction, now=broker.now(), at_once=FORGOTTEN_AT_ONCE)
    async with broker.store.transaction() as transaction:
        await tickets.delete_old(transaction, now=broker.now(), at_once=FORGOTTEN_AT_ONCE)
    async with broker.store.transaction() as transaction:
        await idempotency.delete_expired(transaction, at_once=FORGOTTEN_AT_ONCE)
    async with broker.store.transaction() as transaction:
        await console_sessions.delete_expired(transaction, now=broker.now(), at_once=FORGOTTEN_AT_ONCE)
    forgotten = FORGOTTEN_AT_ONCE
    while forgotten == FORGOTTEN_AT_ONCE:
        async with broker.store.transaction() as transaction:
            forgotten = await jobs.prune(transaction, at_once=FORGOTTEN_AT_ONCE)
