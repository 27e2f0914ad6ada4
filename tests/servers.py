"""The service in the process of the test, and servers on ports of this machine in its event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from polling import eventually
from videobroker import wiring
from videobroker.broker import Broker, Clock
from videobroker.settings import Settings
from videobroker.web.app import create_app


@asynccontextmanager
async def serving(app: ASGIApp | uvicorn.Config, *, force_exit: bool = False, **options: Any) -> AsyncIterator[str]:
    """The URL of a uvicorn server with this app: without lifespan and access log, unless `options` contain them.

    The port is never free between its choice and its use. `force_exit` does not wait for open connections at the end.
    """
    if not isinstance(app, uvicorn.Config):
        app = uvicorn.Config(app, **{"access_log": False, "log_config": None, "lifespan": "off", **options})
    server = uvicorn.Server(app)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await eventually(lambda: server.started or task.done())
            if not server.started:
                await task
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            server.force_exit = force_exit
            await task


@asynccontextmanager
async def service_on(
    settings: Settings, url: str, *, clock: Clock = wiring.utc_now
) -> AsyncIterator[tuple[Broker, httpx.AsyncClient]]:
    """The service on a database, without background work, and a client of it."""
    async with wiring.broker(settings, url, clock=clock) as broker:

        @asynccontextmanager
        async def lifetime() -> AsyncIterator[Broker]:
            yield broker

        service = create_app(lifetime)
        service.state.broker = broker
        transport = httpx.ASGITransport(service)
        async with httpx.AsyncClient(transport=transport, base_url="http://videobroker") as client:
            yield broker, client


@asynccontextmanager
async def serving_granian(app: ASGIApp, *, keep_alive_seconds: float = 60) -> AsyncIterator[str]:
    """The URL of a granian server with this app, without lifespan."""
    # granian is optional: other tests run without it.
    from videobroker.cli import granian_server

    address, port = granian_server.usable_address("127.0.0.1", 0)
    async with granian_server.serving(
        app, address, port, keep_alive_seconds=keep_alive_seconds, grace_seconds=5, force=asyncio.Event()
    ) as task:

        async def accepts() -> bool:
            assert not task.done()
            _, writer = await asyncio.open_connection(address, port)
            writer.close()
            return True

        await eventually(accepts, ignoring=(ConnectionRefusedError,))
        yield f"http://{address}:{port}"
