"""Journal notifier: wakes the readers of the journal in every process through LISTEN/NOTIFY, soon after a commit.

Not in the transaction itself: PostgreSQL serializes the commits of transactions with a NOTIFY, and every join writes
into the journal. So commits notify this object, and it notifies the other processes, at most once per
`INTERVAL_SECONDS`. If the process dies in between, the readers find the events with their next poll.
"""

import asyncio
from collections.abc import Collection

import structlog
from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from videobroker.concurrency.supervised import SupervisedTask
from videobroker.domain.ids import AppId
from videobroker.errors import StorageUnavailable
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.postgres.notifications import CHANNEL, JOURNAL_TOPIC, journal_topic

INTERVAL_SECONDS = 0.05
RETRY_SECONDS = 1.0
"""After the database did not accept a notification."""

_NOTIFY = Query(select(func.pg_notify(CHANNEL, func.unnest(bindparam("topics", type_=ARRAY(Text))))))

log = structlog.get_logger(__name__)


class JournalNotifier:
    """One per process."""

    def __init__(self) -> None:
        self._app_ids: set[AppId] = set()
        self._has_apps = asyncio.Event()
        self._task: SupervisedTask | None = None

    def notify(self, app_ids: Collection[AppId]) -> None:
        """Events were committed to the journals of these apps. Returns at once."""
        if app_ids:
            self._app_ids.update(app_ids)
            self._has_apps.set()

    def start(self, store: Store) -> None:
        """Start sending, in a task of the running event loop."""
        self._task = SupervisedTask("journal notifier", lambda: self._run(store))
        self._task.start()

    async def aclose(self) -> None:
        """Stop sending. What was not sent is found by polling."""
        if self._task is not None:
            await self._task.aclose()

    async def _run(self, store: Store) -> None:
        connection = DedicatedConnection(store)
        try:
            while True:
                await self._has_apps.wait()
                self._has_apps.clear()
                try:
                    await self._send(connection)
                except StorageUnavailable as error:
                    # Such as a read-only server after a failover.
                    log.warning("journal.notify_failed", error=type(error).__name__)
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    await asyncio.sleep(INTERVAL_SECONDS)
        finally:
            await connection.aclose()

    async def _send(self, connection: DedicatedConnection) -> None:
        app_ids, self._app_ids = self._app_ids, set()
        topics = [JOURNAL_TOPIC, *(journal_topic(app_id) for app_id in app_ids)]
        try:
            await connection.fetch(_NOTIFY, {"topics": topics})
        except BaseException:
            # Sent again: by the next round, or by the next run of this task.
            self.notify(app_ids)
            raise
