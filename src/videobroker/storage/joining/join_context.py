"""Reads what a join depends on: session, participant, room, call, and uid of many requests in one round trip."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Table,
    Text,
    Uuid,
    column,
    literal_column,
    null,
    select,
    true,
)
from sqlalchemy.sql.selectable import LateralFromClause

from videobroker.concurrency.batcher import Batcher
from videobroker.domain.join_context import JoinContext
from videobroker.domain.sessions import Participant, SessionKey
from videobroker.storage.calls.calls import CALL_ROWS, call_from
from videobroker.storage.calls.rooms import ROOM_ROWS, room_from
from videobroker.storage.joining.lobby import ENTRY_ROWS, entry_from
from videobroker.storage.postgres.app_scope import scoped_rows
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import (
    DedicatedConnection,
    Query,
    Row,
    json_rows,
    json_table,
    single_row_table,
)
from videobroker.storage.postgres.row_mapping import RowReader
from videobroker.storage.sessions.sessions import SESSION_ROWS, session_from
from videobroker.storage.tables import calls, lobby, participants, removals, rooms, sessions, uids

CONCURRENT_QUERIES = 1

_Request = tuple[SessionKey, str | None]


_REQUEST_COLUMNS = (
    column("place", Integer),
    column("app_id", Uuid),
    column("kind", Text),
    column("reference", Text),
    column("user_id", Text),
)


def _statement(requests: Subquery) -> Select[tuple[object, ...]]:
    def one(table: Table, *columns: ColumnElement[Any], **where: ColumnElement[Any]) -> LateralFromClause:
        # LIMIT makes the planner look up one row by all conditions, instead of filtering all rows of a session.
        return _narrowed(select(*columns), table, where).limit(literal_column("1")).lateral(f"one_of_{table.name}")

    def first(
        table: Table, *columns: ColumnElement[Any], by: tuple[str, ColumnElement[Any]], **where: ColumnElement[Any]
    ) -> LateralFromClause:
        # While a table is small, an index on a part of the conditions seems equally good, and a generic plan is final.
        # ORDER BY a column makes the planner choose the index with that column. BETWEEN, because the planner drops the
        # order by a column that is compared with `=`.
        name, value = by
        key = table.c[name]
        found = _narrowed(select(*columns), table, where).where(key.between(value, value)).order_by(key)
        return found.limit(literal_column("1")).lateral(f"one_of_{table.name}")

    app = {"app_id": requests.c.app_id}
    session = first(
        sessions, *_columns(sessions, SESSION_ROWS), **app, kind=requests.c.kind, by=("reference", requests.c.reference)
    )
    of_session = ("session_id", session.c.id)
    in_session, of_person = {"session_id": session.c.id}, ("user_id", requests.c.user_id)
    person = app | in_session | {"user_id": requests.c.user_id}
    role, name = participants.c.role.label("participant_role"), participants.c.display_name.label("participant_name")
    entry = _columns(lobby, ENTRY_ROWS, prefix="entry_")
    room = _columns(rooms, ROOM_ROWS, prefix="room_")
    call = _columns(calls, CALL_ROWS, prefix="call_")
    joined = (
        one(participants, role, name, **person),
        first(uids, uids.c.uid, **app, **in_session, retired_at=null(), by=of_person),
        one(removals, removals.c.banned, **person),
        first(lobby, *entry, **app, user_id=requests.c.user_id, by=of_session),
        first(rooms, *room, **app, provider=session.c.provider, by=of_session),
        first(calls, *call, **app, ended_at=null(), by=of_session),
    )
    # Only the columns that are read: each one costs time on both sides.
    statement = select(requests.c.place, *session.c, *(column for each in joined for column in each.c))
    statement = statement.select_from(requests).join(session, true())
    for each in joined:
        statement = statement.outerjoin(each, true())
    return statement


def _narrowed(
    statement: Select[tuple[object, ...]], table: Table, where: Mapping[str, ColumnElement[Any]]
) -> Select[tuple[object, ...]]:
    return statement.where(*(table.c[name] == value for name, value in where.items()))


def _columns(table: Table, reader: RowReader[Any], *, prefix: str = "") -> list[ColumnElement[Any]]:
    return [table.c[name].label(f"{prefix}{name}") for name in reader.names]


READ_MANY = Query(_statement(scoped_rows(json_table("sent", *_REQUEST_COLUMNS), "requests")))
READ_ONE = Query(_statement(scoped_rows(single_row_table("sent", *_REQUEST_COLUMNS), "requests")))


class JoinContextReader:
    """Batcher: concurrent reads share a round trip."""

    def __init__(self, store: Store) -> None:
        self._connections = [DedicatedConnection(store) for _ in range(CONCURRENT_QUERIES)]
        self._reads = Batcher[_Request, JoinContext | None](
            "join_context", [partial(_read_all, connection) for connection in self._connections]
        )

    async def read(self, key: SessionKey, user_id: str | None) -> JoinContext | None:
        """The session and what it has about this person; `user_id` is None for a person without a registration."""
        return await self._reads.submit((key, user_id))

    async def aclose(self) -> None:
        """Finish the current query, and close the connections."""
        await self._reads.aclose()
        for connection in self._connections:
            await connection.aclose()


async def _read_all(connection: DedicatedConnection, requests: Sequence[_Request]) -> list[JoinContext | None]:
    rows = [
        {
            "place": place,
            "app_id": key.app_id,
            "kind": key.kind,
            "reference": key.reference,
            "user_id": user_id,
        }
        for place, (key, user_id) in enumerate(requests)
    ]
    found: list[JoinContext | None] = [None] * len(requests)
    query, values = (READ_ONE, rows[0]) if len(rows) == 1 else (READ_MANY, json_rows(rows))
    for row in await connection.fetch(query, values):
        place = row["place"]
        found[place] = _join_context_from(row, requests[place][1])
    return found


def _join_context_from(row: Row, user_id: str | None) -> JoinContext:
    role = row["participant_role"]
    return JoinContext(
        session=session_from(row),
        participant=None if role is None else Participant(user_id or "", role, row["participant_name"]),
        room=None if row["room_id"] is None else room_from(row, prefix="room_"),
        call=None if row["call_id"] is None else call_from(row, prefix="call_"),
        uid=row["uid"],
        banned=bool(row["banned"]),
        was_removed=row["banned"] is not None,
        entry=None if row["entry_id"] is None else entry_from(row, prefix="entry_"),
    )
