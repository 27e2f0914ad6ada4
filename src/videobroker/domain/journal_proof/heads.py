"""Heads of journals that left the database: when to send one, and how to read them from a log."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.journal_proof.proof import JournalSeal

HEAD_EVENT = "journal.sealed"
"""The log event with the head of a journal."""


def is_head_due(newest: JournalSeal, last: RecordedEvent | None) -> bool:
    """Whether to send the newest seal to webhook endpoints. `last` is the newest event that it covers.

    Sending it is an event as well, and sealed like any other. A seal of nothing else is not sent: otherwise, a journal
    without new events would grow forever.
    """
    if newest.count > 1 or last is None or last.event.type is not EventType.JOURNAL_SEALED:
        return True
    return (last.event.data or {}).get("seal") != newest.number - 1


def read_heads(lines: Iterable[str]) -> dict[str, frozenset[bytes]]:
    """The hashes of heads by app, from the lines of a log. Other lines are ignored.

    Raises `ValueError` with the number of the line if a head cannot be read.
    """
    heads: defaultdict[str, set[bytes]] = defaultdict(set)
    for number, line in enumerate(lines, start=1):
        entry = _entry(line)
        if entry.get("event") == HEAD_EVENT:
            app_id, digest = entry.get("app"), _digest(entry.get("hash"))
            if not isinstance(app_id, str) or digest is None:
                raise ValueError(f"Line {number} is damaged: it has no `app`, or no `hash` of 64 hexadecimal digits.")
            heads[app_id].add(digest)
    return {app_id: frozenset(digests) for app_id, digests in heads.items()}


def _entry(line: str) -> Mapping[str, object]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _digest(value: object) -> bytes | None:
    try:
        digest = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return None
    return digest if len(digest) == 32 else None
