"""The interface of both emulated vendors for a person in a call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is in a place now."""

    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Powers:
    """Permissions of a person in a place."""

    publish: bool = True
    end: bool = False
    remove: bool = False


class Place(Protocol):
    """A 100ms room or an Agora channel."""

    @property
    def key(self) -> str:
        """Two places with the same key are the same place."""

    @property
    def title(self) -> str:
        """What the place is called."""

    @property
    def patience(self) -> timedelta:
        """How long a person whose connection was lost counts as present."""

    def people(self) -> Iterable[Person]:
        """Who is there now; recording bots are not people."""

    def recorded(self) -> bool:
        """Whether a bot is there that records."""

    def powers(self, person: Person) -> Powers:
        """Permissions of a person in this place."""

    def leave(self, person_id: str, *, lost: bool) -> None:
        """A person leaves, or is `lost` after their connection. Without effect if they have left already."""

    def end(self, by: str) -> None:
        """A person disconnects everyone. Refused without permission."""

    def remove(self, person_id: str, by: str) -> None:
        """A person removes another one. Refused without permission."""

    def renew(self, person_id: str, token: str) -> datetime:
        """A new token for who is there already; until when it lets them stay."""
