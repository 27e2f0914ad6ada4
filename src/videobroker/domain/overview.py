"""How sessions look from above: to somebody who runs the service, and sees all apps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.calls import Call
from videobroker.domain.sessions import Participant, Session, SessionStatus

MAX_NAMES_SHOWN = 3
"""So many people of a session stand in a list."""
MAX_TIME_RANGE = timedelta(days=31)
"""Lists and counts of bookings look at no longer stretch of time."""


class Phase(StrEnum):
    """How far a session has come, in a word for people."""

    UPCOMING = "upcoming"
    IN_PROGRESS = "in_progress"
    """A call runs."""
    COMPLETED = "completed"
    """Its end has passed, or the app says so."""
    CANCELLED = "cancelled"


def determine_phase(session: Session, call: Call | None, now: datetime) -> Phase:
    """The phase of a session; `call` is its open call. The first that applies."""
    terms = session.terms
    if terms.status is SessionStatus.CANCELLED:
        return Phase.CANCELLED
    if call is not None and call.ended_at is None:
        return Phase.IN_PROGRESS
    if terms.status is SessionStatus.COMPLETED or (terms.ends_at is not None and terms.ends_at <= now):
        return Phase.COMPLETED
    return Phase.UPCOMING


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of time: from the start on, and before the end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Raise `ValueError` for a stretch that is empty, or longer than lists look at."""
        if not timedelta(0) < self.end - self.start <= MAX_TIME_RANGE:
            raise ValueError(f"a stretch of time has an end behind its start, at most {MAX_TIME_RANGE.days} days on")


@dataclass(frozen=True, slots=True)
class SessionListItem:
    """A session as it stands in a list."""

    session: Session
    call: Call | None
    """The open call."""
    people: tuple[Participant, ...]
    """The first of the roster, by user id."""
    more_people: bool
    """There are others."""
    now: datetime

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        return determine_phase(self.session, self.call, self.now)

    @property
    def is_overdue(self) -> bool:
        """It should have begun, and nobody is there."""
        terms = self.session.terms
        begun = terms.starts_at is not None and terms.starts_at <= self.now
        confirmed = terms.status is SessionStatus.CONFIRMED and terms.video
        return begun and confirmed and self.phase is Phase.UPCOMING


@dataclass(frozen=True, slots=True)
class PhaseCounts:
    """How many sessions of a stretch of time are in each phase."""

    upcoming: int = 0
    in_progress: int = 0
    """Whatever their time: calls that run now."""
    completed: int = 0
    cancelled: int = 0
    present: int = 0
    """How many people are in calls now."""

    def of(self, phase: Phase) -> int:
        """How many of this phase."""
        return int(getattr(self, phase.value))
