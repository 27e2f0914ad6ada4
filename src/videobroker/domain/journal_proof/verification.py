"""Verification of a journal against its seals, row by row.

The journal is processed in ordered batches. Memory grows only with the number of issues and of redactions.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from videobroker.domain.journal_proof import merkle
from videobroker.domain.journal_proof.canonical_json import parse_json
from videobroker.domain.journal_proof.proof import (
    GENESIS,
    WHOLE_ROW,
    JournalRow,
    JournalSeal,
    Leaf,
    Position,
    ProofEvent,
    Redaction,
    compute_leaf_digest,
)

MAX_LISTED_ISSUES = 1_000
"""At most this many issues are listed. All are counted."""


class IssueType(StrEnum):
    """The type of an issue."""

    CHANGED = "changed"
    """A row was changed after sealing."""
    REMOVED = "removed"
    """A sealed row is missing, and no event accounts for it."""
    INSERTED = "inserted"
    """A row between sealed rows was not sealed."""
    REORDERED = "reordered"
    """A row is at another position than when it was sealed."""
    SEAL_BROKEN = "seal_broken"
    """A seal or its leaves were rewritten."""
    HEAD_MISSING = "head_missing"
    """The externally stored head is not the hash of any seal."""


@dataclass(frozen=True, slots=True)
class ProofIssue:
    """One deviation of the journal from its seals."""

    issue_type: IssueType
    sentence: str
    event_id: str | None = None
    position: Position | None = None
    seal: int | None = None
    """The number of the seal, for `SEAL_BROKEN`."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest seal."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class ProofResult:
    """The result of a verification."""

    rows: int
    """Rows that match their seals."""
    seals: int
    unsealed: int
    """Rows after the last seal, which cannot be verified yet."""
    erased: int
    """Removed personal parts that a `person.erased` accounts for."""
    retired: int
    """Removed rows that a `journal.retired` accounts for."""
    head: ChainHead | None
    findings: tuple[ProofIssue, ...]
    """The first `MAX_LISTED_ISSUES`."""
    counts: Mapping[IssueType, int]
    """The number of all issues by type."""

    @property
    def is_whole(self) -> bool:
        """Whether there are no issues."""
        return not self.counts


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """Successive seals, and everything between the previous batch and the last of these seals."""

    seals: Sequence[JournalSeal]
    hashes: Sequence[bytes]
    """The stored hashes of the seals."""
    leaves: Sequence[Leaf]
    rows: Sequence[JournalRow]
    redactions: Sequence[Redaction]


@dataclass(frozen=True, slots=True)
class UnsealedRows:
    """The rows after the last seal."""

    unsealed: int
    entries: Mapping[str, Mapping[str, Any]]
    """The data of accounting events, by event ID."""
    redactions: Sequence[Redaction]
    leaves: int = 0
    """Leaves without a seal. There should be none."""


@dataclass(slots=True)
class _EventRedactions:
    """The redactions that name one event, so far."""

    lines: Any = field(default_factory=sha256)
    redactions: list[tuple[Redaction, str | None]] = field(default_factory=list)


class RedactionLedger:
    """Matches redactions with the events that account for them. Redactions without an event become issues."""

    def __init__(self) -> None:
        self._open: dict[str, _EventRedactions] = {}
        self.erased = 0
        self.retired = 0

    def add_redaction(self, redaction: Redaction, event_id: str | None) -> None:
        """Add a redaction. Calls must follow `Redaction.order`, which the accounting event's digest depends on."""
        account = self._open.setdefault(redaction.entry_id, _EventRedactions())
        account.lines.update(redaction.line())
        account.redactions.append((redaction, event_id))

    def settle(self, entry_id: str, data: Mapping[str, Any]) -> None:
        """Accept all redactions so far that name this event, if its digest matches them."""
        account = self._open.get(entry_id)
        if account is not None and data.get("digest") == account.lines.hexdigest():
            del self._open[entry_id]
            self.retired += sum(redaction.pointer == WHOLE_ROW for redaction, _ in account.redactions)
            self.erased += sum(redaction.pointer != WHOLE_ROW for redaction, _ in account.redactions)

    def unaccounted(self) -> Iterable[ProofIssue]:
        """The redactions that no event accounts for, as issues."""
        for entry_id, account in self._open.items():
            for redaction, event_id in account.redactions:
                place = describe_row(event_id, redaction.position)
                if redaction.pointer == WHOLE_ROW:
                    sentence = (
                        f"{place} is missing: {entry_id} is named as its retirement, but does not account for it."
                    )
                    yield ProofIssue(IssueType.REMOVED, sentence, event_id, redaction.position)
                else:
                    sentence = f"{place} lacks {redaction.pointer}: "
                    sentence += f"{entry_id} is named as its erasure, but does not account for it."
                    yield ProofIssue(IssueType.CHANGED, sentence, event_id, redaction.position)


class SealChain:
    """Checks that each seal is intact and continues the previous one."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self.head: ChainHead | None = None
        self._last: Position = (-1, -1)
        self.seen: set[bytes] = set()

    def add(self, seal: JournalSeal, stored: bytes, wanted: Collection[bytes]) -> str | None:
        """Add the next seal. Returns a message if it is broken. A hash of `wanted` is added to `seen`."""
        actual, before = seal.hash(), self.head
        number, previous = (0, GENESIS) if before is None else (before.number, before.hash)
        last, self._last = self._last, seal.last
        # Continue from the stored hash, so that one broken seal is not reported again at the next one.
        self.head = ChainHead(seal.number, stored)
        if actual in wanted:
            self.seen.add(actual)
        if seal.number != number + 1:
            return f"Seal {number + 1} is missing: seal {seal.number} follows seal {number}."
        if stored != actual:
            return f"Seal {seal.number} was rewritten: its hash does not match its content."
        if seal.previous != previous:
            return f"Seal {seal.number} does not continue seal {number}: one of them was rewritten."
        if seal.app_id != self._app_id or not last < seal.first <= seal.last:
            return f"Seal {seal.number} covers rows of other seals."
        return None


class JournalVerifier:
    """Verifies a journal in batches: call `add` for each batch in order, then `finish`."""

    def __init__(self, app_id: str, *, heads: Collection[bytes] = ()) -> None:
        """`heads` are externally stored hashes of seals, which must exist."""
        self._app_id = app_id
        self._wanted = frozenset(heads)
        self._chain = SealChain(app_id)
        self._ledger = RedactionLedger()
        self._rows = self._seals = 0
        self._strays: dict[str, list[Position]] = {}
        self._vacant: dict[str, Position] = {}
        self._findings: list[ProofIssue] = []
        self._counts: Counter[IssueType] = Counter()

    def add(self, batch: SealedBatch) -> None:
        """Verify the next batch."""
        rows = {(row[0], row[1]): row for row in batch.rows}
        redactions: dict[Position, list[Redaction]] = {}
        for redaction in batch.redactions:
            redactions.setdefault(redaction.position, []).append(redaction)
        names = {leaf[:2]: leaf.event_id for leaf in batch.leaves} if redactions else {}
        for redaction in batch.redactions:
            self._ledger.add_redaction(redaction, names.get(redaction.position))
        begin = 0
        for seal, stored in zip(batch.seals, batch.hashes, strict=True):
            end = begin
            while end < len(batch.leaves) and batch.leaves[end][:2] <= seal.last:
                end += 1
            self._check_seal(seal, stored, batch.leaves[begin:end], rows, redactions)
            begin = end
        for position, row in rows.items():
            self._strays.setdefault(row.id, []).append(position)

    def _check_seal(
        self,
        seal: JournalSeal,
        stored: bytes,
        leaves: Sequence[Leaf],
        rows: dict[Position, JournalRow],
        redactions: Mapping[Position, Sequence[Redaction]],
    ) -> None:
        """Verify a seal and its rows. The rows are removed from `rows`."""
        self._seals += 1
        found, digests = [], []
        for leaf in leaves:
            position = leaf[0], leaf[1]
            row, taken = rows.pop(position, None), redactions.get(position, ())
            digest = leaf.digest if row is None else _digest_of(self._app_id, row, taken)
            found.append(row)
            digests.append(digest)
        complaint = self._chain.add(seal, stored, self._wanted)
        sealed = [leaf.digest for leaf in leaves]
        if merkle.compute_root(sealed) != seal.root or len(leaves) != seal.count:
            leaves_match = _root_of(digests) == seal.root
            complaint = complaint or _leaves_differ(seal, leaves, digests, leaves_match=leaves_match)
            if leaves_match:
                sealed = [each or b"" for each in digests]
        if complaint is not None:
            self._find(ProofIssue(IssueType.SEAL_BROKEN, complaint, seal=seal.number))
        for leaf, row, digest, wanted in zip(leaves, found, digests, sealed, strict=True):
            if row is None:
                if not _is_retired(leaf, redactions.get(leaf[:2], ())):
                    self._vacant[leaf.event_id] = leaf[:2]
            elif digest != wanted:
                self._differs(leaf, row)
            else:
                self._rows += 1
                if row.type in _ACCOUNTS:
                    self._ledger.settle(row.id, _data_of(row))
                if row.id != leaf.event_id:
                    sentence = f"The leaf of event {row.id} in seal {seal.number} bears another name."
                    self._find(ProofIssue(IssueType.SEAL_BROKEN, sentence, row.id, row.position, seal.number))

    def _differs(self, leaf: Leaf, row: JournalRow) -> None:
        if row.id == leaf.event_id:
            place = describe_row(row.id, row.position)
            self._find(ProofIssue(IssueType.CHANGED, f"{place} is not as it was sealed.", row.id, row.position))
        else:
            self._vacant[leaf.event_id] = leaf[:2]
            self._strays.setdefault(row.id, []).append(row.position)

    def list_missing(self) -> Sequence[str]:
        """The IDs of sealed rows that are not at their positions. Some may be after the last seal."""
        return list(self._vacant)

    def report_position(self, event_id: str, position: Position) -> None:
        """Report that a missing row is at this position, after the last seal."""
        self._strays.setdefault(event_id, []).append(position)

    def finish(self, rest: UnsealedRows) -> ProofResult:
        """Complete the verification after the last batch."""
        for redaction in sorted(rest.redactions, key=lambda each: each.order):
            self._ledger.add_redaction(redaction, None)
        for entry_id, data in rest.entries.items():
            self._ledger.settle(entry_id, data)
        self._place_strays()
        for finding in self._ledger.unaccounted():
            self._find(finding)
        head = self._chain.head
        if rest.leaves:
            number = 1 if head is None else head.number + 1
            self._find(ProofIssue(IssueType.SEAL_BROKEN, f"Seal {number} is missing, but it has leaves.", seal=number))
        for missing in sorted(self._wanted - self._chain.seen):
            sentence = f"No seal has the hash {missing.hex()}: the seals were rewritten, or the newest removed."
            self._find(ProofIssue(IssueType.HEAD_MISSING, sentence))
        return ProofResult(
            rows=self._rows,
            seals=self._seals,
            unsealed=rest.unsealed,
            erased=self._ledger.erased,
            retired=self._ledger.retired,
            head=head,
            findings=tuple(self._findings),
            counts=dict(self._counts),
        )

    def _place_strays(self) -> None:
        for event_id, positions in self._strays.items():
            sealed_at = self._vacant.pop(event_id, None)
            for position in positions:
                if sealed_at is None:
                    sentence = f"{describe_row(event_id, position)} was not sealed there: it was inserted."
                    self._find(ProofIssue(IssueType.INSERTED, sentence, event_id, position))
                else:
                    sentence = f"{describe_row(event_id, position)} was sealed at {sealed_at[0]}.{sealed_at[1]}."
                    self._find(ProofIssue(IssueType.REORDERED, sentence, event_id, position))
        for event_id, position in self._vacant.items():
            sentence = f"{describe_row(event_id, position)} is not there."
            self._find(ProofIssue(IssueType.REMOVED, sentence, event_id, position))

    def _find(self, finding: ProofIssue) -> None:
        self._counts[finding.issue_type] += 1
        if len(self._findings) < MAX_LISTED_ISSUES:
            self._findings.append(finding)


_ACCOUNTS = frozenset(each.value for each in ProofEvent)


def describe_row(event_id: str | None, position: Position) -> str:
    """The row as issues name it."""
    name = "A row" if event_id is None else f"Event {event_id}"
    return f"{name} at {position[0]}.{position[1]}"


def _data_of(row: JournalRow) -> Mapping[str, Any]:
    data, _ = parse_json(row.data)
    return data if isinstance(data, dict) else {}


def _digest_of(app_id: str, row: JournalRow, redactions: Sequence[Redaction]) -> bytes | None:
    withheld = {each.pointer: each.commitment for each in redactions if each.commitment is not None}
    return compute_leaf_digest(app_id, row, withheld)


def _is_retired(leaf: Leaf, redactions: Sequence[Redaction]) -> bool:
    return any(each.pointer == WHOLE_ROW and each.commitment == leaf.digest for each in redactions)


def _root_of(digests: Sequence[bytes | None]) -> bytes | None:
    known = [each for each in digests if each is not None]
    return merkle.compute_root(known) if len(known) == len(digests) else None


def _leaves_differ(
    seal: JournalSeal, leaves: Sequence[Leaf], digests: Sequence[bytes | None], *, leaves_match: bool
) -> str:
    """A message about the leaves of a seal. `leaves_match` means that the rows still yield the seal's root."""
    if leaves_match:
        names = [leaf.event_id for leaf, each in zip(leaves, digests, strict=True) if leaf.digest != each]
        return f"Leaves of seal {seal.number} were changed, their rows were not: {', '.join(names[:10])}."
    if len(leaves) != seal.count:
        return f"Seal {seal.number} covers {seal.count} rows, but has {len(leaves)} leaves."
    return f"The leaves of seal {seal.number} do not give its root: some of them, or the root, were changed."
