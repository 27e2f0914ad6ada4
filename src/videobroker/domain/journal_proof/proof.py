"""Tamper evidence of the journal: leaves, seals, and redactions.

A row has public and personal parts. Its leaf hashes the public parts, and a commitment for each personal part:
SHA-256(salt || canonical JSON of the value). The salt proves the value. After salt and value are erased, the value
cannot be guessed, and the leaf does not change.

A seal covers the rows since the previous seal: it contains the root of their Merkle tree and the hash of the previous
seal. `docs/explanation/journal.md` specifies the format for verification without this program.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from videobroker.domain.journal_proof import merkle
from videobroker.domain.journal_proof.canonical_json import canonicalize, canonicalize_string, parse_json
from videobroker.domain.times import utc

SALT_BYTES = 32
GENESIS = bytes(32)
"""The `previous` hash of an app's first seal."""
MAX_SEAL_ROWS = 10_000
"""Rows of one seal at most."""

Position = tuple[int, int]
"""The position of a row in its app's journal: transaction ID and sequence number."""

PERSONAL_IN_DATA = frozenset({"user_id", "provider_user_id"})
"""Members of `data`, at any depth, that identify a person if they are strings."""
REPORTED_DETAILS = "details"
"""The member of `data` with the app's report. It can contain anything, so all of it counts as personal."""
WHOLE_ROW = ""
"""The JSON Pointer of a whole row."""


class JournalRow(NamedTuple):
    """A row of the journal table, with IDs as strings."""

    xid: int
    seq: int
    id: str
    type: str
    occurred_at: datetime
    session_id: str | None
    kind: str | None
    reference: str | None
    user_id: str | None
    key_id: str | None
    ip: str | None
    user_agent: str | None
    asked_by_user_id: str | None
    data: str
    """JSON."""
    salts: bytes | None
    """The concatenated salts of the personal parts, in the order of their pointers; None without personal parts."""

    @property
    def position(self) -> Position:
        """The position in the app's journal."""
        return self.xid, self.seq


class Leaf(NamedTuple):
    """The leaf of one row in a seal."""

    xid: int
    seq: int
    event_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Redaction:
    """One removal from the journal: a personal part of a row, or a whole row."""

    position: Position
    pointer: str
    """Which part: a JSON Pointer (RFC 6901) such as `/user_id` or `/data/provider_user_id`; `WHOLE_ROW` for the row."""
    commitment: bytes | None
    """The commitment of the part in the leaf; for a whole row, the leaf itself. None: removed before sealing."""
    entry_id: str
    """The event that accounts for it: `person.erased` or `journal.retired`."""

    def line(self) -> bytes:
        """The line that the accounting event hashes."""
        commitment = "-" if self.commitment is None else self.commitment.hex()
        return f"{self.position[0]}.{self.position[1]} {self.pointer} {commitment}\n".encode()

    @property
    def order(self) -> tuple[Position, str]:
        """Sort key: the order in which an event accounts for its redactions."""
        return self.position, self.pointer


def compute_account_digest(redactions: Sequence[Redaction]) -> str:
    """The digest by which an event accounts for its redactions: hex SHA-256 of their lines in order."""
    return sha256(b"".join(each.line() for each in sorted(redactions, key=lambda each: each.order))).hexdigest()


class ProofEvent(StrEnum):
    """The event types that account for redactions. Verification depends on them."""

    ERASED = "person.erased"
    RETIRED = "journal.retired"


@dataclass(frozen=True, slots=True)
class JournalSeal:
    """Commits to some rows of an app's journal, and through `previous` to all rows before them."""

    app_id: str
    number: int
    """Starting at 1."""
    first: Position
    last: Position
    count: int
    oldest_at: datetime
    """The earliest `occurred_at` of its rows."""
    newest_at: datetime
    root: bytes
    previous: bytes
    """The hash of the previous seal."""
    sealed_at: datetime

    def public(self) -> dict[str, Any]:
        """The content that `hash` covers."""
        return {
            "app": self.app_id,
            "count": self.count,
            "first": list(self.first),
            "last": list(self.last),
            "newest_at": format_moment(self.newest_at),
            "number": self.number,
            "oldest_at": format_moment(self.oldest_at),
            "previous": self.previous.hex(),
            "root": self.root.hex(),
            "sealed_at": format_moment(self.sealed_at),
            "v": 1,
        }

    def hash(self) -> bytes:
        """SHA-256 of the canonical JSON: 32 bytes."""
        return sha256(canonicalize(self.public()).encode()).digest()


def format_moment(at: datetime) -> str:
    """RFC 3339 in UTC, always with six fractional digits, so that the text is canonical."""
    # Cut off the offset, which is +00:00.
    return (at if at.tzinfo is UTC else utc(at)).isoformat(timespec="microseconds")[:-6] + "Z"


class RowParts(NamedTuple):
    """The personal parts of a row, and the rest of its data."""

    personal: tuple[tuple[str, str], ...]
    """JSON Pointer and canonical JSON value of each personal part, sorted by pointer."""
    data: str
    """The canonical JSON of the rest of `data`."""


def split_row(row: JournalRow) -> RowParts:
    """Separate the personal parts of a row from the rest of its data."""
    inside, rest = _data_parts(row.data)
    # Appended in the order of their pointers.
    personal = (
        [("/asked_by_user_id", canonicalize_string(row.asked_by_user_id))] if row.asked_by_user_id is not None else []
    )
    personal += inside
    if row.ip is not None:
        personal.append(("/ip", canonicalize_string(row.ip)))
    if row.reference is not None:
        personal.append(("/reference", canonicalize_string(row.reference)))
    if row.user_agent is not None:
        personal.append(("/user_agent", canonicalize_string(row.user_agent)))
    if row.user_id is not None:
        personal.append(("/user_id", canonicalize_string(row.user_id)))
    return RowParts(tuple(personal), rest)


def _data_parts(data: str) -> tuple[list[tuple[str, str]], str]:
    try:
        value, plain = parse_json(data)
        found: list[tuple[str, Any]] = []
        if 'user_id"' in data or f'"{REPORTED_DETAILS}"' in data or "\\" in data:
            value = _without_personal(value, "/data", found)
        return sorted((pointer, canonicalize(part, plain=plain)) for pointer, part in found), canonicalize(
            value, plain=plain
        )
    except (ValueError, RecursionError):
        # Numbers with thousands of digits, or very deep nesting: not written by this program. Hash the raw text.
        return [], canonicalize_string(data)


def _without_personal(value: Any, pointer: str, found: list[tuple[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_without_personal(member, f"{pointer}/{index}", found) for index, member in enumerate(value)]
    if not isinstance(value, dict):
        return value
    rest = {}
    for key, member in value.items():
        names = key in PERSONAL_IN_DATA and isinstance(member, str)
        if names or (key == REPORTED_DETAILS and pointer == "/data" and member is not None):
            found.append((f"{pointer}/{key}", member))
        elif isinstance(member, (list, dict)):
            step = key.replace("~", "~0").replace("/", "~1")
            rest[key] = _without_personal(member, f"{pointer}/{step}", found)
        else:
            rest[key] = member
    return rest


def compute_commitment(salt: bytes, value: str) -> bytes:
    """The commitment of a personal part. `value` is its canonical JSON."""
    return sha256(salt + value.encode()).digest()


def slice_salt(salts: bytes, index: int) -> bytes:
    """The salt of the personal part at `index`."""
    return salts[index * SALT_BYTES : (index + 1) * SALT_BYTES]


def compute_leaf_digest(app_id: str, row: JournalRow, withheld: Mapping[str, bytes] | None = None) -> bytes | None:
    """The leaf hash of a row, 32 bytes. `withheld` are the commitments of removed parts, by pointer.

    None if the number of salts does not match the personal parts: the row was changed after sealing.
    """
    return _leaf_digest(app_id, row, split_row(row), row.salts or b"", withheld)


def _leaf_digest(
    app_id: str, row: JournalRow, parts: RowParts, salts: bytes, withheld: Mapping[str, bytes] | None = None
) -> bytes | None:
    if len(salts) != SALT_BYTES * len(parts.personal):
        return None
    commitments = [
        (pointer, sha256(salts[at : at + SALT_BYTES] + value.encode()).hexdigest())
        for at, (pointer, value) in zip(range(0, len(salts), SALT_BYTES), parts.personal, strict=True)
    ]
    if withheld:
        commitments = sorted([*commitments, *((pointer, each.hex()) for pointer, each in withheld.items())])
    return _digest(app_id, row, commitments, parts.data)


def _digest(app_id: str, row: JournalRow, commitments: Sequence[tuple[str, str]], data: str) -> bytes:
    """The leaf hash of `build_public_row` with the commitments. Formatted by hand, because it runs a million times."""
    promised = ",".join([f'{canonicalize_string(pointer)}:"{each}"' for pointer, each in commitments])
    entry = (
        f'{{"app":"{app_id}","commitments":{{{promised}}},"data":{data},"id":"{row.id}",'
        f'"key_id":{_text(row.key_id)},"kind":{_text(row.kind)},"occurred_at":"{format_moment(row.occurred_at)}",'
        f'"position":[{row.xid},{row.seq}],"session_id":{_text(row.session_id)},"type":{canonicalize_string(row.type)},"v":1}}'
    )
    return sha256(b"\x00" + entry.encode()).digest()


def _text(value: str | None) -> str:
    return "null" if value is None else canonicalize_string(value)


def build_public_row(app_id: str, row: JournalRow) -> dict[str, Any]:
    """The public parts of a row: its leaf's entry without the commitments."""
    return {
        "app": app_id,
        "data": parse_json(split_row(row).data)[0],
        "id": row.id,
        "key_id": row.key_id,
        "kind": row.kind,
        "occurred_at": format_moment(row.occurred_at),
        "position": [row.xid, row.seq],
        "session_id": row.session_id,
        "type": row.type,
        "v": 1,
    }


@dataclass(frozen=True, slots=True)
class SealingResult:
    """A new seal, and the leaves and salts to store with it."""

    seal: JournalSeal
    leaves: tuple[Leaf, ...]
    salts: tuple[tuple[Position, bytes], ...]
    """By position, for the rows that have personal parts."""


def seal_rows(
    app_id: str, rows: Sequence[JournalRow], previous: tuple[int, bytes] | None, *, now: datetime
) -> SealingResult:
    """Seal at least one row. The rows must be in order of their positions.

    `previous` is the number and hash of the previous seal. Every personal part gets a new random salt.
    """
    number, previous_hash = previous or (0, GENESIS)
    leaves, salted = [], []
    for row in rows:
        parts = split_row(row)
        salts = secrets.token_bytes(SALT_BYTES * len(parts.personal))
        leaves.append(Leaf(row.xid, row.seq, row.id, _leaf_digest(app_id, row, parts, salts) or b""))
        if salts:
            salted.append((row.position, salts))
    seal = JournalSeal(
        app_id=app_id,
        number=number + 1,
        first=rows[0].position,
        last=rows[-1].position,
        count=len(rows),
        oldest_at=min(row.occurred_at for row in rows),
        newest_at=max(row.occurred_at for row in rows),
        root=merkle.compute_root([leaf.digest for leaf in leaves]),
        previous=previous_hash,
        sealed_at=now,
    )
    return SealingResult(seal, tuple(leaves), tuple(salted))
