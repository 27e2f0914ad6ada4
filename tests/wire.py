"""Raw HTTP/1.1, as no client library would send it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tenants import Tenant

PATIENCE_SECONDS = 20
JOIN = "/v1/bookings/lesson-1/join"
TUTOR = b'{"user_id": "tutor-1"}'

OFFERS = [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n",
    "Upgrade: h2c\r\nConnection: keep-alive, upgrade\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eDNKSg==\r\n",
    "Connection: upgrade\r\nUpgrade: TLS/1.0, h2c\r\n",
    "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
]


class Client:
    """A TCP connection to the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send each piece as a segment of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.005)

    async def answer(self, *, to_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = 0 if to_head else int(headers.get("content-length", 0))
            return int(head.split()[1]), headers, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """Everything until the end of the connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read()


class Port:
    """Where a server listens."""

    def __init__(self, number: int) -> None:
        self.number = number

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Client]:
        """A connection."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.number))
        try:
            yield client
        finally:
            client.writer.close()


def head(tenant: Tenant, *, path: str = JOIN, method: str = "POST", more: str = "", version: str = "1.1") -> bytes:
    """The head of a request; without `Content-Length` in `more` it has no body."""
    return (f"{method} {path} HTTP/{version}\r\nHost: here\r\nAuthorization: Bearer {tenant.key}\r\n{more}\r\n").encode(
        "latin-1"
    )


def whole(tenant: Tenant, body: bytes = TUTOR, *, more: str = "", **how: Any) -> bytes:
    """A request with a body."""
    return head(tenant, more=f"Content-Length: {len(body)}\r\n{more}", **how) + body


def chunked(*parts: bytes, trailers: str = "") -> bytes:
    """A body in chunks."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return chunks + b"0\r\n" + trailers.encode() + b"\r\n"


def code(body: bytes) -> str:
    """The stable code of a problem."""
    return str(json.loads(body)["code"])
