"""Lease renewal in the background."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from videobroker.concurrency.supervised import SupervisedTask
from videobroker.errors import StorageUnavailable

RENEWAL_INTERVAL_SECONDS = 1.0
"""A third of the lease, so that it survives one failed renewal."""

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def renew_periodically(renew: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `renew` every `RENEWAL_INTERVAL_SECONDS` while the block runs.

    A failed renewal does not interrupt the block: it is logged and repeated, and a holder that lost its lease has to
    find out when it writes its result. A call of `renew` that runs when the block ends is cancelled, and awaited.
    """
    task = SupervisedTask("lease renewal", lambda: _renew_forever(renew))
    task.start()
    try:
        yield
    finally:
        await task.aclose()


async def _renew_forever(renew: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(RENEWAL_INTERVAL_SECONDS)
        try:
            await renew()
        except StorageUnavailable:
            log.warning("lease.renew_failed")
