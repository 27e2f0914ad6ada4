"""Queries of the hot path: compiled once, executed by the driver on a connection of their own.

SQLAlchemy writes these queries, but does not execute them: that costs more time than PostgreSQL needs for them. The
writers and readers that use this module are batchers, and have no unit of work: each query is a transaction.
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

from videobroker.storage.postgres import app_scope
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.traced_statements import start_statement_span

Row = Mapping[str, Any]

# One plan that fits any number of rows, made once, with an index for every table. Otherwise PostgreSQL plans each
# execution, or scans whole tables because they were small when it planned.
PLANNER_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "jit": "off",
}

CACHED_JSON_CHARACTERS = 2048
"""The longest JSON text whose value is cached."""

ROWS_PARAMETER = "rows"


def json_table(name: str, *columns: ColumnClause[Any]) -> TableValuedAlias:
    """A parameter with any number of rows, as a table. `json_rows` makes its value.

    One JSON text, not one array per column: the driver inspects each element of an array several times.
    """
    rows = func.json_to_recordset(cast(bindparam(ROWS_PARAMETER, type_=Text), JSON))
    return rows.table_valued(*columns, name=name).render_derived(with_types=True)


def single_row_table(name: str, *columns: ColumnClause[Any]) -> Subquery:
    """One parameter per column, as a table of one row: spares PostgreSQL the parsing of JSON."""
    parameters = (cast(bindparam(each.name, type_=each.type), each.type).label(each.name) for each in columns)
    return select(*parameters).subquery(name)


def json_rows(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The parameters of a query with a `json_table`. Values: str, int, float, bool, None, UUID, aware datetime, enum,
    JSON."""
    return {ROWS_PARAMETER: msgspec.json.encode(rows).decode()}


class Query:
    """A statement, compiled to the text and the parameter order of the driver."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)  # noqa: S101  what else could be compiled
        compiled = statement.compile(dialect=PGDialect_asyncpg())  # type: ignore[no-untyped-call]
        self.text = str(compiled)
        self.parameters: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def arguments(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """The arguments of the driver, from values by parameter name."""
        return [values[name] if name in values else self._constants[name] for name in self.parameters]


class DedicatedConnection:
    """One connection outside of the pool, made when it is needed, and again after it was lost. One query at a time."""

    def __init__(self, store: Store, *, across_apps: bool = False) -> None:
        """Statements set the scope of their rows: see `scoped_rows`. `across_apps`: every app, for the worker."""
        self._store = store
        self._scope = {app_scope.SETTING: app_scope.EVERY_APP} if across_apps else {}
        self._connection: Any = None

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> list[Row]:
        """Run the query as a transaction of its own: what it wrote is committed when this returns.

        Raises `StorageUnavailable` when the database is lost.
        """
        async with self._store.translated():
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = self._connection = await self._connect()
            span, failure = start_statement_span(query.text), None
            try:
                rows: list[Row] = await connection.fetch(query.text, *query.arguments(values))
            except (TimeoutError, asyncpg.InternalClientError) as error:
                failure = error
                self._terminate()
                raise
            except BaseException as error:
                failure = error
                raise
            finally:
                span.end(failure)
            return rows

    async def aclose(self) -> None:
        """Close the connection."""
        self._terminate()

    def _terminate(self) -> None:
        # `close` waits for the server, which may be gone; no query is in flight.
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connect(self) -> Any:
        arguments = dict(self._store.connect_args)
        if settings := arguments.get("server_settings"):
            arguments["server_settings"] = {**settings, **PLANNER_SETTINGS, **self._scope}
        # Not through a pooler: it needs prepared statements and session settings that persist.
        url = self._store.direct.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(url, **arguments)
        await connection.set_type_codec("jsonb", encoder=_encode_json, decoder=_decode_json, schema="pg_catalog")
        return connection


def _encode_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _decode_json(text: str) -> Any:
    return _decode_cached(text) if len(text) < CACHED_JSON_CHARACTERS else json.loads(text)


@lru_cache(maxsize=1024)
def _decode_cached(text: str) -> Any:
    # Most sessions have the same policy and no metadata. Callers never change the shared value.
    return json.loads(text)
