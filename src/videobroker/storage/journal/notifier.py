"""Tells every process, soon after a commit, which apps' journals have become longer.

Not in the transaction itself: PostgreSQL lets only one transaction with a NOTIFY commit at a time, and every join
writes into the journal. So commits ring a bell in their own process, and the bell tells the others, a few times a
second at most. Should the process die in between, those who wait look by themselves a little later.
"""

import asyncio
import contextlib
from collections.abc import Collection

import structlog
from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from videobroker.domain.ids import AppId
from videobroker.errors import StorageUnavailable
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.postgres.notifications import CHANNEL, JOURNAL, journal_topic

PAUSE_SECONDS = 0.05
"""Between two notices: what happens meanwhile is told together."""

_TELL = Query(select(func.pg_notify(CHANNEL, func.unnest(bindparam("topics", type_=ARRAY(Text))))))

log = structlog.get_logger(__name__)


class JournalNotifier:
    """One per process."""

    def __init__(self) -> None:
        self._apps: set[AppId] = set()
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ring(self, apps: Collection[AppId]) -> None:
        """These apps' journals are longer now. Costs nothing worth mentioning."""
        if apps:
            self._apps.update(apps)
            self._rung.set()

    def start(self, store: Store) -> None:
        """Begin to tell the others, for as long as the running event loop."""
        self._task = asyncio.create_task(self._tell(store), name="bell")

    async def aclose(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _tell(self, store: Store) -> None:
        wire = DedicatedConnection(store)
        try:
            await self._tell_on(wire)
        finally:
            await wire.aclose()

    async def _tell_on(self, wire: DedicatedConnection) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            apps, self._apps = self._apps, set()
            topics = [JOURNAL, *(journal_topic(app_id) for app_id in apps)]
            try:
                await wire.fetch(_TELL, {"topics": topics})
            except StorageUnavailable:
                log.warning("journal.notify_failed")
            await asyncio.sleep(PAUSE_SECONDS)
