"""Writes a journal into a file that proves itself."""

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
    """The lines of the file: everything that is sealed at this moment.

    Without `personal`, values of personal parts are withheld. With a `reference`, only events about these sessions.
    Raises `JournalDamaged` when a row is not as it was sealed: such a file would prove nothing.
    """
    extract = ExportScope(app.name, str(app.id), personal, reference)
    yield export_format.format_first_line(extract, now)
    head: ChainHead | None = None
    last, events = seals.BEGINNING, 0
    async with seals.snapshot(broker.store) as connection:
        async for batch in seals.batches(connection, app.id):
            for line in _lines(extract, batch):
                events += line.startswith('{"event"')
                yield line
            head, last = ChainHead(batch.seals[-1].number, batch.hashes[-1]), batch.seals[-1].last
        rest = await seals.read_unsealed(connection, app.id, last)
    for entry_id, data in sorted(rest.entries.items()):
        yield export_format.format_pending_line(entry_id, data, rest.redactions)
    yield export_format.format_last_line(head, events)


def _lines(extract: ExportScope, batch: SealedBatch) -> Iterator[str]:
    rows = {row.position: row for row in batch.rows}
    redactions: dict[Position, list[Redaction]] = {}
    for redaction in batch.redactions:
        redactions.setdefault(redaction.position, []).append(redaction)
    begin = 0
    for seal, stored in zip(batch.seals, batch.hashes, strict=True):
        leaves = batch.leaves[begin : begin + seal.count]
        begin += seal.count
        yield from _sealed_lines(extract, seal, leaves, rows, redactions)
        yield export_format.format_seal_line(seal, stored)


def _sealed_lines(
    extract: ExportScope,
    seal: JournalSeal,
    leaves: Sequence[Leaf],
    rows: Mapping[Position, JournalRow],
    redactions: Mapping[Position, Sequence[Redaction]],
) -> Iterator[str]:
    digests = [leaf.digest for leaf in leaves]
    if merkle.compute_root(digests) != seal.root:
        raise _not_whole(f"The leaves of seal {seal.number} are not what was sealed.")
    for index, leaf in enumerate(leaves):
        row, taken = rows.get(leaf[:2]), redactions.get(leaf[:2], ())
        if row is None:
            whole = next((each for each in taken if each.pointer == WHOLE_ROW), None)
            if whole is None:
                raise _not_whole(f"{describe_row(leaf.event_id, leaf[:2])} is not there.")
            if extract.is_complete:
                earlier = [each for each in taken if each.pointer != WHOLE_ROW]
                yield export_format.format_retired_line(leaf, whole, earlier, index=index)
            continue
        withheld = {each.pointer: each.commitment for each in taken if each.commitment is not None}
        if compute_leaf_digest(extract.app_id, row, withheld) != leaf.digest:
            raise _not_whole(f"{describe_row(leaf.event_id, leaf[:2])} is not as it was sealed.")
        if extract.takes(row):
            path = None if extract.is_complete else merkle.build_inclusion_proof(digests, index)
            yield export_format.format_event_line(extract, leaf, row, taken, index=index, path=path)


def _not_whole(sentence: str) -> JournalDamaged:
    return JournalDamaged(f"{sentence} `videobroker journal verify` finds everything that is wrong.")
