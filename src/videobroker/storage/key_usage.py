"""Records when API keys and operator keys were last used.

A request only remembers the use in memory. A background task writes all of them in one statement per table, and a key
at most once in `INTERVAL`, whatever the number of processes. A process that is killed loses the uses of the last
`BATCH_SECONDS`.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ARRAY, DateTime, Table, Uuid, bindparam, column, func, or_, select, true, update

from videobroker.concurrency.supervised import SupervisedTask
from videobroker.domain.api_keys import ApiKey
from videobroker.domain.ids import SERVICE_ID, AppId, KeyId
from videobroker.domain.operator_keys import OperatorKey
from videobroker.storage.postgres.database import Store
from videobroker.storage.tables import api_keys, operator_keys

INTERVAL = timedelta(minutes=5)
"""A key that was used again within this time is not written."""
BATCH_SECONDS = 5.0
"""The uses of this time are written together."""
CLOSE_SECONDS = 2.0
"""The last uses are not worth waiting longer for a database that does not respond."""

log = structlog.get_logger(__name__)


class KeyUsage:
    """One per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: dict[Table, dict[tuple[AppId, KeyId], datetime]] = {}
        self._recorded = asyncio.Event()
        self._task = SupervisedTask("key usage", self._write_on)

    def record(self, key: ApiKey | OperatorKey, *, now: datetime) -> None:
        """Remember that the key is used now. Does not wait for the database."""
        if key.last_used_at is not None and now - key.last_used_at < INTERVAL:
            return
        table, app_id = (api_keys, key.app_id) if isinstance(key, ApiKey) else (operator_keys, SERVICE_ID)
        self._pending.setdefault(table, {})[app_id, key.id] = now
        self._recorded.set()
        if not self._task.is_started:
            self._task.start()

    async def flush(self) -> None:
        """Write what was recorded. What cannot be written is logged and dropped: the next use records the key again."""
        pending, self._pending = self._pending, {}
        for table, used in pending.items():
            try:
                await self._write(table, used)
            except Exception as error:  # noqa: BLE001  such as a read-only server after a failover
                log.warning("key_usage.write_failed", table=table.name, count=len(used), error=repr(error))

    async def aclose(self) -> None:
        """Write the rest, and stop."""
        await self._task.aclose()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
        except TimeoutError:
            log.warning("key_usage.close_timed_out", seconds=CLOSE_SECONDS)

    async def _write_on(self) -> None:
        while True:
            await self._recorded.wait()
            self._recorded.clear()
            await asyncio.sleep(BATCH_SECONDS)
            await self.flush()

    async def _write(self, table: Table, used: Mapping[tuple[AppId, KeyId], datetime]) -> None:
        uses = (
            func.unnest(
                bindparam("app_ids", [app_id for app_id, _ in used], type_=ARRAY(Uuid)),
                bindparam("key_ids", [key_id for _, key_id in used], type_=ARRAY(Uuid)),
                bindparam("moments", list(used.values()), type_=ARRAY(DateTime(timezone=True))),
            )
            .table_valued(
                column("app_id", Uuid), column("key_id", Uuid), column("at", DateTime(timezone=True)), name="uses"
            )
            .render_derived()
        )
        of_app = table.c.app_id == uses.c.app_id if "app_id" in table.c else true()
        # A row that is locked is being written by another process, or revoked. It is skipped, so that nothing waits.
        due = (
            select(table.c.id, uses.c.at)
            .join(uses, (table.c.id == uses.c.key_id) & of_app)
            .where(or_(table.c.last_used_at.is_(None), table.c.last_used_at <= uses.c.at - INTERVAL))
            .with_for_update(skip_locked=True, key_share=True, of=table)
            .cte("due")
        )
        statement = update(table).where(table.c.id == due.c.id).values(last_used_at=due.c.at)
        async with self._store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(statement)
