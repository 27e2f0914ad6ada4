"""A TCP proxy before PostgreSQL whose connections can go silent, as after an unannounced failover."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.engine import URL


class SilentProxy:
    """Passes bytes on to PostgreSQL and back, until `go_silent`."""

    def __init__(self, server: URL) -> None:
        folder = server.query["host"]
        assert isinstance(folder, str)
        self._socket = f"{folder}/.s.PGSQL.{server.port or 5432}"
        self._silent: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = server

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["SilentProxy"]:
        """Accept connections at `url`."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        self.url = self.url.set(host=address[0], port=address[1], query={})
        try:
            yield self
        finally:
            server.close()
            for client in self._clients:
                client.close()
            await server.wait_closed()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many connections are open and not silent."""
        return len(self._clients - self._silent)

    def go_silent(self) -> None:
        """Open connections stay open, but nothing passes any more; new connections work."""
        self._silent |= self._clients

    def close_all(self) -> None:
        """Close the open connections, as after a crash of the server; new connections work."""
        for client in self._clients:
            client.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            # The server is down.
            writer.close()
            return
        self._clients.add(writer)
        try:
            await asyncio.gather(
                self._copy(reader, upstream_writer, writer), self._copy(upstream_reader, writer, writer)
            )
        finally:
            self._clients.discard(writer)
            upstream_writer.close()

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(65536):
                if client not in self._silent:
                    target.write(chunk)
                    await target.drain()
        target.close()
