"""Lists of an app's calls, by their start. Every filter has an index."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, tuple_

from videobroker.domain.calls import Call, CallFilter, CallOrder
from videobroker.domain.ids import AppId
from videobroker.domain.pages import Page
from videobroker.domain.sessions import Session
from videobroker.storage.calls.calls import call_from
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.sessions import session_from
from videobroker.storage.tables import attendance, calls, sessions

_call_columns = [each.label(f"call_{each.name}") for each in calls.c]
_POSITION = (calls.c.started_at, calls.c.id)


class ListedCall(NamedTuple):
    session: Session
    call: Call


async def page(
    unit_of_work: UnitOfWork, app_id: AppId, chosen: CallFilter, order: CallOrder, *, limit: int, cursor: str | None
) -> Page[ListedCall]:
    """One page of calls, and the cursor of the next. Raises `InvalidCursor`, also for a cursor of another list."""
    list_id = pagination.list_id("calls", order.value, *_selection(chosen))
    statement = select_page(app_id, chosen, order).limit(limit + 1)
    if cursor is not None:
        position = tuple_(*pagination.read_of_list(cursor, list_id, pagination.moment, UUID))
        columns = tuple_(*_POSITION)
        is_later = columns > position if order is CallOrder.STARTED_AT else columns < position
        statement = statement.where(is_later)
    rows = [row._mapping for row in await unit_of_work.execute(statement)]
    found = [ListedCall(session_from(row), call_from(row, prefix="call_")) for row in rows]
    return pagination.page_of(found, limit, lambda each: _cursor_after(each.call, list_id))


def select_page(app_id: AppId, chosen: CallFilter, order: CallOrder) -> Select[Any]:
    """The query of a list, without its limit."""
    of_session = (sessions.c.app_id == calls.c.app_id) & (sessions.c.id == calls.c.session_id)
    return (
        select(sessions, *_call_columns)
        .select_from(calls.join(sessions, of_session))
        .where(calls.c.app_id == app_id, *_conditions(app_id, chosen))
        .order_by(*(_POSITION if order is CallOrder.STARTED_AT else [column.desc() for column in _POSITION]))
    )


def _conditions(app_id: AppId, chosen: CallFilter) -> Iterator[ColumnElement[bool]]:
    if chosen.session is not None:
        key = chosen.session
        same = (sessions.c.app_id == app_id, sessions.c.kind == key.kind, sessions.c.reference == key.reference)
        yield calls.c.session_id == select(sessions.c.id).where(*same).scalar_subquery()
    if chosen.is_running is not None:
        yield calls.c.ended_at.is_(None) if chosen.is_running else calls.c.ended_at.is_not(None)
    if chosen.started_after is not None:
        yield calls.c.started_at >= chosen.started_after
    if chosen.started_before is not None:
        yield calls.c.started_at < chosen.started_before
    if chosen.provider is not None:
        yield calls.c.provider == chosen.provider
    if chosen.user_id is not None:
        stays = select(attendance.c.call_id).where(
            attendance.c.app_id == app_id,
            attendance.c.call_id == calls.c.id,
            attendance.c.user_id == chosen.user_id,
        )
        yield stays.exists()


def _selection(chosen: CallFilter) -> tuple[object, ...]:
    """The filters in a form whose `repr` is stable."""
    key = chosen.session
    return (
        None if key is None else (key.kind.value, key.reference),
        chosen.is_running,
        None if chosen.started_after is None else chosen.started_after.isoformat(),
        None if chosen.started_before is None else chosen.started_before.isoformat(),
        None if chosen.provider is None else chosen.provider.value,
        chosen.user_id,
    )


def _cursor_after(call: Call, list_id: str) -> str:
    return pagination.write([list_id, call.started_at.isoformat(), str(call.id)])
