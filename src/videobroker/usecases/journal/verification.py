"""Verifies a journal against its seals."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.domain.journal_proof.verification import ChainHead, JournalVerifier, ProofResult, SealedBatch
from videobroker.storage.journal import seals


async def verify_journal(
    broker: Broker, app: App, *, heads: Collection[bytes] = (), advanced: Callable[[int], None] = lambda _: None
) -> ProofResult:
    """Compare the app's whole journal with its seals, in one database snapshot.

    `heads` are hashes of seals that were stored elsewhere: the journal must have all of them. `advanced` gets the
    number of leaves of each batch.
    """
    verifier, last = JournalVerifier(str(app.id), heads=heads), seals.BEGINNING
    async with seals.snapshot(broker.store, app.id) as connection:
        async for batch in _prefetch(seals.batches(connection, app.id)):
            await asyncio.to_thread(verifier.add, batch)
            last = max(last, *(seal.last for seal in batch.seals))
            advanced(len(batch.leaves))
        if missing := verifier.list_missing():
            for event_id, position in await seals.positions_after(connection, app.id, last, missing):
                verifier.report_position(event_id, position)
        return verifier.finish(await seals.read_unsealed(connection, app.id, last))


async def _prefetch(batches: AsyncIterator[SealedBatch]) -> AsyncIterator[SealedBatch]:
    """Yield the batches, and read the next one while the consumer processes one."""

    async def read_next() -> SealedBatch | None:
        return await anext(batches, None)

    pending = asyncio.create_task(read_next())
    try:
        while (batch := await pending) is not None:
            pending = asyncio.create_task(read_next())
            yield batch
    finally:
        pending.cancel()
        await asyncio.wait({pending})


async def count_sealed(broker: Broker, app_id: AppId) -> int:
    async with broker.store.transaction(app_id) as unit_of_work:
        return await seals.count_sealed_rows(unit_of_work, app_id)


async def journal_head(broker: Broker, app: App) -> ChainHead | None:
    """The newest seal of the app's journal; None if nothing is sealed yet."""
    async with broker.store.transaction(app.id) as unit_of_work:
        return await seals.head(unit_of_work, app.id)
