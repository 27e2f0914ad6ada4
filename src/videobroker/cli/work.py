"""`videobroker work`."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli import logs, telemetry
from videobroker.cli.starting import Wait, event_loop, leave, prepare
from videobroker.concurrency.progress import Progress
from videobroker.settings import Settings

HealthPort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="Port of HTTP endpoints for probes and metrics: /healthz, /readyz, and /metrics, on HOST. 0: a free port. "
        "Default: VIDEOBROKER_HEALTH_PORT, or none.",
    ),
]


def work(wait: Wait = 0, health_port: HealthPort = None) -> None:
    """Run background jobs: process webhooks, close calls, reconcile attendance, deliver events.

    `videobroker serve` runs them too, unless you start it with --no-work. Any number of workers share the queue. Stop a
    worker with Ctrl+C or SIGTERM: running jobs are finished, and another worker repeats those that are interrupted.
    """
    settings = Settings()
    if health_port is not None:
        settings = settings.model_copy(update={"health_port": health_port})
    logs.configure(settings)
    signal.signal(signal.SIGTERM, leave)
    with contextlib.suppress(KeyboardInterrupt), telemetry.traced(), wiring.database(settings) as url:
        if settings.database_url is None:
            asyncio.run(wiring.migrate(url))
        asyncio.run(prepare(settings, url, wait=wait))
        # The same event loop as the service.
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(_work(settings, url))


async def _work(settings: Settings, url: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    progress = Progress()
    async with (
        wiring.broker(settings, url) as broker,
        _health_endpoints(settings, broker, progress),
        wiring.background(broker, url, progress),
    ):
        # These objects live as long as the process: exclude them from garbage collection.
        gc.collect()
        gc.freeze()
        await stopped.wait()


@contextlib.asynccontextmanager
async def _health_endpoints(settings: Settings, broker: Broker, progress: Progress) -> AsyncIterator[None]:
    if settings.health_port is None:
        yield
        return
    # Imported here, because a worker without these endpoints needs no web server.
    from videobroker.cli.health_server import serving  # noqa: PLC0415
    from videobroker.web.worker_health import worker_app  # noqa: PLC0415

    async with serving(worker_app(broker, progress), settings.host, settings.health_port):
        yield
