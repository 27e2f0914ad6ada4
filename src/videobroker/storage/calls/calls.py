"""Calls of sessions: at most one is open at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.stays import AttendanceSummary
from videobroker.domain.calls import MAX_CLOCK_SKEW, Call, EndReason
from videobroker.domain.ids import AppId, CallId, SessionId
from videobroker.domain.pages import Page
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.row_mapping import PROVIDERS, Columns, RowReader
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import calls, rooms


async def open_call(unit_of_work: UnitOfWork, app_id: AppId, call: Call) -> bool:
    """Write a new open call. False if the session has an open call already."""
    statement = (
        insert(calls)
        .values(
            app_id=app_id,
            id=call.id,
            session_id=call.session_id,
            provider=call.provider,
            started_at=call.started_at,
            started_by=call.started_by,
        )
        .on_conflict_do_nothing(index_elements=["app_id", "session_id"], index_where=text("ended_at is null"))
        .returning(calls.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def end_call(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    *,
    by: str | None,
    reason: EndReason,
    at: datetime,
) -> Call | None:
    """End the open call. None if there is none."""
    statement = (
        update(calls)
        .where(calls.c.app_id == app_id, calls.c.session_id == session_id, calls.c.ended_at.is_(None))
        # A replica whose clock is behind must not end a call before it began.
        .values(ended_at=func.greatest(at, calls.c.started_at), ended_by=by, end_reason=reason)
        .returning(calls)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else call_from(row._mapping)


async def latest(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> Call | None:
    """The open call of the session; if none is open, the one that ended last."""
    statement = (
        select(calls)
        .where(calls.c.app_id == app_id, calls.c.session_id == session_id)
        # By the end, not by the ID alone: IDs contain the clock of the replica that made them.
        .order_by(calls.c.ended_at.desc().nulls_first(), calls.c.id.desc())
        .limit(1)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else call_from(row._mapping)


async def find(unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId) -> Call | None:
    row = (
        await unit_of_work.execute(select(calls).where(calls.c.app_id == app_id, calls.c.id == call_id))
    ).one_or_none()
    return None if row is None else call_from(row._mapping)


async def sessions_with_calls(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    provider: ProviderName,
    provider_room_id: str,
    *,
    since: datetime,
    until: datetime,
) -> list[SessionId]:
    """The sessions sharing a room that had a call in this time, allowing for clock skew: at most two."""
    statement = (
        select(calls.c.session_id)
        .join(rooms, (rooms.c.app_id == calls.c.app_id) & (rooms.c.session_id == calls.c.session_id))
        .where(
            calls.c.app_id == app_id,
            calls.c.provider == provider,
            rooms.c.provider == provider,
            rooms.c.provider_room_id == provider_room_id,
            calls.c.started_at <= until + MAX_CLOCK_SKEW,
            or_(calls.c.ended_at.is_(None), calls.c.ended_at >= since - MAX_CLOCK_SKEW),
        )
        .distinct()
        .limit(2)
    )
    return list((await unit_of_work.execute(statement)).scalars())


MAX_NEWEST_CALLS = 100
"""A group may have had thousands of calls; only the newest ones still change."""


async def newest_of_session(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> list[Call]:
    """The newest calls of the session, by start."""
    statement = (
        select(calls)
        .where(calls.c.app_id == app_id, calls.c.session_id == session_id)
        .order_by(calls.c.id.desc())
        .limit(MAX_NEWEST_CALLS)
    )
    found = [call_from(row._mapping) for row in await unit_of_work.execute(statement)]
    return sorted(found, key=lambda call: (call.started_at, call.id))


async def set_evidence_at(unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId, *, now: datetime) -> None:
    """Write that the provider has just reported who is in the call."""
    await unit_of_work.execute(
        update(calls)
        .where(calls.c.app_id == app_id, calls.c.id == call_id)
        .values(evidence_at=func.coalesce(func.greatest(calls.c.evidence_at, now), now))
    )


async def mark_settled(unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId, *, now: datetime) -> bool:
    """Write that nothing more can be learned about a call that ended. False if it was written before."""
    statement = (
        update(calls)
        .where(
            calls.c.app_id == app_id,
            calls.c.id == call_id,
            calls.c.ended_at.is_not(None),
            calls.c.settled_at.is_(None),
        )
        .values(settled_at=now)
        .returning(calls.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def claim_unsettled(
    unit_of_work: UnitOfWork, *, now: datetime, reconciled_before: datetime, limit: int
) -> list[tuple[AppId, SessionId, CallId, ProviderName]]:
    """Unsettled calls about which the provider was not asked since `reconciled_before`; writes that it is asked now."""
    chosen = (
        select(calls.c.app_id, calls.c.id)
        .where(calls.c.settled_at.is_(None), calls.c.asked_at.is_(None) | (calls.c.asked_at <= reconciled_before))
        .order_by(calls.c.asked_at.nulls_first())
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    statement = (
        update(calls)
        .where(calls.c.app_id == chosen.c.app_id, calls.c.id == chosen.c.id)
        .values(asked_at=now)
        .returning(calls.c.app_id, calls.c.session_id, calls.c.id, calls.c.provider)
    )
    return [
        (row.app_id, row.session_id, row.id, PROVIDERS[row.provider]) for row in await unit_of_work.execute(statement)
    ]


async def page(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, limit: int, cursor: str | None
) -> Page[Call]:
    """One page of the session's calls, oldest first, and the cursor of the next."""
    statement = (
        select(calls)
        .where(calls.c.app_id == app_id, calls.c.session_id == session_id)
        .order_by(calls.c.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(calls.c.id > pagination.read(cursor, UUID)[0])
    found = [call_from(row._mapping) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda call: pagination.write([str(call.id)]))


class CallRow(NamedTuple):
    """The columns of `calls` that make a `Call`."""

    id: CallId
    session_id: SessionId
    provider: str
    started_at: datetime
    started_by: str | None
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    provider_call_ids: Sequence[str]
    people: int
    peak: int
    present: int
    first_joined_at: datetime | None
    last_left_at: datetime | None
    evidence_at: datetime | None
    settled_at: datetime | None


CALL_ROWS = RowReader(CallRow)


def call_from(columns: Columns, *, prefix: str = "") -> Call:
    """The call of a row."""
    row = CALL_ROWS.read(columns, prefix)
    return Call(
        id=row.id,
        session_id=row.session_id,
        provider=PROVIDERS[row.provider],
        started_at=row.started_at,
        started_by=row.started_by,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        end_reason=None if row.end_reason is None else EndReason(row.end_reason),
        provider_call_ids=tuple(row.provider_call_ids),
        attendance=AttendanceSummary(row.people, row.peak, row.first_joined_at, row.last_left_at, row.present),
        evidence_at=row.evidence_at,
        settled_at=row.settled_at,
    )
