"""A session: a booking or a group that may meet on video."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.policy import EMPTY_MAPPING, PolicyPatch
from videobroker.domain.struct import Struct, field


class SessionKind(StrEnum):
    """What the app calls it. A booking has a schedule and a status; a group is open while its video is on."""

    BOOKING = "booking"
    GROUP = "group"


class SessionStatus(StrEnum):
    """How far a booking has come. A group is `confirmed` until it is cancelled."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Modality(StrEnum):
    """Where a booking takes place."""

    VIRTUAL = "virtual"
    PHYSICAL = "physical"


class SessionKey(Struct):
    """How an app names one of its sessions."""

    app_id: AppId
    kind: SessionKind
    reference: str

    @property
    def label(self) -> str:
        """For sentences: `booking 'lesson-1'`."""
        return f"{self.kind} {self.reference!r}"


class Participant(Struct):
    """Somebody registered for a session."""

    user_id: str
    role: str
    """The app's role."""
    display_name: str | None = None


class SessionTerms(Struct):
    """What an app says about a session; registering the same terms again changes nothing."""

    title: str | None = None
    status: SessionStatus = SessionStatus.CONFIRMED
    video: bool = True
    """A virtual booking, or a group with video."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    """Both or neither; a group has neither."""
    providers: tuple[ProviderName, ...] = ()
    """In order of preference; empty means the app's accounts in their own order."""
    policy: PolicyPatch = field(default_factory=lambda: EMPTY_MAPPING)
    metadata: Mapping[str, Any] = field(default_factory=lambda: EMPTY_MAPPING)

    @property
    def is_closed(self) -> bool:
        """Nobody will be admitted on these terms: calls end, and rooms are shut."""
        return not self.video or self.status in {SessionStatus.CANCELLED, SessionStatus.COMPLETED}


class Session(Struct):
    """A row of the session table."""

    id: SessionId
    key: SessionKey
    terms: SessionTerms
    provider: ProviderName | None
    """The provider the session sticks to since its first room; None before that."""
    version: int
    """Counts the changes, beginning with 1."""
    created_at: datetime
    updated_at: datetime
    no_shows_reported_for: datetime | None = None
    """The start for which missing people were reported."""
    concluded_at: datetime | None = None
    """When its verdicts became final; None before that."""
    ended_for_all_at: datetime | None = None
    """When a host or a backend ended its last call for everyone; None once another call has started."""

    @property
    def modality(self) -> Modality:
        """For bookings: `video` in the app's word."""
        return Modality.VIRTUAL if self.terms.video else Modality.PHYSICAL


EMBEDDED_PARTICIPANTS = 100
"""An answer about one session lists at most this many participants; the paged list has all of them."""


class SessionView(Struct):
    """How much of a session an actor sees, besides its public part."""

    details: bool = True
    """Policy and metadata."""
    participants: bool = True
    names: bool = True
    """The names of the participants."""


FULL_VIEW = SessionView()


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session in a list: without its participants; there may be thousands."""

    session: Session
    participant_count: int
    own: Participant | None = None
    """The entry of the user whose sessions are listed; None in a list that is not about one user."""
    view: SessionView = FULL_VIEW


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """A session with participants, as it is after a change, and what the change did."""

    session: Session
    participants: tuple[Participant, ...]
    """By user ID: all of them, or at least the first `EMBEDDED_PARTICIPANTS`."""
    participant_count: int
    own: Participant | None = None
    """The entry of the user who sent the request; None for a backend."""
    view: SessionView = FULL_VIEW
    created: bool = False
    changed: bool = False
    closes: bool = False
    """The call ended with the change, and the room is to be shut."""


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions a list shows; None leaves a field open."""

    participant: str | None = None
    status: SessionStatus | None = None
    starts_after: datetime | None = None
    """Inclusive."""
    starts_before: datetime | None = None
    """Exclusive."""
