"""Time-driven lifecycle steps of a session: each step, then properties in every state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access_requests import INSTANT, WEEK, access_contexts
from videobroker.domain.access import AccessContext, AdmitDecision, decide_call_opening
from videobroker.domain.calls import EndReason
from videobroker.domain.lifecycle import (
    CONFIRMATION_DELAY,
    SETTLING_DELAY,
    DueStep,
    LifecycleState,
    LifecycleStep,
    is_close_due,
    is_closed_because_empty,
    list_due_steps,
)
from videobroker.domain.policy import Policy
from videobroker.domain.sessions import SessionStatus

CREATED = datetime(2026, 3, 1, 9, tzinfo=UTC)
START = datetime(2026, 3, 12, 14, tzinfo=UTC)
END = datetime(2026, 3, 12, 15, tzinfo=UTC)
CLOSES = datetime(2026, 3, 12, 15, 15, tzinfo=UTC)
OVERRUN_ENDS = datetime(2026, 3, 12, 16, 15, tzinfo=UTC)
NO_SHOWS = datetime(2026, 3, 12, 14, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

ACCESS = AccessContext(status=SessionStatus.CONFIRMED, video=True, starts_at=START, ends_at=END, policy=Policy())
LESSON = LifecycleState(access=ACCESS, is_closed=False, created_at=CREATED, changed_at=CREATED)
"""A booking before its first join."""
RUNNING = replace(LESSON, access=replace(ACCESS, call_running=True), call_open=True, room_open=True, present=2)
"""The booking during a call with two people."""
ENDED = replace(LESSON, last_call_ended_at=END, no_shows_reported_for=START)
"""The booking after its call; the room is closed."""
CIRCLE = replace(LESSON, access=replace(ACCESS, starts_at=None, ends_at=None))
"""A group without a call."""
GROUP_CALL = replace(
    CIRCLE,
    access=replace(CIRCLE.access, call_running=True),
    call_open=True,
    room_open=True,
    present=2,
    empty_since=START,
)
"""A group with two people in a call."""

CLOSE_WITH_WINDOW = DueStep(CLOSES, LifecycleStep.CLOSE, EndReason.WINDOW_CLOSED)
REPORT = DueStep(NO_SHOWS, LifecycleStep.REPORT_NO_SHOWS)
CONCLUDE = DueStep(CLOSES, LifecycleStep.CONCLUDE)


def with_access(state: LifecycleState, **terms: Any) -> LifecycleState:
    """The state with changed fields of its access context."""
    return replace(state, access=replace(state.access, **terms))


def with_policy(state: LifecycleState, **rules: int) -> LifecycleState:
    """The state with changed policy fields."""
    return with_access(state, policy=state.access.policy.with_changes(rules))


def close_session(state: LifecycleState, at: datetime, **terms: Any) -> LifecycleState:
    """The state after the session was closed."""
    return replace(with_access(state, **terms), is_closed=True, changed_at=at)


def closings(state: LifecycleState) -> list[DueStep]:
    return [due for due in list_due_steps(state) if due.step is LifecycleStep.CLOSE]


def due_step_names(state: LifecycleState) -> list[LifecycleStep]:
    return [due.step for due in list_due_steps(state)]


# --- the life of a booking --------------------------------------------------------------------------------------------


def test_a_future_booking_has_a_no_show_report_and_verdicts_due() -> None:
    assert list_due_steps(LESSON) == (REPORT, CONCLUDE)


def test_a_room_is_closed_before_the_verdicts() -> None:
    assert list_due_steps(replace(LESSON, room_open=True)) == (REPORT, CLOSE_WITH_WINDOW, CONCLUDE)


def test_no_verdict_is_due_while_a_call_is_running() -> None:
    assert due_step_names(RUNNING) == [LifecycleStep.REPORT_NO_SHOWS, LifecycleStep.CLOSE]


def test_no_step_is_due_after_the_verdicts() -> None:
    assert list_due_steps(replace(ENDED, concluded=True)) == ()


# --- closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("present", "at"),
    [(2, OVERRUN_ENDS), (1, OVERRUN_ENDS), (None, OVERRUN_ENDS), (0, CLOSES)],
    ids=["two people", "one person", "presence unknown", "an empty call"],
)
def test_a_call_overruns_unless_it_is_known_to_be_empty(present: int | None, at: datetime) -> None:
    assert closings(replace(RUNNING, present=present)) == [DueStep(at, LifecycleStep.CLOSE, EndReason.WINDOW_CLOSED)]


def test_a_room_without_a_call_is_closed_with_the_window() -> None:
    assert closings(replace(LESSON, room_open=True)) == [CLOSE_WITH_WINDOW]


def test_without_grace_and_overrun_the_call_is_closed_at_the_end() -> None:
    assert [due.at for due in closings(with_policy(RUNNING, grace_seconds=0, overrun_seconds=0))] == [END]


def test_a_session_without_a_call_and_a_room_needs_no_closing() -> None:
    assert closings(LESSON) == closings(ENDED) == closings(CIRCLE) == []
    assert closings(close_session(LESSON, START, status=SessionStatus.CANCELLED)) == []


@pytest.mark.parametrize(
    "terms",
    [{"status": SessionStatus.CANCELLED}, {"status": SessionStatus.COMPLETED}, {"video": False}],
    ids=["cancelled", "completed", "without video"],
)
@pytest.mark.parametrize(
    "state", [RUNNING, GROUP_CALL, replace(LESSON, room_open=True)], ids=["booking", "group", "booking with a room"]
)
def test_calls_and_rooms_of_a_closed_session_are_closed(state: LifecycleState, terms: dict[str, Any]) -> None:
    assert closings(close_session(state, START, **terms)) == [
        DueStep(START, LifecycleStep.CLOSE, EndReason.SESSION_CLOSED)
    ]


@pytest.mark.parametrize("state", [LESSON, CIRCLE], ids=["booking", "group"])
def test_closing_a_room_that_failed_to_close_is_due_immediately(state: LifecycleState) -> None:
    closing = replace(state, room_closing=True)
    assert closings(closing) == [DueStep(CREATED, LifecycleStep.CLOSE, EndReason.REQUESTED)]


def test_a_closing_room_remains_open_for_a_new_call() -> None:
    assert closings(replace(RUNNING, room_closing=True)) == [
        DueStep(OVERRUN_ENDS, LifecycleStep.CLOSE, EndReason.WINDOW_CLOSED)
    ]


def test_moving_the_end_moves_the_closing() -> None:
    longer = with_access(RUNNING, ends_at=END + timedelta(hours=1))
    assert [due.at for due in closings(longer)] == [OVERRUN_ENDS + timedelta(hours=1)]


@pytest.mark.parametrize(
    ("state", "now", "because_empty"),
    [
        (replace(RUNNING, present=0), CLOSES, True),
        (replace(RUNNING, present=0), OVERRUN_ENDS, False),
        (replace(RUNNING, present=1), OVERRUN_ENDS, False),
        (close_session(replace(RUNNING, present=0), START, status=SessionStatus.CANCELLED), CLOSES, False),
        (replace(GROUP_CALL, present=0), START + 5 * MINUTE, True),
        (replace(GROUP_CALL, present=0), START, False),
    ],
    ids=["empty at the end", "overrun over", "not empty", "cancelled", "empty group call", "not due"],
)
def test_a_call_that_would_go_on_with_people_is_closed_because_it_is_empty(
    state: LifecycleState, now: datetime, because_empty: bool
) -> None:
    assert is_closed_because_empty(state, now) is because_empty


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_without_a_call_has_no_due_steps() -> None:
    assert list_due_steps(CIRCLE) == ()


@pytest.mark.parametrize("present", [1, 2, None])
def test_a_group_call_lasts_unless_it_is_known_to_be_empty(present: int | None) -> None:
    assert list_due_steps(replace(GROUP_CALL, present=present)) == ()


def test_a_group_call_ends_when_it_has_been_empty_for_five_minutes() -> None:
    assert list_due_steps(replace(GROUP_CALL, present=0)) == (
        DueStep(START + 5 * MINUTE, LifecycleStep.CLOSE, EndReason.EMPTY),
    )


def test_the_policy_limits_how_long_a_group_call_may_be_empty() -> None:
    assert [due.at for due in list_due_steps(with_policy(replace(GROUP_CALL, present=0), empty_seconds=0))] == [START]


def test_a_group_has_no_no_show_reports_and_no_verdicts() -> None:
    assert list_due_steps(replace(CIRCLE, last_call_ended_at=END)) == ()


# --- no-shows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "at"),
    [
        ({}, NO_SHOWS),
        ({"no_show_after_seconds": 0}, START),
        ({"no_show_after_seconds": 4500}, CLOSES),
        ({"no_show_after_seconds": 86_400}, CLOSES),
    ],
)
def test_no_shows_are_reported_after_a_delay_but_no_later_than_the_window_closes(
    rules: dict[str, int], at: datetime
) -> None:
    assert DueStep(at, LifecycleStep.REPORT_NO_SHOWS) in list_due_steps(with_policy(LESSON, **rules))


def test_no_shows_are_reported_once_for_each_start() -> None:
    reported = replace(LESSON, no_shows_reported_for=START)
    assert LifecycleStep.REPORT_NO_SHOWS not in due_step_names(reported)
    moved = with_access(reported, starts_at=START + timedelta(days=1), ends_at=END + timedelta(days=1))
    assert list_due_steps(moved)[0] == replace(REPORT, at=NO_SHOWS + timedelta(days=1))


def test_moving_only_the_end_does_not_repeat_the_no_show_report() -> None:
    longer = with_access(replace(LESSON, no_shows_reported_for=START), ends_at=END + timedelta(hours=1))
    assert LifecycleStep.REPORT_NO_SHOWS not in due_step_names(longer)


@pytest.mark.parametrize(("created_at", "reported"), [(NO_SHOWS, True), (NO_SHOWS + INSTANT, False)])
def test_no_shows_are_not_reported_for_a_booking_created_after_the_report_time(
    created_at: datetime, reported: bool
) -> None:
    assert (REPORT in list_due_steps(replace(LESSON, created_at=created_at))) is reported


@pytest.mark.parametrize("status", [each for each in SessionStatus if each is not SessionStatus.CONFIRMED])
def test_no_shows_are_not_reported_if_participants_cannot_join(status: SessionStatus) -> None:
    assert LifecycleStep.REPORT_NO_SHOWS not in due_step_names(with_access(LESSON, status=status))
    assert LifecycleStep.REPORT_NO_SHOWS not in due_step_names(with_access(LESSON, video=False))


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended_at", "at"),
    [
        (None, CLOSES),
        (END, CLOSES),
        (CLOSES - SETTLING_DELAY, CLOSES),
        (CLOSES - MINUTE, CLOSES + MINUTE),
        (OVERRUN_ENDS, OVERRUN_ENDS + SETTLING_DELAY),
    ],
    ids=["no call", "long before", "just long enough before", "a minute before", "after an overrun"],
)
def test_verdicts_are_due_after_the_window_closed_and_the_settling_delay(
    ended_at: datetime | None, at: datetime
) -> None:
    assert list_due_steps(replace(ENDED, last_call_ended_at=ended_at)) == (DueStep(at, LifecycleStep.CONCLUDE),)


@pytest.mark.parametrize(
    ("completed_at", "ended_at", "at"),
    [
        (START + 30 * MINUTE, START + 30 * MINUTE, START + 30 * MINUTE + SETTLING_DELAY),
        (START + 30 * MINUTE, START + 10 * MINUTE, START + 30 * MINUTE),
        (START, None, START),
        (OVERRUN_ENDS, END, CLOSES),
    ],
    ids=["with its call", "after its call", "without a call", "after the window had closed"],
)
def test_verdicts_of_a_completed_booking_are_due_without_waiting_for_the_window(
    completed_at: datetime, ended_at: datetime | None, at: datetime
) -> None:
    completed = close_session(replace(ENDED, last_call_ended_at=ended_at), completed_at, status=SessionStatus.COMPLETED)
    assert list_due_steps(completed) == (DueStep(at, LifecycleStep.CONCLUDE),)


@pytest.mark.parametrize("status", [SessionStatus.PENDING, SessionStatus.CANCELLED])
def test_a_session_that_did_not_take_place_has_no_verdicts(status: SessionStatus) -> None:
    assert list_due_steps(with_access(ENDED, status=status)) == ()
    assert list_due_steps(with_access(ENDED, video=False)) == ()


@pytest.mark.parametrize(("created_at", "has_verdicts"), [(CLOSES, True), (CLOSES + INSTANT, False)])
def test_a_booking_created_after_its_window_has_no_verdicts(created_at: datetime, has_verdicts: bool) -> None:
    late = replace(LESSON, created_at=created_at, changed_at=created_at)
    assert list_due_steps(late) == ((CONCLUDE,) if has_verdicts else ())


def test_a_reopened_booking_gets_new_verdicts() -> None:
    moved = with_access(replace(ENDED, concluded=False), ends_at=END + timedelta(hours=2))
    assert list_due_steps(moved) == (replace(CONCLUDE, at=CLOSES + timedelta(hours=2)),)


# --- every state ------------------------------------------------------------------------------------------------------

_moments = st.timedeltas(-WEEK, WEEK)


@st.composite
def lifecycle_states(draw: st.DrawFn) -> LifecycleState:
    """Every state that a session can be in, and some that it cannot."""
    access = draw(access_contexts())
    around = access.starts_at or START
    call_open = draw(st.booleans())
    room_closing = draw(st.booleans())
    return LifecycleState(
        access=replace(
            access,
            call_running=call_open,
            policy=replace(
                access.policy,
                no_show_after_seconds=draw(st.integers(0, 86_400)),
                empty_seconds=draw(st.integers(0, 86_400)),
            ),
        ),
        is_closed=not access.video or access.status in {SessionStatus.CANCELLED, SessionStatus.COMPLETED},
        created_at=around + draw(_moments),
        changed_at=around + draw(_moments),
        call_open=call_open,
        room_open=not room_closing and draw(st.booleans()),
        room_closing=room_closing,
        room_unconfirmed_since=draw(st.none() | _moments.map(lambda by: around + by)),
        present=draw(st.none() | st.integers(0, 3)) if call_open else None,
        empty_since=around + draw(_moments) if call_open else None,
        last_call_ended_at=draw(st.none() | _moments.map(lambda by: around + by)),
        no_shows_reported_for=draw(st.sampled_from([None, access.starts_at, around - WEEK])),
        concluded=draw(st.booleans()),
    )


def after_step(state: LifecycleState, due: DueStep, at: datetime) -> LifecycleState:
    """The state after the step was run."""
    match due.step:
        case LifecycleStep.CLOSE:
            return replace(
                state,
                access=replace(state.access, call_running=False),
                call_open=False,
                room_open=False,
                room_closing=False,
                present=None,
                empty_since=None,
                last_call_ended_at=at if state.call_open else state.last_call_ended_at,
            )
        case LifecycleStep.CLOSE_UNCONFIRMED:
            return replace(state, room_unconfirmed_since=None)
        case LifecycleStep.REPORT_NO_SHOWS:
            return replace(state, no_shows_reported_for=state.access.starts_at)
        case LifecycleStep.CONCLUDE:
            return replace(state, concluded=True)


@given(lifecycle_states())
def test_due_steps_are_unique_and_sorted_by_time(state: LifecycleState) -> None:
    due_steps = list_due_steps(state)
    assert all(former.at <= latter.at for former, latter in pairwise(due_steps))
    assert len({due.step for due in due_steps}) == len(due_steps)
    assert all((due.reason is None) == (due.step is not LifecycleStep.CLOSE) for due in due_steps)


@given(lifecycle_states())
def test_a_step_is_not_due_again_after_it_ran(state: LifecycleState) -> None:
    for due in list_due_steps(state):
        assert due.step not in due_step_names(after_step(state, due, due.at))


@given(lifecycle_states())
def test_a_room_that_may_be_open_is_closed_in_every_state_and_delays_no_other_step(state: LifecycleState) -> None:
    confirmed = replace(state, room_unconfirmed_since=None)
    extra = set(list_due_steps(state)) - set(list_due_steps(confirmed))
    since = state.room_unconfirmed_since
    assert extra == (set() if since is None else {DueStep(since + CONFIRMATION_DELAY, LifecycleStep.CLOSE_UNCONFIRMED)})


@given(lifecycle_states(), st.timedeltas(timedelta(), timedelta(days=400)))
def test_running_all_due_steps_terminates_even_with_a_late_start(state: LifecycleState, late: timedelta) -> None:
    now = state.created_at + late
    steps_done: list[LifecycleStep] = []
    while due_steps := list_due_steps(state):
        now = max(now, due_steps[0].at)
        state = after_step(state, due_steps[0], now)
        steps_done.append(due_steps[0].step)
        assert len(steps_done) <= len(LifecycleStep)
    assert len(set(steps_done)) == len(steps_done)
    assert state.room_unconfirmed_since is None
    # An unconfirmed room is independent of everything else.
    others = [step for step in steps_done if step is not LifecycleStep.CLOSE_UNCONFIRMED]
    assert LifecycleStep.CONCLUDE not in others or others[-1] is LifecycleStep.CONCLUDE
    # Only a group may have an open call or room left: the call lasts while people are in it.
    if state.call_open or state.room_open or state.room_closing:
        assert state.access.closes_at is None
        assert not state.is_closed


@given(lifecycle_states())
def test_no_call_can_be_opened_after_a_closing_with_the_window(state: LifecycleState) -> None:
    for due in closings(state):
        if due.reason is EndReason.WINDOW_CLOSED:
            closed = after_step(state, due, due.at)
            assert not isinstance(decide_call_opening(closed.access, due.at), AdmitDecision)


@given(lifecycle_states())
def test_a_call_with_people_is_not_closed_while_it_may_still_be_joined(state: LifecycleState) -> None:
    for due in closings(state):
        if due.reason is EndReason.WINDOW_CLOSED and state.present != 0:
            assert not isinstance(decide_call_opening(state.access, due.at), AdmitDecision)


@given(lifecycle_states(), _moments)
def test_a_call_that_is_closed_because_it_is_empty_would_not_be_closed_with_people(
    state: LifecycleState, by: timedelta
) -> None:
    now = (state.access.starts_at or START) + by
    if is_closed_because_empty(state, now):
        assert is_close_due(state, now)
        assert not any(is_close_due(replace(state, present=present), now) for present in (1, 2, None))


@given(lifecycle_states())
def test_a_closed_session_has_no_steps_due_later_than_the_settling_delay(state: LifecycleState) -> None:
    if not state.is_closed:
        return
    closes_at = state.access.closes_at or state.changed_at
    latest = max(state.changed_at, closes_at, *([state.last_call_ended_at] if state.last_call_ended_at else []))
    due_steps = [due for due in list_due_steps(state) if due.step is not LifecycleStep.CLOSE_UNCONFIRMED]
    assert all(due.at <= latest + SETTLING_DELAY for due in due_steps)
    assert LifecycleStep.REPORT_NO_SHOWS not in due_step_names(state)


@pytest.mark.parametrize("late", [timedelta(), MINUTE, WEEK])
def test_the_verdicts_follow_a_room_that_is_closed_after_the_window(late: timedelta) -> None:
    completed = close_session(replace(ENDED, room_open=True), CLOSES + late, status=SessionStatus.COMPLETED)
    assert [(due.at, due.step) for due in list_due_steps(completed)] == [
        (CLOSES + late, LifecycleStep.CLOSE),
        (CLOSES + late, LifecycleStep.CONCLUDE),
    ]
