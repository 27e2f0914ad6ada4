"""What it takes to share PostgreSQL's connections through a pooler in transaction mode: PgBouncer, for one.

Behind it every transaction may run on another connection of the server. So nothing may be kept on a connection from
one transaction to the next: no prepared statement, no setting, no LISTEN, no lock of the session.
"""

import asyncio
import contextlib
from typing import Any

import asyncpg
from sqlalchemy.engine import URL

CONNECT_TIMEOUT_SECONDS = 5.0
QUERY_TIMEOUT_SECONDS = 2.0
"""A connection that has lost its session may wait for another one for ever."""


class PooledConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection whose transactions bring their settings along.

    A pooler does not pass settings on when it connects, and forgets those of a session. They travel with BEGIN, in the
    same message: that costs no round trip.
    """

    settings = ""
    """`set local ...; ...`"""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Execute; a transaction begins with its settings."""
        begins = not args and query.startswith("BEGIN")
        status: str = await super().execute(f"{query} {self.settings}" if begins else query, *args, timeout=timeout)
        return status


FORWARDED_SETTING = "application_name"
"""A pooler passes this one on; others it may refuse."""


def connect_args(direct: dict[str, Any]) -> dict[str, Any]:
    """What SQLAlchemy and the driver need to know to keep nothing on a connection that has these settings otherwise."""
    settings = direct["server_settings"]
    local = [f"set local {name} = '{value}'" for name, value in settings.items() if name != FORWARDED_SETTING]
    return {
        **direct,
        # In the server's spelling: the driver's own, utf-8, never equals it, and the pooler would set it every time.
        "server_settings": {FORWARDED_SETTING: settings[FORWARDED_SETTING], "client_encoding": "UTF8"},
        "connection_class": type("Connection", (PooledConnection,), {"settings": "; ".join(local)}),
        # Statements without a name are gone with the next one: none is left behind, and none has to be closed.
        "prepared_statement_name_func": str,
        "prepared_statement_cache_size": 0,
        "statement_cache_size": 0,
    }


async def keeps_sessions(url: URL) -> bool:
    """Whether a connection to this URL stays on one connection of the server: not so behind a transaction pooler."""
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with contextlib.AsyncExitStack() as stack:
        one, other = [await _connected(stack, dsn) for _ in range(2)]
        before = await _server_process(one)
        # It takes the server's connection that was free last, if those are shared.
        async with other.transaction():
            await other.fetchval("select pg_backend_pid()")
            try:
                return await asyncio.wait_for(_server_process(one), QUERY_TIMEOUT_SECONDS) == before
            except TimeoutError:
                return False


async def is_same_database(url: URL, other: URL) -> bool:
    """Whether both lead to one database of one server."""
    return await _identity(url) == await _identity(other)


async def _connected(stack: contextlib.AsyncExitStack, dsn: str) -> "asyncpg.Connection":
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS, statement_cache_size=0)
    # Not `close()`: it may be waiting for the server.
    stack.callback(connection.terminate)
    return connection


async def _server_process(connection: "asyncpg.Connection") -> int:
    async with connection.transaction():
        return int(await connection.fetchval("select pg_backend_pid()"))


async def _identity(url: URL) -> tuple[Any, ...]:
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with contextlib.AsyncExitStack() as stack:
        connection = await _connected(stack, dsn)
        async with connection.transaction():
            return tuple(
                await connection.fetchrow(
                    "select oid, pg_postmaster_start_time() from pg_database where datname = current_database()"
                )
            )
