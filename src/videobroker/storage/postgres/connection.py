"""Connections of the driver whose waits all end: a server can stop answering without closing a connection.

That happens when a failover moves the server's address, or when a firewall forgets the connection. Without limits on
our side, every caller would wait forever, as would the pool when it rolls back, and the process when it stops.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

CONNECT_TIMEOUT_SECONDS = 5.0
STATEMENT_SECONDS = 5.0
"""Our statements take milliseconds. One that takes this long is stuck, and its caller has given up."""
LONG_STATEMENT_SECONDS = 600.0
"""For work on whole journals, for erasures, and for deletions."""
ANSWER_SECONDS = 3.0
"""How long after its own limit the server may take to answer. Without an answer, the connection is dead."""
CLOSE_SECONDS = 2.0


class BoundedConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """Closes within `CLOSE_SECONDS`. The driver waits longer for the answer to a canceled command.

    Settings of a transaction are sent in the message of BEGIN, which costs no round trip.
    """

    next_settings: Sequence[str] = ()
    """`set local ...` for the next transaction only, so that none gets those of the one before it."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Appends the settings to BEGIN."""
        if not args and query.startswith("BEGIN"):
            query, self.next_settings = "; ".join((query.rstrip("; "), *self._settings())), ()
        status: str = await super().execute(query, *args, timeout=timeout)
        return status

    def _settings(self) -> Sequence[str]:
        return self.next_settings

    async def close(self, *, timeout: float | None = None) -> None:
        """Close the connection, with a message to the server if it still answers."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS if timeout is None else min(timeout, CLOSE_SECONDS)):
                await super().close()
        except TimeoutError:
            self.terminate()


def connect_args(statement_seconds: float | None, *, application_name: str = "videobroker") -> dict[str, Any]:
    """Arguments of `asyncpg.connect`: both sides end a statement that takes longer. None: no limit."""
    return {
        "timeout": CONNECT_TIMEOUT_SECONDS,
        "command_timeout": None if statement_seconds is None else statement_seconds + ANSWER_SECONDS,
        "connection_class": BoundedConnection,
        "server_settings": {
            "application_name": application_name,
            "timezone": "UTC",
            "statement_timeout": str(round((statement_seconds or 0) * 1000)),
        },
    }
