"""The hot path's look at the database: session, person, room, call and uid of many askers in one round trip."""

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
from sqlalchemy.sql.selectable import LateralFromClause, TableValuedAlias

from videobroker.concurrency.batcher import Batcher
from videobroker.domain.join_context import JoinContext
from videobroker.domain.sessions import Participant, SessionKey
from videobroker.storage.calls.calls import CALL_COLUMNS, call_from
from videobroker.storage.calls.rooms import ROOM_COLUMNS, room_from
from videobroker.storage.joining.lobby import ENTRY_COLUMNS, entry_from
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query, Record, row_of, table_of, told
from videobroker.storage.postgres.row_mapping import Columns
from videobroker.storage.sessions.sessions import SESSION_COLUMNS, session_of
from videobroker.storage.tables import calls, lobby, participants, removals, rooms, sessions, uids

FLIGHTS = 1
"""Queries under way at a time."""

_Asked = tuple[SessionKey, str | None]


_ASKED = (
    column("place", Integer),
    column("app_id", Uuid),
    column("kind", Text),
    column("reference", Text),
    column("user_id", Text),
)


def _look(asked: TableValuedAlias | Subquery) -> Select[tuple[object, ...]]:
    def one(table: Table, *columns: ColumnElement[Any], **where: ColumnElement[Any]) -> LateralFromClause:
        # LIMIT makes the planner look for one row by all that is known of it, instead of taking all rows of a session
        # and choosing among them.
        return _narrowed(select(*columns), table, where).limit(literal_column("1")).lateral(f"one_of_{table.name}")

    def first(
        table: Table, *columns: ColumnElement[Any], by: tuple[str, ColumnElement[Any]], **where: ColumnElement[Any]
    ) -> LateralFromClause:
        # While a table is small, an index that serves only a part of this looks as good to the planner, and it keeps
        # what it chose. Having to order by a column, it takes the index that has it; and it would not order by a
        # column that it is told to be equal to something.
        name, value = by
        key = table.c[name]
        found = _narrowed(select(*columns), table, where).where(key.between(value, value)).order_by(key)
        return found.limit(literal_column("1")).lateral(f"one_of_{table.name}")

    app = {"app_id": asked.c.app_id}
    session = first(
        sessions, *_columns(sessions, SESSION_COLUMNS), **app, kind=asked.c.kind, by=("reference", asked.c.reference)
    )
    of_session = ("session_id", session.c.id)
    in_session, of_person = {"session_id": session.c.id}, ("user_id", asked.c.user_id)
    person = app | in_session | {"user_id": asked.c.user_id}
    role, name = participants.c.role.label("participant_role"), participants.c.display_name.label("participant_name")
    entry, room, call = (
        _columns(table, columns, prefix=prefix)
        for table, columns, prefix in (
            (lobby, ENTRY_COLUMNS, "entry_"),
            (rooms, ROOM_COLUMNS, "room_"),
            (calls, CALL_COLUMNS, "call_"),
        )
    )
    beside = (
        one(participants, role, name, **person),
        first(uids, uids.c.uid, **app, **in_session, retired_at=null(), by=of_person),
        one(removals, removals.c.banned, **person),
        first(lobby, *entry, **app, user_id=asked.c.user_id, by=of_session),
        first(rooms, *room, **app, provider=session.c.provider, by=of_session),
        first(calls, *call, **app, ended_at=null(), by=of_session),
    )
    # Only what is read: every column costs time at both ends.
    statement = select(asked.c.place, *session.c, *(column for each in beside for column in each.c))
    statement = statement.select_from(asked).join(session, true())
    for each in beside:
        statement = statement.outerjoin(each, true())
    return statement


def _narrowed(
    statement: Select[tuple[object, ...]], table: Table, where: Mapping[str, ColumnElement[Any]]
) -> Select[tuple[object, ...]]:
    return statement.where(*(table.c[name] == value for name, value in where.items()))


def _columns(table: Table, columns: Columns, *, prefix: str = "") -> list[ColumnElement[Any]]:
    return [table.c[name].label(f"{prefix}{name}") for name in columns.names]


LOOK = Query(_look(table_of("asked", *_ASKED)))
LOOK_OF_ONE = Query(_look(row_of("asked", *_ASKED)))


class JoinContextReader:
    """Looks through doors. Those who look at the same time share a round trip."""

    def __init__(self, store: Store) -> None:
        self._wires = [DedicatedConnection(store) for _ in range(FLIGHTS)]
        carriers = [partial(_look_through_all, wire) for wire in self._wires]
        self._looks = Batcher[_Asked, JoinContext | None]("entrances", carriers)

    async def look(self, key: SessionKey, user_id: str | None) -> JoinContext | None:
        """The session as this person finds it; `user_id` is None for somebody without a registration."""
        return await self._looks.ask((key, user_id))

    async def aclose(self) -> None:
        """Stop looking."""
        await self._looks.aclose()
        for wire in self._wires:
            await wire.aclose()


async def _look_through_all(wire: DedicatedConnection, asked: Sequence[_Asked]) -> list[JoinContext | None]:
    rows = [
        {
            "place": place,
            "app_id": key.app_id,
            "kind": key.kind,
            "reference": key.reference,
            "user_id": user_id,
        }
        for place, (key, user_id) in enumerate(asked)
    ]
    found: list[JoinContext | None] = [None] * len(asked)
    query, values = (LOOK_OF_ONE, rows[0]) if len(rows) == 1 else (LOOK, told(rows))
    for row in await wire.fetch(query, values):
        place = row["place"]
        found[place] = _entrance_from(row, asked[place][1])
    return found


def _entrance_from(columns: Record, user_id: str | None) -> JoinContext:
    role = columns["participant_role"]
    return JoinContext(
        session=session_of(columns),
        participant=None if role is None else Participant(user_id or "", role, columns["participant_name"]),
        room=None if columns["room_id"] is None else room_from(columns, prefix="room_"),
        call=None if columns["call_id"] is None else call_from(columns, prefix="call_"),
        uid=columns["uid"],
        banned=bool(columns["banned"]),
        entry=None if columns["entry_id"] is None else entry_from(columns, prefix="entry_"),
    )
