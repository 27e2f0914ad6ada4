"""A call, from start to end; and which of a session's calls it is that something was seen of."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import Observation, ObservationType
from videobroker.domain.attendance.recordings import RecordingKind, RecordingState, RecordingUpdate
from videobroker.domain.calls import (
    MAX_CLOCK_SKEW,
    MAX_EVENT_DISTANCE,
    Call,
    find_call,
    find_recorded_call,
    is_after_all,
)
from videobroker.domain.ids import CallId, SessionId

START = datetime(2026, 3, 12, 14, tzinfo=UTC)
CALL = Call(CallId(UUID(int=1)), SessionId(UUID(int=2)), ProviderName.HMS, started_at=START, started_by="tutor-1")


def test_an_open_call_has_no_duration_yet() -> None:
    assert CALL.duration_seconds is None


@pytest.mark.parametrize(
    ("lasted", "seconds"),
    [
        (timedelta(), 0),
        (timedelta(milliseconds=999), 0),
        (timedelta(minutes=44, seconds=30, milliseconds=999), 2670),
        (timedelta(days=2), 172_800),
    ],
)
def test_a_call_that_ended_lasted_its_completed_seconds(lasted: timedelta, seconds: int) -> None:
    assert replace(CALL, ended_at=START + lasted).duration_seconds == seconds


@given(st.timedeltas(timedelta(), timedelta(days=30)))
def test_a_duration_is_never_negative_and_never_a_second_off(lasted: timedelta) -> None:
    seconds = replace(CALL, ended_at=START + lasted).duration_seconds
    assert seconds is not None
    assert seconds >= 0
    assert timedelta() <= lasted - timedelta(seconds=seconds) < timedelta(seconds=1)


# --- how far away -----------------------------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
ENDED = replace(CALL, ended_at=START + HOUR)


@pytest.mark.parametrize(
    ("moment", "distance"),
    [
        (START - MINUTE, MINUTE),
        (START, timedelta()),
        (START + MINUTE, timedelta()),
        (START + HOUR, timedelta()),
        (START + HOUR + SECOND, SECOND),
    ],
)
def test_a_moment_outside_a_call_is_as_far_away_as_its_nearer_end(moment: datetime, distance: timedelta) -> None:
    assert ENDED.distance_to(moment) == distance


def test_nothing_is_later_than_an_open_call() -> None:
    assert CALL.distance_to(START + timedelta(days=9)) == timedelta()


# --- whose call -------------------------------------------------------------------------------------------------------

FIRST = replace(ENDED, provider_call_ids=("first",))
SECOND_CALL = replace(
    CALL, id=CallId(UUID(int=3)), started_at=START + 2 * HOUR, ended_at=START + 3 * HOUR, provider_call_ids=("second",)
)
RUNNING = replace(SECOND_CALL, ended_at=None)
BOTH = (FIRST, SECOND_CALL)


def seen(
    after: timedelta,
    *,
    sign: ObservationType = ObservationType.ARRIVED,
    provider_call_id: str | None = None,
    since: timedelta | None = None,
) -> Observation:
    """A sign so long after the first call's start."""
    return Observation(
        sign=sign,
        at=START + after,
        connection=None if sign in {ObservationType.OPENED, ObservationType.EMPTIED} else "peer",
        provider_call_id=provider_call_id,
        since=None if since is None else START + since,
    )


def found(calls: tuple[Call, ...], each: Observation) -> Call | None:
    return find_call(calls, ProviderName.HMS, each)


def test_the_providers_own_id_decides_whenever_it_was() -> None:
    assert found(BOTH, seen(timedelta(days=1), provider_call_id="first")) is FIRST
    assert found(BOTH, seen(-HOUR, provider_call_id="second")) is SECOND_CALL


def test_a_call_may_hold_several_of_the_providers() -> None:
    refilled = replace(FIRST, provider_call_ids=("first", "first again"))
    assert found((refilled, SECOND_CALL), seen(3 * HOUR, provider_call_id="first again")) is refilled


def test_under_an_unknown_id_it_is_the_call_that_ran_then() -> None:
    assert found(BOTH, seen(30 * MINUTE, provider_call_id="new")) is FIRST
    assert found(BOTH, seen(2 * HOUR + MINUTE, provider_call_id="new")) is SECOND_CALL
    assert found(BOTH, seen(30 * MINUTE)) is FIRST


@pytest.mark.parametrize(("after", "call"), [(80 * MINUTE, FIRST), (100 * MINUTE, SECOND_CALL), (-HOUR, FIRST)])
def test_between_calls_and_before_them_it_is_the_nearest(after: timedelta, call: Call) -> None:
    assert found(BOTH, seen(after)) is call


def test_just_between_two_calls_it_is_the_later_one() -> None:
    assert found(BOTH, seen(90 * MINUTE)) is SECOND_CALL


def test_a_departure_belongs_to_the_call_in_which_its_person_arrived() -> None:
    late = seen(2 * HOUR + MINUTE, sign=ObservationType.LEFT, since=30 * MINUTE)
    assert found(BOTH, late) is FIRST


def test_calls_at_another_provider_are_none_of_its_own() -> None:
    at_agora = replace(FIRST, provider=ProviderName.AGORA)
    assert found((at_agora, SECOND_CALL), seen(90 * MINUTE)) is SECOND_CALL
    assert found((at_agora,), seen(30 * MINUTE, provider_call_id="first")) is None


@pytest.mark.parametrize(
    ("after_the_end", "anew"),
    [(timedelta(), False), (MAX_CLOCK_SKEW, False), (MAX_CLOCK_SKEW + SECOND, True), (HOUR, True)],
)
def test_whoever_arrives_well_after_the_last_call_begins_a_new_one(after_the_end: timedelta, anew: bool) -> None:
    arrival = seen(3 * HOUR + after_the_end, provider_call_id="third")
    assert is_after_all(BOTH, arrival) is anew
    assert found(BOTH, arrival) is (None if anew else SECOND_CALL)


def test_nothing_begins_anew_while_a_call_is_open() -> None:
    arrival = seen(timedelta(days=2), provider_call_id="third")
    assert not is_after_all((FIRST, RUNNING), arrival)
    assert found((FIRST, RUNNING), arrival) is RUNNING


def test_a_room_that_empties_begins_nothing() -> None:
    emptied = seen(3 * HOUR + 5 * MINUTE, sign=ObservationType.EMPTIED, provider_call_id="third")
    assert not is_after_all(BOTH, emptied)
    assert found(BOTH, emptied) is SECOND_CALL


def test_news_of_another_day_belong_to_none_of_the_calls() -> None:
    """A replay may tell of meetings that we never heard of."""
    assert found(BOTH, seen(-3 * timedelta(days=1), sign=ObservationType.LEFT)) is None
    assert found(BOTH, seen(9 * HOUR, sign=ObservationType.EMPTIED, provider_call_id="third")) is None


def test_a_late_departure_of_somebody_who_was_in_the_last_call_begins_nothing() -> None:
    departure = seen(9 * HOUR, sign=ObservationType.LEFT, since=150 * MINUTE)
    assert not is_after_all(BOTH, departure)
    assert found(BOTH, departure) is SECOND_CALL


def test_where_there_was_no_call_everybody_who_is_seen_begins_one() -> None:
    assert is_after_all((), seen(timedelta()))
    assert not is_after_all((), seen(timedelta(), sign=ObservationType.EMPTIED))
    assert found((), seen(timedelta())) is None


@st.composite
def calls_in_turn(draw: st.DrawFn) -> tuple[Call, ...]:
    """Calls of one session, one after the other; the last one may be open."""
    made: list[Call] = []
    moment = START
    for number in range(draw(st.integers(1, 4))):
        moment += draw(st.timedeltas(SECOND, 3 * HOUR))
        started_at = moment
        moment += draw(st.timedeltas(timedelta(), 3 * HOUR))
        made.append(replace(CALL, id=CallId(UUID(int=number + 1)), started_at=started_at, ended_at=moment))
    if draw(st.booleans()):
        made[-1] = replace(made[-1], ended_at=None)
    return tuple(made)


@given(calls_in_turn(), st.timedeltas(-HOUR, 30 * HOUR), st.sampled_from(ObservationType))
def test_everything_belongs_to_the_nearest_call_or_begins_one(
    calls: tuple[Call, ...], after: timedelta, sign: ObservationType
) -> None:
    each = seen(after, sign=sign)
    call = found(calls, each)
    nearest = min(other.distance_to(each.at) for other in calls)
    assert (call is None) == (is_after_all(calls, each) or nearest > MAX_EVENT_DISTANCE)
    if call is not None:
        assert call.distance_to(each.at) == nearest


@given(calls_in_turn(), st.timedeltas(-HOUR, 30 * HOUR), st.randoms(use_true_random=False))
def test_the_order_in_which_calls_are_looked_at_does_not_matter(
    calls: tuple[Call, ...], after: timedelta, dice: random.Random
) -> None:
    shuffled = list(calls)
    dice.shuffle(shuffled)
    each = seen(after)
    assert found(tuple(shuffled), each) == found(calls, each)


# --- recordings -------------------------------------------------------------------------------------------------------


def recorded_at(moment: datetime, provider_call_id: str | None = None) -> RecordingUpdate:
    return RecordingUpdate(
        recording="r-1",
        kind=RecordingKind.COMPOSITE,
        state=RecordingState.STARTED,
        at=moment,
        provider_call_id=provider_call_id,
    )


NAMED = replace(ENDED, provider_call_ids=("s-1", "s-2"))
NEXT = replace(CALL, id=CallId(UUID(int=9)), started_at=START + 2 * HOUR, ended_at=START + 3 * HOUR)


@pytest.mark.parametrize(
    ("update", "found"),
    [
        (recorded_at(START + MINUTE), NAMED),
        (recorded_at(START + 2 * HOUR + MINUTE), NEXT),
        (recorded_at(START + 2 * HOUR + MINUTE, "s-2"), NAMED),
        (recorded_at(START + MINUTE, "unknown"), NAMED),
        (recorded_at(START - MINUTE), NAMED),
        (recorded_at(START + 3 * HOUR + MAX_CLOCK_SKEW + SECOND), None),
        (recorded_at(START - MAX_EVENT_DISTANCE - SECOND), None),
    ],
)
def test_a_recording_belongs_to_the_named_or_the_nearest_call(update: RecordingUpdate, found: Call | None) -> None:
    assert find_recorded_call([NAMED, NEXT], ProviderName.HMS, update) == found


def test_a_recording_of_another_provider_belongs_to_no_call() -> None:
    assert find_recorded_call([NAMED], ProviderName.AGORA, recorded_at(START + MINUTE, "s-1")) is None
    assert find_recorded_call([], ProviderName.HMS, recorded_at(START)) is None
