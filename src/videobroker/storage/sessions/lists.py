"""Lists of an app's sessions, with filters and orders.

Every order has an index. Rare values are found by an index too: statuses, providers, and metadata by a hash of each
value (`session_facets`), titles by their words (`session_words`). The planner chooses between walking along the order
and looking up the values, from its statistics of both.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, array

from videobroker.domain.ids import AppId
from videobroker.domain.pages import Page
from videobroker.domain.sessions import Session, SessionFilter, SessionKind, SessionOrder
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.sessions import session_from
from videobroker.storage.tables import participants
from videobroker.storage.tables import sessions_in_scope as sessions

LONG = timedelta(days=7)
"""As in the index `sessions_long_idx`."""
LAST_CHARACTER = "\U0010ffff"


async def page(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    kind: SessionKind,
    chosen: SessionFilter,
    order: SessionOrder,
    *,
    now: datetime,
    limit: int,
    cursor: str | None,
) -> Page[Session]:
    """One page of sessions, and the cursor of the next. Raises `InvalidCursor`, also for a cursor of another list."""
    list_id = pagination.list_id(kind.value, order.value, _selection(chosen))
    statement = select_page(app_id, kind, chosen, order, now=now).limit(limit + 1)
    if cursor is not None:
        position = pagination.read_of_list(cursor, list_id, pagination.moment, UUID)
        statement = statement.where(_after(order, position))
    if chosen.statuses or chosen.provider or chosen.words or chosen.metadata:
        # A plan for any values does not know which of them are rare.
        await unit_of_work.execute(text("set local plan_cache_mode = force_custom_plan"))
    found = [session_from(row._mapping) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda session: _cursor_after(session, order, list_id))


def select_page(
    app_id: AppId, kind: SessionKind, chosen: SessionFilter, order: SessionOrder, *, now: datetime
) -> Select[Any]:
    """The query of a list, without its limit."""
    conditions = (sessions.c.app_id == app_id, sessions.c.kind == kind, *_conditions(app_id, kind, chosen, now))
    columns = (sessions.c[order.field], sessions.c.id)
    ordered = [column.desc() for column in columns] if order.is_descending else columns
    return select(sessions).where(*conditions).order_by(*ordered)


def _selection(chosen: SessionFilter) -> tuple[object, ...]:
    """The filters in a form whose `repr` is stable."""
    return (
        chosen.participant,
        chosen.role,
        sorted(status.value for status in chosen.statuses),
        None if chosen.provider is None else chosen.provider.value,
        *(
            None if moment is None else moment.isoformat()
            for moment in (chosen.starts_after, chosen.starts_before, chosen.updated_after, chosen.updated_before)
        ),
        chosen.has_ended,
        chosen.reference_prefix,
        chosen.words,
        sorted(chosen.metadata),
    )


def _conditions(
    app_id: AppId, kind: SessionKind, chosen: SessionFilter, now: datetime
) -> Iterator[ColumnElement[bool]]:
    yield from _periods(chosen)
    if chosen.has_ended is not None:
        yield from _ended(now) if chosen.has_ended else _not_ended(app_id, kind, now)
    if chosen.participant is not None:
        yield _has_participant(app_id, chosen.participant, chosen.role)
    if chosen.statuses:
        statuses = sorted(chosen.statuses)
        yield sessions.c.status.in_(statuses)
        yield _facets().overlap(array([_facet(app_id, kind, "status", status) for status in statuses]))
    if chosen.provider is not None:
        yield sessions.c.provider == chosen.provider
        yield _facets().contains(array([_facet(app_id, kind, "provider", chosen.provider)]))
    if chosen.reference_prefix is not None:
        yield sessions.c.reference >= chosen.reference_prefix
        yield sessions.c.reference < chosen.reference_prefix + LAST_CHARACTER
    if chosen.words is not None:
        yield _has_words(app_id, chosen.words)
    if chosen.metadata:
        for name, value in sorted(chosen.metadata):
            # Two values may have one hash. In this form, the planner does not count the condition twice.
            yield func.coalesce(sessions.c.metadata[name].astext == value, false())
        yield _facets().contains(
            array([_facet(app_id, kind, f"metadata.{name}", value) for name, value in sorted(chosen.metadata)])
        )


def _periods(chosen: SessionFilter) -> Iterator[ColumnElement[bool]]:
    if chosen.starts_after is not None:
        yield sessions.c.starts_at >= chosen.starts_after
    if chosen.starts_before is not None:
        yield sessions.c.starts_at < chosen.starts_before
    if chosen.updated_after is not None:
        yield sessions.c.updated_at >= chosen.updated_after
    if chosen.updated_before is not None:
        yield sessions.c.updated_at < chosen.updated_before


def _ended(now: datetime) -> Iterator[ColumnElement[bool]]:
    yield sessions.c.ends_at <= now
    # Follows from it, and is a bound for the index by start.
    yield sessions.c.starts_at < now


def _not_ended(app_id: AppId, kind: SessionKind, now: datetime) -> Iterator[ColumnElement[bool]]:
    yield sessions.c.ends_at > now
    long = sessions.alias("long")
    long_ones = (
        select(long.c.starts_at)
        .where(
            long.c.app_id == app_id,
            long.c.kind == kind,
            long.c.ends_at > now,
            text("long.ends_at - long.starts_at > interval '7 days'"),
        )
        # Keeps the planner from searching for the minimum in the order of `starts_at`.
        .offset(literal_column("0"))
        .subquery()
    )
    first_long = select(func.min(long_ones.c.starts_at))
    # Follows from it as well. The index `sessions_long_idx` finds the few bookings that began earlier.
    yield sessions.c.starts_at >= func.least(now - LONG, first_long.scalar_subquery())


def _has_participant(app_id: AppId, user_id: str, role: str | None) -> ColumnElement[bool]:
    roster = select(participants.c.session_id).where(
        participants.c.app_id == app_id,
        participants.c.session_id == sessions.c.id,
        participants.c.user_id == user_id,
    )
    return (roster if role is None else roster.where(participants.c.role == role)).exists()


def _facets() -> ColumnElement[Any]:
    """The expression of the index `sessions_facets_idx`."""
    columns = (sessions.c.app_id, sessions.c.kind, sessions.c.status, sessions.c.provider, sessions.c.metadata)
    return func.session_facets(*columns, type_=ARRAY(BigInteger))


def _facet(app_id: AppId, kind: SessionKind, name: str, value: str) -> ColumnElement[int]:
    return func.session_facet(literal(app_id, sessions.c.app_id.type), kind.value, name, str(value), type_=BigInteger)


def _has_words(app_id: AppId, words: str) -> ColumnElement[bool]:
    """Whether the title has each of these words.

    A database with the C locale folds the case of ASCII letters only. For other letters, usual spellings are tried.
    """
    spellings = [words] if words.isascii() else sorted({words, words.lower(), words.upper(), words.title()})
    indexed = func.session_words(sessions.c.app_id, sessions.c.title)
    app = literal(app_id, sessions.c.app_id.type)
    return or_(*(indexed.op("@@")(func.session_words_query(app, each, type_=TSQUERY)) for each in spellings))


def _after(order: SessionOrder, position: list[Any]) -> ColumnElement[bool]:
    columns = tuple_(sessions.c[order.field], sessions.c.id)
    return columns < tuple_(*position) if order.is_descending else columns > tuple_(*position)


def _cursor_after(session: Session, order: SessionOrder, list_id: str) -> str:
    times = {
        "starts_at": session.terms.starts_at,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }
    moment = times[order.field] or session.created_at
    return pagination.write([list_id, moment.isoformat(), str(session.id)])
