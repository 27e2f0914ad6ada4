"""Time-driven lifecycle of a session: close the call and its room, report no-shows, finalize the verdicts.

The steps are derived from stored facts only. After an outage, the service derives the steps that it missed, overdue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.access import AccessContext, find_permanent_refusal
from videobroker.domain.calls import EndReason
from videobroker.domain.sessions import SessionStatus

CONFIRMATION_DELAY = timedelta(seconds=30)
"""How long opening a room may take, with all retries. Then it may be open without our knowledge."""
SETTLING_DELAY = timedelta(minutes=2)
"""How long after the end of a call the provider's last webhooks may still arrive."""


class LifecycleStep(StrEnum):
    """A step of the lifecycle. Steps that are due at the same time run in this order."""

    CLOSE = "close"
    """End the call and close the room."""
    CLOSE_UNCONFIRMED = "close_unconfirmed"
    """Close rooms that may be open because the response to opening them was lost."""
    REPORT_NO_SHOWS = "report_no_shows"
    CONCLUDE = "conclude"
    """Finalize the verdicts."""


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step, and the time from which it is due."""

    at: datetime
    step: LifecycleStep
    reason: EndReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleState:
    """The facts that the steps are derived from."""

    access: AccessContext
    is_closed: bool
    """No one can be admitted: the session is cancelled, completed, or without video."""
    created_at: datetime
    changed_at: datetime
    call_open: bool = False
    room_open: bool = False
    """A room exists and is not closed."""
    room_closing: bool = False
    """Closing of the room has started and is not confirmed."""
    room_unconfirmed_since: datetime | None = None
    """Since when a room outside of the open call may be open, without a confirmation by the provider."""
    present: int | None = None
    """Number of people in the call; None if the provider does not report it."""
    empty_since: datetime | None = None
    """Since when the open call has been empty, without a new join request."""
    last_call_ended_at: datetime | None = None
    no_shows_reported_for: datetime | None = None
    """The start time for which no-shows were reported. A booking that is moved reports them again."""
    concluded: bool = False


def list_due_steps(state: LifecycleState) -> tuple[DueStep, ...]:
    """All steps that are still to be done, in order of their due times. They need not be due yet."""
    return tuple(sorted(_all(state), key=lambda due: (due.at, list(LifecycleStep).index(due.step))))


def is_close_due(state: LifecycleState, now: datetime) -> bool:
    return any(due.step is LifecycleStep.CLOSE and due.at <= now for due in list_due_steps(state))


def is_closed_because_empty(state: LifecycleState, now: datetime) -> bool:
    """Whether the close that is due would not be due if people were in the call."""
    return state.present == 0 and is_close_due(state, now) and not is_close_due(replace(state, present=None), now)


def _all(state: LifecycleState) -> Iterator[DueStep]:
    closing = _closing(state)
    if closing is not None:
        yield closing
    if state.room_unconfirmed_since is not None:
        # In any state of the session: no one has credentials for this room that are still meant to be used.
        yield DueStep(state.room_unconfirmed_since + CONFIRMATION_DELAY, LifecycleStep.CLOSE_UNCONFIRMED)
    yield from _no_shows(state)
    if not state.call_open:
        for due in _conclusion(state):
            # Ordered after closing, but not blocked by it: a room that cannot be closed must not delay the verdicts.
            yield due if closing is None else replace(due, at=max(due.at, closing.at))


def _closing(state: LifecycleState) -> DueStep | None:
    if not (state.call_open or state.room_open or state.room_closing):
        return None
    if state.is_closed:
        return DueStep(state.changed_at, LifecycleStep.CLOSE, EndReason.SESSION_CLOSED)
    if state.room_closing and not state.call_open:
        return DueStep(state.changed_at, LifecycleStep.CLOSE, EndReason.REQUESTED)
    if state.access.closes_at is None:
        return _closing_of_group(state)
    return DueStep(_end_of_window(state.access.closes_at, state), LifecycleStep.CLOSE, EndReason.WINDOW_CLOSED)


def _end_of_window(closes_at: datetime, state: LifecycleState) -> datetime:
    if not state.call_open or state.present == 0:
        return closes_at
    return closes_at + state.access.policy.overrun


def _closing_of_group(state: LifecycleState) -> DueStep | None:
    if not state.call_open or state.present != 0 or state.empty_since is None:
        return None
    return DueStep(state.empty_since + state.access.policy.empty_for, LifecycleStep.CLOSE, EndReason.EMPTY)


def _no_shows(state: LifecycleState) -> Iterator[DueStep]:
    access = state.access
    if access.starts_at is None or access.closes_at is None or find_permanent_refusal(access, None) is not None:
        return
    at = min(access.starts_at + access.policy.no_show_after, access.closes_at)
    if state.no_shows_reported_for != access.starts_at and state.created_at <= at:
        yield DueStep(at, LifecycleStep.REPORT_NO_SHOWS)


def _conclusion(state: LifecycleState) -> Iterator[DueStep]:
    access = state.access
    if access.closes_at is None or state.concluded or not access.video or state.created_at > access.closes_at:
        return
    if access.status is SessionStatus.COMPLETED:
        closed_at = min(state.changed_at, access.closes_at)
    elif access.status is SessionStatus.CONFIRMED:
        closed_at = access.closes_at
    else:
        return
    settled_at = closed_at if state.last_call_ended_at is None else state.last_call_ended_at + SETTLING_DELAY
    yield DueStep(max(closed_at, settled_at), LifecycleStep.CONCLUDE)
