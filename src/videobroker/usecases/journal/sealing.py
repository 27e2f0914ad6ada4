"""Seals new rows of the journals in the background, so that writers do not wait for it."""

import asyncio
from datetime import datetime

import structlog

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import AppId, EventId, uuid7
from videobroker.domain.journal_proof.heads import is_head_due
from videobroker.domain.journal_proof.proof import MAX_SEAL_ROWS, JournalSeal, seal_rows
from videobroker.domain.times import rfc3339
from videobroker.errors import JournalDamaged
from videobroker.storage.journal import journal, seals
from videobroker.storage.webhooks import endpoints

MAX_SEALS_PER_RUN = 100
"""Seals per app and run. The next run continues."""

log = structlog.get_logger(__name__)


async def seal_journals(broker: Broker, *, now: datetime) -> int:
    """Seal the journals of all apps, and return how many rows. Safe to run concurrently: journals are locked."""
    async with broker.store.cross_app_transaction() as unit_of_work:
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
    process seals this journal. Each seal is one transaction. The newest one is logged: a copy of the log proves later
    that the journal still has it.
    """
    total, head = 0, None
    for _ in range(MAX_SEALS_PER_RUN):
        seal = await _seal_batch(broker, app_id, now)
        if seal is None:
            break
        total, head = total + seal.count, seal
        if seal.count < MAX_SEAL_ROWS:
            break
    if head is not None:
        log.info("journal.sealed", app=str(app_id), seal=head.number, hash=head.hash().hex(), rows=total)
    return total


async def send_heads(broker: Broker, *, now: datetime) -> None:
    """Record the newest seals of the apps whose webhook endpoints have subscribed to them, if there are new events."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        apps = await endpoints.subscribed_apps(unit_of_work, EventType.JOURNAL_SEALED)
    for app_id in apps:
        await _send_head(broker, app_id, now)


async def _send_head(broker: Broker, app_id: AppId, now: datetime) -> None:
    async with broker.store.transaction(app_id) as unit_of_work:
        newest = await seals.newest_seal(unit_of_work, app_id)
        if newest is None:
            return
        seal, stored_hash = newest
        last = await journal.events_at(unit_of_work, app_id, [seal.last])
        if is_head_due(seal, last.get(seal.last)):
            data = {"seal": seal.number, "hash": stored_hash.hex(), "sealed_at": rfc3339(seal.sealed_at)}
            event = Event(EventId(uuid7(now)), EventType.JOURNAL_SEALED, now, Actor(app_id), data=data)
            await journal.record(unit_of_work, event)


async def _seal_batch(broker: Broker, app_id: AppId, now: datetime) -> JournalSeal | None:
    async with broker.store.transaction(app_id) as unit_of_work:
        if not await seals.try_lock(unit_of_work, app_id):
            return None
        newest = await seals.newest_seal(unit_of_work, app_id)
        after = seals.BEGINNING if newest is None else newest[0].last
        rows = await seals.unsealed_rows(unit_of_work, app_id, after, limit=MAX_SEAL_ROWS)
        if not rows:
            return None
        previous = None if newest is None else (newest[0].number, newest[1])
        # In a thread: hashing ten thousand rows would block the event loop for too long.
        sealed = await asyncio.to_thread(seal_rows, str(app_id), rows, previous, now=now)
        await seals.write_seal(unit_of_work, sealed)
    return sealed.seal
