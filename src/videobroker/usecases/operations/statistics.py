"""Counts the events of the journals by hour, and reads the counts for charts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.domain.statistics import CountKey, Measure, count_events, hour_of
from videobroker.storage.journal import statistics

BATCH_ROWS = 2_000
MAX_BATCHES = 50
"""Batches per app and run. The next run continues."""


async def update_statistics(broker: Broker) -> int:
    """Count the new events of all apps, and return how many. Safe to run concurrently: one process counts a journal."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        ids = await statistics.apps_to_count(unit_of_work)
    return sum([await update_statistics_of(broker, app_id) for app_id in ids])


async def update_statistics_of(broker: Broker, app_id: AppId) -> int:
    """Count the new events of one app, and return how many. Each batch is one transaction."""
    total = 0
    for _ in range(MAX_BATCHES):
        count = await _count_batch(broker, app_id)
        total += count
        if count < BATCH_ROWS:
            break
    return total


async def _count_batch(broker: Broker, app_id: AppId) -> int:
    async with broker.store.transaction(app_id) as unit_of_work:
        cursor = await statistics.lock_cursor(unit_of_work, app_id)
        if cursor is None:
            return 0
        found = await statistics.events_after(unit_of_work, app_id, cursor, limit=BATCH_ROWS)
        if not found:
            return 0
        hours: dict[datetime, tuple[int, int]] = {}
        for position, event in found:
            hours.setdefault(hour_of(event.occurred_at), position)
        counts = count_events(event for _, event in found)
        await statistics.add(unit_of_work, app_id, counts, hours, cursor=found[-1][0])
    return len(found)


async def read_totals(
    broker: Broker, app_ids: Sequence[AppId], measures: Iterable[Measure], *, since: datetime, until: datetime
) -> Mapping[CountKey, int]:
    """The counts of these apps together, by hour, for an operator."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        return await statistics.totals(unit_of_work, app_ids, measures, since=since, until=until)
