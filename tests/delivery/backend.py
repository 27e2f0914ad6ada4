"""The backend of an app: an HTTP server that records webhooks and responds as configured."""

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
    """One received request."""

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
        """The parsed body."""
        body: dict[str, Any] = json.loads(self.raw)
        return body

    def verified(self, secret: str) -> dict[str, Any]:
        """The body, verified by the library of the standard, which raises `WebhookVerificationError`."""
        verified: dict[str, Any] = Webhook(secret).verify(self.raw, self.headers)
        return verified


Behavior = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def respond(status: int = 200, body: bytes = b"", **headers: str) -> Behavior:
    """Respond with a status, a body, and headers: `respond(503, retry_after="120")`."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Reason", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode("latin-1") + CRLF * 2 + body)

    return behave


def send_raw(*parts: bytes, again: bytes = b"", pause: float = 0.0) -> Behavior:
    """Send raw bytes, then repeat `again` forever with a pause before each; without `again`, close the connection."""

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
    """Receive the request and never respond."""
    await asyncio.Event().wait()


@dataclass
class Backend:
    """Records requests. It uses each of `next_behaviors` once, and then `default_behavior`."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    next_behaviors: list[Behavior] = field(default_factory=list)
    default_behavior: Behavior = field(default_factory=respond)
    connections: int = 0
    closed_by_client: int = 0
    """Number of connections that the client closed."""
    closed: int = 0
    """Number of closed connections, regardless of who closed them."""

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of all requests, in order."""
        return [each.id for each in self.received]

    @property
    def types(self) -> list[str]:
        """The event types of all requests, in order."""
        return [each.body["type"] for each in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection until it is closed."""
        self.connections += 1
        try:
            while not writer.is_closing():
                received = await _read(reader)
                self.received.append(received)
                behave = self.next_behaviors.pop(0) if self.next_behaviors else self.default_behavior
                await behave(received, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            self.closed_by_client += 1
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.closed += 1


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(CRLF * 2)).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(head[0].split(" ")[1], headers, raw)


@asynccontextmanager
async def start_backend(host: str = "127.0.0.1", port: int = 0, **how: Any) -> AsyncIterator[Backend]:
    """A backend that accepts connections while the block runs. Port 0: a free one."""
    backend = Backend()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(backend.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, port, **how)
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


async def deliver_due(tenant: Tenant) -> int:
    """Send the deliveries of the app that are due now, as a worker would. Returns the number of attempts."""
    # One moment: on a busy machine, retries and probes would be due before the first attempts have ended.
    now, attempts = tenant.broker.now(), 0
    while await fan_out(tenant.broker, tenant.app.id, now=now):
        pass
    async with tenant.broker.store.transaction(tenant.app.id) as unit_of_work:
        receivers = await endpoints.of_app(unit_of_work, tenant.app.id)
    for endpoint in receivers:
        while done := await deliver(tenant.broker, tenant.app.id, endpoint.id, now=now):
            attempts += done
    return attempts
