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
    told = {"provider_user_id": connection, "evidence": f"{sign}-{connection}-{seconds}"} | fields
    return Observation(sign=sign, at=at(seconds), connection=connection, **told)  # type: ignore[arg-type]


def intervals(stays: Sequence[Stay]) -> list[tuple[str, datetime, datetime | None]]:
    return [(stay.provider_user_id, stay.joined_at, stay.left_at) for stay in stays]


# One 100ms call as it really was: people, their devices one after the other or at once, each with a peer id of its own.


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
    who = {"provider_user_id": user, "provider_call_id": "call", "evidence": peer}
    changes = (
        (
            _sign(
                ObservationType.ROLE_CHANGED,
                peer,
                begin + length / 2,
                role="host",
                former_role="guest",
                since=at(begin),
                **who,
            ),
        )
        if promoted
        else ()
    )
    return (
        arrived(peer, begin, role="guest", **who),
        *changes,
        left(peer, begin + length, since=at(begin), role="host" if promoted else "guest", **who),
    )


def whole(stays: Sequence[tuple[Observation, ...]]) -> list[Observation]:
    return [each for stay in stays for each in stay]


def rolls_of(stays: Sequence[tuple[Observation, ...]]) -> list[PresenceReport]:
    """What 100ms answers afterwards: everybody who was there, with both moments."""
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


def only_durations(stays: Sequence[tuple[Observation, ...]], dice: random.Random) -> list[Observation]:
    """The departures alone: some say when their person had arrived, the others for how many seconds they stayed."""
    departures = []
    for stay in stays:
        departure, length = stay[-1], int((stay[-1].at - stay[0].at).total_seconds())
        if dice.random() < 0.5:
            departure = replace(departure, since=departure.at - timedelta(seconds=length), since_is_exact=False)
        departures.append(departure)
    return departures


@given(hms_calls(), st.randoms(use_true_random=False))
def test_departures_alone_give_the_attendance_in_any_order(
    stays: list[tuple[Observation, ...]], dice: random.Random
) -> None:
    told = only_durations(stays, dice)
    arrivals = [stay[0] for stay in stays if dice.random() < 0.3]
    shuffled = [*told, *arrivals]
    dice.shuffle(shuffled)
    folded = fold(shuffled)
    assert folded == fold([*told, *arrivals])
    assert len(folded) == len(stays)
    lengths = {stay.connection: stay.left_at - stay.joined_at for stay in folded if stay.left_at is not None}
    for stay in stays:
        assert abs(lengths[stay[0].connection or ""] - (stay[-1].at - stay[0].at)) < timedelta(seconds=1)


@given(hms_calls(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_told_does_not_matter(
    stays: list[tuple[Observation, ...]], dice: random.Random
) -> None:
    shuffled = whole(stays)
    dice.shuffle(shuffled)
    assert fold(shuffled) == fold(whole(stays))


@given(hms_calls(), st.randoms(use_true_random=False))
def test_a_clean_sequence_gives_exactly_the_stays_that_were(
    stays: list[tuple[Observation, ...]], dice: random.Random
) -> None:
    truth = sorted((stay[0].provider_user_id or "", stay[0].at, stay[-1].at) for stay in stays)
    assert sorted(intervals(fold(whole(stays)))) == truth
    assert {stay.source for stay in fold(whole(stays))} == {EvidenceSource.OBSERVED}


@given(hms_calls(), st.randoms(use_true_random=False), st.booleans())
def test_copies_change_nothing(stays: list[tuple[Observation, ...]], dice: random.Random, renamed: bool) -> None:
    clean = whole(stays)
    copies = [replace(each, evidence=f"copy-{dice.random()}" if renamed else each.evidence) for each in clean]
    told = clean + dice.sample(copies, dice.randint(0, len(copies)))
    dice.shuffle(told)
    assert intervals(fold(told)) == intervals(fold(clean))


@settings(max_examples=200)
@given(hms_calls(), st.randoms(use_true_random=False))
def test_what_was_lost_comes_back_with_a_roll_call(stays: list[tuple[Observation, ...]], dice: random.Random) -> None:
    clean = whole(stays)
    kept = [each for each in clean if dice.random() < 0.5]
    repaired = [*kept, *find_missing_observations(kept, fold(kept), rolls_of(stays), evidence="roll")]
    dice.shuffle(repaired)
    assert intervals(fold(repaired)) == intervals(fold(clean))
    lost = {stay[0].connection for stay in stays if not set(stay) & set(kept)}
    assert {stay.connection for stay in fold(repaired) if stay.joined_source is EvidenceSource.RECONCILED} == lost


@given(hms_calls(), st.randoms(use_true_random=False))
def test_a_second_roll_call_teaches_nothing_new(stays: list[tuple[Observation, ...]], dice: random.Random) -> None:
    kept = [each for each in whole(stays) if dice.random() < 0.5]
    repaired = [*kept, *find_missing_observations(kept, fold(kept), rolls_of(stays), evidence="roll")]
    assert find_missing_observations(repaired, fold(repaired), rolls_of(stays), evidence="second roll") == ()


@given(hms_calls(), st.randoms(use_true_random=False))
def test_late_news_about_what_was_reconciled_make_it_observed(
    stays: list[tuple[Observation, ...]], dice: random.Random
) -> None:
    clean = whole(stays)
    kept = [each for each in clean if dice.random() < 0.5]
    repaired = [*kept, *find_missing_observations(kept, fold(kept), rolls_of(stays), evidence="roll")]
    late = [*repaired, *(each for each in clean if each not in kept)]
    assert intervals(fold(late)) == intervals(fold(clean))
    assert {stay.source for stay in fold(late)} == {EvidenceSource.OBSERVED}


# Agora: one uid at a time, whole seconds, and a number that counts up.


@st.composite
def agora_calls(draw: st.DrawFn) -> list[list[tuple[Observation, Observation]]]:
    """For each uid its stays, one after the other."""
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
def test_numbered_signs_in_any_order_and_number_of_copies_give_the_stays_that_were(
    uids: list[list[tuple[Observation, Observation]]], dice: random.Random
) -> None:
    clean = [each for stays in uids for pair in stays for each in pair]
    told = clean + dice.sample(clean, dice.randint(0, len(clean)))
    dice.shuffle(told)
    truth = sorted((pair[0].connection or "", pair[0].at, pair[1].at) for stays in uids for pair in stays)
    assert sorted(intervals(fold(told))) == truth


@given(agora_calls(), st.randoms(use_true_random=False))
def test_a_lost_arrival_is_reckoned_from_the_duration_that_the_departure_tells(
    uids: list[list[tuple[Observation, Observation]]], dice: random.Random
) -> None:
    clean = [each for stays in uids for pair in stays for each in pair]
    lost = dice.choice([each for each in clean if each.sign is ObservationType.ARRIVED])
    told = [each for each in clean if each is not lost]
    dice.shuffle(told)
    assert merged_by_person(fold(told)) == merged_by_person(fold(clean))


def merged_by_person(stays: Sequence[Stay]) -> dict[str, tuple[Span, ...]]:
    return dict(group_spans_by_person(stays))


def test_the_number_counts_where_clocks_disagree() -> None:
    signs = [arrived("7", 100, order=1), left("7", 130, order=2), arrived("7", 129, order=3), left("7", 160, order=4)]
    assert intervals(fold(signs)) == [("7", at(100), at(130)), ("7", at(129), at(160))]


# What is made up for, one by one.


def test_a_stay_without_a_departure_goes_on() -> None:
    (stay,) = fold([arrived("p1", 10)])
    assert (stay.left_at, stay.source) == (None, EvidenceSource.OBSERVED)


def test_the_end_of_the_call_ends_it() -> None:
    (stay,) = fold([arrived("p1", 10)], ended_at=at(60))
    assert (stay.left_at, stay.joined_source, stay.source) == (at(60), EvidenceSource.OBSERVED, EvidenceSource.INFERRED)


def test_the_provider_emptying_the_room_ends_it_sooner() -> None:
    emptied = Observation(sign=ObservationType.EMPTIED, at=at(50), provider_call_id="c", evidence="closed")
    (stay,) = fold([arrived("p1", 10, provider_call_id="c"), emptied], ended_at=at(60))
    assert (stay.left_at, stay.source, stay.evidence) == (at(50), EvidenceSource.INFERRED, ("arrived-p1-10", "closed"))


def test_the_end_of_another_meeting_does_not() -> None:
    emptied = Observation(sign=ObservationType.EMPTIED, at=at(50), provider_call_id="earlier")
    (stay,) = fold([arrived("p1", 10, provider_call_id="c"), emptied])
    assert stay.left_at is None


def test_arriving_anew_on_the_same_connection_ends_it() -> None:
    first, second = fold([arrived("7", 10, order=1), arrived("7", 40, order=3), left("7", 50, order=4)])
    assert (first.left_at, first.left_source) == (at(40), EvidenceSource.INFERRED)
    assert (second.joined_at, second.left_at, second.source) == (at(40), at(50), EvidenceSource.OBSERVED)


def test_a_departure_without_any_arrival_is_a_moment_and_says_so() -> None:
    (stay,) = fold([left("7", 50, order=4)])
    assert (stay.joined_at, stay.left_at, stay.source) == (at(50), at(50), EvidenceSource.INFERRED)


def test_somebody_missed_at_a_roll_call_was_there_until_then_at_most() -> None:
    known = [arrived("7", 10, order=1), arrived("8", 10, order=1)]
    roll = PresenceReport(taken_at=at(100), people=(Presence(connection="8", provider_user_id="8", joined_at=at(10)),))
    gone, there = fold([*known, *find_missing_observations(known, fold(known), [roll], evidence="roll")])
    assert (gone.provider_user_id, gone.left_at, gone.source) == ("7", at(100), EvidenceSource.RECONCILED)
    assert (there.provider_user_id, there.left_at, there.source) == ("8", None, EvidenceSource.OBSERVED)


def test_their_late_departure_corrects_that() -> None:
    known = [arrived("7", 10, order=1)]
    told = [*known, *find_missing_observations(known, fold(known), [PresenceReport(taken_at=at(100))], evidence="roll")]
    (stay,) = fold([*told, left("7", 80, order=2)])
    assert (stay.left_at, stay.source) == (at(80), EvidenceSource.OBSERVED)


def test_somebody_taken_for_gone_who_is_seen_again_was_there_all_the_time() -> None:
    known = [arrived("7", 10, order=1)]
    missed = [
        *known,
        *find_missing_observations(known, fold(known), [PresenceReport(taken_at=at(100))], evidence="roll"),
    ]
    again = PresenceReport(taken_at=at(160), people=(Presence(connection="7", provider_user_id="7", joined_at=at(10)),))
    (stay,) = fold([*missed, *find_missing_observations(missed, fold(missed), [again], evidence="second")])
    assert stay.left_at is None


def test_somebody_who_came_a_moment_ago_is_not_missed_yet() -> None:
    known = [arrived("7", 95, order=1)]
    assert find_missing_observations(known, fold(known), [PresenceReport(taken_at=at(100))], evidence="roll") == ()


def test_somebody_seen_without_a_time_was_there_from_then_on() -> None:
    roll = PresenceReport(taken_at=at(100), people=(Presence(connection="7", provider_user_id="7"),))
    told = find_missing_observations([], (), [roll], evidence="roll")
    (stay,) = fold(told)
    assert (stay.joined_at, stay.source, stay.evidence) == (at(100), EvidenceSource.RECONCILED, ("roll",))
    assert find_missing_observations(told, fold(told), [replace(roll, taken_at=at(160))], evidence="second") == ()


def test_roles_are_kept_with_the_moment_from_which_they_held() -> None:
    (stay,) = fold(hms_stay("p1", "ada", 0, 60, promoted=True))
    assert [(span.role, span.since) for span in stay.roles] == [("guest", at(0)), ("host", at(30))]
    assert stay.role == "host"


def test_one_person_on_two_devices_is_one_person() -> None:
    stays = fold([arrived("p1", 0, provider_user_id="ada"), arrived("p2", 10, provider_user_id="ada")])
    assert (summarize_stays(stays).people, summarize_stays(stays).peak, summarize_stays(stays).present) == (1, 1, 1)


def test_who_leaves_as_another_comes_was_not_there_together_with_them() -> None:
    stays = fold([arrived("a", 0), left("a", 10, since=at(0)), arrived("b", 10), left("b", 20, since=at(10))])
    numbers = summarize_stays(stays)
    assert (numbers.people, numbers.peak, numbers.first_joined_at, numbers.last_left_at) == (2, 1, at(0), at(20))


def test_nobody_is_nobody() -> None:
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
