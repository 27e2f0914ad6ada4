"""Connections for those few queries that every request makes: each has its own, and nothing lies in between.

SQLAlchemy still writes these queries; it does not execute them. That saves more time than PostgreSQL takes for them.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import JSON, ColumnClause, Executable, Subquery, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.selectable import TableValuedAlias

from videobroker.storage.postgres.database import Store

Record = Any
"""A row: `row["column"]`."""

TIMEOUT_SECONDS = 10.0
"""When not even the server's own statement timeout is heard of any more."""

# A plan is made once, and it is the one that fits any number of rows: every table is asked by an index. Without this,
# PostgreSQL plans every query anew, or reads whole tables because they were small when it planned.
PLANNING = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "jit": "off",
}

REMEMBERED_JSON = 2048

MANY = "many"
"""The parameter of a statement that is about `table_of` many."""


def table_of(name: str, *columns: ColumnClause[Any]) -> TableValuedAlias:
    """What the statement is told of many at once, as a table. It travels as one JSON text, made by `told`.

    Not as an array for each column: the driver looks at every element of every array several times before it sends it.
    """
    many = func.json_to_recordset(cast(bindparam(MANY, type_=Text), JSON))
    return many.table_valued(*columns, name=name).render_derived(with_types=True)


def row_of(name: str, *columns: ColumnClause[Any]) -> Subquery:
    """What the statement is told of one, as a table of one row: PostgreSQL has no text to read then."""
    said = (cast(bindparam(each.name, type_=each.type), each.type).label(each.name) for each in columns)
    return select(*said).subquery(name)


def told(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The parameter for these rows: of strings, numbers, booleans, None, UUIDs, aware moments, enums, and JSON."""
    return {MANY: msgspec.json.encode(rows).decode()}


class Query:
    """A statement as it travels."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)  # noqa: S101  what else could be compiled
        compiled = statement.compile(dialect=PGDialect_asyncpg())  # type: ignore[no-untyped-call]
        self.text = str(compiled)
        self.parameters: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def arguments(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """These values, in the order of the statement's parameters."""
        return [values[name] if name in values else self._constants[name] for name in self.parameters]


class DedicatedConnection:
    """One connection. One query at a time; it is made when it is needed, and made anew after it was lost."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection: Any = None

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> list[Record]:
        """What the query answers. On its own it is a transaction: what it wrote is committed.

        Raises `StorageUnavailable` for a lost database.
        """
        async with self._store.translated():
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = self._connection = await self._connect()
            try:
                rows: list[Record] = await connection.fetch(
                    query.text, *query.arguments(values), timeout=TIMEOUT_SECONDS
                )
            except TimeoutError:
                self._cut()
                raise
            return rows

    async def aclose(self) -> None:
        """Let go of the connection."""
        self._cut()

    def _cut(self) -> None:
        # Not `close()`: the server may be gone, and nothing is in flight.
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connect(self) -> Any:
        arguments = dict(self._store.connect_args)
        if settings := arguments.get("server_settings"):
            arguments["server_settings"] = {**settings, **PLANNING}
        # Past a pooler: it lives on statements that stay prepared, and has settings of its own.
        url = self._store.direct.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(url, **arguments)
        await connection.set_type_codec("jsonb", encoder=_json, decoder=_value, schema="pg_catalog")
        return connection


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _value(text: str) -> Any:
    return _short_value(text) if len(text) < REMEMBERED_JSON else json.loads(text)


@lru_cache(maxsize=1024)
def _short_value(text: str) -> Any:
    # Most sessions have the same policy and no metadata. Nobody changes what they are given.
    return json.loads(text)
