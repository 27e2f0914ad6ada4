"""Stays do not depend on the order of observations, duplicates, or losses."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from videobroker.domain.attendance.observations import (
    EvidenceSource,
    Observation,
    ObservationType,
    Presence,
    PresenceReport,
)
from videobroker.domain.attendance.reconciliation import find_missing_observations
from videobroker.domain.attendance.stays import Span, Stay, fold, group_spans_by_person, merge_spans, summarize_stays

START = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(milliseconds=round(seconds * 1000))


def arrived(connection: str, seconds: float, **fields: object) -> Observation:
    return _sign(ObservationType.ARRIVED, connection, seconds, **fields)


def left(connection: str, seconds: float, **fields: object) -> Observation:
    return _sign(ObservationType.LEFT, connection, seconds, **fields)


def _sign(sign: ObservationType, connection: str, seconds: float, **fields: object) -> Observation:
    defaults = {"provider_user_id": connection, "evidence": f"{sign}-{connection}-{seconds}"} | fields
    return Observation(sign=sign, at=at(seconds), connection=connection, **defaults)  # type: ignore[arg-type]


def intervals(stays: Sequence[Stay]) -> list[tuple[str, datetime, datetime | None]]:
    return [(stay.provider_user_id, stay.joined_at, stay.left_at) for stay in stays]


# The true history of a 100ms call: people and their devices, consecutive or simultaneous, each with a peer ID.


@st.composite
def hms_calls(draw: st.DrawFn) -> list[tuple[Observation, ...]]:
    """The observations of each stay of one call."""
    people = draw(st.integers(1, 4))
    peers = count()
    stays: list[tuple[Observation, ...]] = []
    for person in range(people):
        for _ in range(draw(st.integers(1, 4))):
            begin = draw(st.integers(0, 3_600_000)) / 1000
            length = draw(st.integers(0, 1_800_000)) / 1000
            stays.append(hms_stay(f"peer-{next(peers)}", f"user-{person}", begin, length, draw(st.booleans())))
    return stays


def hms_stay(peer: str, user: str, begin: float, length: float, promoted: bool) -> tuple[Observation, ...]:
    fields = {"provider_user_id": user, "provider_call_id": "call", "evidence": peer}
    changes = (
        (
            _sign(
                ObservationType.ROLE_CHANGED,
                peer,
                begin + length / 2,
                role="host",
                former_role="guest",
                since=at(begin),
                **fields,
            ),
        )
        if promoted
        else ()
    )
    return (
        arrived(peer, begin, role="guest", **fields),
        *changes,
        left(peer, begin + length, since=at(begin), role="host" if promoted else "guest", **fields),
    )


def whole(stays: Sequence[tuple[Observation, ...]]) -> list[Observation]:
    return [each for stay in stays for each in stay]


def presence_reports(stays: Sequence[tuple[Observation, ...]]) -> list[PresenceReport]:
    """The response of 100ms after the call: all participants with arrival and departure."""
    seen = tuple(
        Presence(
            connection=stay[0].connection or "",
            provider_user_id=stay[0].provider_user_id or "",
            role=stay[0].role,
            joined_at=stay[0].at,
            left_at=stay[-1].at,
        )
        for stay in stays
    )
    ended = max(stay[-1].at for stay in stays)
    return [
        PresenceReport(
            taken_at=ended + timedelta(minutes=1),
            provider_call_id="call",
            began_at=min(stay[0].at for stay in stays),
            ended_at=ended,
            people=seen,
        )
    ]


def only_durations(stays: Sequence[tuple[Observation, ...]], rng: random.Random) -> list[Observation]:
    """Only the departures: some contain the time of arrival, the others the duration in seconds."""
    departures = []
    for stay in stays:
        departure, length = stay[-1], int((stay[-1].at - stay[0].at).total_seconds())
        if rng.random() < 0.5:
            departure = replace(departure, since=departure.at - timedelta(seconds=length), since_is_exact=False)
        departures.append(departure)
    return departures


@given(hms_calls(), st.randoms(use_true_random=False))
def test_departures_alone_determine_the_stays_in_any_order(
    stays: list[tuple[Observation, ...]], rng: random.Random
) -> None:
    observations = only_durations(stays, rng)
    arrivals = [stay[0] for stay in stays if rng.random() < 0.3]
    shuffled = [*observations, *arrivals]
    rng.shuffle(shuffled)
    folded = fold(shuffled)
    assert folded == fold([*observations, *arrivals])
    assert len(folded) == len(stays)
    lengths = {stay.connection: stay.left_at - stay.joined_at for stay in folded if stay.left_at is not None}
    for stay in stays:
        assert abs(lengths[stay[0].connection or ""] - (stay[-1].at - stay[0].at)) < timedelta(seconds=1)


@given(hms_calls(), st.randoms(use_true_random=False))
def test_the_order_of_observations_does_not_matter(stays: list[tuple[Observation, ...]], rng: random.Random) -> None:
    shuffled = whole(stays)
    rng.shuffle(shuffled)
    assert fold(shuffled) == fold(whole(stays))


@given(hms_calls(), st.randoms(use_true_random=False))
def test_complete_observations_give_the_exact_stays(stays: list[tuple[Observation, ...]], rng: random.Random) -> None:
    truth = sorted((stay[0].provider_user_id or "", stay[0].at, stay[-1].at) for stay in stays)
    assert sorted(intervals(fold(whole(stays)))) == truth
    assert {stay.source for stay in fold(whole(stays))} == {EvidenceSource.OBSERVED}


@given(hms_calls(), st.randoms(use_true_random=False), st.booleans())
def test_duplicate_observations_change_nothing(
    stays: list[tuple[Observation, ...]], rng: random.Random, renamed: bool
) -> None:
    clean = whole(stays)
    copies = [replace(each, evidence=f"copy-{rng.random()}" if renamed else each.evidence) for each in clean]
    observations = clean + rng.sample(copies, rng.randint(0, len(copies)))
    rng.shuffle(observations)
    assert intervals(fold(observations)) == intervals(fold(clean))


@settings(max_examples=200)
@given(hms_calls(), st.randoms(use_true_random=False))
def test_reconciliation_restores_lost_observations(stays: list[tuple[Observation, ...]], rng: random.Random) -> None:
    clean = whole(stays)
    received = [each for each in clean if rng.random() < 0.5]
    repaired = [
        *received,
        *find_missing_observations(received, fold(received), presence_reports(stays), evidence="query"),
    ]
    rng.shuffle(repaired)
    assert intervals(fold(repaired)) == intervals(fold(clean))
    lost = {stay[0].connection for stay in stays if not set(stay) & set(received)}
    assert {stay.connection for stay in fold(repaired) if stay.joined_source is EvidenceSource.RECONCILED} == lost


@given(hms_calls(), st.randoms(use_true_random=False))
def test_a_second_reconciliation_adds_nothing(stays: list[tuple[Observation, ...]], rng: random.Random) -> None:
    received = [each for each in whole(stays) if rng.random() < 0.5]
    repaired = [
        *received,
        *find_missing_observations(received, fold(received), presence_reports(stays), evidence="query"),
    ]
    assert find_missing_observations(repaired, fold(repaired), presence_reports(stays), evidence="second query") == ()


@given(hms_calls(), st.randoms(use_true_random=False))
def test_late_observations_replace_reconciled_ones(stays: list[tuple[Observation, ...]], rng: random.Random) -> None:
    clean = whole(stays)
    received = [each for each in clean if rng.random() < 0.5]
    repaired = [
        *received,
        *find_missing_observations(received, fold(received), presence_reports(stays), evidence="query"),
    ]
    late = [*repaired, *(each for each in clean if each not in received)]
    assert intervals(fold(late)) == intervals(fold(clean))
    assert {stay.source for stay in fold(late)} == {EvidenceSource.OBSERVED}


# Agora: one stay per uid at a time, whole seconds, and an increasing sequence number.


@st.composite
def agora_calls(draw: st.DrawFn) -> list[list[tuple[Observation, Observation]]]:
    """The consecutive stays of each uid."""
    return [draw(agora_uid(str(uid))) for uid in range(1, draw(st.integers(1, 3)) + 1)]


@st.composite
def agora_uid(draw: st.DrawFn, uid: str) -> list[tuple[Observation, Observation]]:
    moment, number, stays = draw(st.integers(0, 60)), 1_700_000_000_000, []
    for _ in range(draw(st.integers(1, 5))):
        begin = moment + draw(st.integers(0, 600))
        moment = begin + draw(st.integers(0, 1800))
        number += 2
        stays.append(
            (
                arrived(uid, begin, order=number),
                left(uid, moment, order=number + 1, since=at(begin), since_is_exact=False),
            )
        )
    return stays


@given(agora_calls(), st.randoms(use_true_random=False))
def test_numbered_observations_give_the_exact_stays_despite_reordering_and_duplicates(
    uids: list[list[tuple[Observation, Observation]]], rng: random.Random
) -> None:
    clean = [each for stays in uids for pair in stays for each in pair]
    observations = clean + rng.sample(clean, rng.randint(0, len(clean)))
    rng.shuffle(observations)
    truth = sorted((pair[0].connection or "", pair[0].at, pair[1].at) for stays in uids for pair in stays)
    assert sorted(intervals(fold(observations))) == truth


@given(agora_calls(), st.randoms(use_true_random=False))
def test_a_lost_arrival_is_derived_from_the_duration_in_the_departure(
    uids: list[list[tuple[Observation, Observation]]], rng: random.Random
) -> None:
    clean = [each for stays in uids for pair in stays for each in pair]
    lost = rng.choice([each for each in clean if each.sign is ObservationType.ARRIVED])
    observations = [each for each in clean if each is not lost]
    rng.shuffle(observations)
    assert merged_by_person(fold(observations)) == merged_by_person(fold(clean))


def merged_by_person(stays: Sequence[Stay]) -> dict[str, tuple[Span, ...]]:
    return dict(group_spans_by_person(stays))


def test_the_sequence_number_takes_precedence_over_timestamps() -> None:
    signs = [arrived("7", 100, order=1), left("7", 130, order=2), arrived("7", 129, order=3), left("7", 160, order=4)]
    assert intervals(fold(signs)) == [("7", at(100), at(130)), ("7", at(129), at(160))]


# Inferred facts, one by one.


def test_a_stay_without_a_departure_is_open() -> None:
    (stay,) = fold([arrived("p1", 10)])
    assert (stay.left_at, stay.source) == (None, EvidenceSource.OBSERVED)


def test_the_end_of_the_call_ends_an_open_stay() -> None:
    (stay,) = fold([arrived("p1", 10)], ended_at=at(60))
    assert (stay.left_at, stay.joined_source, stay.source) == (at(60), EvidenceSource.OBSERVED, EvidenceSource.INFERRED)


def test_an_empty_room_ends_a_stay_before_the_end_of_the_call() -> None:
    emptied = Observation(sign=ObservationType.EMPTIED, at=at(50), provider_call_id="c", evidence="closed")
    (stay,) = fold([arrived("p1", 10, provider_call_id="c"), emptied], ended_at=at(60))
    assert (stay.left_at, stay.source, stay.evidence) == (at(50), EvidenceSource.INFERRED, ("arrived-p1-10", "closed"))


def test_the_end_of_another_provider_call_does_not_end_a_stay() -> None:
    emptied = Observation(sign=ObservationType.EMPTIED, at=at(50), provider_call_id="earlier")
    (stay,) = fold([arrived("p1", 10, provider_call_id="c"), emptied])
    assert stay.left_at is None


def test_another_arrival_of_the_connection_ends_a_stay() -> None:
    first, second = fold([arrived("7", 10, order=1), arrived("7", 40, order=3), left("7", 50, order=4)])
    assert (first.left_at, first.left_source) == (at(40), EvidenceSource.INFERRED)
    assert (second.joined_at, second.left_at, second.source) == (at(40), at(50), EvidenceSource.OBSERVED)


def test_a_departure_without_an_arrival_gives_an_inferred_stay_of_zero_length() -> None:
    (stay,) = fold([left("7", 50, order=4)])
    assert (stay.joined_at, stay.left_at, stay.source) == (at(50), at(50), EvidenceSource.INFERRED)


def test_a_person_missing_in_a_presence_query_left_by_then() -> None:
    recorded = [arrived("7", 10, order=1), arrived("8", 10, order=1)]
    report = PresenceReport(
        taken_at=at(100), people=(Presence(connection="8", provider_user_id="8", joined_at=at(10)),)
    )
    absent, present = fold(
        [*recorded, *find_missing_observations(recorded, fold(recorded), [report], evidence="query")]
    )
    assert (absent.provider_user_id, absent.left_at, absent.source) == ("7", at(100), EvidenceSource.RECONCILED)
    assert (present.provider_user_id, present.left_at, present.source) == ("8", None, EvidenceSource.OBSERVED)


def test_a_late_departure_corrects_the_end_from_a_presence_query() -> None:
    recorded = [arrived("7", 10, order=1)]
    observations = [
        *recorded,
        *find_missing_observations(recorded, fold(recorded), [PresenceReport(taken_at=at(100))], evidence="query"),
    ]
    (stay,) = fold([*observations, left("7", 80, order=2)])
    assert (stay.left_at, stay.source) == (at(80), EvidenceSource.OBSERVED)


def test_a_person_seen_again_after_a_missed_presence_query_never_left() -> None:
    recorded = [arrived("7", 10, order=1)]
    missed = [
        *recorded,
        *find_missing_observations(recorded, fold(recorded), [PresenceReport(taken_at=at(100))], evidence="query"),
    ]
    again = PresenceReport(taken_at=at(160), people=(Presence(connection="7", provider_user_id="7", joined_at=at(10)),))
    (stay,) = fold([*missed, *find_missing_observations(missed, fold(missed), [again], evidence="second")])
    assert stay.left_at is None


def test_a_person_who_just_arrived_may_be_missing_in_a_presence_query() -> None:
    recorded = [arrived("7", 95, order=1)]
    assert (
        find_missing_observations(recorded, fold(recorded), [PresenceReport(taken_at=at(100))], evidence="query") == ()
    )


def test_a_person_reported_without_a_time_is_present_from_the_query_on() -> None:
    report = PresenceReport(taken_at=at(100), people=(Presence(connection="7", provider_user_id="7"),))
    observations = find_missing_observations([], (), [report], evidence="query")
    (stay,) = fold(observations)
    assert (stay.joined_at, stay.source, stay.evidence) == (at(100), EvidenceSource.RECONCILED, ("query",))
    assert (
        find_missing_observations(
            observations, fold(observations), [replace(report, taken_at=at(160))], evidence="second"
        )
        == ()
    )


def test_roles_are_recorded_with_the_time_from_which_they_apply() -> None:
    (stay,) = fold(hms_stay("p1", "ada", 0, 60, promoted=True))
    assert [(span.role, span.since) for span in stay.roles] == [("guest", at(0)), ("host", at(30))]
    assert stay.role == "host"


def test_two_devices_of_one_person_count_as_one_person() -> None:
    stays = fold([arrived("p1", 0, provider_user_id="ada"), arrived("p2", 10, provider_user_id="ada")])
    assert (summarize_stays(stays).people, summarize_stays(stays).peak, summarize_stays(stays).present) == (1, 1, 1)


def test_stays_that_only_touch_do_not_overlap() -> None:
    stays = fold([arrived("a", 0), left("a", 10, since=at(0)), arrived("b", 10), left("b", 20, since=at(10))])
    numbers = summarize_stays(stays)
    assert (numbers.people, numbers.peak, numbers.first_joined_at, numbers.last_left_at) == (2, 1, at(0), at(20))


def test_the_summary_of_no_stays_is_empty() -> None:
    assert (summarize_stays(()).people, summarize_stays(()).peak, summarize_stays(()).last_left_at) == (0, 0, None)


@given(st.lists(st.tuples(st.integers(0, 50), st.none() | st.integers(0, 20))))
def test_merged_spans_cover_the_same_seconds_without_overlap(raw: list[tuple[int, int | None]]) -> None:
    spans = [Span(at(begin), None if length is None else at(begin + length)) for begin, length in raw]

    def covered(some: Sequence[Span]) -> set[int]:
        return {
            second
            for second in range(100)
            for span in some
            if span.start <= at(second) and (span.end is None or at(second) < span.end)
        }

    result = merge_spans(spans)
    assert covered(result) == covered(spans)
    assert all(one.end is not None and one.end < other.start for one, other in pairwise(result))
