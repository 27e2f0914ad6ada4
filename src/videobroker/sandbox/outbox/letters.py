"""One event on its way to one address."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from videobroker.sandbox.json_body import JsonObject


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one attempt sends."""

    body: bytes
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """An event with its address, and its vendor's habits of delivery."""

    id: str
    vendor: str
    type: str
    room_id: str
    """The room; at Agora, the name of the channel."""
    url: str
    waits: tuple[float, ...]
    """The seconds before each retry, counted from the attempt before."""
    write: Callable[[str, bool], Sheet]
    """Given the id and whether it is a replay, what to send. Called for every attempt."""
    accepted: Callable[[httpx.Response], bool]
    """Whether an answer ends the attempts."""


class LetterState(StrEnum):
    """How far a letter has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Kind(StrEnum):
    """Why a letter is in the outbox."""

    ORIGINAL = "original"
    DUPLICATE = "duplicate"
    REPLAY = "replay"


@dataclass(slots=True, eq=False)
class Entry:
    """A letter in the outbox, and what has become of it."""

    letter: Letter
    kind: Kind = Kind.ORIGINAL
    state: LetterState = LetterState.PENDING
    attempts: int = 0
    last_status: int | None = None
    """None when there was no answer."""
    due: float = 0.0
    """When the first attempt may be made, by the clock of the event loop."""

    def as_json(self) -> JsonObject:
        """The form in which the control API shows it; headers may be secret, so they are not in it."""
        return {
            "id": self.letter.id,
            "vendor": self.letter.vendor,
            "type": self.letter.type,
            "room_id": self.letter.room_id,
            "url": self.letter.url,
            "kind": self.kind,
            "state": self.state,
            "attempts": self.attempts,
            "last_status": self.last_status,
        }
