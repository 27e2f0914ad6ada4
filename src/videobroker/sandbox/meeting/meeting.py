"""The interface of both emulated vendors for a person in a call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PresentPerson:
    """A person who is present."""

    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class MeetingPermissions:
    """Permissions of a person in a meeting."""

    publish: bool = True
    end: bool = False
    remove: bool = False


class Meeting(Protocol):
    """A 100ms room or an Agora channel."""

    @property
    def key(self) -> str:
        """Identifies the meeting."""

    @property
    def title(self) -> str:
        """The display name of the meeting."""

    @property
    def reconnect_timeout(self) -> timedelta:
        """How long a person whose connection was lost counts as present."""

    def people(self) -> Iterable[PresentPerson]:
        """People who are present, without recording bots."""

    def is_recorded(self) -> bool:
        """Whether a recording bot is present."""

    def permissions(self, person: PresentPerson) -> MeetingPermissions:
        """Permissions of a person in this meeting."""

    def leave(self, person_id: str, *, lost: bool) -> None:
        """A person leaves, or is `lost` after their connection. Without effect if they have left already."""

    def end(self, by: str) -> None:
        """Disconnect everyone. Raises `Problem` without permission."""

    def remove(self, person_id: str, by: str) -> None:
        """Remove another person. Raises `Problem` without permission."""

    def renew(self, person_id: str, token: str) -> datetime:
        """The expiry of a new token for a person who is present."""
