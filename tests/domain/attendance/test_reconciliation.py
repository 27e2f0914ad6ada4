"""Reconciliation adds lost joins and leaves, and nothing that is known already."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from videobroker.domain.attendance.observations import (
    EvidenceSource,
    Observation,
    ObservationType,
    Presence,
    PresenceReport,
)
from videobroker.domain.attendance.reconciliation import LISTING_DELAY, find_missing_observations
from videobroker.domain.attendance.stays import ARRIVAL_TOLERANCE, fold

START = datetime(2026, 3, 12, 14, tzinfo=UTC)
INSTANT = timedelta(milliseconds=1)


def at(seconds: float) -> datetime:
    return START + timedelta(milliseconds=round(seconds * 1000))


def arrived(peer: str, seconds: float) -> Observation:
    return Observation(
        sign=ObservationType.ARRIVED, at=at(seconds), connection=peer, provider_user_id=peer, evidence="webhook"
    )


def left(peer: str, seconds: float, *, since: float | None = None) -> Observation:
    return replace(arrived(peer, seconds), sign=ObservationType.LEFT, since=None if since is None else at(since))


def seen(peer: str, begin: float | None = None, end: float | None = None) -> Presence:
    """As 100ms tells it, with its moments; without `begin` as Agora does."""
    return Presence(
        connection=peer,
        provider_user_id=peer,
        joined_at=None if begin is None else at(begin),
        left_at=None if end is None else at(end),
    )


def news(known: list[Observation], *rolls: PresenceReport) -> list[tuple[ObservationType, str | None, datetime]]:
    """What the roll calls teach."""
    told = find_missing_observations(known, fold(known), rolls, evidence="roll")
    assert all((each.source, each.evidence) == (EvidenceSource.RECONCILED, "roll") for each in told)
    return [(each.sign, each.connection, each.at) for each in told]


def taken(seconds: float, *people: Presence) -> PresenceReport:
    return PresenceReport(taken_at=at(seconds), people=people)


def test_no_roll_call_teaches_nothing() -> None:
    assert news([arrived("a", 0)]) == []


def test_what_the_webhooks_told_is_no_news() -> None:
    known = [arrived("a", 0), left("a", 600, since=0), arrived("b", 10)]
    assert news(known, taken(700, seen("a", 0, 600), seen("b", 10))) == []


def test_a_lost_arrival_is_learned() -> None:
    assert news([left("a", 600)], taken(700, seen("a", 5, 600))) == [(ObservationType.ARRIVED, "a", at(5))]


def test_a_lost_departure_is_learned_and_counts_instead_of_the_moment_of_the_roll_call() -> None:
    known = [arrived("a", 5)]
    told = find_missing_observations(known, fold(known), [taken(700, seen("a", 5, 600))], evidence="roll")
    (stay,) = fold([*known, *told])
    assert (stay.left_at, stay.left_source) == (at(600), EvidenceSource.RECONCILED)


def test_an_arrival_that_a_departure_names_is_known() -> None:
    assert news([left("a", 600, since=5)], taken(700, seen("a", 5, 600))) == []


def test_somebody_of_whom_nobody_told_is_learned_as_a_whole() -> None:
    assert news([], taken(700, seen("a", 5, 600))) == [
        (ObservationType.ARRIVED, "a", at(5)),
        (ObservationType.LEFT, "a", at(600)),
    ]


@pytest.mark.parametrize(
    ("apart", "is_news"), [(timedelta(), False), (ARRIVAL_TOLERANCE, False), (ARRIVAL_TOLERANCE + INSTANT, True)]
)
def test_moments_that_are_told_in_whole_seconds_are_the_same_moments(apart: timedelta, is_news: bool) -> None:
    person = replace(seen("a", 0), joined_at=START + apart)
    assert bool(news([arrived("a", 0)], taken(60, person))) is is_news


@pytest.mark.parametrize(
    ("ago", "missed"), [(timedelta(), False), (LISTING_DELAY, False), (LISTING_DELAY + INSTANT, True)]
)
def test_who_came_a_moment_ago_is_not_missed_yet(ago: timedelta, missed: bool) -> None:
    roll = PresenceReport(taken_at=START + ago)
    assert news([arrived("a", 0)], roll) == ([(ObservationType.ABSENT, "a", START + ago)] if missed else [])


def test_who_left_already_is_not_missed() -> None:
    assert news([arrived("a", 0), left("a", 10)], taken(600)) == []


def test_who_is_in_one_of_several_answers_is_not_missed() -> None:
    # One for each time that the room filled.
    known = [arrived("a", 0), arrived("b", 100)]
    assert news(known, taken(600, seen("b", 100)), taken(600, seen("a", 0))) == []


def test_where_the_provider_tells_no_times_somebody_unknown_was_there_from_the_roll_call_on() -> None:
    assert news([], taken(60, seen("7"))) == [(ObservationType.ARRIVED, "7", at(60))]
    assert news([arrived("7", 0)], taken(60, seen("7"))) == []


def test_where_the_provider_tells_no_times_somebody_who_left_and_is_there_came_back() -> None:
    assert news([arrived("7", 0), left("7", 30)], taken(60, seen("7"))) == [(ObservationType.ARRIVED, "7", at(60))]


def test_somebody_taken_for_gone_who_is_listed_never_left() -> None:
    known = [arrived("a", 0), replace(arrived("a", 60), sign=ObservationType.ABSENT)]
    assert news(known, taken(120, seen("a", 0))) == [(ObservationType.PRESENT, "a", at(120))]


class TestTheMeetingItself:
    ROLL = PresenceReport(taken_at=at(900), provider_call_id="meeting", began_at=at(0), ended_at=at(600))

    def test_its_beginning_and_its_end_are_learned(self) -> None:
        assert news([], self.ROLL) == [(ObservationType.OPENED, None, at(0)), (ObservationType.EMPTIED, None, at(600))]

    def test_they_are_learned_once(self) -> None:
        known = [
            Observation(sign=sign, at=moment, provider_call_id="meeting")
            for sign, moment in ((ObservationType.OPENED, at(1)), (ObservationType.EMPTIED, at(599)))
        ]
        assert news(known, self.ROLL) == []

    def test_those_of_another_meeting_are_others(self) -> None:
        known = [Observation(sign=ObservationType.EMPTIED, at=at(600), provider_call_id="before")]
        assert (ObservationType.EMPTIED, None, at(600)) in news(known, self.ROLL)

    def test_one_that_lasts_has_not_ended(self) -> None:
        assert news([], replace(self.ROLL, ended_at=None)) == [(ObservationType.OPENED, None, at(0))]
