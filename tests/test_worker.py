"""The worker ends when it is canceled, also if an error occurs meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pgqueuer.db import Driver

from videobroker.broker import Broker
from videobroker.storage.jobs import drivers
from videobroker.worker import work


async def test_an_error_while_closing_connections_does_not_replace_the_cancellation(broker: Broker) -> None:
    opened = asyncio.Event()

    @asynccontextmanager
    async def failing_close() -> AsyncIterator[Driver]:
        async with drivers(broker.store.direct) as driver:
            opened.set()
            try:
                yield driver
            finally:
                raise OSError("the server has stopped")

    worker = asyncio.create_task(work(broker, failing_close))
    await opened.wait()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(worker), 15)
