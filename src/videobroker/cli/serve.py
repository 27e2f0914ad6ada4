"""`videobroker serve`: run the service under uvicorn or granian."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.util import find_spec
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli import logs, telemetry
from videobroker.cli.starting import Wait, leave, prepare
from videobroker.errors import StartupFailed
from videobroker.settings import ServerName, Settings
from videobroker.web.app import Service, create_app
from videobroker.web.http.forwarded import ForwardedHeaders
from videobroker.web.http.http1_connection import Http1Connection
from videobroker.web.http.http1_server import Http1Server
from videobroker.web.pages.hosted import PINNED_AGORA_SDK
from videobroker.web.pages.policy import SdkScript

GRACE_SECONDS = 15
"""How long running requests may take to finish after the service is stopped."""
KEEP_ALIVE_SECONDS = 620
"""Longer than the keep-alive of proxies: nginx and AWS 60 s, clients in Go and Traefik 90 s, Caddy 120 s, Google's load
balancer 600 s. If the service closed a connection first, a request sent at that moment would be lost, and a proxy must
not repeat a POST."""
COLLECTED_AFTER = 20_000
"""Allocations between garbage collections. With Python's default of 700, the collector would scan running requests many
times per second and find nothing, because our values have no reference cycles."""


def serve(
    migrate: Annotated[
        bool,
        typer.Option("--migrate/--no-migrate", help="Migrate the database first. Safe on every replica."),
    ] = False,
    worker: Annotated[
        bool,
        typer.Option(
            "--work/--no-work",
            envvar="VIDEOBROKER_WORK",
            help="Also run background jobs in this process. With --no-work, run `videobroker work` separately.",
        ),
    ] = True,
    server: Annotated[
        ServerName | None,
        typer.Option(
            help="HTTP server. granian requires the extra `granian`. Default: VIDEOBROKER_SERVER, or uvicorn."
        ),
    ] = None,
    wait: Wait = 0,
) -> None:
    """Run the service.

    Listens on HOST (default 127.0.0.1) and PORT (default 8080). Without DATABASE_URL, starts an embedded PostgreSQL
    that stores its data in .videobroker/ and is always migrated. Stop the service with Ctrl+C or SIGTERM: running
    requests are finished.
    """
    settings = Settings()
    run = _runner(server or settings.server)
    logs.configure(settings)
    signal.signal(signal.SIGTERM, leave)
    with suppress(KeyboardInterrupt), telemetry.traced(), wiring.database(settings) as url:
        if migrate or settings.database_url is None:
            asyncio.run(wiring.migrate(wiring.past_the_pooler(settings, url)))
        asyncio.run(prepare(settings, url, wait=wait))
        run(settings, service(settings, url, work=worker))


def _runner(server: ServerName) -> Callable[[Settings, FastAPI], None]:
    """The function that serves until it is interrupted. Raises `StartupFailed` if the server is not installed."""
    if server is ServerName.UVICORN:
        return lambda settings, app: Http1Server(server_config(settings, app)).run()
    if find_spec("granian") is None:
        raise StartupFailed("granian is not installed: run `pip install 'videobroker[granian]'`.")
    return _run_granian


def _run_granian(settings: Settings, app: FastAPI) -> None:
    from videobroker.cli import granian_server  # noqa: PLC0415  an optional extra

    granian_server.run(
        app,
        ForwardedHeaders(app, settings.forwarded_allow_ips),
        host=settings.host,
        port=settings.port,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        grace_seconds=GRACE_SECONDS,
    )


def service(settings: Settings, url: str, *, work: bool = True) -> Service:
    """The ASGI application; with `work`, its lifespan also runs the background jobs."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        async with AsyncExitStack() as stack:
            broker = await stack.enter_async_context(wiring.broker(settings, url))
            if work:
                await stack.enter_async_context(wiring.background(broker, url))
            # These objects live as long as the process: exclude them from garbage collection, which blocks the loop.
            gc.collect()
            gc.freeze()
            gc.set_threshold(COLLECTED_AFTER)
            yield broker

    return create_app(
        lifetime,
        allowed_origins=settings.allowed_origins,
        public_url=settings.public_url,
        console_access=wiring.console_access(settings),
        call_url=settings.call_url,
        agora_sdk=_agora_sdk(settings),
    )


def server_config(settings: Settings, app: FastAPI) -> uvicorn.Config:
    """The configuration of uvicorn for the application, including middleware."""
    return uvicorn.Config(
        ForwardedHeaders(app, settings.forwarded_allow_ips),
        host=settings.host,
        port=settings.port,
        http=Http1Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _agora_sdk(settings: Settings) -> SdkScript:
    if settings.agora_sdk_url is None:
        return PINNED_AGORA_SDK
    return SdkScript(settings.agora_sdk_url, settings.agora_sdk_integrity)
