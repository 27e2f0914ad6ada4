"""Serve the application with granian (optional extra) in this process, on the event loop of the service.

granian's default server starts worker processes. They outlive a parent that is killed, and are killed before the
application can end its streams. This module therefore uses `granian.server.embed`, which is public and documented, but
experimental: the version is pinned, and `tests/cli/test_servers.py` must pass before an upgrade.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog
from fastapi import FastAPI
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp, Receive, Scope, Send

from videobroker.cli.starting import event_loop
from videobroker.errors import StartupFailed
from videobroker.web.http.granian_requests import GranianRequests
from videobroker.web.http.http1_connection import MAX_HEAD_BYTES

MAX_CONNECTIONS = 65_536
"""granian calls this limit backpressure; it includes idle connections. uvicorn has no such limit. The value is so high
that the process runs out of file descriptors first."""
BACKLOG = 2048
"""Connections that wait to be accepted; the default of uvicorn."""
CANCEL_SECONDS = 2.0
"""How long canceled requests may take to end."""

log = structlog.get_logger(__name__)


def run(
    app: FastAPI, asgi_app: ASGIApp, *, host: str, port: int, keep_alive_seconds: int, grace_seconds: float
) -> None:
    """Serve `asgi_app`, which wraps `app`, until SIGTERM or SIGINT. A second signal cancels running requests.

    Raises `StartupFailed`, and any exception of the lifespan of `app`.
    """
    address, number = usable_address(host, port)
    with _signal_handlers_restored(), asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(_run(app, asgi_app, address, number, keep_alive_seconds, grace_seconds))


async def _run(
    app: FastAPI, asgi_app: ASGIApp, address: str, port: int, keep_alive_seconds: int, grace_seconds: float
) -> None:
    stop, force = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (force if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    async with (
        app.router.lifespan_context(app),
        serving(
            asgi_app,
            address,
            port,
            keep_alive_seconds=keep_alive_seconds,
            grace_seconds=grace_seconds,
            force=force,
        ) as task,
    ):
        log.info("server.started", server="granian", address=address, port=port)
        await _first_of(task, stop)
        # Ends all server-sent event streams. Their clients reconnect to another process.
        AppStatus.should_exit = True


@asynccontextmanager
async def serving(
    app: ASGIApp, address: str, port: int, *, keep_alive_seconds: float, grace_seconds: float, force: asyncio.Event
) -> "AsyncIterator[asyncio.Task[None]]":
    """Serve without lifespan events, in the yielded task.

    On exit, the server stops accepting connections and waits for running requests. It cancels them after
    `grace_seconds`, or when `force` is set.
    """
    requests = _RunningRequests(GranianRequests(app))
    server = Server(
        requests,
        address=address,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(
            # hyper uses one timeout for idle connections and for request heads.
            header_read_timeout=round(keep_alive_seconds * 1000),
            max_buffer_size=MAX_HEAD_BYTES,
        ),
        # Lower levels are about worker processes, which are not used.
        log_level=LogLevels.error,
        # Extends the `logging` configuration instead of replacing it.
        log_dictconfig={
            "incremental": True,
            "formatters": {},
            "handlers": {},
            "loggers": {"_granian": {"propagate": True}},
        },
    )
    task = asyncio.create_task(server.serve())
    try:
        yield task
    finally:
        if not task.done():
            server.stop()  # type: ignore[no-untyped-call]
            await _first_of(task, force, seconds=grace_seconds)
        if not task.done():
            log.warning("server.requests_canceled", requests=requests.cancel())
            await asyncio.wait({task}, timeout=CANCEL_SECONDS)
        # A connection may still wait for the rest of a request head.
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _RunningRequests:
    """ASGI middleware that tracks the tasks of running requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  this is a coroutine
        self._tasks.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._tasks.discard(task)

    def cancel(self) -> int:
        """Cancel all running requests, and return their number."""
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)


async def _first_of(task: "asyncio.Task[None]", event: asyncio.Event, seconds: float | None = None) -> None:
    """Wait until the task ends, the event is set, or the timeout expires."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


def usable_address(host: str, port: int) -> tuple[str, int]:
    """Resolve the host to an IP address, and port 0 to a free port.

    granian accepts only IP addresses, and would share a port with another granian. Raises `StartupFailed` if the port
    is in use.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, target = min(found, key=lambda each: each[0] != socket.AF_INET)
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
            address, number = probe.getsockname()[:2]
    except OSError as error:
        raise StartupFailed(f"Cannot listen on {host}, port {port}: {error.strerror}. Change HOST or PORT.") from None
    return address, number


@contextmanager
def _signal_handlers_restored() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
