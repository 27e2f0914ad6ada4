"""Keeps events for as long as their app wants, and no longer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.events import Event, EventType, Via
from videobroker.domain.ids import AppId, EventId, uuid7
from videobroker.domain.journal_proof.proof import (
    WHOLE_ROW,
    ProofEvent,
    Redaction,
    compute_account_digest,
    format_moment,
)
from videobroker.domain.set_up import create_set_up_event
from videobroker.errors import InvalidInput
from videobroker.storage.journal import journal, seals
from videobroker.storage.journal.seals import Retention

AT_ONCE = 10_000
"""Rows in one transaction, which one event accounts for."""
ROUNDS = 100
"""So many transactions for a class at most; the rest comes with the next run."""
SHORTEST_DAYS = 7
"""Of retention: the service itself looks back for two days to know who somebody in a call is."""

CLASSES = sorted({each.value.partition(".")[0] for each in EventType})
"""The first words of the types."""
KEPT_FOR_GOOD = sorted({each.value.partition(".")[0] for each in ProofEvent})
"""Classes of events that account for what was taken out: without them the journal could not prove itself."""


async def set_retention(broker: Broker, app: App, event_class: str, days: int | None, *, now: datetime) -> None:
    """Keep the app's events of this class for so many days; None: for good. A change is journaled.

    Raises `InvalidInput`.
    """
    if event_class not in CLASSES:
        raise InvalidInput(f"There are no events of the class {event_class!r}. The classes are {', '.join(CLASSES)}.")
    if days is not None and event_class in KEPT_FOR_GOOD:
        raise InvalidInput(f"Events of the class {event_class!r} account for what was taken out, and stay for good.")
    if days is not None and days < SHORTEST_DAYS:
        raise InvalidInput(f"Keep events for {SHORTEST_DAYS} days at least: the service itself needs them.")
    async with broker.store.transaction() as transaction:
        before = {each.event_class: each.days for each in await seals.retentions(transaction, app.id)}.get(event_class)
        if before == days:
            return
        await seals.set_retention(transaction, app.id, event_class, days)
        data = {"class": event_class, "before": before, "days": days}
        event = create_set_up_event(
            EventType.RETENTION_CHANGED, actor=Actor(app.id), via=Via.COMMAND_LINE, now=now, **data
        )
        await journal.record(transaction, event)


async def retentions(broker: Broker, app: App) -> Sequence[Retention]:
    """How long the app's events are kept, by class; a class that is not named stays for good."""
    async with broker.store.transaction() as transaction:
        return await seals.retentions(transaction, app.id)


async def retire(broker: Broker, app_id: AppId | None = None, *, now: datetime) -> int:
    """Take out what has outlived its retention, in all apps or in one, and say so in the journal; how many rows.

    Only sealed rows go; their leaves stay. Every transaction that takes something out writes one event that accounts
    for exactly these rows.
    """
    async with broker.store.transaction() as transaction:
        wanted = await seals.retentions(transaction, app_id)
    return sum([await _retire_class(broker, each, now) for each in wanted])


async def _retire_class(broker: Broker, retention: Retention, now: datetime) -> int:
    total = 0
    for _ in range(ROUNDS):
        count = await _retire_some(broker, retention, now)
        total += count
        if count < AT_ONCE:
            break
    return total


async def _retire_some(broker: Broker, retention: Retention, now: datetime) -> int:
    app_id, before, entry_id = retention.app_id, now - timedelta(days=retention.days), EventId(uuid7(now))
    async with broker.store.transaction() as transaction:
        if not await seals.try_lock(transaction, app_id):
            return 0
        await seals.allow_long_statements(transaction)
        rows = await seals.expired_rows(transaction, retention, before=before, limit=AT_ONCE)
        if rows:
            redactions = [Redaction(position, WHOLE_ROW, leaf, str(entry_id)) for position, leaf in rows]
            data = {
                "class": retention.event_class,
                "before": format_moment(before),
                "rows": len(rows),
                "digest": compute_account_digest(redactions),
            }
            await journal.record(transaction, Event(entry_id, EventType.JOURNAL_RETIRED, now, Actor(app_id), data=data))
            await seals.replace_salts(transaction, app_id, dict.fromkeys((position for position, _ in rows), b""))
            await seals.redact(transaction, app_id, entry_id, redactions)
        if len(rows) < AT_ONCE:
            await seals.mark_done(transaction, retention, before=before)
    return len(rows)
