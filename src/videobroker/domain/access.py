"""The access decision: whether a person may join a session now, and in which role.

Pure functions. The checks run in a fixed order, and the first that fails determines the reason.
"""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.policy import Policy, WaitingRoom
from videobroker.domain.sessions import SessionStatus
from videobroker.domain.struct import Struct
from videobroker.errors import CATALOG

WAITING_ROOM_RETRY_SECONDS = 5
"""Polling interval for waiting people: short enough to feel immediate, long enough to cost little."""


MIN_CREDENTIAL_LIFETIME = timedelta(seconds=2)
"""With less time left, access is refused. Vendors count in whole seconds: a shorter credential could expire before
the vendor reads it."""


class AccessReason(StrEnum):
    """Why someone is not admitted. The values are error codes of the catalog, and never change."""

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


WAIT_REASONS = frozenset({AccessReason.TOO_EARLY, AccessReason.WAITING_FOR_HOST, AccessReason.WAITING_FOR_ADMISSION})
"""Of a `WaitDecision`: the same request can succeed later."""


class AccessContext(Struct):
    """The properties of a session that the access decision depends on."""

    status: SessionStatus
    video: bool
    starts_at: datetime | None
    ends_at: datetime | None
    policy: Policy
    call_running: bool = False
    ended_for_all_at: datetime | None = None
    """When a host or a backend ended the last call for everyone; None if it ended otherwise, or a new one started."""

    def opens_at(self, role: str) -> datetime | None:
        """When the window opens for this app role; None for a session without a schedule."""
        return None if self.starts_at is None else self.starts_at - self.policy.opens_before(role)

    @property
    def closes_at(self) -> datetime | None:
        """When the window closes for all roles, without overrun; None for a session without a schedule."""
        return None if self.ends_at is None else self.ends_at + self.policy.grace


class AccessSubject(Struct):
    """The person who asks to join a session."""

    role: str | None
    """The app role; None for a person who is not a participant."""
    provider_role: str | None = None
    is_guest: bool = False
    removed: bool = False
    """Removed and blocked."""
    admitted: bool = False
    """Admitted from the waiting room by a host or a backend."""
    denied: bool = False
    """Denied by a host or a backend."""


class AdmitDecision(Struct):
    """The person may join now."""

    role: str | None
    """The provider role."""
    until: datetime | None
    """Credentials must expire by then; None for a session without a schedule."""
    opens_at: datetime | None
    closes_at: datetime | None


class WaitDecision(Struct):
    """The person may not join yet. The same request can succeed later."""

    reason: AccessReason
    retry_after: int
    """Whole seconds until the next request makes sense; at least 1."""
    opens_at: datetime | None
    closes_at: datetime | None


class RefuseDecision(Struct):
    """The person may not join. A retry fails until the session or its participants change."""

    reason: AccessReason
    opens_at: datetime | None = None
    closes_at: datetime | None = None


AccessDecision = AdmitDecision | WaitDecision | RefuseDecision


class _JoinWindow(Struct):
    """The current join window of one role. All fields are None for a session without a schedule."""

    opens_at: datetime | None
    closes_at: datetime | None
    until: datetime | None
    """`closes_at`, or later while a call is running."""


def explain_decision(decision: WaitDecision | RefuseDecision) -> str:
    """The catalog's hint for the reason: why access is denied, and what to do next."""
    return CATALOG[decision.reason].hint


def decide_access(access: AccessContext, person: AccessSubject, now: datetime) -> AccessDecision:
    """Decide whether this person may join now."""
    window = _window(access, person.role or "", now)
    return (
        _refused_by_session(access)
        or _refused_as_person(access, person)
        or _outside(window, now)
        or check_waiting_room(access, person, now)
        or AdmitDecision(person.provider_role, window.until, window.opens_at, window.closes_at)
    )


def find_permanent_refusal(access: AccessContext, person: AccessSubject | None) -> RefuseDecision | None:
    """The refusal that applies at any time; None if time alone can change the decision.

    Without a person, only the session is checked.
    """
    return _refused_by_session(access) or (None if person is None else _refused_as_person(access, person))


def _refused_by_session(access: AccessContext) -> RefuseDecision | None:
    if not access.video:
        return RefuseDecision(AccessReason.VIDEO_DISABLED)
    match access.status:
        case SessionStatus.CANCELLED:
            return RefuseDecision(AccessReason.SESSION_CANCELLED)
        case SessionStatus.COMPLETED:
            return RefuseDecision(AccessReason.SESSION_COMPLETED)
        case SessionStatus.PENDING:
            return RefuseDecision(AccessReason.SESSION_NOT_CONFIRMED)
        case SessionStatus.CONFIRMED:
            return None


def _refused_as_person(access: AccessContext, person: AccessSubject) -> RefuseDecision | None:
    if person.is_guest and not access.policy.guests_allowed:
        return RefuseDecision(AccessReason.GUESTS_NOT_ALLOWED)
    if person.role is None:
        return RefuseDecision(AccessReason.NOT_A_PARTICIPANT)
    if person.removed:
        return RefuseDecision(AccessReason.PARTICIPANT_REMOVED)
    return None


def _outside(window: _JoinWindow, now: datetime) -> WaitDecision | RefuseDecision | None:
    opens_at = window.opens_at
    if opens_at is not None and now < opens_at:
        return WaitDecision(AccessReason.TOO_EARLY, _seconds(opens_at - now), opens_at, window.closes_at)
    if window.until is not None and now > window.until - MIN_CREDENTIAL_LIFETIME:
        return RefuseDecision(AccessReason.SESSION_OVER, opens_at, window.closes_at)
    return None


def check_waiting_room(
    access: AccessContext, person: AccessSubject, now: datetime
) -> WaitDecision | RefuseDecision | None:
    """The decision of the waiting room alone, regardless of the window; None if the person need not wait."""
    if person.role in access.policy.host_roles or person.admitted:
        return None
    match access.policy.waiting_room:
        case WaitingRoom.ADMIT:
            if person.denied:
                return RefuseDecision(
                    AccessReason.ADMISSION_DENIED, access.opens_at(person.role or ""), access.closes_at
                )
            reason = AccessReason.WAITING_FOR_ADMISSION
        case WaitingRoom.UNTIL_HOST if not access.call_running:
            reason = AccessReason.WAITING_FOR_HOST
        case _ if is_restart_limited_to_hosts(access, now):
            reason = AccessReason.WAITING_FOR_HOST
        case _:
            return None
    return WaitDecision(reason, WAITING_ROOM_RETRY_SECONDS, access.opens_at(person.role or ""), access.closes_at)


def is_restart_limited_to_hosts(access: AccessContext, now: datetime) -> bool:
    """Whether only a host or a backend may start the next call, because the last one was ended for everyone.

    For a booking, this lasts until its window closes; a move to a later window resets it. For a session without a
    schedule, it lasts for the policy's grace period, because its members meet again without a host. It never applies
    without host roles.
    """
    ended_at = access.ended_for_all_at
    if access.call_running or ended_at is None or not access.policy.host_roles:
        return False
    opens_at = _for_earliest_role(access).opens_at("")
    return now < ended_at + access.policy.grace if opens_at is None else ended_at >= opens_at


def _window(access: AccessContext, role: str, now: datetime) -> _JoinWindow:
    until = closes_at = access.closes_at
    if closes_at is not None and now > closes_at - MIN_CREDENTIAL_LIFETIME and access.call_running:
        until = closes_at + access.policy.overrun
    return _JoinWindow(access.opens_at(role), closes_at, until)


def _seconds(wait: timedelta) -> int:
    return math.ceil(wait.total_seconds())


def decide_call_opening(access: AccessContext, now: datetime) -> AccessDecision:
    """Decide whether a backend may open a call now, for no particular person. The earliest role's window applies."""
    window = _window(_for_earliest_role(access), "", now)
    return (
        _refused_by_session(access)
        or _outside(window, now)
        or AdmitDecision(None, window.until, window.opens_at, window.closes_at)
    )


def has_opened(access: AccessContext, now: datetime) -> bool:
    """Whether the window has opened for at least one role. Always true for a session without a schedule."""
    opens_at = _for_earliest_role(access).opens_at("")
    return opens_at is None or now >= opens_at


def _for_earliest_role(access: AccessContext) -> AccessContext:
    earliest = max((access.policy.opens_before_seconds, *access.policy.opens_before_seconds_by_role.values()))
    return replace(access, policy=replace(access.policy, opens_before_seconds=earliest))


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
