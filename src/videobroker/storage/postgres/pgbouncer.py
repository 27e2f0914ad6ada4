"""Support for connection poolers in transaction mode, such as PgBouncer.

Each transaction may run on another connection of the server, so nothing may persist on a connection between
transactions: no prepared statement, no setting, no LISTEN, no session lock.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy.engine import URL

from videobroker.storage.postgres.connection import BoundedConnection

CONNECT_TIMEOUT_SECONDS = 5.0
QUERY_TIMEOUT_SECONDS = 2.0
"""A pooler whose connections are all in use would make the query wait without end."""


class PooledConnection(BoundedConnection):
    """Sends the settings of a session with each transaction.

    A pooler does not forward settings on connect, and resets those of a session.
    """

    settings: Sequence[str] = ()
    """`set local ...`"""

    def _settings(self) -> Sequence[str]:
        return (*self.settings, *self.next_settings)


FORWARDED_SETTING = "application_name"
"""The only startup parameter of ours that poolers forward; they may refuse others."""


def connect_args(direct: dict[str, Any]) -> dict[str, Any]:
    """The arguments of connections through a pooler, from those of direct connections."""
    settings = direct["server_settings"]
    local = [f"set local {name} = '{value}'" for name, value in settings.items() if name != FORWARDED_SETTING]
    return {
        **direct,
        # The server's spelling: the pooler would set the driver's, utf-8, before every transaction.
        "server_settings": {FORWARDED_SETTING: settings[FORWARDED_SETTING], "client_encoding": "UTF8"},
        "connection_class": type("Connection", (PooledConnection,), {"settings": local}),
        # The server replaces an unnamed statement by the next one, so that none persists.
        "prepared_statement_name_func": str,
        "prepared_statement_cache_size": 0,
        "statement_cache_size": 0,
    }


async def keeps_sessions(url: URL) -> bool:
    """Whether a connection to this URL stays on one server connection; behind a transaction pooler it does not."""
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with contextlib.AsyncExitStack() as stack:
        one, other = [await _connected(stack, dsn) for _ in range(2)]
        before = await _server_process(one)
        # A pooler gives this transaction the server connection that was used last.
        async with other.transaction():
            await other.fetchval("select pg_backend_pid()")
            try:
                return await asyncio.wait_for(_server_process(one), QUERY_TIMEOUT_SECONDS) == before
            except TimeoutError:
                return False


async def is_same_database(url: URL, other: URL) -> bool:
    """Whether both URLs lead to one database of one server."""
    return await _identity(url) == await _identity(other)


async def _connected(stack: contextlib.AsyncExitStack, dsn: str) -> "asyncpg.Connection":
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS, statement_cache_size=0)
    # `close` would wait for the query under way.
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
