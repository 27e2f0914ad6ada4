"""Calls: duration, and the assignment of observations and recordings to the calls of a session."""

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


def test_an_open_call_has_no_duration() -> None:
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
def test_the_duration_of_an_ended_call_is_in_completed_seconds(lasted: timedelta, seconds: int) -> None:
    assert replace(CALL, ended_at=START + lasted).duration_seconds == seconds


@given(st.timedeltas(timedelta(), timedelta(days=30)))
def test_a_duration_is_not_negative_and_exact_to_the_second(lasted: timedelta) -> None:
    seconds = replace(CALL, ended_at=START + lasted).duration_seconds
    assert seconds is not None
    assert seconds >= 0
    assert timedelta() <= lasted - timedelta(seconds=seconds) < timedelta(seconds=1)


# --- distance ---------------------------------------------------------------------------------------------------------

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
def test_the_distance_to_a_call_is_measured_to_its_nearer_end(moment: datetime, distance: timedelta) -> None:
    assert ENDED.distance_to(moment) == distance


def test_the_distance_to_an_open_call_is_zero_after_its_start() -> None:
    assert CALL.distance_to(START + timedelta(days=9)) == timedelta()


# --- the call of an observation ---------------------------------------------------------------------------------------

FIRST = replace(ENDED, provider_call_ids=("first",))
SECOND_CALL = replace(
    CALL, id=CallId(UUID(int=3)), started_at=START + 2 * HOUR, ended_at=START + 3 * HOUR, provider_call_ids=("second",)
)
RUNNING = replace(SECOND_CALL, ended_at=None)
BOTH = (FIRST, SECOND_CALL)


def observation(
    after: timedelta,
    *,
    sign: ObservationType = ObservationType.ARRIVED,
    provider_call_id: str | None = None,
    since: timedelta | None = None,
) -> Observation:
    """An observation this long after the start of the first call."""
    return Observation(
        sign=sign,
        at=START + after,
        connection=None if sign in {ObservationType.OPENED, ObservationType.EMPTIED} else "peer",
        provider_call_id=provider_call_id,
        since=None if since is None else START + since,
    )


def call_of(calls: tuple[Call, ...], each: Observation) -> Call | None:
    return find_call(calls, ProviderName.HMS, each)


def test_a_known_provider_id_determines_the_call_at_any_time() -> None:
    assert call_of(BOTH, observation(timedelta(days=1), provider_call_id="first")) is FIRST
    assert call_of(BOTH, observation(-HOUR, provider_call_id="second")) is SECOND_CALL


def test_a_call_can_have_several_provider_ids() -> None:
    refilled = replace(FIRST, provider_call_ids=("first", "first again"))
    assert call_of((refilled, SECOND_CALL), observation(3 * HOUR, provider_call_id="first again")) is refilled


def test_an_unknown_provider_id_belongs_to_the_call_running_at_that_time() -> None:
    assert call_of(BOTH, observation(30 * MINUTE, provider_call_id="new")) is FIRST
    assert call_of(BOTH, observation(2 * HOUR + MINUTE, provider_call_id="new")) is SECOND_CALL
    assert call_of(BOTH, observation(30 * MINUTE)) is FIRST


@pytest.mark.parametrize(("after", "call"), [(80 * MINUTE, FIRST), (100 * MINUTE, SECOND_CALL), (-HOUR, FIRST)])
def test_an_observation_outside_all_calls_belongs_to_the_nearest(after: timedelta, call: Call) -> None:
    assert call_of(BOTH, observation(after)) is call


def test_an_observation_exactly_between_two_calls_belongs_to_the_later_one() -> None:
    assert call_of(BOTH, observation(90 * MINUTE)) is SECOND_CALL


def test_a_departure_belongs_to_the_call_of_its_arrival() -> None:
    late = observation(2 * HOUR + MINUTE, sign=ObservationType.LEFT, since=30 * MINUTE)
    assert call_of(BOTH, late) is FIRST


def test_calls_at_another_provider_are_ignored() -> None:
    at_agora = replace(FIRST, provider=ProviderName.AGORA)
    assert call_of((at_agora, SECOND_CALL), observation(90 * MINUTE)) is SECOND_CALL
    assert call_of((at_agora,), observation(30 * MINUTE, provider_call_id="first")) is None


@pytest.mark.parametrize(
    ("after_the_end", "starts_new_call"),
    [(timedelta(), False), (MAX_CLOCK_SKEW, False), (MAX_CLOCK_SKEW + SECOND, True), (HOUR, True)],
)
def test_an_arrival_well_after_the_last_call_starts_a_new_call(after_the_end: timedelta, starts_new_call: bool) -> None:
    arrival = observation(3 * HOUR + after_the_end, provider_call_id="third")
    assert is_after_all(BOTH, arrival) is starts_new_call
    assert call_of(BOTH, arrival) is (None if starts_new_call else SECOND_CALL)


def test_no_new_call_starts_while_one_is_open() -> None:
    arrival = observation(timedelta(days=2), provider_call_id="third")
    assert not is_after_all((FIRST, RUNNING), arrival)
    assert call_of((FIRST, RUNNING), arrival) is RUNNING


def test_an_empty_room_starts_no_call() -> None:
    emptied = observation(3 * HOUR + 5 * MINUTE, sign=ObservationType.EMPTIED, provider_call_id="third")
    assert not is_after_all(BOTH, emptied)
    assert call_of(BOTH, emptied) is SECOND_CALL


def test_an_observation_of_another_day_belongs_to_no_call() -> None:
    """A webhook replay may concern calls that this service did not start."""
    assert call_of(BOTH, observation(-3 * timedelta(days=1), sign=ObservationType.LEFT)) is None
    assert call_of(BOTH, observation(9 * HOUR, sign=ObservationType.EMPTIED, provider_call_id="third")) is None


def test_a_late_departure_from_the_last_call_starts_no_call() -> None:
    departure = observation(9 * HOUR, sign=ObservationType.LEFT, since=150 * MINUTE)
    assert not is_after_all(BOTH, departure)
    assert call_of(BOTH, departure) is SECOND_CALL


def test_an_arrival_without_any_call_starts_one() -> None:
    assert is_after_all((), observation(timedelta()))
    assert not is_after_all((), observation(timedelta(), sign=ObservationType.EMPTIED))
    assert call_of((), observation(timedelta())) is None


@st.composite
def consecutive_calls(draw: st.DrawFn) -> tuple[Call, ...]:
    """Consecutive calls of one session; the last one may be open."""
    calls: list[Call] = []
    moment = START
    for number in range(draw(st.integers(1, 4))):
        moment += draw(st.timedeltas(SECOND, 3 * HOUR))
        started_at = moment
        moment += draw(st.timedeltas(timedelta(), 3 * HOUR))
        calls.append(replace(CALL, id=CallId(UUID(int=number + 1)), started_at=started_at, ended_at=moment))
    if draw(st.booleans()):
        calls[-1] = replace(calls[-1], ended_at=None)
    return tuple(calls)


@given(consecutive_calls(), st.timedeltas(-HOUR, 30 * HOUR), st.sampled_from(ObservationType))
def test_every_observation_belongs_to_the_nearest_call_or_starts_one(
    calls: tuple[Call, ...], after: timedelta, sign: ObservationType
) -> None:
    each = observation(after, sign=sign)
    call = call_of(calls, each)
    nearest = min(other.distance_to(each.at) for other in calls)
    assert (call is None) == (is_after_all(calls, each) or nearest > MAX_EVENT_DISTANCE)
    if call is not None:
        assert call.distance_to(each.at) == nearest


@given(consecutive_calls(), st.timedeltas(-HOUR, 30 * HOUR), st.randoms(use_true_random=False))
def test_the_order_of_calls_does_not_matter(calls: tuple[Call, ...], after: timedelta, rng: random.Random) -> None:
    shuffled = list(calls)
    rng.shuffle(shuffled)
    each = observation(after)
    assert call_of(tuple(shuffled), each) == call_of(calls, each)


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
    ("update", "expected"),
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
def test_a_recording_belongs_to_the_named_or_nearest_call(update: RecordingUpdate, expected: Call | None) -> None:
    assert find_recorded_call([NAMED, NEXT], ProviderName.HMS, update) == expected


def test_a_recording_of_another_provider_belongs_to_no_call() -> None:
    assert find_recorded_call([NAMED], ProviderName.AGORA, recorded_at(START + MINUTE, "s-1")) is None
    assert find_recorded_call([], ProviderName.HMS, recorded_at(START)) is None


def test_without_calls_an_observation_and_a_recording_belong_to_none() -> None:
    arrival = Observation(sign=ObservationType.ARRIVED, at=START, connection="p1", provider_user_id="ada")
    emptied = Observation(sign=ObservationType.EMPTIED, at=START)
    assert find_call([], ProviderName.HMS, arrival) is None
    assert find_call([], ProviderName.HMS, emptied) is None
    assert find_call([CALL], ProviderName.AGORA, emptied) is None
