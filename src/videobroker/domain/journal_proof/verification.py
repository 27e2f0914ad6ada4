"""Compares a journal with its seals, and names every row that is not as it was sealed.

Batches come in order, as many as there are; what is kept between them grows only with what is wrong, and with what was
rightly taken out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
"""So many are named; all are counted."""


class IssueType(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"
    """A row is not as it was sealed."""
    REMOVED = "removed"
    """A row that was sealed is not there, and nothing accounts for that."""
    INSERTED = "inserted"
    """A row stands among sealed ones that was not sealed."""
    REORDERED = "reordered"
    """A row stands at another place than the one it was sealed at."""
    SEAL_BROKEN = "seal_broken"
    """A seal, or what it stands for, was rewritten."""
    HEAD_MISSING = "head_missing"
    """The hash that was kept elsewhere is not the hash of any seal."""


@dataclass(frozen=True, slots=True)
class ProofIssue:
    """One thing that is wrong."""

    wrong: IssueType
    sentence: str
    event_id: str | None = None
    position: Position | None = None
    seal: int | None = None
    """The number of the seal, for a broken one."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest seal."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class ProofResult:
    """What came of it."""

    rows: int
    """Rows that are as they were sealed."""
    seals: int
    unsealed: int
    """Rows that wait for the next seal: nothing is known about them yet."""
    erased: int
    """Personal parts that were taken out, accounted for by a `person.erased`."""
    retired: int
    """Rows that were taken out, accounted for by a `journal.retired`."""
    head: ChainHead | None
    findings: tuple[ProofIssue, ...]
    """The first ones."""
    counts: Mapping[IssueType, int]
    """Of all."""

    @property
    def is_whole(self) -> bool:
        """Nothing is wrong."""
        return not self.counts


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """Some seals in order, with everything that stands behind the seals before and not behind the last of these."""

    seals: Sequence[JournalSeal]
    hashes: Sequence[bytes]
    """As they were stored."""
    leaves: Sequence[Leaf]
    rows: Sequence[JournalRow]
    redactions: Sequence[Redaction]


@dataclass(frozen=True, slots=True)
class UnsealedRest:
    """What stands behind the last seal."""

    unsealed: int
    entries: Mapping[str, Mapping[str, Any]]
    """The data of events that account for something."""
    redactions: Sequence[Redaction]
    leaves: int = 0
    """There should be none."""


@dataclass(slots=True)
class _Account:
    """What was taken out in the name of an event, so far."""

    lines: Any = field(default_factory=sha256)
    taken: list[tuple[Redaction, str | None]] = field(default_factory=list)


class RedactionLedger:
    """Who accounts for what is missing. Whatever nobody accounts for is found in the end."""

    def __init__(self) -> None:
        self._open: dict[str, _Account] = {}
        self.erased = 0
        self.retired = 0

    def take_out(self, redaction: Redaction, event_id: str | None) -> None:
        """Something was taken out; in the order of `Redaction.order`."""
        account = self._open.setdefault(redaction.entry_id, _Account())
        account.lines.update(redaction.line())
        account.taken.append((redaction, event_id))

    def settle(self, entry_id: str, data: Mapping[str, Any]) -> None:
        """An event stands in the journal and accounts for everything so far that names it, if the digest is right."""
        account = self._open.get(entry_id)
        if account is not None and data.get("digest") == account.lines.hexdigest():
            del self._open[entry_id]
            self.retired += sum(redaction.pointer == WHOLE_ROW for redaction, _ in account.taken)
            self.erased += sum(redaction.pointer != WHOLE_ROW for redaction, _ in account.taken)

    def unaccounted(self) -> Iterable[ProofIssue]:
        """What was taken out without an event that says so."""
        for entry_id, account in self._open.items():
            for redaction, event_id in account.taken:
                place = describe_row(event_id, redaction.position)
                if redaction.pointer == WHOLE_ROW:
                    sentence = f"{place} is not there. It is said that {entry_id} retired it, which does not say so."
                    yield ProofIssue(IssueType.REMOVED, sentence, event_id, redaction.position)
                else:
                    sentence = f"{place} lacks {redaction.pointer}. It is said that {entry_id} erased it, "
                    sentence += "which does not say so."
                    yield ProofIssue(IssueType.CHANGED, sentence, event_id, redaction.position)


class SealChain:
    """The seals, one after the other."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self.head: ChainHead | None = None
        self._last: Position = (-1, -1)
        self.seen: set[bytes] = set()

    def add(self, seal: JournalSeal, stored: bytes, wanted: bytes | None) -> str | None:
        """The next seal; a sentence when it is not what was sealed. `wanted`: a hash to look out for."""
        actual, before = seal.hash(), self.head
        number, previous = (0, GENESIS) if before is None else (before.number, before.hash)
        last, self._last = self._last, seal.last
        # What was complained about once is not complained about again at the next seal.
        self.head = ChainHead(seal.number, stored)
        if actual == wanted:
            self.seen.add(actual)
        if seal.number != number + 1:
            return f"Seal {number + 1} is not there: seal {seal.number} comes next."
        if stored != actual:
            return f"Seal {seal.number} was rewritten: its hash is not the hash of what it says."
        if seal.previous != previous:
            return f"Seal {seal.number} does not go on from seal {number}: one of them was rewritten."
        if seal.app_id != self._app_id or not last < seal.first <= seal.last:
            return f"Seal {seal.number} stands for rows that others stand for."
        return None


class JournalVerifier:
    """Takes a journal in batches, and says in the end what is wrong with it."""

    def __init__(self, app_id: str, *, head: bytes | None = None) -> None:
        """`head` is the hash of some seal, kept elsewhere: it must be there."""
        self._app_id = app_id
        self._wanted = head
        self._chain = SealChain(app_id)
        self._ledger = RedactionLedger()
        self._rows = self._seals = 0
        self._strays: dict[str, list[Position]] = {}
        self._vacant: dict[str, Position] = {}
        self._findings: list[ProofIssue] = []
        self._counts: Counter[IssueType] = Counter()

    def take(self, batch: SealedBatch) -> None:
        """The next batch."""
        rows = {(row[0], row[1]): row for row in batch.rows}
        redactions: dict[Position, list[Redaction]] = {}
        for redaction in batch.redactions:
            redactions.setdefault(redaction.position, []).append(redaction)
        names = {leaf[:2]: leaf.event_id for leaf in batch.leaves} if redactions else {}
        for redaction in batch.redactions:
            self._ledger.take_out(redaction, names.get(redaction.position))
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
        """Compare what a seal stands for; its rows are taken out of `rows`."""
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
            innocent = _root_of(digests) == seal.root
            complaint = complaint or _leaves_differ(seal, leaves, digests, innocent=innocent)
            if innocent:
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

    def missing(self) -> Sequence[str]:
        """The ids of sealed rows that are not at their place; perhaps some of them stand behind the last seal."""
        return list(self._vacant)

    def stands_at(self, event_id: str, position: Position) -> None:
        """A row that is missing stands here, behind the last seal."""
        self._strays.setdefault(event_id, []).append(position)

    def close(self, rest: UnsealedRest) -> ProofResult:
        """There are no more batches: what came of it."""
        for redaction in sorted(rest.redactions, key=lambda each: each.order):
            self._ledger.take_out(redaction, None)
        for entry_id, data in rest.entries.items():
            self._ledger.settle(entry_id, data)
        self._place_strays()
        for finding in self._ledger.unaccounted():
            self._find(finding)
        head = self._chain.head
        if rest.leaves:
            number = 1 if head is None else head.number + 1
            self._find(
                ProofIssue(IssueType.SEAL_BROKEN, f"Seal {number} is not there, but leaves of it are.", seal=number)
            )
        if self._wanted is not None and self._wanted not in self._chain.seen:
            sentence = f"No seal has the hash {self._wanted.hex()}: the seals were rewritten, or the newest removed."
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
        self._counts[finding.wrong] += 1
        if len(self._findings) < MAX_LISTED_ISSUES:
            self._findings.append(finding)


_ACCOUNTS = frozenset(each.value for each in ProofEvent)


def describe_row(event_id: str | None, position: Position) -> str:
    """How findings name a row."""
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
    seal: JournalSeal, leaves: Sequence[Leaf], digests: Sequence[bytes | None], *, innocent: bool
) -> str:
    """What is wrong with the leaves of a seal. `innocent`: their rows give the seal's root."""
    if innocent:
        names = [leaf.event_id for leaf, each in zip(leaves, digests, strict=True) if leaf.digest != each]
        return f"Leaves of seal {seal.number} were changed, their rows were not: {', '.join(names[:10])}."
    if len(leaves) != seal.count:
        return f"Seal {seal.number} stands for {seal.count} rows, but {len(leaves)} leaves of it are there."
    return f"The leaves of seal {seal.number} do not give its root: some of them, or the root, were changed."
