"""A call: one actual meeting of a session, from start to end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import Observation, Sign
from videobroker.domain.attendance.recordings import RecordingUpdate
from videobroker.domain.attendance.stays import EMPTY_SUMMARY, AttendanceSummary
from videobroker.domain.ids import CallId, SessionId
from videobroker.domain.struct import Struct


class EndReason(StrEnum):
    """Why a call ended."""

    REQUESTED = "requested"
    """Somebody ended it."""
    WINDOW_CLOSED = "window_closed"
    """The booking's window closed."""
    SESSION_CLOSED = "session_shut"
    """The session was cancelled or completed, or its video switched off."""
    SESSION_MOVED = "session_moved"
    """The booking was moved to another time."""
    EMPTY = "empty"
    """Nobody had been in it for a while."""


MAX_CLOCK_SKEW = timedelta(minutes=1)
"""So far apart the provider's clock and ours may be, before we take one meeting for another."""


MAX_EVENT_DISTANCE = timedelta(hours=1)
"""What happened longer before the call or after it belongs to another meeting, of which we know nothing."""


class Call(Struct):
    """One call. At most one call of a session is open."""

    id: CallId
    session_id: SessionId
    provider: ProviderName
    started_at: datetime
    started_by: str | None
    """The user whose join or start opened it; None when the backend named nobody."""
    ended_at: datetime | None = None
    ended_by: str | None = None
    end_reason: EndReason | None = None
    provider_call_ids: tuple[str, ...] = ()
    """What the provider calls it: one id for each time that the room filled anew. Agora has none."""
    attendance: AttendanceSummary = EMPTY_SUMMARY
    evidence_at: datetime | None = None
    """When the provider last told us who is in it; None when it never did."""
    settled_at: datetime | None = None
    """When its attendance became final."""

    @property
    def duration_seconds(self) -> int | None:
        """Whole seconds from start to end; None while the call is open."""
        return None if self.ended_at is None else int((self.ended_at - self.started_at).total_seconds())

    def distance_to(self, moment: datetime) -> timedelta:
        """How far outside the call this moment lies; zero inside."""
        if moment < self.started_at:
            return self.started_at - moment
        if self.ended_at is not None and moment > self.ended_at:
            return moment - self.ended_at
        return timedelta(0)


def find_call(calls: Sequence[Call], provider: ProviderName, each: Observation) -> Call | None:
    """The call that an observation belongs to; None when it speaks of a meeting that none of these is.

    The provider's own id decides where it is known. Otherwise it is the call that ran at that moment, and failing that
    the nearest one within an hour: what comes before a call's start or between two calls was told late, or by another
    clock. Somebody who arrives well after the last call has ended begins a new one.
    """
    own = [call for call in calls if call.provider is provider]
    named = _named(own, each.provider_call_id)
    if named is not None:
        return named
    return None if is_after_all(own, each) else _nearest(own, each.since or each.at)


def find_recorded_call(calls: Sequence[Call], provider: ProviderName, news: RecordingUpdate) -> Call | None:
    """The call that was recorded, found as for an observation; None for a meeting that none of these is.

    A recording begins no call: it may run in an empty room.
    """
    own = [call for call in calls if call.provider is provider]
    named = _named(own, news.provider_call_id)
    if named is not None:
        return named
    return None if _is_after(own, news.moment) else _nearest(own, news.moment)


def is_after_all(calls: Sequence[Call], each: Observation) -> bool:
    """Whether an observation tells of a meeting after the last of these calls."""
    return each.sign is not Sign.EMPTIED and _is_after(calls, each.since or each.at)


def _named(calls: Sequence[Call], provider_call_id: str | None) -> Call | None:
    if provider_call_id is None:
        return None
    return next((call for call in calls if provider_call_id in call.provider_call_ids), None)


def _nearest(calls: Sequence[Call], moment: datetime) -> Call | None:
    nearest = min(calls, key=lambda call: (call.distance_to(moment), -call.started_at.timestamp()), default=None)
    return None if nearest is None or nearest.distance_to(moment) > MAX_EVENT_DISTANCE else nearest


def _is_after(calls: Sequence[Call], moment: datetime) -> bool:
    return all(call.ended_at is not None and moment > call.ended_at + MAX_CLOCK_SKEW for call in calls)
