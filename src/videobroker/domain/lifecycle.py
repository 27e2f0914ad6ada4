"""What falls due for a session by the mere passing of time, and when.

Everything here follows from facts that are stored anyway: a service that was down for a day looks at the same facts
afterwards, and finds the same errands, overdue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.access import AccessContext, find_permanent_refusal
from videobroker.domain.calls import EndReason
from videobroker.domain.sessions import SessionStatus

SETTLING_DELAY = timedelta(minutes=2)
"""After a call has ended, the provider's last webhooks may be on their way for so long."""


class LifecycleStep(StrEnum):
    """What is to be done."""

    CLOSE = "close"
    """End the call, shut the room."""
    REPORT_NO_SHOWS = "report_no_shows"
    CONCLUDE = "conclude"
    """Write the verdicts."""


@dataclass(frozen=True, slots=True)
class DueStep:
    """One errand, from when on, and why."""

    at: datetime
    step: LifecycleStep
    reason: EndReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleState:
    """How a session stands."""

    door: AccessContext
    is_closed: bool
    """Nobody will be admitted on its terms: cancelled, completed, or without video."""
    created_at: datetime
    changed_at: datetime
    call_open: bool = False
    room_open: bool = False
    """It has a room that is not shut."""
    room_closing: bool = False
    """Somebody began to shut it."""
    present: int | None = None
    """How many persons are in the call; None when nobody can tell."""
    empty_since: datetime | None = None
    """Since when nobody has been in the open call, nor asked to get into it."""
    last_call_ended_at: datetime | None = None
    no_shows_reported_for: datetime | None = None
    """The start for which that was done."""
    concluded: bool = False


def list_due_steps(affairs: LifecycleState) -> tuple[DueStep, ...]:
    """Everything that falls due, the earliest first."""
    return tuple(sorted(_all(affairs), key=lambda due: (due.at, list(LifecycleStep).index(due.step))))


def _all(affairs: LifecycleState) -> Iterator[DueStep]:
    closing = _closing(affairs)
    if closing is not None:
        yield closing
    yield from _no_shows(affairs)
    if not affairs.call_open:
        for due in _conclusion(affairs):
            # Closing comes first, but it is not waited for: a room that cannot be shut must not hold up the verdicts.
            yield due if closing is None else replace(due, at=max(due.at, closing.at))


def _closing(affairs: LifecycleState) -> DueStep | None:
    if not (affairs.call_open or affairs.room_open or affairs.room_closing):
        return None
    if affairs.is_closed:
        return DueStep(affairs.changed_at, LifecycleStep.CLOSE, EndReason.SESSION_CLOSED)
    if affairs.room_closing and not affairs.call_open:
        return DueStep(affairs.changed_at, LifecycleStep.CLOSE, EndReason.REQUESTED)
    if affairs.door.closes_at is None:
        return _closing_of_group(affairs)
    return DueStep(_end_of_window(affairs.door.closes_at, affairs), LifecycleStep.CLOSE, EndReason.WINDOW_CLOSED)


def _end_of_window(closes_at: datetime, affairs: LifecycleState) -> datetime:
    if not affairs.call_open or affairs.present == 0:
        return closes_at
    return closes_at + affairs.door.policy.overrun


def _closing_of_group(affairs: LifecycleState) -> DueStep | None:
    if not affairs.call_open or affairs.present != 0 or affairs.empty_since is None:
        return None
    return DueStep(affairs.empty_since + affairs.door.policy.empty_for, LifecycleStep.CLOSE, EndReason.EMPTY)


def _no_shows(affairs: LifecycleState) -> Iterator[DueStep]:
    door = affairs.door
    if door.starts_at is None or door.closes_at is None or find_permanent_refusal(door, None) is not None:
        return
    at = min(door.starts_at + door.policy.no_show_after, door.closes_at)
    if affairs.no_shows_reported_for != door.starts_at and affairs.created_at <= at:
        yield DueStep(at, LifecycleStep.REPORT_NO_SHOWS)


def _conclusion(affairs: LifecycleState) -> Iterator[DueStep]:
    door = affairs.door
    if door.closes_at is None or affairs.concluded or not door.video or affairs.created_at > door.closes_at:
        return
    if door.status is SessionStatus.COMPLETED:
        shut_at = min(affairs.changed_at, door.closes_at)
    elif door.status is SessionStatus.CONFIRMED:
        shut_at = door.closes_at
    else:
        return
    settled_at = shut_at if affairs.last_call_ended_at is None else affairs.last_call_ended_at + SETTLING_DELAY
    yield DueStep(max(shut_at, settled_at), LifecycleStep.CONCLUDE)
