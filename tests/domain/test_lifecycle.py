"""Time-driven lifecycle steps of a session: each step, and in every state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.visits import INSTANT, WEEK, doors
from videobroker.domain.access import AccessContext, AdmitDecision, decide_call_opening
from videobroker.domain.calls import EndReason
from videobroker.domain.lifecycle import SETTLING_DELAY, DueStep, LifecycleState, LifecycleStep, list_due_steps
from videobroker.domain.policy import Policy
from videobroker.domain.sessions import SessionStatus

CREATED = datetime(2026, 3, 1, 9, tzinfo=UTC)
START = datetime(2026, 3, 12, 14, tzinfo=UTC)
END = datetime(2026, 3, 12, 15, tzinfo=UTC)
CLOSES = datetime(2026, 3, 12, 15, 15, tzinfo=UTC)
OVERRUN_ENDS = datetime(2026, 3, 12, 16, 15, tzinfo=UTC)
NO_SHOWS = datetime(2026, 3, 12, 14, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

DOOR = AccessContext(status=SessionStatus.CONFIRMED, video=True, starts_at=START, ends_at=END, policy=Policy())
LESSON = LifecycleState(access=DOOR, is_closed=False, created_at=CREATED, changed_at=CREATED)
"""A booking to which nobody has come yet."""
RUNNING = replace(LESSON, access=replace(DOOR, call_running=True), call_open=True, room_open=True, present=2)
"""The same, with two people in a call."""
ENDED = replace(LESSON, last_call_ended_at=END, no_shows_reported_for=START)
"""The same, after the call and with its room shut."""
CIRCLE = replace(LESSON, access=replace(DOOR, starts_at=None, ends_at=None))
"""A group in which nobody meets."""
GATHERED = replace(
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


def on_terms(affairs: LifecycleState, **terms: Any) -> LifecycleState:
    """The same session on other terms."""
    return replace(affairs, access=replace(affairs.access, **terms))


def ruled(affairs: LifecycleState, **rules: int) -> LifecycleState:
    """The same session under other rules."""
    return on_terms(affairs, policy=affairs.access.policy.with_changes(rules))


def shut(affairs: LifecycleState, at: datetime, **terms: Any) -> LifecycleState:
    """The same session, shut at a moment."""
    return replace(on_terms(affairs, **terms), is_closed=True, changed_at=at)


def closings(affairs: LifecycleState) -> list[DueStep]:
    return [due for due in list_due_steps(affairs) if due.step is LifecycleStep.CLOSE]


def errands(affairs: LifecycleState) -> list[LifecycleStep]:
    return [due.step for due in list_due_steps(affairs)]


# --- a booking, from the first day to the last ------------------------------------------------------------------------


def test_a_booking_to_come_has_its_missing_people_and_its_verdicts_ahead() -> None:
    assert list_due_steps(LESSON) == (REPORT, CONCLUDE)


def test_a_booking_with_a_room_has_to_be_closed_before_the_verdicts() -> None:
    assert list_due_steps(replace(LESSON, room_open=True)) == (REPORT, CLOSE_WITH_WINDOW, CONCLUDE)


def test_while_a_call_runs_no_verdict_falls_due() -> None:
    assert errands(RUNNING) == [LifecycleStep.REPORT_NO_SHOWS, LifecycleStep.CLOSE]


def test_after_everything_is_done_nothing_falls_due_ever() -> None:
    assert list_due_steps(replace(ENDED, concluded=True)) == ()


# --- closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("present", "at"),
    [(2, OVERRUN_ENDS), (1, OVERRUN_ENDS), (None, OVERRUN_ENDS), (0, CLOSES)],
    ids=["two people", "one person", "nobody can tell", "an empty call"],
)
def test_a_call_may_overrun_while_somebody_is_in_it_or_may_be(present: int | None, at: datetime) -> None:
    assert closings(replace(RUNNING, present=present)) == [DueStep(at, LifecycleStep.CLOSE, EndReason.WINDOW_CLOSED)]


def test_a_room_without_a_call_is_shut_with_the_window() -> None:
    assert closings(replace(LESSON, room_open=True)) == [CLOSE_WITH_WINDOW]


def test_an_app_without_grace_and_overrun_closes_at_the_end_sharp() -> None:
    assert [due.at for due in closings(ruled(RUNNING, grace_seconds=0, overrun_seconds=0))] == [END]


def test_where_there_is_neither_call_nor_room_there_is_nothing_to_close() -> None:
    assert closings(LESSON) == closings(ENDED) == closings(CIRCLE) == []
    assert closings(shut(LESSON, START, status=SessionStatus.CANCELLED)) == []


@pytest.mark.parametrize(
    "terms",
    [{"status": SessionStatus.CANCELLED}, {"status": SessionStatus.COMPLETED}, {"video": False}],
    ids=["cancelled", "completed", "without video"],
)
@pytest.mark.parametrize("affairs", [RUNNING, GATHERED, replace(LESSON, room_open=True)], ids=["b", "g", "room"])
def test_what_is_shut_is_closed_from_then_on(affairs: LifecycleState, terms: dict[str, Any]) -> None:
    assert closings(shut(affairs, START, **terms)) == [DueStep(START, LifecycleStep.CLOSE, EndReason.SESSION_CLOSED)]


@pytest.mark.parametrize("affairs", [LESSON, CIRCLE], ids=["booking", "group"])
def test_a_room_that_could_not_be_shut_when_the_call_ended_is_shut_as_soon_as_can_be(affairs: LifecycleState) -> None:
    closing = replace(affairs, room_closing=True)
    assert closings(closing) == [DueStep(CREATED, LifecycleStep.CLOSE, EndReason.REQUESTED)]


def test_a_room_that_is_being_shut_while_a_new_call_runs_stays_for_that_call() -> None:
    assert closings(replace(RUNNING, room_closing=True)) == [
        DueStep(OVERRUN_ENDS, LifecycleStep.CLOSE, EndReason.WINDOW_CLOSED)
    ]


def test_moving_the_end_moves_the_closing() -> None:
    longer = on_terms(RUNNING, ends_at=END + timedelta(hours=1))
    assert [due.at for due in closings(longer)] == [OVERRUN_ENDS + timedelta(hours=1)]


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_with_nobody_in_it_has_no_errands() -> None:
    assert list_due_steps(CIRCLE) == ()


@pytest.mark.parametrize("present", [1, 2, None])
def test_a_group_call_lasts_while_somebody_is_in_it_or_may_be(present: int | None) -> None:
    assert list_due_steps(replace(GATHERED, present=present)) == ()


def test_a_group_call_ends_when_it_has_been_empty_for_five_minutes() -> None:
    assert list_due_steps(replace(GATHERED, present=0)) == (
        DueStep(START + 5 * MINUTE, LifecycleStep.CLOSE, EndReason.EMPTY),
    )


def test_the_policy_says_how_long_a_group_call_may_be_empty() -> None:
    assert [due.at for due in list_due_steps(ruled(replace(GATHERED, present=0), empty_seconds=0))] == [START]


def test_nobody_is_expected_in_a_group_and_nobody_judged() -> None:
    assert list_due_steps(replace(CIRCLE, last_call_ended_at=END)) == ()


# --- missing people ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "at"),
    [
        ({}, NO_SHOWS),
        ({"no_show_after_seconds": 0}, START),
        ({"no_show_after_seconds": 4500}, CLOSES),
        ({"no_show_after_seconds": 86_400}, CLOSES),
    ],
)
def test_missing_people_are_reported_after_a_while_and_before_the_window_closes(
    rules: dict[str, int], at: datetime
) -> None:
    assert DueStep(at, LifecycleStep.REPORT_NO_SHOWS) in list_due_steps(ruled(LESSON, **rules))


def test_missing_people_are_reported_once_for_each_start() -> None:
    reported = replace(LESSON, no_shows_reported_for=START)
    assert LifecycleStep.REPORT_NO_SHOWS not in errands(reported)
    moved = on_terms(reported, starts_at=START + timedelta(days=1), ends_at=END + timedelta(days=1))
    assert list_due_steps(moved)[0] == replace(REPORT, at=NO_SHOWS + timedelta(days=1))


def test_a_booking_of_which_only_the_end_moves_is_not_reported_again() -> None:
    longer = on_terms(replace(LESSON, no_shows_reported_for=START), ends_at=END + timedelta(hours=1))
    assert LifecycleStep.REPORT_NO_SHOWS not in errands(longer)


@pytest.mark.parametrize(("created_at", "reported"), [(NO_SHOWS, True), (NO_SHOWS + INSTANT, False)])
def test_who_is_registered_when_it_is_too_late_to_come_in_time_is_not_missing(
    created_at: datetime, reported: bool
) -> None:
    assert (REPORT in list_due_steps(replace(LESSON, created_at=created_at))) is reported


@pytest.mark.parametrize("status", [each for each in SessionStatus if each is not SessionStatus.CONFIRMED])
def test_nobody_is_missing_where_nobody_may_enter(status: SessionStatus) -> None:
    assert LifecycleStep.REPORT_NO_SHOWS not in errands(on_terms(LESSON, status=status))
    assert LifecycleStep.REPORT_NO_SHOWS not in errands(on_terms(LESSON, video=False))


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
def test_verdicts_fall_due_when_nobody_comes_in_any_more_and_the_last_webhooks_are_here(
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
def test_a_completed_booking_is_judged_at_once(completed_at: datetime, ended_at: datetime | None, at: datetime) -> None:
    completed = shut(replace(ENDED, last_call_ended_at=ended_at), completed_at, status=SessionStatus.COMPLETED)
    assert list_due_steps(completed) == (DueStep(at, LifecycleStep.CONCLUDE),)


@pytest.mark.parametrize("status", [SessionStatus.PENDING, SessionStatus.CANCELLED])
def test_who_had_nothing_to_attend_is_not_judged(status: SessionStatus) -> None:
    assert list_due_steps(on_terms(ENDED, status=status)) == ()
    assert list_due_steps(on_terms(ENDED, video=False)) == ()


@pytest.mark.parametrize(("created_at", "judged"), [(CLOSES, True), (CLOSES + INSTANT, False)])
def test_a_booking_that_is_registered_when_it_was_over_is_not_judged(created_at: datetime, judged: bool) -> None:
    late = replace(LESSON, created_at=created_at, changed_at=created_at)
    assert list_due_steps(late) == ((CONCLUDE,) if judged else ())


def test_a_booking_that_is_opened_again_is_judged_again() -> None:
    moved = on_terms(replace(ENDED, concluded=False), ends_at=END + timedelta(hours=2))
    assert list_due_steps(moved) == (replace(CONCLUDE, at=CLOSES + timedelta(hours=2)),)


# --- whatever state it is in ------------------------------------------------------------------------------------------

_moments = st.timedeltas(-WEEK, WEEK)


@st.composite
def affairs_of_any(draw: st.DrawFn) -> LifecycleState:
    """Every state that a session can be in, and some that it cannot."""
    door = draw(doors())
    around = door.starts_at or START
    call_open = draw(st.booleans())
    room_closing = draw(st.booleans())
    return LifecycleState(
        access=replace(
            door,
            call_running=call_open,
            policy=replace(
                door.policy,
                no_show_after_seconds=draw(st.integers(0, 86_400)),
                empty_seconds=draw(st.integers(0, 86_400)),
            ),
        ),
        is_closed=not door.video or door.status in {SessionStatus.CANCELLED, SessionStatus.COMPLETED},
        created_at=around + draw(_moments),
        changed_at=around + draw(_moments),
        call_open=call_open,
        room_open=not room_closing and draw(st.booleans()),
        room_closing=room_closing,
        present=draw(st.none() | st.integers(0, 3)) if call_open else None,
        empty_since=around + draw(_moments) if call_open else None,
        last_call_ended_at=draw(st.none() | _moments.map(lambda by: around + by)),
        no_shows_reported_for=draw(st.sampled_from([None, door.starts_at, around - WEEK])),
        concluded=draw(st.booleans()),
    )


def performed(affairs: LifecycleState, due: DueStep, at: datetime) -> LifecycleState:
    """How the session stands when this errand was run."""
    match due.step:
        case LifecycleStep.CLOSE:
            return replace(
                affairs,
                access=replace(affairs.access, call_running=False),
                call_open=False,
                room_open=False,
                room_closing=False,
                present=None,
                empty_since=None,
                last_call_ended_at=at if affairs.call_open else affairs.last_call_ended_at,
            )
        case LifecycleStep.REPORT_NO_SHOWS:
            return replace(affairs, no_shows_reported_for=affairs.access.starts_at)
        case LifecycleStep.CONCLUDE:
            return replace(affairs, concluded=True)


@given(affairs_of_any())
def test_errands_are_told_once_each_and_the_earliest_first(affairs: LifecycleState) -> None:
    dues = list_due_steps(affairs)
    assert all(former.at <= latter.at for former, latter in pairwise(dues))
    assert len({due.step for due in dues}) == len(dues)
    assert all((due.reason is None) == (due.step is not LifecycleStep.CLOSE) for due in dues)


@given(affairs_of_any())
def test_running_an_errand_gets_it_done(affairs: LifecycleState) -> None:
    for due in list_due_steps(affairs):
        assert due.step not in errands(performed(affairs, due, due.at))


@given(affairs_of_any(), st.timedeltas(timedelta(), timedelta(days=400)))
def test_running_errands_as_they_fall_due_comes_to_an_end_however_late_it_begins(
    affairs: LifecycleState, late: timedelta
) -> None:
    now = affairs.created_at + late
    done: list[LifecycleStep] = []
    while dues := list_due_steps(affairs):
        now = max(now, dues[0].at)
        affairs = performed(affairs, dues[0], now)
        done.append(dues[0].step)
        assert len(done) <= len(LifecycleStep)
    assert len(set(done)) == len(done)
    assert LifecycleStep.CONCLUDE not in done or done[-1] is LifecycleStep.CONCLUDE
    # What is left open is a group's: its call lasts while somebody is in it, and its room as long as the group.
    if affairs.call_open or affairs.room_open or affairs.room_closing:
        assert affairs.access.closes_at is None
        assert not affairs.is_closed


@given(affairs_of_any())
def test_nobody_comes_in_any_more_once_the_window_was_closed(affairs: LifecycleState) -> None:
    for due in closings(affairs):
        if due.reason is EndReason.WINDOW_CLOSED:
            closed = performed(affairs, due, due.at)
            assert not isinstance(decide_call_opening(closed.access, due.at), AdmitDecision)


@given(affairs_of_any())
def test_nobody_in_a_call_is_put_out_by_the_clock_while_others_may_come_in(affairs: LifecycleState) -> None:
    for due in closings(affairs):
        if due.reason is EndReason.WINDOW_CLOSED and affairs.present != 0:
            assert not isinstance(decide_call_opening(affairs.access, due.at), AdmitDecision)


@given(affairs_of_any())
def test_a_session_that_is_shut_waits_for_nothing_to_come(affairs: LifecycleState) -> None:
    if not affairs.is_closed:
        return
    closes_at = affairs.access.closes_at or affairs.changed_at
    latest = max(affairs.changed_at, closes_at, *([affairs.last_call_ended_at] if affairs.last_call_ended_at else []))
    assert all(due.at <= latest + SETTLING_DELAY for due in list_due_steps(affairs))
    assert LifecycleStep.REPORT_NO_SHOWS not in errands(affairs)
