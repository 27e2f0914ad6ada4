"""Event retention: removes events from the journal when the retention of their class has passed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import AppId, EventId, uuid7
from videobroker.domain.journal_proof.proof import (
    WHOLE_ROW,
    ProofEvent,
    Redaction,
    compute_account_digest,
    format_moment,
)
from videobroker.domain.operators import OperatorRole
from videobroker.domain.set_up import create_set_up_event, determine_interface
from videobroker.errors import InvalidInput
from videobroker.storage.journal import journal, seals
from videobroker.storage.journal.seals import ClassRetention
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext
from videobroker.usecases.preconditions import Precondition

BATCH_ROWS = 10_000
"""Rows per transaction, which one event accounts for."""
MAX_BATCHES = 100
"""Transactions per class and run. The next run continues."""
MIN_RETENTION_DAYS = 7
"""The service itself reads events of the last two days, to identify people in calls."""

CLASSES = sorted({each.value.partition(".")[0] for each in EventType})
"""The first segments of the event types."""
PERMANENT_CLASSES = sorted({each.value.partition(".")[0] for each in ProofEvent})
"""Classes of events that account for removed data. Without them, the journal could not be verified."""


async def set_retention(
    context: RequestContext,
    event_class: str,
    days: int | None,
    *,
    precondition: Precondition[Mapping[str, int]] | None = None,
) -> None:
    """Set how many days the app's events of this class are retained; None: forever. Changes are journaled.

    `precondition` checks the days of all classes that have a period. Raises `InvalidInput`, `OperatorRoleMayNot`,
    `PreconditionFailed`.
    """
    require_operator(context.actor, OperatorRole.ADMIN)
    app = context.app
    check_class(event_class)
    if days is not None and event_class in PERMANENT_CLASSES:
        raise InvalidInput(
            TranslatableText(
                "Events of the class %(name)r account for removed data, and are never removed.", name=event_class
            )
        )
    if days is not None and days < MIN_RETENTION_DAYS:
        raise InvalidInput(
            TranslatableText(
                "Store events for at least %(days)s days: the service itself needs them.", days=MIN_RETENTION_DAYS
            )
        )
    async with context.transaction() as unit_of_work:
        # Under a lock, so that of two forms with the same precondition only one is saved.
        await apps.lock_app(unit_of_work, app.id)
        periods = {each.event_class: each.days for each in await seals.retentions(unit_of_work, app.id)}
        if precondition is not None:
            precondition(periods)
        before = periods.get(event_class)
        if before == days:
            return
        await seals.set_retention(unit_of_work, app.id, event_class, days)
        data = {"class": event_class, "before": before, "days": days}
        event = create_set_up_event(
            EventType.RETENTION_CHANGED,
            actor=context.actor,
            via=determine_interface(context.actor),
            now=context.now,
            **data,
        )
        await journal.record(unit_of_work, event)


def check_class(event_class: str) -> None:
    """Raise `InvalidInput` unless there are events of this class."""
    if event_class not in CLASSES:
        raise InvalidInput(
            TranslatableText(
                "There are no events of the class %(name)r. The classes are %(known)s.",
                name=event_class,
                known=", ".join(CLASSES),
            )
        )


async def list_retentions(context: RequestContext) -> Sequence[ClassRetention]:
    """The retention of each class that has one. Events of other classes are retained forever.

    Raises `OperatorRoleMayNot`.
    """
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.transaction() as unit_of_work:
        return await seals.retentions(unit_of_work, context.app.id)


async def retire(broker: Broker, app_id: AppId | None = None, *, now: datetime) -> int:
    """Remove expired events of all apps, or of one. Returns how many rows.

    Removes only sealed rows, and not their leaves. Each transaction records one event that accounts for exactly the
    rows that it removed.
    """
    async with broker.store.cross_app_transaction() as unit_of_work:
        configured = await seals.retentions(unit_of_work, app_id)
    return sum([await _retire_class(broker, each, now) for each in configured])


async def _retire_class(broker: Broker, retention: ClassRetention, now: datetime) -> int:
    total = 0
    for _ in range(MAX_BATCHES):
        count = await _retire_batch(broker, retention, now)
        total += count
        if count < BATCH_ROWS:
            break
    return total


async def _retire_batch(broker: Broker, retention: ClassRetention, now: datetime) -> int:
    app_id, before, entry_id = retention.app_id, now - timedelta(days=retention.days), EventId(uuid7(now))
    async with broker.store.transaction(retention.app_id, long_statements=True) as unit_of_work:
        if not await seals.try_lock(unit_of_work, app_id):
            return 0
        rows = await seals.expired_rows(unit_of_work, retention, before=before, limit=BATCH_ROWS)
        if rows:
            redactions = [Redaction(position, WHOLE_ROW, leaf, str(entry_id)) for position, leaf in rows]
            data = {
                "class": retention.event_class,
                "before": format_moment(before),
                "rows": len(rows),
                "digest": compute_account_digest(redactions),
            }
            await journal.record(
                unit_of_work, Event(entry_id, EventType.JOURNAL_RETIRED, now, Actor(app_id), data=data)
            )
            await seals.replace_salts(unit_of_work, app_id, dict.fromkeys((position for position, _ in rows), b""))
            await seals.redact(unit_of_work, app_id, entry_id, redactions)
        if len(rows) < BATCH_ROWS:
            await seals.mark_done(unit_of_work, retention, before=before)
    return len(rows)
