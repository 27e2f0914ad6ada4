"""uvicorn's server for `Http1Connection`, which resets no connection when it stops."""

import asyncio
import socket

import uvicorn

from videobroker.web.http.http1_connection import Http1Connection

TURNS_TO_CONNECT = 3
"""Of the event loop, between the moment when it accepts a connection and the call of `connection_made`."""


class Http1Server(uvicorn.Server):
    """Accepts all connections that clients have made before it stops listening."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and complete requests, also of connections that were not accepted yet.

        For their clients, these connections are established, and may carry a request. Closing the listener resets them,
        and a proxy must not repeat a POST that it has sent.
        """
        await self._connect_accepted()
        waiting = [connection for server in self.servers for connection in _stop_listening(server)]
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)
        await _let_accepted_connect()
        await super().shutdown(sockets)

    async def _connect_accepted(self) -> None:
        """Accept no more connections, and wait until those that were accepted have a protocol.

        asyncio loses a connection if its server is closed in between. uvloop does not, and has no reader to remove.
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        await _let_accepted_connect()

    def _protocol(self) -> Http1Connection:
        return Http1Connection(self.config, self.server_state, self.lifespan.state)


async def _let_accepted_connect() -> None:
    for _ in range(TURNS_TO_CONNECT):
        await asyncio.sleep(0)


def _stop_listening(server: asyncio.Server) -> list[socket.socket]:
    """Close the listeners, and return the connections that have not been accepted."""
    # A copy listens for as long as it is open. Between the last `accept` and its end, nothing else runs.
    copies = [listener.dup() for listener in server.sockets]
    server.close()
    waiting: list[socket.socket] = []
    for copy in copies:
        with copy:
            copy.setblocking(False)
            while (connection := _accept(copy)) is not None:
                connection.setblocking(False)
                waiting.append(connection)
    return waiting


def _accept(listener: socket.socket) -> socket.socket | None:
    try:
        return listener.accept()[0]
    except OSError:
        # No connection waits, or no more files can be opened.
        return None
