"""What the two pretend vendors have in common, seen from somebody who meets others there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is in a place now."""

    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Powers:
    """What somebody may do in a place."""

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
        """How long somebody whose connection broke is still held to be there."""

    def people(self) -> Iterable[Person]:
        """Who is there now; recording bots are not people."""

    def recorded(self) -> bool:
        """Whether a bot is there that records."""

    def powers(self, person: Person) -> Powers:
        """What somebody may do there."""

    def leave(self, person_id: str, *, lost: bool) -> None:
        """Somebody goes, or is `lost` after a broken connection. Nothing happens to who is gone already."""

    def end(self, by: str) -> None:
        """Somebody sends everybody out. Who may not is refused."""

    def remove(self, person_id: str, by: str) -> None:
        """Somebody sends another one out. Who may not is refused."""

    def renew(self, person_id: str, token: str) -> datetime:
        """A new token for who is there already; until when it lets them stay."""
