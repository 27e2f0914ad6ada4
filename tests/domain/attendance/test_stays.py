"""Stays do not depend on the order of observations, duplicates, or losses."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import pytest
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
from videobroker.domain.attendance.stays import (
    RoleSpan,
    Span,
    Stay,
    fold,
    group_spans_by_person,
    merge_spans,
    summarize_stays,
)

START = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(milliseconds=round(seconds * 1000))


def arrived(connection: str, seconds: float, **fields: object) -> Observation:
    return _sign(ObservationType.ARRIVED, connection, seconds, **fields)


def left(connection: str, seconds: float, **fields: object) -> Observation:
    return _sign(ObservationType.LEFT, connection, seconds, **fields)


def absent(connection: str, seconds: float) -> Observation:
    return _sign(ObservationType.ABSENT, connection, seconds, source=EvidenceSource.RECONCILED)


def present(connection: str, seconds: float) -> Observation:
    return _sign(ObservationType.PRESENT, connection, seconds, source=EvidenceSource.RECONCILED)


def changed_role(connection: str, seconds: float, role: str, former_role: str | None = None) -> Observation:
    return _sign(ObservationType.ROLE_CHANGED, connection, seconds, role=role, former_role=former_role)


def emptied(seconds: float, provider_call_id: str | None = None) -> Observation:
    return Observation(
        sign=ObservationType.EMPTIED,
        at=at(seconds),
        provider_call_id=provider_call_id,
        evidence=f"emptied-{seconds}",
    )


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


# Several reports of one fact.


def test_reports_of_one_arrival_differ_by_at_most_one_and_a_half_seconds() -> None:
    assert intervals(fold([arrived("p1", 10), arrived("p1", 11.5)])) == [("p1", at(10), None)]
    assert intervals(fold([arrived("p1", 10), arrived("p1", 11.501)])) == [
        ("p1", at(10), at(11.501)),
        ("p1", at(11.501), None),
    ]


def test_the_time_of_an_arrival_has_the_strongest_evidence() -> None:
    (stay,) = fold([arrived("p1", 10, source=EvidenceSource.RECONCILED), arrived("p1", 11)])
    assert (stay.joined_at, stay.joined_source) == (at(11), EvidenceSource.OBSERVED)


def test_arrivals_with_different_sequence_numbers_start_different_stays() -> None:
    signs = [arrived("7", 10, order=1), left("7", 10, order=2), arrived("7", 11, order=3)]
    assert intervals(fold(signs)) == [("7", at(10), at(10)), ("7", at(11), None)]


def test_an_arrival_without_a_sequence_number_is_the_numbered_one_of_its_second() -> None:
    signs = [arrived("7", 10, order=1), arrived("7", 10.4, source=EvidenceSource.RECONCILED)]
    assert intervals(fold(signs)) == [("7", at(10), None)]


def test_a_departure_ends_the_stay_whose_arrival_it_names() -> None:
    signs = [arrived("p1", 0), arrived("p1", 20), left("p1", 25, since=at(0))]
    assert intervals(fold(signs)) == [("p1", at(0), at(25)), ("p1", at(20), None)]


def test_a_departure_from_a_query_is_the_one_that_was_reported() -> None:
    signs = [arrived("7", 10, order=1), left("7", 50, order=2), left("7", 55, source=EvidenceSource.RECONCILED)]
    assert intervals(fold(signs)) == [("7", at(10), at(50))]


def test_a_reported_departure_replaces_an_earlier_one_from_a_query() -> None:
    signs = [arrived("p1", 0), left("p1", 9, source=EvidenceSource.RECONCILED), left("p1", 10, since=at(0))]
    assert intervals(fold(signs)) == [("p1", at(0), at(10))]


def test_another_departure_is_a_stay_whose_arrival_was_lost() -> None:
    signs = [arrived("7", 10, order=1), left("7", 50, order=2), left("7", 80, order=4)]
    assert intervals(fold(signs)) == [("7", at(10), at(50)), ("7", at(80), at(80))]


def test_a_departure_without_an_arrival_does_not_end_the_stay_that_starts_in_its_second() -> None:
    signs = [left("7", 50, order=2), arrived("7", 50, order=3)]
    assert intervals(fold(signs)) == [("7", at(50), at(50)), ("7", at(50), None)]


def test_an_observation_without_a_sequence_number_is_placed_by_its_time() -> None:
    signs = [arrived("7", 10, order=1), left("7", 50, source=EvidenceSource.RECONCILED), arrived("7", 60, order=3)]
    assert intervals(fold(signs)) == [("7", at(10), at(50)), ("7", at(60), None)]


def test_a_stay_has_the_evidence_of_both_ends_and_the_reason_of_its_departure() -> None:
    (stay,) = fold([arrived("p1", 10), left("p1", 50, reason="removed")])
    assert (stay.evidence, stay.reason) == (("arrived-p1-10", "left-p1-50"), "removed")
    (unfinished,) = fold([arrived("p1", 10)])
    assert (unfinished.evidence, unfinished.reason) == (("arrived-p1-10",), None)


def test_the_person_of_a_stay_is_named_by_any_report_or_else_by_the_connection() -> None:
    (named,) = fold([arrived("p1", 10, provider_user_id=None), left("p1", 50, provider_user_id="ada")])
    assert named.provider_user_id == "ada"
    (unnamed,) = fold([arrived("p1", 10, provider_user_id=None)])
    assert unnamed.provider_user_id == "p1"


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


def test_a_provider_call_that_ends_at_the_time_of_an_arrival_ends_the_stay() -> None:
    (stay,) = fold([arrived("p1", 10, provider_call_id="c"), emptied(10, "c")])
    assert stay.left_at == at(10)


def test_without_a_provider_call_the_first_time_the_room_is_empty_ends_a_stay() -> None:
    (stay,) = fold([emptied(5), arrived("7", 10, order=1), emptied(50), emptied(90)])
    assert (stay.left_at, stay.left_source) == (at(50), EvidenceSource.INFERRED)
    assert stay.evidence == ("arrived-7-10", "emptied-50")


def test_a_room_that_empties_in_the_second_of_an_arrival_does_not_end_the_stay() -> None:
    (stay,) = fold([arrived("7", 10, order=1), emptied(10)])
    assert stay.left_at is None


def test_a_room_that_empties_before_a_person_is_seen_does_not_end_their_stay() -> None:
    (seen_later,) = fold([arrived("7", 10, order=1), emptied(49), present("7", 50)])
    assert seen_later.left_at is None
    (seen_last,) = fold([arrived("7", 10, order=1), emptied(50), present("7", 50)])
    assert seen_last.left_at == at(50)


@pytest.mark.parametrize(("call_ends", "room_empties"), [(80, 60), (60, 80)])
def test_the_earlier_of_the_call_and_the_room_that_empty_ends_a_stay(call_ends: int, room_empties: int) -> None:
    (stay,) = fold([arrived("p1", 10, provider_call_id="c"), emptied(call_ends, "c"), emptied(room_empties)])
    assert stay.left_at == at(60)


@pytest.mark.parametrize("seen_at", [40, 100])
def test_a_presence_query_concerns_the_stay_that_started_last(seen_at: int) -> None:
    first, second = fold(
        [
            arrived("7", 10, order=1, provider_call_id="c"),
            emptied(30, "c"),
            arrived("7", 40, order=3, provider_call_id="d"),
            present("7", seen_at),
        ]
    )
    assert (first.left_at, second.left_at) == (at(30), None)


def test_a_presence_query_before_the_arrival_does_not_concern_the_stay() -> None:
    (stay,) = fold([present("7", 5), emptied(7, "c"), arrived("7", 10, order=1, provider_call_id="c")])
    assert stay.left_at is None


def test_an_absence_ends_a_stay_with_its_evidence_unless_the_person_is_seen_by_then() -> None:
    (gone,) = fold([arrived("7", 10), absent("7", 60), absent("7", 90)])
    assert (gone.left_at, gone.left_source) == (at(60), EvidenceSource.RECONCILED)
    assert gone.evidence == ("absent-7-60", "arrived-7-10")
    (seen,) = fold([arrived("7", 10), absent("7", 60), present("7", 60)])
    assert seen.left_at is None


def test_another_arrival_of_the_connection_ends_a_stay() -> None:
    first, second = fold([arrived("7", 10, order=1), arrived("7", 40, order=3), left("7", 50, order=4)])
    assert (first.left_at, first.left_source) == (at(40), EvidenceSource.INFERRED)
    assert first.evidence == ("arrived-7-10", "arrived-7-40")
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


def test_the_first_role_is_the_one_of_the_arrival() -> None:
    (stay,) = fold([arrived("p1", 0, role="guest"), changed_role("p1", 30, "host", former_role="viewer")])
    assert stay.roles == (RoleSpan("guest", at(0)), RoleSpan("host", at(30)))


def test_the_first_role_is_known_from_the_first_change_or_else_from_any_report() -> None:
    (from_change,) = fold(
        [arrived("p1", 0), changed_role("p1", 30, "host", former_role="guest"), left("p1", 60, role="host")]
    )
    assert from_change.roles == (RoleSpan("guest", at(0)), RoleSpan("host", at(30)))
    (from_departure,) = fold([arrived("p1", 0), left("p1", 60, role="guest")])
    assert from_departure.roles == (RoleSpan("guest", at(0)),)


def test_a_role_that_is_unknown_at_the_arrival_is_known_from_its_change_on() -> None:
    (stay,) = fold([arrived("p1", 0), changed_role("p1", 30, "host")])
    assert stay.roles == (RoleSpan("host", at(30)),)


def test_a_change_to_the_present_role_changes_nothing() -> None:
    (stay,) = fold([arrived("p1", 0, role="guest"), changed_role("p1", 30, "guest", former_role="guest")])
    assert stay.roles == (RoleSpan("guest", at(0)),)


@pytest.mark.parametrize("changed_at", [0, 30, 60])
def test_a_role_changes_between_arrival_and_departure(changed_at: int) -> None:
    (stay,) = fold([arrived("p1", 0, role="guest"), changed_role("p1", changed_at, "host"), left("p1", 60)])
    assert stay.roles == (RoleSpan("guest", at(0)), RoleSpan("host", at(changed_at)))


def test_a_change_of_the_role_concerns_only_the_stay_at_its_time() -> None:
    first, second = fold(
        [
            arrived("p1", 0, role="guest"),
            left("p1", 10),
            arrived("p1", 20, role="guest"),
            changed_role("p1", 30, "host"),
            left("p1", 40),
        ]
    )
    assert (first.role, second.role) == ("guest", "host")
    assert "role_changed-p1-30" in second.evidence
    assert "role_changed-p1-30" not in first.evidence


def test_the_peak_is_the_largest_number_of_people_at_a_time() -> None:
    numbers = summarize_stays(
        fold([arrived("a", 0), arrived("b", 10), left("a", 20, since=at(0)), arrived("c", 30), arrived("d", 40)])
    )
    assert (numbers.people, numbers.peak, numbers.present) == (4, 3, 3)
    assert (numbers.first_joined_at, numbers.last_left_at) == (at(0), None)


def test_an_open_span_lasts_until_now_and_never_less_than_zero_seconds() -> None:
    assert Span(at(10), at(10)).seconds(at(60)) == 0
    assert Span(at(10), at(15)).seconds(at(60)) == 5
    assert Span(at(10), None).seconds(at(60)) == 50
    assert Span(at(10), None).seconds(at(5)) == 0


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
