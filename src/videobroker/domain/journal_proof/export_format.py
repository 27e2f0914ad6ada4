"""Export format of a journal: JSON Lines, verifiable without a database. `docs/explanation/journal.md` specifies it.

Every line is canonical JSON, one object with one of these members:

    journal   the first line: the app, the format version, and whether the export is complete
    event     the content of a leaf; the leaves of a seal precede it, in order
    retired   a leaf whose row was removed from the journal
    seal      a seal with its hash
    pending   an event after the last seal that accounts for redactions
    end       the last line: the number of events and seals
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from videobroker.domain.journal_proof import merkle
from videobroker.domain.journal_proof.canonical_json import canonicalize, parse_json
from videobroker.domain.journal_proof.proof import (
    WHOLE_ROW,
    JournalRow,
    JournalSeal,
    Leaf,
    Position,
    ProofEvent,
    Redaction,
    build_public_row,
    format_moment,
    slice_salt,
    split_row,
)
from videobroker.domain.journal_proof.verification import (
    MAX_LISTED_ISSUES,
    ChainHead,
    IssueType,
    ProofIssue,
    ProofResult,
    RedactionLedger,
    SealChain,
    describe_row,
)
from videobroker.errors import ExportUnreadable

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ExportScope:
    """The part of a journal that an export contains."""

    name: str
    """The name of the app."""
    app_id: str
    personal: bool = True
    """False: values of personal parts are withheld. The export still proves everything else."""
    reference: str | None = None
    """Only events about sessions with this reference, each with an inclusion proof."""

    @property
    def is_complete(self) -> bool:
        """Whether the export contains every event."""
        return self.reference is None

    def takes(self, row: JournalRow) -> bool:
        """Whether the export contains this row."""
        return self.is_complete or row.reference == self.reference


def format_first_line(extract: ExportScope, now: datetime) -> str:
    """The `journal` line."""
    about = {
        "app": extract.app_id,
        "complete": extract.is_complete,
        "exported_at": format_moment(now),
        "format": FORMAT_VERSION,
    }
    return _line("journal", {**about, "name": extract.name})


def format_event_line(
    extract: ExportScope,
    leaf: Leaf,
    row: JournalRow,
    redactions: Sequence[Redaction],
    *,
    index: int,
    path: Sequence[bytes] | None,
) -> str:
    """The `event` line of a row. `path` is its inclusion proof, in an incomplete export."""
    salts = row.salts or b""
    shown = [
        (pointer, slice_salt(salts, number), value) for number, (pointer, value) in enumerate(split_row(row).personal)
    ]
    event: dict[str, Any] = {
        "digest": leaf.digest.hex(),
        "erased": {
            each.pointer: {"by": each.entry_id, "commitment": each.commitment and each.commitment.hex()}
            for each in redactions
        },
        "index": index,
        "public": build_public_row(extract.app_id, row),
    }
    if extract.personal:
        event["shown"] = {
            pointer: {"salt": salt.hex(), "value": parse_json(value)[0]} for pointer, salt, value in shown
        }
    else:
        event["withheld"] = {pointer: sha256(salt + value.encode()).hexdigest() for pointer, salt, value in shown}
    if path is not None:
        event["path"] = [each.hex() for each in path]
    return _line("event", event)


def format_retired_line(leaf: Leaf, redaction: Redaction, earlier: Sequence[Redaction], *, index: int) -> str:
    """The `retired` line of a removed row. `earlier` are the parts that were removed before it."""
    erased = {
        each.pointer: {"by": each.entry_id, "commitment": each.commitment and each.commitment.hex()} for each in earlier
    }
    retired = {"by": redaction.entry_id, "digest": leaf.digest.hex(), "erased": erased, "id": leaf.event_id}
    return _line("retired", {**retired, "index": index, "position": list(leaf[:2])})


def format_seal_line(seal: JournalSeal, stored: bytes) -> str:
    """The `seal` line."""
    return _line("seal", {"hash": stored.hex(), "says": seal.public()})


def format_pending_line(entry_id: str, data: Mapping[str, Any], behind: Sequence[Redaction]) -> str:
    """The `pending` line of an unsealed event, with its redactions of rows that are also unsealed."""
    parts = [
        [*each.position, each.pointer, each.commitment and each.commitment.hex()]
        for each in sorted(behind, key=lambda each: each.order)
        if each.entry_id == entry_id
    ]
    return _line("pending", {"behind": parts, "data": data, "id": entry_id})


def format_last_line(head: ChainHead | None, events: int) -> str:
    """The `end` line."""
    number = 0 if head is None else head.number
    return _line("end", {"events": events, "head": None if head is None else head.hash.hex(), "seals": number})


def _line(kind: str, value: Mapping[str, Any]) -> str:
    return canonicalize({kind: value}) + "\n"


@dataclass(frozen=True, slots=True)
class _PendingLeaf:
    """A leaf whose seal has not been read yet."""

    line: int
    event_id: str
    position: Position
    index: int
    digest: bytes
    path: Sequence[bytes] | None = None

    @property
    def place(self) -> str:
        """The leaf as issues name it."""
        return f"{describe_row(self.event_id, self.position)} (line {self.line})"


class ExportVerifier:
    """Verifies an export line by line: call `add` for each line, then `finish`."""

    def __init__(self, *, head: bytes | None = None) -> None:
        """`head` is the externally stored hash of a seal, which must exist."""
        self._wanted = frozenset() if head is None else frozenset({head})
        self._chain: SealChain | None = None
        self._app_id = ""
        self.complete = True
        self._ledger = RedactionLedger()
        self._seen: list[_PendingLeaf] = []
        self._events = self._lines = self._seals = self._pending = 0
        self._ended = False
        self._findings: list[ProofIssue] = []
        self._counts: Counter[IssueType] = Counter()

    def add(self, number: int, line: str) -> None:
        """Verify the next line; `number` starts at 1. Raises `ExportUnreadable` if the file is not an export."""
        line = line.removesuffix("\n")
        try:
            value, plain = parse_json(line)
            ((kind, what),) = value.items()
            if canonicalize(value, plain=plain) != line:
                self._find(IssueType.CHANGED, f"Line {number} is not in canonical form.")
            if self._chain is None and kind != "journal":
                raise ExportUnreadable("The first line of the file does not name the app of the journal.")
            if self._ended:
                self._find(IssueType.INSERTED, f"Line {number} is after the end.")
            self._readers[kind](self, number, what)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            if self._chain is None:
                raise ExportUnreadable("The file is not an export of a journal.") from error
            self._find(IssueType.CHANGED, f"Line {number} cannot be read.")

    def finish(self) -> ProofResult:
        """Complete the verification after the last line. Raises `ExportUnreadable` for an empty file."""
        if self._chain is None:
            raise ExportUnreadable("The file is empty.")
        if not self._ended:
            self._find(IssueType.REMOVED, "The end of the file is not there.")
        if self._seen:
            self._find(IssueType.SEAL_BROKEN, "The last events have no seal.")
        if self.complete:
            for finding in self._ledger.unaccounted():
                self._note(finding)
        for missing in self._wanted - self._chain.seen:
            self._find(IssueType.HEAD_MISSING, f"No seal has the hash {missing.hex()}.")
        return ProofResult(
            rows=self._events,
            seals=self._seals,
            unsealed=self._pending,
            erased=self._ledger.erased,
            retired=self._ledger.retired,
            head=self._chain.head,
            findings=tuple(self._findings),
            counts=dict(self._counts),
        )

    def _journal(self, number: int, what: Mapping[str, Any]) -> None:
        if self._chain is not None:
            self._find(IssueType.INSERTED, f"Line {number} begins another journal.")
            return
        if what["format"] != FORMAT_VERSION:
            raise ExportUnreadable(
                f"The file has the format {what['format']}; this program reads format {FORMAT_VERSION}."
            )
        self._app_id, self.complete = what["app"], what["complete"]
        self._chain = SealChain(self._app_id)

    def _event(self, number: int, what: Mapping[str, Any]) -> None:
        self._lines += 1
        public, given = what["public"], bytes.fromhex(what["digest"])
        event_id, position = str(public["id"]), _position(public["position"])
        digest = compute_digest(what)
        if digest != given:
            sentence = f"{describe_row(event_id, position)} (line {number}) is not as it was sealed."
            self._note(ProofIssue(IssueType.CHANGED, sentence, event_id, position))
        else:
            self._events += 1
        self._add_redactions(event_id, position, what["erased"])
        if digest == given and public["type"] in set(ProofEvent):
            # The event accounts for redactions before it. The seal, which follows, covers both.
            self._ledger.settle(event_id, public["data"])
        path = [bytes.fromhex(each) for each in what.get("path", ())]
        self._seen.append(_PendingLeaf(number, event_id, position, int(what["index"]), given, path))

    def _retired(self, number: int, what: Mapping[str, Any]) -> None:
        position, digest = _position(what["position"]), bytes.fromhex(what["digest"])
        taken = {**what["erased"], WHOLE_ROW: {"by": what["by"], "commitment": what["digest"]}}
        self._add_redactions(what["id"], position, taken)
        self._seen.append(_PendingLeaf(number, what["id"], position, int(what["index"]), digest))

    def _add_redactions(self, event_id: str, position: Position, taken: Mapping[str, Mapping[str, Any]]) -> None:
        for pointer, each in sorted(taken.items()):
            commitment = None if each["commitment"] is None else bytes.fromhex(each["commitment"])
            self._ledger.add_redaction(Redaction(position, pointer, commitment, each["by"]), event_id)

    def _seal(self, number: int, what: Mapping[str, Any]) -> None:
        seal, seen = _seal_of(what["says"]), self._seen
        self._seals, self._seen = self._seals + 1, []
        complaint = self._chain.add(seal, bytes.fromhex(what["hash"]), self._wanted) if self._chain else None
        if canonicalize(seal.public()) != canonicalize(what["says"]):
            complaint = f"Seal {seal.number} was rewritten: its content has another form."
        if complaint is None:
            complaint = self._root_complaint(seal, seen) if self.complete else _path_complaint(seal, seen)
        if complaint is not None:
            self._note(ProofIssue(IssueType.SEAL_BROKEN, f"{complaint} (line {number})", seal=seal.number))

    def _root_complaint(self, seal: JournalSeal, seen: Sequence[_PendingLeaf]) -> str | None:
        """Report missing, reordered, and inserted leaves. Returns a message if the seal's root does not match."""
        leaves: dict[int, bytes] = {}
        reached = -1
        for each in seen:
            if each.index in leaves or not 0 <= each.index < seal.count:
                sentence = f"{each.place} was not sealed there: it was inserted."
                self._note(ProofIssue(IssueType.INSERTED, sentence, each.event_id, each.position))
                continue
            if each.index < reached:
                sentence = f"{each.place} is after events that it was sealed before."
                self._note(ProofIssue(IssueType.REORDERED, sentence, each.event_id, each.position))
            reached = max(reached, each.index)
            leaves[each.index] = each.digest
        for index in range(min(seal.count, reached + MAX_LISTED_ISSUES)):
            if index not in leaves:
                sentence = f"Event {index} of seal {seal.number}, counted from 0, is not there."
                self._note(ProofIssue(IssueType.REMOVED, sentence, seal=seal.number))
        if len(leaves) < seal.count or merkle.compute_root([leaves[index] for index in range(seal.count)]) == seal.root:
            return None
        return f"The events before seal {seal.number} do not give its root."

    def _is_pending(self, _: int, what: Mapping[str, Any]) -> None:
        self._pending += 1
        for xid, seq, pointer, commitment in what["behind"]:
            known = None if commitment is None else bytes.fromhex(commitment)
            self._ledger.add_redaction(Redaction((xid, seq), pointer, known, what["id"]), None)
        self._ledger.settle(what["id"], what["data"])

    def _end(self, number: int, what: Mapping[str, Any]) -> None:
        self._ended = True
        head = self._chain.head if self._chain else None
        if what["events"] != self._lines and not self._counts:
            self._find(IssueType.REMOVED, f"The file says that it has {what['events']} events, and has {self._lines}.")
        if what["seals"] != self._seals or what["head"] != (None if head is None else head.hash.hex()):
            sentence = f"The file says that it ends with seal {what['seals']} (line {number}), and ends otherwise."
            self._find(IssueType.REMOVED, sentence)

    _readers: Mapping[str, Callable[["ExportVerifier", int, Mapping[str, Any]], None]] = {
        "journal": _journal,
        "event": _event,
        "retired": _retired,
        "seal": _seal,
        "pending": _is_pending,
        "end": _end,
    }

    def _find(self, issue_type: IssueType, sentence: str) -> None:
        self._note(ProofIssue(issue_type, sentence))

    def _note(self, finding: ProofIssue) -> None:
        self._counts[finding.issue_type] += 1
        if len(self._findings) < MAX_LISTED_ISSUES:
            self._findings.append(finding)


def _path_complaint(seal: JournalSeal, seen: Sequence[_PendingLeaf]) -> str | None:
    for each in seen:
        if merkle.compute_root_from_proof(each.digest, each.index, seal.count, each.path or ()) != seal.root:
            return f"The way up from {each.place} does not lead to the root of seal {seal.number}."
    return None


def compute_digest(event: Mapping[str, Any]) -> bytes:
    """The leaf hash of an `event` line."""
    commitments = {
        pointer: sha256(bytes.fromhex(each["salt"]) + canonicalize(each["value"]).encode()).hexdigest()
        for pointer, each in event.get("shown", {}).items()
    }
    erased = {
        pointer: each["commitment"] for pointer, each in event["erased"].items() if each["commitment"] is not None
    }
    entry = {**event["public"], "commitments": {**commitments, **event.get("withheld", {}), **erased}}
    return merkle.hash_leaf(canonicalize(entry).encode())


def _position(value: Sequence[int]) -> Position:
    xid, seq = value
    return int(xid), int(seq)


def _seal_of(document: Mapping[str, Any]) -> JournalSeal:
    return JournalSeal(
        app_id=document["app"],
        number=document["number"],
        first=_position(document["first"]),
        last=_position(document["last"]),
        count=document["count"],
        oldest_at=datetime.fromisoformat(document["oldest_at"]),
        newest_at=datetime.fromisoformat(document["newest_at"]),
        root=bytes.fromhex(document["root"]),
        previous=bytes.fromhex(document["previous"]),
        sealed_at=datetime.fromisoformat(document["sealed_at"]),
    )


def verify_export(lines: Iterable[str], *, head: bytes | None = None) -> ProofResult:
    """Verify an export. Raises `ExportUnreadable` if the lines are not an export of a journal."""
    checking = ExportVerifier(head=head)
    for number, line in enumerate(lines, 1):
        checking.add(number, line)
    return checking.finish()
