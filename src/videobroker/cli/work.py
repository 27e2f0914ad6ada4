"""`videobroker work`."""

import asyncio
import contextlib
import gc
import signal

from videobroker import wiring
from videobroker.cli import logs
from videobroker.cli.starting import Wait, event_loop, leave, prepare
from videobroker.settings import Settings


def work(wait: Wait = 0) -> None:
    """Run background jobs: process webhooks, close calls, reconcile attendance, deliver events.

    `videobroker serve` runs them too, unless you start it with --no-work. Any number of workers share the queue. Stop a
    worker with Ctrl+C or SIGTERM: running jobs are finished, and another worker repeats those that are interrupted.
    """
    settings = Settings()
    logs.configure(settings)
    signal.signal(signal.SIGTERM, leave)
    with contextlib.suppress(KeyboardInterrupt), wiring.database(settings) as url:
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
    async with wiring.broker(settings, url) as broker, wiring.background(broker, url):
        # These objects live as long as the process: exclude them from garbage collection.
        gc.collect()
        gc.freeze()
        await stopped.wait()
