"""Calls: the actual meetings of a session, and which call an observation belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import Observation, ObservationType
from videobroker.domain.attendance.recordings import RecordingUpdate
from videobroker.domain.attendance.stays import EMPTY_SUMMARY, AttendanceSummary
from videobroker.domain.ids import CallId, SessionId
from videobroker.domain.sessions import SessionKey
from videobroker.domain.struct import Struct


class EndReason(StrEnum):
    """Why a call ended."""

    REQUESTED = "requested"
    """A host or a backend ended it."""
    WINDOW_CLOSED = "window_closed"
    """The booking's window closed."""
    SESSION_CLOSED = "session_shut"  # codespell:ignore shut
    """The session was cancelled or completed, or its video switched off."""
    SESSION_MOVED = "session_moved"
    """The booking was moved to another time."""
    EMPTY = "empty"
    """It had been empty for the policy's `empty_seconds`."""


MAX_CLOCK_SKEW = timedelta(minutes=1)
"""The difference between the provider's clock and ours up to which an observation still belongs to the last call."""


MAX_EVENT_DISTANCE = timedelta(hours=1)
"""An observation further outside of a call belongs to a meeting that was not recorded."""


class Call(Struct):
    """One call. At most one call of a session is open at a time."""

    id: CallId
    session_id: SessionId
    provider: ProviderName
    started_at: datetime
    started_by: str | None
    """The user whose join or start opened it; None if a backend opened it without naming a user."""
    ended_at: datetime | None = None
    ended_by: str | None = None
    end_reason: EndReason | None = None
    provider_call_ids: tuple[str, ...] = ()
    """The provider's IDs: one for each time that the room filled after being empty. Agora has none."""
    attendance: AttendanceSummary = EMPTY_SUMMARY
    evidence_at: datetime | None = None
    """When the provider last reported who is in it; None if it never did."""
    settled_at: datetime | None = None
    """When its attendance became final."""

    @property
    def duration_seconds(self) -> int | None:
        """Whole seconds, rounded down; None while the call is open."""
        return None if self.ended_at is None else int((self.ended_at - self.started_at).total_seconds())

    def distance_to(self, moment: datetime) -> timedelta:
        """How far outside of the call this moment is; zero within it."""
        if moment < self.started_at:
            return self.started_at - moment
        if self.ended_at is not None and moment > self.ended_at:
            return moment - self.ended_at
        return timedelta(0)


class CallOrder(StrEnum):
    """The order of a list of calls; `-` for descending."""

    STARTED_AT = "started_at"
    STARTED_AT_DESCENDING = "-started_at"


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Filters of a list of calls; None: no restriction."""

    session: SessionKey | None = None
    is_running: bool | None = None
    started_after: datetime | None = None
    """Inclusive."""
    started_before: datetime | None = None
    """Exclusive."""
    provider: ProviderName | None = None
    user_id: str | None = None
    """A person who was in the call."""


def find_call(calls: Sequence[Call], provider: ProviderName, each: Observation) -> Call | None:
    """The call that an observation belongs to; None if it is about another meeting.

    A known provider call ID decides. Otherwise it is the call that ran at that moment, or else the nearest one within
    `MAX_EVENT_DISTANCE`: an observation before a call or between two calls was reported late, or by another clock. An
    arrival well after the end of the last call starts a new one.
    """
    own = [call for call in calls if call.provider is provider]
    named = _named(own, each.provider_call_id)
    if named is not None:
        return named
    return None if is_after_all(own, each) else _nearest(own, each.since or each.at)


def find_recorded_call(calls: Sequence[Call], provider: ProviderName, news: RecordingUpdate) -> Call | None:
    """The call that was recorded, by the rules of `find_call`; None if it is about another meeting.

    A recording never starts a call: it may run in an empty room.
    """
    own = [call for call in calls if call.provider is provider]
    named = _named(own, news.provider_call_id)
    if named is not None:
        return named
    return None if _is_after(own, news.moment) else _nearest(own, news.moment)


def is_after_all(calls: Sequence[Call], each: Observation) -> bool:
    """Whether an observation is about a meeting after the end of all these calls."""
    return each.sign is not ObservationType.EMPTIED and _is_after(calls, each.since or each.at)


def _named(calls: Sequence[Call], provider_call_id: str | None) -> Call | None:
    if provider_call_id is None:
        return None
    return next((call for call in calls if provider_call_id in call.provider_call_ids), None)


def _nearest(calls: Sequence[Call], moment: datetime) -> Call | None:
    nearest = min(calls, key=lambda call: (call.distance_to(moment), -call.started_at.timestamp()), default=None)
    return None if nearest is None or nearest.distance_to(moment) > MAX_EVENT_DISTANCE else nearest


def _is_after(calls: Sequence[Call], moment: datetime) -> bool:
    return all(call.ended_at is not None and moment > call.ended_at + MAX_CLOCK_SKEW for call in calls)
