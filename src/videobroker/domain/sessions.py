"""Sessions: bookings and groups that may meet on video, and their participants."""

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
    """A booking has a schedule and a status; a group is open while its video is on."""

    BOOKING = "booking"
    GROUP = "group"


class SessionStatus(StrEnum):
    """The status of a booking. A group is `confirmed` until it is cancelled."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Modality(StrEnum):
    """Where a booking takes place."""

    VIRTUAL = "virtual"
    PHYSICAL = "physical"


class SessionKey(Struct):
    """Identifies a session by the app's own reference."""

    app_id: AppId
    kind: SessionKind
    reference: str

    @property
    def label(self) -> str:
        """For messages: `booking 'lesson-1'`."""
        return f"{self.kind} {self.reference!r}"


class Participant(Struct):
    """A person registered for a session."""

    user_id: str
    role: str
    """The app role."""
    display_name: str | None = None


class SessionTerms(Struct):
    """What an app registers about a session. Registering equal terms again changes nothing."""

    title: str | None = None
    status: SessionStatus = SessionStatus.CONFIRMED
    video: bool = True
    """A virtual booking, or a group with video."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    """Both or neither; a group has neither."""
    providers: tuple[ProviderName, ...] = ()
    """In order of preference; empty: all accounts of the app, in the order of `ProviderName`."""
    policy: PolicyPatch = field(default_factory=lambda: EMPTY_MAPPING)
    metadata: Mapping[str, Any] = field(default_factory=lambda: EMPTY_MAPPING)

    @property
    def is_closed(self) -> bool:
        """Whether no one can be admitted with these terms. Calls end, and rooms are closed."""
        return not self.video or self.status in {SessionStatus.CANCELLED, SessionStatus.COMPLETED}


class Session(Struct):
    """A row of the session table."""

    id: SessionId
    key: SessionKey
    terms: SessionTerms
    provider: ProviderName | None
    """The provider of the session's first room, which does not change by itself; None before the first room."""
    version: int
    """Counts changes, starting at 1."""
    created_at: datetime
    updated_at: datetime
    no_shows_reported_for: datetime | None = None
    """The start time for which no-shows were reported."""
    concluded_at: datetime | None = None
    """When the verdicts became final."""
    ended_for_all_at: datetime | None = None
    """When a host or a backend ended the last call for everyone; None after another call has started."""

    @property
    def modality(self) -> Modality:
        """`terms.video` in the terms of the API. For bookings only."""
        return Modality.VIRTUAL if self.terms.video else Modality.PHYSICAL


EMBEDDED_PARTICIPANTS = 100
"""Participants that a response about one session contains at most; the paginated list has all of them."""


class SessionView(Struct):
    """The parts of a session that an actor sees besides its public part."""

    details: bool = True
    """Policy and metadata."""
    participants: bool = True
    names: bool = True
    """The names of the participants."""


FULL_VIEW = SessionView()


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session in a list, without its participants: there may be thousands."""

    session: Session
    participant_count: int
    own: Participant | None = None
    """The entry of the user whose sessions are listed; None in a list that is not about one user."""
    view: SessionView = FULL_VIEW


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """The state of a session after a change, and the effects of the change."""

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
    """The change ended the call, and the caller must close the room."""


class SessionOrder(StrEnum):
    """The order of a session list; `-` for descending. Groups have no start."""

    STARTS_AT = "starts_at"
    STARTS_AT_DESCENDING = "-starts_at"
    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESCENDING = "-updated_at"

    @property
    def field(self) -> str:
        return self.value.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        return self.value.startswith("-")


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Filters of a session list; None: no restriction. Of times, the earlier is inclusive, the later exclusive."""

    participant: str | None = None
    role: str | None = None
    """The app role of `participant`."""
    statuses: frozenset[SessionStatus] = frozenset()
    """Any of these; empty: no restriction."""
    provider: ProviderName | None = None
    """The provider of the session's room."""
    starts_after: datetime | None = None
    starts_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    has_ended: bool | None = None
    """Whether the end of the booking has passed."""
    reference_prefix: str | None = None
    words: str | None = None
    """The title has each of these words, ignoring case."""
    metadata: frozenset[tuple[str, str]] = frozenset()
    """Members of `metadata` with these values; numbers and booleans as JSON texts."""
