"""Lease renewal in the background."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from videobroker.errors import StorageUnavailable

RENEWAL_INTERVAL_SECONDS = 1.0
"""A third of the lease, so that it survives one failed renewal."""

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def renew_periodically(renew: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `renew` every `RENEWAL_INTERVAL_SECONDS` while the block runs.

    A failed renewal does not interrupt the block: it is logged, and a holder that lost its lease has to find out when
    it writes its result. A call of `renew` that runs when the block ends is cancelled, and awaited.
    """
    task = asyncio.create_task(_renew_forever(renew))
    try:
        yield
    finally:
        task.cancel()
        # `wait` instead of `await`: it raises our own cancellation, but not the errors of the task.
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("lease.renewal_crashed", error=type(error).__name__)


async def _renew_forever(renew: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(RENEWAL_INTERVAL_SECONDS)
        try:
            await renew()
        except StorageUnavailable:
            log.warning("lease.renew_failed")
