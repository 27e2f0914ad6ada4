"""How far a session has come."""

from dataclasses import dataclass
from enum import StrEnum

from videobroker.domain.rooms import Room
from videobroker.domain.sessions import Participant, Registered, Session


class Step(StrEnum):
    """What may be done to a booking's progress."""

    REOPEN = "reopen"
    """Confirmed, and no call is running."""
    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Standing:
    """A session with its roster, its room, and whether people meet in it just now."""

    registered: Registered
    room: Room | None
    """The room at the provider the session sticks to; None before there is one."""
    call_running: bool

    @property
    def session(self) -> Session:
        """The session itself."""
        return self.registered.session

    def first_with_role(self, role: str) -> Participant | None:
        """The first on the roster, by user id, with this app role."""
        return next((person for person in self.registered.participants if person.role == role), None)
