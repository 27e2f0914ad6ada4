"""Seals what the journals have gained, off the way of those who write it."""

import asyncio
from datetime import datetime

import structlog

from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.domain.journal_proof.proof import MAX_SEAL_ROWS, seal_rows
from videobroker.errors import JournalDamaged
from videobroker.storage.journal import seals

ROUNDS = 100
"""So many seals of an app at most; the rest comes with the next run."""

log = structlog.get_logger(__name__)


async def seal_journals(broker: Broker, *, now: datetime) -> int:
    """Seal every app's journal; how many rows that were. Several workers at once seal different apps."""
    async with broker.store.transaction() as transaction:
        apps = await seals.apps_to_seal(transaction)
    total = 0
    for app_id in apps:
        try:
            total += await seal_journal(broker, app_id, now=now)
        except JournalDamaged as error:
            # One broken journal must not keep the others from being sealed.
            log.error("journal.seal_failed", app=str(app_id), error=error.code, detail=error.detail)  # noqa: TRY400
    return total


async def seal_journal(broker: Broker, app_id: AppId, *, now: datetime) -> int:
    """Seal everything in the app's journal that can be sealed; how many rows that were.

    Rows of transactions that still run, and what was written after them, wait for the next time. Nothing is done while
    somebody else seals this journal. A seal is one transaction: one that was cut off has left nothing behind.
    """
    total = 0
    for _ in range(ROUNDS):
        count = await _seal_some(broker, app_id, now)
        total += count
        if count < MAX_SEAL_ROWS:
            break
    return total


async def _seal_some(broker: Broker, app_id: AppId, now: datetime) -> int:
    async with broker.store.transaction() as transaction:
        if not await seals.try_lock(transaction, app_id):
            return 0
        newest = await seals.newest_seal(transaction, app_id)
        after = seals.BEGINNING if newest is None else newest[0].last
        rows = await seals.unsealed_rows(transaction, app_id, after, limit=MAX_SEAL_ROWS)
        if not rows:
            return 0
        previous = None if newest is None else (newest[0].number, newest[1])
        # In a thread: ten thousand rows take longer than anybody's request should wait.
        sealed = await asyncio.to_thread(seal_rows, str(app_id), rows, previous, now=now)
        await seals.write_seal(transaction, sealed)
    return len(rows)
