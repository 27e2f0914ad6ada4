"""Seals new rows of the journals in the background, so that writers do not wait for it."""

import asyncio
from datetime import datetime

import structlog

from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.domain.journal_proof.proof import MAX_SEAL_ROWS, seal_rows
from videobroker.errors import JournalDamaged
from videobroker.storage.journal import seals

MAX_SEALS_PER_RUN = 100
"""Seals per app and run. The next run continues."""

log = structlog.get_logger(__name__)


async def seal_journals(broker: Broker, *, now: datetime) -> int:
    """Seal the journals of all apps, and return how many rows. Safe to run concurrently: journals are locked."""
    async with broker.store.transaction() as unit_of_work:
        apps = await seals.apps_to_seal(unit_of_work)
    total = 0
    for app_id in apps:
        try:
            total += await seal_journal(broker, app_id, now=now)
        except JournalDamaged as error:
            # One broken journal must not stop the sealing of the others.
            log.error("journal.seal_failed", app=str(app_id), error=error.code, detail=error.detail)  # noqa: TRY400
    return total


async def seal_journal(broker: Broker, app_id: AppId, *, now: datetime) -> int:
    """Seal new rows of the app's journal, and return how many.

    Rows of open transactions, and rows written after them, are left for the next run. Does nothing while another
    process seals this journal. Each seal is one transaction.
    """
    total = 0
    for _ in range(MAX_SEALS_PER_RUN):
        count = await _seal_batch(broker, app_id, now)
        total += count
        if count < MAX_SEAL_ROWS:
            break
    return total


async def _seal_batch(broker: Broker, app_id: AppId, now: datetime) -> int:
    async with broker.store.transaction() as unit_of_work:
        if not await seals.try_lock(unit_of_work, app_id):
            return 0
        newest = await seals.newest_seal(unit_of_work, app_id)
        after = seals.BEGINNING if newest is None else newest[0].last
        rows = await seals.unsealed_rows(unit_of_work, app_id, after, limit=MAX_SEAL_ROWS)
        if not rows:
            return 0
        previous = None if newest is None else (newest[0].number, newest[1])
        # In a thread: hashing ten thousand rows would block the event loop for too long.
        sealed = await asyncio.to_thread(seal_rows, str(app_id), rows, previous, now=now)
        await seals.write_seal(unit_of_work, sealed)
    return len(rows)
