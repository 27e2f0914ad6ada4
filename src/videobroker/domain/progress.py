"""Progress of a booking for the legacy endpoints, which start, complete, and cancel bookings in steps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from videobroker.domain.rooms import Room
from videobroker.domain.sessions import Participant, Session


class ProgressAction(StrEnum):
    """A change of a booking's progress."""

    REOPEN = "reopen"
    """Back to confirmed, without a running call."""
    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class SessionProgress:
    """A session with its room, the participants who lead it, and whether a call is running."""

    session: Session
    first_by_role: Mapping[str, Participant]
    """The first participant by user ID with each role that was requested."""
    own: Participant | None
    """The entry of the user who sent the request; None for a backend."""
    room: Room | None
    """The room at the session's provider; None before there is one."""
    call_running: bool


def select_first_by_role(people: Iterable[Participant]) -> dict[str, Participant]:
    """The first participant by user ID with each role."""
    return {person.role: person for person in sorted(people, key=lambda person: person.user_id, reverse=True)}
