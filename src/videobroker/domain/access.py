"""Who may enter, when, as what: the decision, and nothing else.

The checks stand in the order in which they are made; the first that does not hold decides.
"""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.policy import Policy, WaitingRoom
from videobroker.domain.sessions import SessionStatus
from videobroker.domain.struct import Struct

WAITING_ROOM_RETRY_SECONDS = 5
"""How soon a waiting person should ask again: soon enough to feel immediate, seldom enough to cost nothing."""


MIN_CREDENTIAL_LIFETIME = timedelta(seconds=2)
"""With less time left, access is refused. Vendors count in whole seconds: a credential that ends within this second
and the next could have expired when it is issued, and none would last until the vendor has read it."""


class Reason(StrEnum):
    """Why somebody is not admitted. These are error codes of the API: stable."""

    VIDEO_DISABLED = "video_disabled"
    SESSION_CANCELLED = "session_cancelled"
    SESSION_COMPLETED = "session_completed"
    SESSION_NOT_CONFIRMED = "session_not_confirmed"
    NOT_A_PARTICIPANT = "not_a_participant"
    GUESTS_NOT_ALLOWED = "guests_not_allowed"
    PARTICIPANT_REMOVED = "participant_removed"
    TOO_EARLY = "too_early"
    SESSION_OVER = "session_over"
    WAITING_FOR_HOST = "waiting_for_host"
    WAITING_FOR_ADMISSION = "waiting_for_admission"
    ADMISSION_DENIED = "admission_denied"


class AccessContext(Struct):
    """Everything about a session that decides who may enter it."""

    status: SessionStatus
    video: bool
    starts_at: datetime | None
    ends_at: datetime | None
    policy: Policy
    call_running: bool = False
    ended_for_all_at: datetime | None = None
    """When a host or a backend ended the last call for everyone; None when it ended otherwise, or one has started."""

    def opens_at(self, role: str) -> datetime | None:
        """When the window of this app role opens; None for a session without a schedule."""
        return None if self.starts_at is None else self.starts_at - self.policy.opens_before(role)

    @property
    def closes_at(self) -> datetime | None:
        """When the window closes for everybody; None for a session without a schedule."""
        return None if self.ends_at is None else self.ends_at + self.policy.grace


class AccessSubject(Struct):
    """Somebody at the door."""

    role: str | None
    """The app role; None for somebody who is not on the roster."""
    provider_role: str | None = None
    """What the role is called at the provider."""
    is_guest: bool = False
    removed: bool = False
    """Was removed and banned."""
    admitted: bool = False
    """Was let out of the waiting room."""
    denied: bool = False
    """Was not let in, by whoever was to decide."""


class AdmitDecision(Struct):
    """Come in."""

    role: str | None
    """The provider role."""
    until: datetime | None
    """No credential may outlive this; None for a session without a schedule."""
    opens_at: datetime | None
    closes_at: datetime | None


class WaitDecision(Struct):
    """Not yet."""

    reason: Reason
    retry_after: int
    """Whole seconds until asking again makes sense; at least 1."""
    opens_at: datetime | None
    closes_at: datetime | None


class RefuseDecision(Struct):
    """No. Asking again helps only after somebody changes something."""

    reason: Reason
    opens_at: datetime | None = None
    closes_at: datetime | None = None


AccessDecision = AdmitDecision | WaitDecision | RefuseDecision


class _Window(Struct):
    """When one may enter, as it stands now. None where the session has no schedule."""

    opens_at: datetime | None
    closes_at: datetime | None
    until: datetime | None
    """The window's end, or later while a call is running."""


_ADVICE = {
    Reason.VIDEO_DISABLED: "Video is off for this session. Make it virtual, or switch the group's video on.",
    Reason.SESSION_CANCELLED: "The session was cancelled.",
    Reason.SESSION_COMPLETED: "The session is completed. Register a new one to meet again.",
    Reason.SESSION_NOT_CONFIRMED: "The session is not confirmed yet. Confirm it, then ask again.",
    Reason.NOT_A_PARTICIPANT: "This user is not on the roster of the session. Add them to its participants first.",
    Reason.GUESTS_NOT_ALLOWED: "This session admits no guests. Set `guests_allowed` in its policy to change that.",
    Reason.PARTICIPANT_REMOVED: "This user was removed from the session and may not come back.",
    Reason.TOO_EARLY: "The session is not open yet. Ask again at `opens_at`.",
    Reason.SESSION_OVER: "The session is over. Move its end, or register a new one, to meet again.",
    Reason.WAITING_FOR_HOST: "The host is not there yet. Ask again after `retry_after` seconds.",
    Reason.WAITING_FOR_ADMISSION: "Waiting for the host to let this user in. Ask again after `retry_after` seconds.",
    Reason.ADMISSION_DENIED: "The host did not let this user in. A host can still admit them from the waiting room.",
}


def explain_decision(decision: WaitDecision | RefuseDecision) -> str:
    """The decision as a sentence that tells what to do."""
    return _ADVICE[decision.reason]


def decide_access(door: AccessContext, person: AccessSubject, now: datetime) -> AccessDecision:
    """May this person enter now?"""
    window = _window(door, person.role or "", now)
    return (
        _refused_by_session(door)
        or _refused_as_person(door, person)
        or _outside(window, now)
        or check_waiting_room(door, person, now)
        or AdmitDecision(person.provider_role, window.until, window.opens_at, window.closes_at)
    )


def find_permanent_refusal(door: AccessContext, person: AccessSubject | None) -> RefuseDecision | None:
    """Why this person may not enter at any time; None when it is only a question of when. Without a person: anybody."""
    return _refused_by_session(door) or (None if person is None else _refused_as_person(door, person))


def _refused_by_session(door: AccessContext) -> RefuseDecision | None:
    if not door.video:
        return RefuseDecision(Reason.VIDEO_DISABLED)
    match door.status:
        case SessionStatus.CANCELLED:
            return RefuseDecision(Reason.SESSION_CANCELLED)
        case SessionStatus.COMPLETED:
            return RefuseDecision(Reason.SESSION_COMPLETED)
        case SessionStatus.PENDING:
            return RefuseDecision(Reason.SESSION_NOT_CONFIRMED)
        case SessionStatus.CONFIRMED:
            return None


def _refused_as_person(door: AccessContext, person: AccessSubject) -> RefuseDecision | None:
    if person.is_guest and not door.policy.guests_allowed:
        return RefuseDecision(Reason.GUESTS_NOT_ALLOWED)
    if person.role is None:
        return RefuseDecision(Reason.NOT_A_PARTICIPANT)
    if person.removed:
        return RefuseDecision(Reason.PARTICIPANT_REMOVED)
    return None


def _outside(window: _Window, now: datetime) -> WaitDecision | RefuseDecision | None:
    opens_at = window.opens_at
    if opens_at is not None and now < opens_at:
        return WaitDecision(Reason.TOO_EARLY, _seconds(opens_at - now), opens_at, window.closes_at)
    if window.until is not None and now > window.until - MIN_CREDENTIAL_LIFETIME:
        return RefuseDecision(Reason.SESSION_OVER, opens_at, window.closes_at)
    return None


def check_waiting_room(
    door: AccessContext, person: AccessSubject, now: datetime
) -> WaitDecision | RefuseDecision | None:
    """Whether this person has to wait for a host, whatever the window says; None when not."""
    if person.role in door.policy.host_roles or person.admitted:
        return None
    match door.policy.waiting_room:
        case WaitingRoom.ADMIT:
            if person.denied:
                return RefuseDecision(Reason.ADMISSION_DENIED, door.opens_at(person.role or ""), door.closes_at)
            reason = Reason.WAITING_FOR_ADMISSION
        case WaitingRoom.UNTIL_HOST if not door.call_running:
            reason = Reason.WAITING_FOR_HOST
        case _ if is_restart_limited_to_hosts(door, now):
            reason = Reason.WAITING_FOR_HOST
        case _:
            return None
    return WaitDecision(reason, WAITING_ROOM_RETRY_SECONDS, door.opens_at(person.role or ""), door.closes_at)


def is_restart_limited_to_hosts(door: AccessContext, now: datetime) -> bool:
    """Whether the last call was ended for everyone, so that the next one is started by a host or a backend.

    A booking: until its window closes; moved to a later window, it begins afresh. A session without a schedule: for
    the policy's grace period, since its members meet there again without a host. Without host roles: never.
    """
    ended_at = door.ended_for_all_at
    if door.call_running or ended_at is None or not door.policy.host_roles:
        return False
    opens_at = _for_anybody(door).opens_at("")
    return now < ended_at + door.policy.grace if opens_at is None else ended_at >= opens_at


def _window(door: AccessContext, role: str, now: datetime) -> _Window:
    until = closes_at = door.closes_at
    if closes_at is not None and now > closes_at - MIN_CREDENTIAL_LIFETIME and door.call_running:
        until = closes_at + door.policy.overrun
    return _Window(door.opens_at(role), closes_at, until)


def _seconds(wait: timedelta) -> int:
    return math.ceil(wait.total_seconds())


def decide_call_opening(door: AccessContext, now: datetime) -> AccessDecision:
    """May the session meet now, whoever comes? The question of a backend that opens a call for nobody in particular."""
    window = _window(_for_anybody(door), "", now)
    return (
        _refused_by_session(door)
        or _outside(window, now)
        or AdmitDecision(None, window.until, window.opens_at, window.closes_at)
    )


def has_opened(door: AccessContext, now: datetime) -> bool:
    """Whether the window has opened for anybody; that of a session without a schedule always has."""
    opens_at = _for_anybody(door).opens_at("")
    return opens_at is None or now >= opens_at


def _for_anybody(door: AccessContext) -> AccessContext:
    earliest = max((door.policy.opens_before_seconds, *door.policy.opens_before_seconds_by_role.values()))
    return replace(door, policy=replace(door.policy, opens_before_seconds=earliest))


def compute_token_expiry(
    now: datetime,
    *,
    until: datetime | None,
    lifetime: timedelta,
    maximum: timedelta,
    max_call_duration: timedelta | None,
) -> datetime:
    """Return when a token issued now expires: after `lifetime`, but not after `until` or `maximum`.

    `max_call_duration` is given for vendors whose SDK presents its first token again after a network drop: the token
    must cover the rest of the call even if `lifetime` is shorter. Without `until` it is ignored: such a call may last
    for days, and `lifetime` alone decides.
    """
    if until is None:
        return now + min(lifetime, maximum)
    remaining = until - now
    needed = min(max_call_duration, remaining) if max_call_duration is not None else timedelta(0)
    return now + min(max(lifetime, needed), remaining, maximum)
