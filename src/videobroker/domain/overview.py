"""Lists and counts of sessions across all apps, for operators."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.calls import Call
from videobroker.domain.sessions import Participant, Session, SessionStatus

MAX_NAMES_SHOWN = 3
"""Participants that a list shows for each session."""
MAX_TIME_RANGE = timedelta(days=31)
"""The longest period that a list or a count of bookings can cover."""


class Phase(StrEnum):
    """The progress of a session as the console shows it."""

    UPCOMING = "upcoming"
    IN_PROGRESS = "in_progress"
    """A call is running."""
    COMPLETED = "completed"
    """Its end has passed, or the app set its status to `completed`."""
    CANCELLED = "cancelled"


def determine_phase(session: Session, call: Call | None, now: datetime) -> Phase:
    """The phase of a session. `call` is its open call, if any."""
    terms = session.terms
    if terms.status is SessionStatus.CANCELLED:
        return Phase.CANCELLED
    if call is not None and call.ended_at is None:
        return Phase.IN_PROGRESS
    if terms.status is SessionStatus.COMPLETED or (terms.ends_at is not None and terms.ends_at <= now):
        return Phase.COMPLETED
    return Phase.UPCOMING


class Section(StrEnum):
    """A list of the console. A session may be in several: a late one may be in progress, too."""

    IN_PROGRESS = "in_progress"
    LATE = "late"
    """Its start has passed and its end has not, and someone who has to be there has not joined."""
    NO_SHOW = "no_show"
    """A participant was reported as a no-show, or was absent."""
    UPCOMING = "upcoming"
    """All others that are not over, unconfirmed and in-person ones included."""
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Lateness(StrEnum):
    """Who has not joined a session that should have started."""

    EVERYONE = "everyone"
    HOST = "host"
    """Others have joined. Decided only if the provider reports who is in the call."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open period: `start` is included, `end` is not."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Raise `ValueError` if the period is empty or longer than `MAX_TIME_RANGE`."""
        if not timedelta(0) < self.end - self.start <= MAX_TIME_RANGE:
            raise ValueError(f"a period must end after its start, and at most {MAX_TIME_RANGE.days} days later")


@dataclass(frozen=True, slots=True)
class SessionListItem:
    """A session in a list."""

    session: Session
    call: Call | None
    """The open call."""
    people: tuple[Participant, ...]
    """The first participants by user ID, at most `MAX_NAMES_SHOWN`."""
    more_people: bool
    """Whether the session has more participants."""
    now: datetime
    lateness: Lateness | None = None
    no_shows: int = 0
    """Participants who were reported as no-shows and have not joined, or who were absent."""

    @property
    def phase(self) -> Phase:
        """The phase at `now`."""
        return determine_phase(self.session, self.call, self.now)


@dataclass(frozen=True, slots=True)
class SectionCounts:
    """The number of sessions of a period in each section."""

    in_progress: int = 0
    """All running calls, regardless of the period."""
    late: int = 0
    no_show: int = 0
    upcoming: int = 0
    completed: int = 0
    cancelled: int = 0
    present: int = 0
    """Number of people who are in calls now."""

    def count(self, section: Section) -> int:
        """The number of sessions in `section`."""
        return int(getattr(self, section.value))
