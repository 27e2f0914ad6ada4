"""The journal: the append-only event log, and the outbox of webhooks.

A reader who follows the journal with a cursor must not miss a row. A counter alone cannot guarantee that: row 7 may be
committed after a reader saw row 8. So every row has the ID of its transaction, the order is (transaction ID, counter),
and readers see only the rows of transactions older than every one still running. The price: readers may see a row a
moment after its commit.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Row,
    Select,
    Text,
    Uuid,
    all_,
    bindparam,
    case,
    cast,
    func,
    insert,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import ReturningInsert

from videobroker.concurrency.batcher import Batcher
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType, RecordedEvent
from videobroker.domain.ids import AppId, SessionId, TicketId
from videobroker.domain.journal_search import JournalFilter
from videobroker.domain.pages import Page
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import StorageUnavailable
from videobroker.storage.joining import removals
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.app_scope import rows_of_every_app, scoped_rows
from videobroker.storage.postgres.connection import STATEMENT_SECONDS
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query, json_rows, json_table, single_row_table
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import journal

_POSITION = cast(cast(journal.c.xid, Text), BigInteger).label("position")
CONCURRENT_QUERIES = 1
REMOVAL_TIMEOUT_SECONDS = STATEMENT_SECONDS
"""How long credentials wait for a removal of their person: as long as one of its statements may take."""
REMOVAL_POLL_SECONDS = 0.05

RECENT_ROWS = 200
TICKET_USE_ROWS = 5_000
SEARCH_ROWS = 20_000
"""Events that one search reads."""


class JournalSearchPage(NamedTuple):
    """Events that match, newest first."""

    items: Sequence[RecordedEvent]
    next_cursor: str | None
    searched_back_to: datetime | None
    """Set if the search ended at its bound: older events may match."""


OPERATOR = "operator"
"""The key in `data` of the operator who made the request; reserved for it."""
OPERATOR_SUBJECT = "operator_subject"
"""The key in `data` of that operator's identifier at the OpenID Connect issuer; reserved for it."""
TICKET = "ticket"
"""The key in `data` of the ID of the ticket that was used; reserved for it."""


async def record(unit_of_work: UnitOfWork, *events: Event) -> None:
    """Write events, in this order."""
    if events:
        await unit_of_work.execute(insert(journal), [_columns_of(event) for event in events])
        for event in events:
            unit_of_work.add_journaled(event.actor.app_id)


async def record_one(unit_of_work: UnitOfWork, event: Event) -> RecordedEvent:
    """Write an event; returns it with its position."""
    statement = insert(journal).values(_columns_of(event)).returning(journal, _POSITION)
    row = (await unit_of_work.execute(statement)).one()
    unit_of_work.add_journaled(event.actor.app_id)
    return _recorded_from(row)


def _insert_one() -> ReturningInsert[tuple[Any]]:
    """Insert a row, unless it is `credentials.issued` for a person who is blocked or being removed."""
    event = scoped_rows(single_row_table("sent", *_COLUMNS), "event")
    is_other = event.c.type != EventType.CREDENTIALS_ISSUED.value
    may_issue = func.may_issue(event.c.app_id, event.c.session_id, event.c.user_id)
    allowed = select(*_written(event)).where(case((is_other, true()), else_=may_issue))
    return insert(journal).from_select(list(_WRITTEN), allowed).returning(journal.c.id)


def _insert_all() -> ReturningInsert[tuple[Any]]:
    """Insert rows, but no `credentials.issued` for people who are blocked or being removed.

    One call decides about all rows.
    """
    event = select(json_table("events", *_COLUMNS)).cte("event")
    issued = [func.array_agg(event.c[name]) for name in ("id", "app_id", "session_id", "user_id")]
    lines = select(*issued).where(event.c.type == EventType.CREDENTIALS_ISSUED.value)
    asked = rows_of_every_app(lines, "asked")
    blocked = select(func.blocked_lines(*list(asked.c)[: len(issued)], type_=ARRAY(Uuid)).label("ids")).cte("blocked")
    # `blocked.ids` is NULL if no row issues credentials.
    allowed = select(*event.c).where(blocked.c.ids.is_(None) | (event.c.id != all_(blocked.c.ids)))
    written = select(*_written(scoped_rows(allowed.subquery("allowed"), "scoped")))
    return insert(journal).from_select(list(_WRITTEN), written).returning(journal.c.id)


def _written(rows: FromClause) -> list[ColumnElement[Any]]:
    return [rows.c[name] for name in _WRITTEN]


class JournalWriter:
    """Batcher of single events: concurrent writes share a round trip, and a transaction.

    `credentials.issued` is written unless the person is blocked in the session. The check is part of the statement
    (`may_issue` and `blocked_lines` in the migrations): a request that is under way while the person is blocked writes
    no such event after the block, in the order of the journal.

    The check never waits for a removal under way, which would delay every event of the round trip. An event whose
    person is being removed is not written, and is tried again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connections = [DedicatedConnection(store) for _ in range(CONCURRENT_QUERIES)]
        self._events = Batcher[Event, bool](
            "journal", [partial(self._write, connection) for connection in self._connections]
        )

    async def record(self, event: Event) -> bool:
        """Write an event; committed when this returns. False if it was not written because of a block.

        Raises `StorageUnavailable` if the person is being removed and that takes longer than `REMOVAL_TIMEOUT_SECONDS`.
        """
        return await self._events.submit(event) or await self._record_unless_blocked(event)

    async def _record_unless_blocked(self, event: Event) -> bool:
        """Try an event again that a block or a removal under way has prevented."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REMOVAL_TIMEOUT_SECONDS
        while not await self._is_blocked(event):
            if loop.time() >= deadline:
                raise StorageUnavailable(
                    "The person is being removed from the session. Nothing was changed; try again.", retry_after=1
                )
            await asyncio.sleep(REMOVAL_POLL_SECONDS)
            if await self._events.submit(event):
                return True
        return False

    async def _is_blocked(self, event: Event) -> bool:
        """False while a removal is under way: it has not committed a block yet."""
        if event.session_id is None or event.user_id is None:
            return False
        async with self._store.transaction(event.actor.app_id) as unit_of_work:
            found = await removals.find(unit_of_work, event.actor.app_id, event.session_id, event.user_id)
        return found is not None and found.banned

    async def aclose(self) -> None:
        """Finish the current query, and close the connections."""
        await self._events.aclose()
        for connection in self._connections:
            await connection.aclose()

    async def _write(self, connection: DedicatedConnection, events: Sequence[Event]) -> list[bool]:
        query, values = (
            (_INSERT_ONE, _columns_of(events[0]))
            if len(events) == 1
            else (_INSERT_ALL, json_rows([_columns_of(event) for event in events]))
        )
        written = {row["id"] for row in await connection.fetch(query, values)}
        # After the commit: readers that wake up must find the new events.
        self._store.on_journal({event.actor.app_id for event in events})
        return [event.id in written for event in events]


async def page(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    *,
    types: Iterable[EventType] = (),
    session_id: SessionId | None = None,
    user_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    cursor: str | None,
) -> Page[RecordedEvent]:
    """One page of the journal, oldest first, and the cursor of the next; None if this page is the newest."""
    statement = (
        select(journal, _POSITION)
        .where(journal.c.app_id == app_id, journal.c.xid < func.journal_horizon())
        .order_by(journal.c.xid, journal.c.seq)
        .limit(limit + 1)
    )
    if chosen := list(types):
        statement = statement.where(journal.c.type.in_(chosen))
    if session_id is not None:
        statement = statement.where(journal.c.session_id == session_id)
    if user_id is not None:
        statement = statement.where(journal.c.user_id == user_id)
    if since is not None:
        statement = statement.where(journal.c.occurred_at >= since)
    if until is not None:
        statement = statement.where(journal.c.occurred_at < until)
    if cursor is not None:
        xid, seq = pagination.read(cursor, pagination.number, pagination.number)
        statement = statement.where(
            tuple_(journal.c.xid, journal.c.seq) > tuple_(text(f"'{xid:d}'::xid8"), text(f"{seq:d}::bigint"))
        )
    found = [_recorded_from(row) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda event: event.cursor)


async def newest_of_session(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    *,
    types: Iterable[EventType],
    reported_by: str | None = None,
    limit: int,
) -> list[RecordedEvent]:
    """The newest events of these types about a session, oldest first; includes everything committed.

    `reported_by` limits the app's reports to those of this user. Use `page` to follow the journal.
    """
    statement = (
        select(journal, _POSITION)
        .where(journal.c.app_id == app_id, journal.c.session_id == session_id, journal.c.type.in_(list(types)))
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(limit)
    )
    if reported_by is not None:
        statement = statement.where(
            or_(journal.c.type != EventType.APP_REPORTED, journal.c.asked_by_user_id == reported_by)
        )
    return [_recorded_from(row) for row in await unit_of_work.execute(statement)][::-1]


async def newest_of_app(
    unit_of_work: UnitOfWork, app_id: AppId, *, types: Iterable[EventType], limit: int
) -> list[RecordedEvent]:
    """The newest events, oldest first; all types if `types` is empty. Includes everything committed."""
    statement = (
        select(journal, _POSITION)
        .where(journal.c.app_id == app_id)
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(limit)
    )
    if chosen := list(types):
        statement = statement.where(journal.c.type.in_(chosen))
    return [_recorded_from(row) for row in await unit_of_work.execute(statement)][::-1]


async def page_backwards(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, limit: int, before: str | None
) -> Page[RecordedEvent]:
    """The newest events about a session before this cursor, oldest first, and the cursor of the page before them.

    Includes everything committed.
    """
    statement = (
        select(journal, cast(cast(journal.c.xid, Text), BigInteger).label("position"))
        .where(journal.c.app_id == app_id, journal.c.session_id == session_id)
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(limit + 1)
    )
    if before is not None:
        xid, seq = pagination.read(before, pagination.number, pagination.number)
        statement = statement.where(
            tuple_(journal.c.xid, journal.c.seq) < tuple_(text(f"'{xid:d}'::xid8"), text(f"{seq:d}::bigint"))
        )
    found = [_recorded_from(row) for row in await unit_of_work.execute(statement)]
    newest_first = pagination.page_of(found, limit, lambda event: event.cursor)
    return newest_first._replace(items=newest_first.items[::-1])


async def search(
    unit_of_work: UnitOfWork, app_id: AppId, chosen: JournalFilter, *, before: tuple[int, int] | None, limit: int
) -> JournalSearchPage:
    """The newest matching events before a position, newest first, among at most `SEARCH_ROWS` events.

    The bound makes every search fast, however rare the events are: the next page continues where this one ended.
    """
    scanned = (
        select(journal, _POSITION)
        .where(journal.c.app_id == app_id)
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(SEARCH_ROWS if chosen.names else limit + 1)
    )
    if before is not None:
        scanned = scanned.where(_place() < _literal_place(*before))
    rows = scanned.cte("scanned")
    found = (
        select(rows)
        .where(*_matching(rows, chosen))
        .order_by(rows.c.position.desc(), rows.c.seq.desc())
        .limit(limit + 1)
    )
    events = [_recorded_from(row) for row in await unit_of_work.execute(found)]
    page = pagination.page_of(events, limit, lambda event: event.cursor)
    if page.next_cursor is not None or not chosen.names:
        return JournalSearchPage(page.items, page.next_cursor, None)
    number = func.count().over().label("number")
    last = (
        select(rows.c.position, rows.c.seq, rows.c.occurred_at, number).order_by(rows.c.position, rows.c.seq).limit(1)
    )
    end = (await unit_of_work.execute(last)).one_or_none()
    is_over = end is None or end.number < SEARCH_ROWS or (chosen.since is not None and end.occurred_at < chosen.since)
    if is_over or end is None:
        return JournalSearchPage(page.items, None, None)
    return JournalSearchPage(page.items, pagination.write([end.position, end.seq]), end.occurred_at)


def _matching(rows: CTE, chosen: JournalFilter) -> list[ColumnElement[bool]]:
    conditions: dict[str, Callable[[Any], ColumnElement[bool]]] = {
        "types": lambda types: rows.c.type.in_([each.value for each in types]),
        "user_id": lambda user_id: rows.c.user_id == user_id,
        "reference": lambda reference: rows.c.reference == reference,
        "operator": lambda operator: rows.c.data[OPERATOR].astext == operator,
        "reason": lambda reason: rows.c.data["reason"].astext == reason,
        "since": lambda since: rows.c.occurred_at >= since,
        "until": lambda until: rows.c.occurred_at < until,
    }
    return [conditions[name](getattr(chosen, name)) for name in chosen.names]


def _place() -> Any:
    return tuple_(journal.c.xid, journal.c.seq)


def _literal_place(xid: int, seq: int) -> Any:
    return tuple_(text(f"'{xid:d}'::xid8"), text(f"{seq:d}::bigint"))


def read_cursor(cursor: str) -> tuple[int, int]:
    """The position of a cursor. Raises `InvalidCursor`."""
    xid, seq = pagination.read(cursor, pagination.number, pagination.number)
    return xid, seq


async def last_ticket_uses(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> dict[TicketId, datetime]:
    """When each ticket was last used for a request, among the newest `TICKET_USE_ROWS` events of the session."""
    newest = (
        select(journal.c.data[TICKET].astext.label("ticket"), journal.c.occurred_at)
        .where(journal.c.app_id == app_id, journal.c.session_id == session_id)
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(TICKET_USE_ROWS)
        .subquery()
    )
    statement = (
        select(newest.c.ticket, func.max(newest.c.occurred_at).label("used_at"))
        .where(newest.c.ticket.is_not(None))
        .group_by(newest.c.ticket)
    )
    return {TicketId(UUID(row.ticket)): row.used_at for row in await unit_of_work.execute(statement)}


async def newest_cursor(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, types: Iterable[EventType]
) -> str | None:
    """The cursor of the newest event of these types among the newest `RECENT_ROWS` events of the session.

    The bound keeps it fast for sessions that recur for years. Includes everything committed.
    """
    newest = (
        select(journal.c.xid, journal.c.seq, journal.c.type, _POSITION)
        .where(journal.c.app_id == app_id, journal.c.session_id == session_id)
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(RECENT_ROWS)
        .subquery()
    )
    statement = (
        select(newest.c.position, newest.c.seq)
        .where(newest.c.type.in_(list(types)))
        .order_by(newest.c.xid.desc(), newest.c.seq.desc())
        .limit(1)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else pagination.write([row.position, row.seq])


async def events_at(
    unit_of_work: UnitOfWork, app_id: AppId, positions: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], RecordedEvent]:
    """The events at these positions. Events that the retention policy has deleted are missing."""
    wanted = list(positions)
    if not wanted:
        return {}
    values = {"app_id": app_id, "xids": [str(xid) for xid, _ in wanted], "seqs": [seq for _, seq in wanted]}
    return {(row.position, row.seq): _recorded_from(row) for row in await unit_of_work.execute(_AT, values)}


def cursor_before(cursor: str) -> str:
    """The cursor of the position directly before this one."""
    xid, seq = pagination.read(cursor, pagination.number, pagination.number)
    return pagination.write([xid, seq - 1])


async def last_cursor(unit_of_work: UnitOfWork, app_id: AppId) -> str | None:
    """The cursor after which all events are new; None if the journal is empty."""
    statement = (
        select(journal, _POSITION)
        .where(journal.c.app_id == app_id, journal.c.xid < func.journal_horizon())
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(1)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _recorded_from(row).cursor


def _columns_of(event: Event) -> dict[str, Any]:
    key = event.session
    return {
        "app_id": event.actor.app_id,
        "id": event.id,
        "type": event.type,
        "occurred_at": event.occurred_at,
        "session_id": event.session_id,
        "kind": None if key is None else key.kind,
        "reference": None if key is None else key.reference,
        "user_id": event.user_id,
        "key_id": event.actor.key_id,
        "ip": event.actor.ip,
        "user_agent": event.actor.user_agent,
        "asked_by_user_id": event.actor.user_id,
        "data": _data_of(event),
    }


def _data_of(event: Event) -> Mapping[str, Any]:
    actor, data = event.actor, dict(event.data or {})
    if actor.operator is not None:
        data[OPERATOR] = actor.operator
    if actor.operator_subject is not None:
        data[OPERATOR_SUBJECT] = actor.operator_subject
    if actor.ticket_id is not None:
        data[TICKET] = str(actor.ticket_id)
    return data


def _recorded_from(row: Row[Any]) -> RecordedEvent:
    key = None if row.reference is None else SessionKey(row.app_id, SessionKind(row.kind), row.reference)
    data = dict(row.data)
    operator, subject, ticket = data.pop(OPERATOR, None), data.pop(OPERATOR_SUBJECT, None), data.pop(TICKET, None)
    event = Event(
        id=row.id,
        type=EventType(row.type),
        occurred_at=row.occurred_at,
        actor=Actor(
            row.app_id,
            row.key_id,
            row.ip,
            row.user_agent,
            row.asked_by_user_id,
            operator,
            subject,
            ticket_id=None if ticket is None else TicketId(UUID(ticket)),
        ),
        session=key,
        session_id=row.session_id,
        user_id=row.user_id,
        data=data,
    )
    return RecordedEvent(event, pagination.write([row.position, row.seq]))


def _at() -> Select[tuple[object, ...]]:
    wanted = (
        func.unnest(bindparam("xids", type_=ARRAY(Text)), bindparam("seqs", type_=ARRAY(BigInteger)))
        .table_valued(sql_column("xid", Text), sql_column("seq", BigInteger), name="wanted")
        .render_derived()
    )
    same = (journal.c.xid == cast(wanted.c.xid, journal.c.xid.type)) & (journal.c.seq == wanted.c.seq)
    return select(journal, _POSITION).join(wanted, same).where(journal.c.app_id == bindparam("app_id", type_=Uuid))


_AT = _at()
_WRITTEN = (
    "app_id",
    "id",
    "type",
    "occurred_at",
    "session_id",
    "kind",
    "reference",
    "user_id",
    "key_id",
    "ip",
    "user_agent",
    "asked_by_user_id",
    "data",
)
_COLUMNS = [sql_column(name, journal.c[name].type) for name in _WRITTEN]
_INSERT_ONE = Query(_insert_one())
_INSERT_ALL = Query(_insert_all())
