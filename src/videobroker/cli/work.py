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
    """Do the background work: apply webhooks, close what is over, ask providers, put people out.

    `videobroker serve` does it too, unless it is started with --no-work. Any number of workers share the queue. Stop it
    with Ctrl-C or SIGTERM: jobs that are under way are finished; what is cut off, another worker does again.
    """
    settings = Settings()
    logs.configure(settings)
    signal.signal(signal.SIGTERM, leave)
    with contextlib.suppress(KeyboardInterrupt), wiring.database(settings) as url:
        if settings.database_url is None:
            asyncio.run(wiring.migrate(url))
        asyncio.run(prepare(settings, url, wait=wait))
        # The loop that the service runs on.
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(_work(settings, url))


async def _work(settings: Settings, url: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with wiring.broker(settings, url) as broker, wiring.background(broker, url):
        # As in the service: what is there now stays until the end.
        gc.collect()
        gc.freeze()
        await stopped.wait()
