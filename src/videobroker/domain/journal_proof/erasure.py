"""What of the journal and of webhooks is about a person, and how the journal says that it was taken out."""

import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from videobroker.domain.journal_proof.canonical_json import parse_json
from videobroker.domain.journal_proof.proof import REPORTED_DETAILS, JournalRow, split_row


@dataclass(frozen=True, slots=True)
class DataSubject:
    """Somebody who is to be forgotten."""

    user_id: str
    names: Mapping[str, Collection[str]]
    """What providers call them, by the id of the session: a number may be somebody else's in another one."""
    references: Collection[str] = ()
    """References of sessions that are to be forgotten with them, where these tell who they are."""

    def pointers(self, row: JournalRow) -> list[str]:
        """Which personal parts of a row tell of this person: JSON Pointers."""
        return [
            pointer for pointer, value in split_row(row).personal if self._is_about(row, pointer, parse_json(value)[0])
        ]

    def is_in_notice(self, session_id: str | None, body: bytes) -> bool:
        """Whether a provider's webhook about a session tells of this person."""
        try:
            said = json.loads(body)
        except ValueError:
            return False
        return self._is_called_in(said, {self.user_id, *self.names.get(session_id or "", ())})

    def _is_called_in(self, value: Any, called: Collection[str]) -> bool:
        if isinstance(value, dict):
            return any(self._is_called_in(each, called) for member in value.items() for each in member)
        if isinstance(value, list):
            return any(self._is_called_in(member, called) for member in value)
        # Agora's numbers stand there as numbers.
        return not isinstance(value, bool) and isinstance(value, str | int) and str(value) in called

    def _is_about(self, row: JournalRow, pointer: str, value: Any) -> bool:
        asked = row.asked_by_user_id == self.user_id
        is_theirs = asked or row.user_id == self.user_id
        match pointer.rpartition("/")[2]:
            # The address of a backend that asked for them is the backend's.
            case "ip" | "user_agent" if not pointer.startswith("/data"):
                return asked
            case "reference" if not pointer.startswith("/data"):
                return value in self.references
            case "provider_user_id":
                return self.user_id in {value, row.user_id} or value in self._called(row)
            case last if last == REPORTED_DETAILS:
                return is_theirs or self.is_named_in(value)
        return bool(value == self.user_id)

    def _called(self, row: JournalRow) -> Collection[str]:
        return self.names.get(row.session_id or "", ())

    def is_named_in(self, value: Any) -> bool:
        """Whether a JSON value has their ID as a string or as a key."""
        if isinstance(value, dict):
            return any(self.is_named_in(each) for member in value.items() for each in member)
        if isinstance(value, list):
            return any(self.is_named_in(member) for member in value)
        return bool(value == self.user_id)

    def replace_in(self, value: Any, pseudonym: str) -> Any:
        """The JSON value with the pseudonym for every string and key that is their ID."""
        if isinstance(value, Mapping):
            return {self.replace_in(key, pseudonym): self.replace_in(each, pseudonym) for key, each in value.items()}
        if isinstance(value, list):
            return [self.replace_in(each, pseudonym) for each in value]
        return pseudonym if value == self.user_id else value


PSEUDONYM_PREFIX = "erased-"
STORED_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Stands for a person in the event that says they were erased."""

    value: str
    """64 hexadecimal digits, the same for nobody else: SHA-256(receipt || user id)."""
    receipt: str
    """64 hexadecimal digits that are kept nowhere here. Whoever has them can show whom the event is about."""

    @property
    def stored(self) -> str:
        """Stands for them in rows that stay without them: an identifier that begins like `value`."""
        return PSEUDONYM_PREFIX + self.value[:STORED_DIGITS]


def create_pseudonym(user_id: str) -> Pseudonym:
    """A new one. Without the receipt nobody can find out whom it stands for, not even by trying all user ids."""
    receipt = secrets.token_bytes(32)
    return Pseudonym(sha256(receipt + user_id.encode()).hexdigest(), receipt.hex())


def iterate_texts(value: Any) -> Iterator[str]:
    """Every string and key of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.items():
            for each in member:
                yield from iterate_texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from iterate_texts(each)


def mentions(text: str, words: Collection[str]) -> bool:
    """Whether one of the words stands in the text, not as a part of a longer one."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) for word in words)
