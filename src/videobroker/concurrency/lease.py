"""Keeps a lease while its holder works."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from videobroker.errors import StorageUnavailable

RENEWAL_INTERVAL_SECONDS = 1.0
"""A third of the lease: one renewal may fail without anybody noticing."""

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def renew_periodically(renew: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Renew the lease in the background for as long as the block runs."""
    task = asyncio.create_task(_renew_again_and_again(renew))
    try:
        yield
    finally:
        task.cancel()
        # Waited for, not awaited: our own cancellation passes, and what became of the task does not undo the work.
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("lease.renewal_crashed", error=type(error).__name__)


async def _renew_again_and_again(renew: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(RENEWAL_INTERVAL_SECONDS)
        try:
            await renew()
        except StorageUnavailable:
            # The lease may be lost now. Its holder finds out when it writes the outcome.
            log.warning("lease.renew_failed")
