"""Hourly counts of the journal's events, and where each hour begins in the journal.

A worker reads the journal once, in its order, from a cursor that is stored in the transaction of the counts: each event
is counted exactly once, although any step may be repeated.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Text, case, cast, exists, func, null, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId
from videobroker.domain.statistics import COUNTED_TYPES, CountedEvent, CountKey, Measure
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import apps, hourly_counts, journal, journal_hours, statistics_cursors

Position = tuple[int, int]
BEGINNING: Position = (0, 0)
_XID = cast(cast(journal.c.xid, Text), BigInteger)


async def apps_to_count(unit_of_work: UnitOfWork) -> list[AppId]:
    """The apps with events that were not counted yet."""
    after = tuple_(
        cast(cast(func.coalesce(statistics_cursors.c.xid, 0), Text), journal.c.xid.type),
        func.coalesce(statistics_cursors.c.seq, 0),
    )
    newer = exists().where(journal.c.app_id == apps.c.id, tuple_(journal.c.xid, journal.c.seq) > after)
    statement = (
        select(apps.c.id)
        .select_from(apps.outerjoin(statistics_cursors, statistics_cursors.c.app_id == apps.c.id))
        .where(newer)
        .order_by(apps.c.id)
    )
    return list((await unit_of_work.execute(statement)).scalars())


async def lock_cursor(unit_of_work: UnitOfWork, app_id: AppId) -> Position | None:
    """The position up to which the app's journal was counted; None while another process counts it."""
    name = func.hashtextextended(f"statistics of {app_id}", 0)
    if not (await unit_of_work.execute(select(func.pg_try_advisory_xact_lock(name)))).scalar_one():
        return None
    statement = select(statistics_cursors).where(statistics_cursors.c.app_id == app_id)
    row = (await unit_of_work.execute(statement)).one_or_none()
    return BEGINNING if row is None else (row.xid, row.seq)


async def events_after(
    unit_of_work: UnitOfWork, app_id: AppId, position: Position, *, limit: int
) -> list[tuple[Position, CountedEvent]]:
    """The events after this position, in order: their data only if they are counted."""
    xid, seq = position
    counted_data = case((journal.c.type.in_([each.value for each in COUNTED_TYPES]), journal.c.data), else_=null())
    statement = (
        select(
            _XID.label("position"),
            journal.c.seq,
            journal.c.type,
            journal.c.occurred_at,
            counted_data.label("data"),
        )
        .where(
            journal.c.app_id == app_id,
            journal.c.xid < func.journal_horizon(),
            tuple_(journal.c.xid, journal.c.seq) > tuple_(text(f"'{xid:d}'::xid8"), text(f"{seq:d}::bigint")),
        )
        .order_by(journal.c.xid, journal.c.seq)
        .limit(limit)
    )
    return [
        ((row.position, row.seq), CountedEvent(EventType(row.type), row.occurred_at, row.data or {}))
        for row in await unit_of_work.execute(statement)
    ]


async def add(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    counts: Mapping[CountKey, int],
    hours: Mapping[datetime, Position],
    *,
    cursor: Position,
) -> None:
    """Add counts, write where hours begin, and advance the cursor."""
    if counts:
        added = upsert(hourly_counts)
        await unit_of_work.execute(
            added.on_conflict_do_update(
                index_elements=["app_id", "measure", "hour", "label"],
                set_={"count": hourly_counts.c.count + added.excluded.count},
            ),
            [
                {"app_id": app_id, "hour": key.hour, "measure": key.measure, "label": key.label, "count": count}
                for key, count in sorted(counts.items())
            ],
        )
    if hours:
        await unit_of_work.execute(
            upsert(journal_hours).on_conflict_do_nothing(index_elements=["app_id", "hour"]),
            [{"app_id": app_id, "hour": hour, "xid": xid, "seq": seq} for hour, (xid, seq) in sorted(hours.items())],
        )
    moved = upsert(statistics_cursors).values(app_id=app_id, xid=cursor[0], seq=cursor[1])
    await unit_of_work.execute(
        moved.on_conflict_do_update(index_elements=["app_id"], set_={"xid": cursor[0], "seq": cursor[1]})
    )


async def totals(
    unit_of_work: UnitOfWork, ids: Sequence[AppId], measures: Iterable[Measure], *, since: datetime, until: datetime
) -> dict[CountKey, int]:
    """The counts of these apps together, by hour."""
    statement = (
        select(
            hourly_counts.c.hour,
            hourly_counts.c.measure,
            hourly_counts.c.label,
            func.sum(hourly_counts.c.count).label("total"),
        )
        .where(
            hourly_counts.c.app_id.in_(ids),
            hourly_counts.c.measure.in_(list(measures)),
            hourly_counts.c.hour >= since,
            hourly_counts.c.hour < until,
        )
        .group_by(hourly_counts.c.hour, hourly_counts.c.measure, hourly_counts.c.label)
    )
    return {
        CountKey(row.hour, Measure(row.measure), row.label): int(row.total)
        for row in await unit_of_work.execute(statement)
    }


async def position_after(unit_of_work: UnitOfWork, app_id: AppId, moment: datetime) -> Position | None:
    """A position that almost all events before this moment precede; None if the journal ends before it."""
    statement = (
        select(journal_hours.c.xid, journal_hours.c.seq)
        .where(journal_hours.c.app_id == app_id, journal_hours.c.hour > moment)
        .order_by(journal_hours.c.hour)
        .limit(1)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else (row.xid, row.seq)
