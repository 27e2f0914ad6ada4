"""An app's backend on this machine: it gets our webhooks, checks them as their standard says, and answers anyhow."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from tenants import Tenant
from videobroker.storage.webhooks import endpoints
from videobroker.usecases.webhooks.delivery import deliver, fan_out

CRLF = b"\r\n"


@dataclass(frozen=True)
class Received:
    """One request, as it came over the wire."""

    path: str
    headers: dict[str, str]
    raw: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        """The `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def body(self) -> dict[str, Any]:
        """What it says."""
        body: dict[str, Any] = json.loads(self.raw)
        return body

    def verified(self, secret: str) -> dict[str, Any]:
        """The same, if the standard's own library finds nothing wrong. Raises what that raises."""
        verified: dict[str, Any] = Webhook(secret).verify(self.raw, self.headers)
        return verified


Behaviour = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    """Answers like this: `answer(503, retry_after="120")`."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode("latin-1") + CRLF * 2 + body)

    return behave


def say(*parts: bytes, again: bytes = b"", pause: float = 0.0) -> Behaviour:
    """Says these bytes, then `again` for ever, with a pause before each; the connection ends with the words."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        while again:
            await asyncio.sleep(pause)
            writer.write(again)
            await writer.drain()
        writer.close()

    return behave


async def hang(_: Received, __: asyncio.StreamWriter) -> None:
    """Takes the request and never answers."""
    await asyncio.Event().wait()


@dataclass
class Backend:
    """Keeps what it gets. It behaves as `next` says, one by one, and then as `usually`."""

    url: str = ""
    got: list[Received] = field(default_factory=list)
    next: list[Behaviour] = field(default_factory=list)
    usually: Behaviour = field(default_factory=answer)
    connections: int = 0
    hung_up: int = 0
    """So many connections were ended by the other side."""
    ended: int = 0
    """So many have ended, whoever ended them."""

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of everything that came, in order."""
        return [each.id for each in self.got]

    @property
    def types(self) -> list[str]:
        """The types of everything that came, in order."""
        return [each.body["type"] for each in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        self.connections += 1
        try:
            while not writer.is_closing():
                received = await _read(reader)
                self.got.append(received)
                behave = self.next.pop(0) if self.next else self.usually
                await behave(received, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            self.hung_up += 1
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.ended += 1


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(CRLF * 2)).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(head[0].split(" ")[1], headers, raw)


@asynccontextmanager
async def listening(host: str = "127.0.0.1", **how: Any) -> AsyncIterator[Backend]:
    """A backend that listens, for as long as the block runs."""
    backend = Backend()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(backend.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0, **how)
    address = server.sockets[0].getsockname()
    name = f"[{address[0]}]" if server.sockets[0].family is socket.AF_INET6 else address[0]
    backend.url = f"http{'s' if how.get('ssl') else ''}://{name}:{address[1]}/hooks"
    try:
        yield backend
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def carry(tenant: Tenant) -> int:
    """Bring everything that is due to the app's endpoints, as a worker would; how many attempts that took."""
    attempts = 0
    while await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now()):
        pass
    async with tenant.broker.store.transaction() as unit_of_work:
        receivers = await endpoints.of_app(unit_of_work, tenant.app.id)
    for endpoint in receivers:
        while done := await deliver(tenant.broker, tenant.app.id, endpoint.id, now=tenant.broker.now()):
            attempts += done
    return attempts
