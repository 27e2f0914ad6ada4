"""Erasure of a person: which parts of the journal and of webhooks are about them, and their pseudonym."""

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
    """A person whose data is to be erased."""

    user_id: str
    names: Mapping[str, Collection[str]]
    """Their provider user IDs by session ID: in another session, the same uid can be another person's."""
    references: Collection[str] = ()
    """Session references to erase as well, because they identify the person."""

    def pointers(self, row: JournalRow) -> list[str]:
        """The JSON Pointers (RFC 6901) of the row's personal parts that are about this person."""
        return [
            pointer for pointer, value in split_row(row).personal if self._is_about(row, pointer, parse_json(value)[0])
        ]

    def is_in_webhook(self, session_id: str | None, body: bytes) -> bool:
        """Whether a provider's webhook about a session mentions this person. False for invalid JSON."""
        try:
            content = json.loads(body)
        except ValueError:
            return False
        return self._is_called_in(content, {self.user_id, *self.names.get(session_id or "", ())})

    def _is_called_in(self, value: Any, called: Collection[str]) -> bool:
        if isinstance(value, dict):
            return any(self._is_called_in(each, called) for member in value.items() for each in member)
        if isinstance(value, list):
            return any(self._is_called_in(member, called) for member in value)
        # Agora sends uids as numbers.
        return not isinstance(value, bool) and isinstance(value, str | int) and str(value) in called

    def _is_about(self, row: JournalRow, pointer: str, value: Any) -> bool:
        asked = row.asked_by_user_id == self.user_id
        is_theirs = asked or row.user_id == self.user_id
        match pointer.rpartition("/")[2]:
            # The IP address of a backend that acted for the person is not the person's.
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
        """Whether a JSON value contains their ID as a string or as a key."""
        if isinstance(value, dict):
            return any(self.is_named_in(each) for member in value.items() for each in member)
        if isinstance(value, list):
            return any(self.is_named_in(member) for member in value)
        return bool(value == self.user_id)

    def replace_in(self, value: Any, pseudonym: str) -> Any:
        """A copy of the JSON value with the pseudonym in place of every string and key that is their ID."""
        if isinstance(value, Mapping):
            return {self.replace_in(key, pseudonym): self.replace_in(each, pseudonym) for key, each in value.items()}
        if isinstance(value, list):
            return [self.replace_in(each, pseudonym) for each in value]
        return pseudonym if value == self.user_id else value


PSEUDONYM_PREFIX = "erased-"
STORED_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Replaces a person's ID in the event about their erasure."""

    value: str
    """64 hexadecimal digits: SHA-256(receipt || user ID)."""
    receipt: str
    """64 random hexadecimal digits, not stored by the service. They prove whom the event is about."""

    @property
    def stored(self) -> str:
        """Replaces the user ID in rows that remain: a prefix of `value`, in the form of an identifier."""
        return PSEUDONYM_PREFIX + self.value[:STORED_DIGITS]


def create_pseudonym(user_id: str) -> Pseudonym:
    """A new pseudonym. Without the receipt it cannot be reversed, not even by trying all user IDs."""
    receipt = secrets.token_bytes(32)
    return Pseudonym(sha256(receipt + user_id.encode()).hexdigest(), receipt.hex())


def iterate_texts(value: Any) -> Iterator[str]:
    """Yield every string and key of a JSON value."""
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
    """Whether the text contains one of the words as a whole word, ignoring case."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) for word in words)
