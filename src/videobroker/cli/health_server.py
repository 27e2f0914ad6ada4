"""Serves the health endpoints of a worker, in the worker's event loop."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from videobroker.concurrency.supervised import SupervisedTask
from videobroker.errors import StartupFailed

STOP_SECONDS = 2
"""For running scrapes when the worker stops."""
KEEP_ALIVE_SECONDS = 65
"""Longer than Prometheus and the probes of Kubernetes wait between two requests."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port. Raises `StartupFailed` if it cannot listen."""
    with contextlib.closing(_listen(host, port)) as listener:

        async def serve() -> None:
            server = _server(app)
            try:
                # A copy, because the server closes its socket.
                await server.serve(sockets=[listener.dup()])
            finally:
                await server.shutdown()

        task = SupervisedTask("health endpoint", serve)
        task.start()
        address, number = listener.getsockname()[:2]
        log.info("health.started", address=address, port=number)
        try:
            yield number
        finally:
            await task.aclose()


class _HealthServer(uvicorn.Server):
    """Leaves the signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: ASGIApp) -> uvicorn.Server:
    return _HealthServer(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise StartupFailed(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Change HOST or VIDEOBROKER_HEALTH_PORT."
        ) from None
