"""Looks whether a journal is what was sealed."""

import asyncio
from collections.abc import AsyncIterator, Callable

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.domain.journal_proof.verification import ChainHead, JournalVerifier, ProofResult, SealedBatch
from videobroker.storage.journal import seals


async def verify_journal(
    broker: Broker, app: App, *, head: bytes | None = None, advanced: Callable[[int], None] = lambda _: None
) -> ProofResult:
    """Compare the app's whole journal with its seals, as both are at this moment.

    `head` is the hash of a seal that was kept elsewhere: it must be the hash of one of them. `advanced` is told how
    many leaves were compared since it was told last.
    """
    verifier, last = JournalVerifier(str(app.id), head=head), seals.BEGINNING
    async with seals.snapshot(broker.store) as connection:
        async for batch in _ahead(seals.batches(connection, app.id)):
            await asyncio.to_thread(verifier.add, batch)
            last = max(last, *(seal.last for seal in batch.seals))
            advanced(len(batch.leaves))
        if missing := verifier.list_missing():
            for event_id, position in await seals.positions_after(connection, app.id, last, missing):
                verifier.report_position(event_id, position)
        return verifier.finish(await seals.read_unsealed(connection, app.id, last))


async def _ahead(batches: AsyncIterator[SealedBatch]) -> AsyncIterator[SealedBatch]:
    """The same, and the next one is read while nobody waits for it."""

    async def following() -> SealedBatch | None:
        return await anext(batches, None)

    reading = asyncio.create_task(following())
    try:
        while (batch := await reading) is not None:
            reading = asyncio.create_task(following())
            yield batch
    finally:
        reading.cancel()
        await asyncio.wait({reading})


async def count_sealed(broker: Broker, app_id: AppId) -> int:
    """How many rows of the app's journal are sealed."""
    async with broker.store.transaction() as transaction:
        return await seals.count_sealed_rows(transaction, app_id)


async def journal_head(broker: Broker, app: App) -> ChainHead | None:
    """The newest seal of the app's journal; None when nothing was sealed yet."""
    async with broker.store.transaction() as transaction:
        return await seals.head(transaction, app.id)
