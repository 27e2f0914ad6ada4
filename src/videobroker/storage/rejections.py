"""Writes rejected authentication into the journal, at a bounded rate, so that rejected clients cannot fill it.

Rejections are counted in memory, by app and reason: both are few, whatever is sent. Each count is written at most once
in `INTERVAL_SECONDS`, the first one at once. A request never waits for it. A process that is killed loses the counts of
the last interval; `videobroker_authentications_rejected_total` has every rejection.
"""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog
from prometheus_client import Counter

from videobroker.concurrency.supervised import SupervisedTask
from videobroker.domain.ids import SERVICE_ID, AppId
from videobroker.domain.rejections import RejectionTally, merge_tallies, start_tally
from videobroker.storage.journal.journal import JournalWriter

INTERVAL_SECONDS = 60.0

REJECTED = Counter(
    "videobroker_authentications_rejected",
    "Credentials that were sent and not accepted, by the code of the error.",
    ["reason"],
)

log = structlog.get_logger(__name__)


class Rejections:
    """One per process."""

    def __init__(self, journal_writer: JournalWriter) -> None:
        self._journal_writer = journal_writer
        self._tallies: dict[tuple[AppId, str], RejectionTally] = {}
        self._counted = asyncio.Event()
        self._task = SupervisedTask("rejections", self._write_on)

    def count(self, app_id: UUID | None, reason: str, address: str | None, *, now: datetime) -> None:
        """Count a rejected credential; `app_id` is the app that it was for, if that is known."""
        REJECTED.labels(reason).inc()
        key = (AppId(app_id or SERVICE_ID), reason)
        known = self._tallies.get(key)
        self._tallies[key] = start_tally(*key, address, now) if known is None else known.plus(address, now)
        self._counted.set()
        if not self._task.is_started:
            self._task.start()

    async def flush(self) -> None:
        """Write what was counted. What cannot be written now is written with the next count."""
        for key in list(self._tallies):
            tally = self._tallies.pop(key)
            try:
                await self._journal_writer.record(tally.event())
            except asyncio.CancelledError:
                self._restore(key, tally)
                raise
            except Exception as error:  # noqa: BLE001  such as a read-only server after a failover: try again later
                log.warning("rejections.write_failed", reason=tally.reason, count=tally.count, error=repr(error))
                self._restore(key, tally)

    def _restore(self, key: tuple[AppId, str], tally: RejectionTally) -> None:
        newer = self._tallies.get(key)
        self._tallies[key] = tally if newer is None else merge_tallies(tally, newer)

    async def aclose(self) -> None:
        """Write the rest, and stop."""
        await self._task.aclose()
        await self.flush()

    async def _write_on(self) -> None:
        while True:
            await self._counted.wait()
            self._counted.clear()
            await self.flush()
            await asyncio.sleep(INTERVAL_SECONDS)
