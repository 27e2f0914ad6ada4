"""Exports a journal to a file that can be verified without the database."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.journal_proof import export_format, merkle
from videobroker.domain.journal_proof.export_format import ExportScope
from videobroker.domain.journal_proof.proof import (
    WHOLE_ROW,
    JournalRow,
    JournalSeal,
    Leaf,
    Position,
    Redaction,
    compute_leaf_digest,
)
from videobroker.domain.journal_proof.verification import ChainHead, SealedBatch, describe_row
from videobroker.errors import JournalDamaged
from videobroker.storage.journal import seals


async def export_journal(
    broker: Broker, app: App, *, personal: bool = True, reference: str | None = None, now: datetime
) -> AsyncIterator[str]:
    """Yield the lines of the file: all sealed events, from one database snapshot.

    Without `personal`, personal values are withheld. With a `reference`, only events about these sessions are exported.
    Raises `JournalDamaged` if a row differs from its seal: such a file would prove nothing.
    """
    scope = ExportScope(app.name, str(app.id), personal, reference)
    yield export_format.format_first_line(scope, now)
    head: ChainHead | None = None
    last, events = seals.BEGINNING, 0
    async with seals.snapshot(broker.store, app.id) as connection:
        async for batch in seals.batches(connection, app.id):
            for line in _lines(scope, batch):
                events += line.startswith('{"event"')
                yield line
            head, last = ChainHead(batch.seals[-1].number, batch.hashes[-1]), batch.seals[-1].last
        rest = await seals.read_unsealed(connection, app.id, last)
    for entry_id, data in sorted(rest.entries.items()):
        yield export_format.format_pending_line(entry_id, data, rest.redactions)
    yield export_format.format_last_line(head, events)


def _lines(scope: ExportScope, batch: SealedBatch) -> Iterator[str]:
    rows = {row.position: row for row in batch.rows}
    redactions: dict[Position, list[Redaction]] = {}
    for redaction in batch.redactions:
        redactions.setdefault(redaction.position, []).append(redaction)
    start = 0
    for seal, stored in zip(batch.seals, batch.hashes, strict=True):
        leaves = batch.leaves[start : start + seal.count]
        start += seal.count
        yield from _sealed_lines(scope, seal, leaves, rows, redactions)
        yield export_format.format_seal_line(seal, stored)


def _sealed_lines(
    scope: ExportScope,
    seal: JournalSeal,
    leaves: Sequence[Leaf],
    rows: Mapping[Position, JournalRow],
    redactions: Mapping[Position, Sequence[Redaction]],
) -> Iterator[str]:
    digests = [leaf.digest for leaf in leaves]
    if merkle.compute_root(digests) != seal.root:
        raise _damaged(f"The leaves of seal {seal.number} differ from its root.")
    for index, leaf in enumerate(leaves):
        row, redacted = rows.get(leaf[:2]), redactions.get(leaf[:2], ())
        if row is None:
            whole = next((each for each in redacted if each.pointer == WHOLE_ROW), None)
            if whole is None:
                raise _damaged(f"{describe_row(leaf.event_id, leaf[:2])} is missing.")
            if scope.is_complete:
                earlier = [each for each in redacted if each.pointer != WHOLE_ROW]
                yield export_format.format_retired_line(leaf, whole, earlier, index=index)
            continue
        withheld = {each.pointer: each.commitment for each in redacted if each.commitment is not None}
        if compute_leaf_digest(scope.app_id, row, withheld) != leaf.digest:
            raise _damaged(f"{describe_row(leaf.event_id, leaf[:2])} differs from its seal.")
        if scope.takes(row):
            path = None if scope.is_complete else merkle.build_inclusion_proof(digests, index)
            yield export_format.format_event_line(scope, leaf, row, redacted, index=index, path=path)


def _damaged(message: str) -> JournalDamaged:
    return JournalDamaged(f"{message} `videobroker journal verify` lists all problems.")
