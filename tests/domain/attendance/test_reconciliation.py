"""Reconciliation adds lost observations, and none that are already recorded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def presence(peer: str, begin: float | None = None, end: float | None = None) -> Presence:
    """A reported person: with times as in 100ms, or without as in Agora."""
    return Presence(
        connection=peer,
        provider_user_id=peer,
        joined_at=None if begin is None else at(begin),
        left_at=None if end is None else at(end),
    )


def missing(
    recorded: list[Observation], *reports: PresenceReport
) -> list[tuple[ObservationType, str | None, datetime]]:
    """The observations that the presence reports add."""
    added = find_missing_observations(recorded, fold(recorded), reports, evidence="query")
    assert all((each.source, each.evidence) == (EvidenceSource.RECONCILED, "query") for each in added)
    return [(each.sign, each.connection, each.at) for each in added]


def report_at(seconds: float, *people: Presence) -> PresenceReport:
    return PresenceReport(taken_at=at(seconds), people=people)


def test_no_report_adds_nothing() -> None:
    assert missing([arrived("a", 0)]) == []


def test_observations_from_webhooks_are_not_added_again() -> None:
    recorded = [arrived("a", 0), left("a", 600, since=0), arrived("b", 10)]
    assert missing(recorded, report_at(700, presence("a", 0, 600), presence("b", 10))) == []


def test_a_lost_arrival_is_added() -> None:
    assert missing([left("a", 600)], report_at(700, presence("a", 5, 600))) == [(ObservationType.ARRIVED, "a", at(5))]


def test_a_lost_departure_is_added_with_its_own_time() -> None:
    recorded = [arrived("a", 5)]
    added = find_missing_observations(
        recorded, fold(recorded), [report_at(700, presence("a", 5, 600))], evidence="query"
    )
    (stay,) = fold([*recorded, *added])
    assert (stay.left_at, stay.left_source) == (at(600), EvidenceSource.RECONCILED)


def test_an_arrival_named_by_a_departure_is_not_added() -> None:
    assert missing([left("a", 600, since=5)], report_at(700, presence("a", 5, 600))) == []


def test_both_observations_of_an_unknown_person_are_added() -> None:
    assert missing([], report_at(700, presence("a", 5, 600))) == [
        (ObservationType.ARRIVED, "a", at(5)),
        (ObservationType.LEFT, "a", at(600)),
    ]


@pytest.mark.parametrize(
    ("apart", "is_missing"), [(timedelta(), False), (ARRIVAL_TOLERANCE, False), (ARRIVAL_TOLERANCE + INSTANT, True)]
)
def test_arrivals_within_the_tolerance_are_the_same(apart: timedelta, is_missing: bool) -> None:
    person = replace(presence("a", 0), joined_at=START + apart)
    assert bool(missing([arrived("a", 0)], report_at(60, person))) is is_missing


@pytest.mark.parametrize(
    ("ago", "is_absent"), [(timedelta(), False), (LISTING_DELAY, False), (LISTING_DELAY + INSTANT, True)]
)
def test_a_person_is_not_absent_within_the_listing_delay(ago: timedelta, is_absent: bool) -> None:
    report = PresenceReport(taken_at=START + ago)
    assert missing([arrived("a", 0)], report) == ([(ObservationType.ABSENT, "a", START + ago)] if is_absent else [])


class TestAfterTheEnd:
    """Presence reports that are taken after the end of our call, when everyone has left."""

    @given(joined=st.integers(-60_000, 3_000), taken=st.integers(0, 300_000))
    def test_everyone_has_left_by_the_end_however_late_they_joined(self, joined: int, taken: int) -> None:
        end = at(0)
        recorded = [arrived("a", joined / 1000)]
        report = PresenceReport(taken_at=at(taken / 1000))
        added = self.missing(recorded, report)
        (stay,) = fold([*recorded, *added])
        if at(joined / 1000) >= report.taken_at - LISTING_DELAY:
            assert stay.left_at is None
            return
        assert stay.left_at == max(end, stay.joined_at + INSTANT)
        assert self.missing([*recorded, *added], report) == ()

    @given(st.integers(0, 60_000))
    def test_an_arrival_without_a_time_is_not_later_than_the_end(self, taken: int) -> None:
        (arrival,) = self.missing([], PresenceReport(taken_at=at(taken / 1000), people=(presence("7"),)))
        assert arrival.at == at(0)

    def missing(self, recorded: list[Observation], report: PresenceReport) -> tuple[Observation, ...]:
        return find_missing_observations(recorded, fold(recorded), [report], evidence="query", ended_at=at(0))


def test_a_person_who_left_is_not_absent() -> None:
    assert missing([arrived("a", 0), left("a", 10)], report_at(600)) == []


def test_a_person_in_one_of_several_reports_is_not_absent() -> None:
    # A report for each provider call.
    recorded = [arrived("a", 0), arrived("b", 100)]
    assert missing(recorded, report_at(600, presence("b", 100)), report_at(600, presence("a", 0))) == []


def test_without_provider_times_an_unknown_person_arrives_at_the_time_of_the_report() -> None:
    assert missing([], report_at(60, presence("7"))) == [(ObservationType.ARRIVED, "7", at(60))]
    assert missing([arrived("7", 0)], report_at(60, presence("7"))) == []


def test_without_provider_times_a_listed_person_who_left_has_returned() -> None:
    assert missing([arrived("7", 0), left("7", 30)], report_at(60, presence("7"))) == [
        (ObservationType.ARRIVED, "7", at(60))
    ]


def test_a_listed_person_who_was_considered_absent_never_left() -> None:
    recorded = [arrived("a", 0), replace(arrived("a", 60), sign=ObservationType.ABSENT)]
    assert missing(recorded, report_at(120, presence("a", 0))) == [(ObservationType.PRESENT, "a", at(120))]


@pytest.mark.parametrize(
    ("apart", "sign"),
    [(ARRIVAL_TOLERANCE, ObservationType.PRESENT), (ARRIVAL_TOLERANCE + INSTANT, ObservationType.ARRIVED)],
)
def test_a_person_who_was_considered_absent_never_left_if_the_arrival_is_the_same(
    apart: timedelta, sign: ObservationType
) -> None:
    recorded = [arrived("a", 0), replace(arrived("a", 60), sign=ObservationType.ABSENT)]
    person = replace(presence("a", 0), joined_at=START + apart)
    assert [added for added, _, _ in missing(recorded, report_at(120, person))] == [sign]


def test_an_arrival_computed_from_a_duration_is_added_with_its_exact_time() -> None:
    recorded = [replace(left("a", 600, since=5), since_is_exact=False)]
    assert missing(recorded, report_at(700, presence("a", 5, 600))) == [(ObservationType.ARRIVED, "a", at(5))]


def test_added_observations_name_the_call_the_person_and_the_role() -> None:
    person = replace(presence("peer", 5, 600), provider_user_id="ada", role="guest")
    report = PresenceReport(taken_at=at(700), provider_call_id="meeting", people=(person,))
    arrival, departure = find_missing_observations([], (), [report], evidence="query")
    assert arrival == Observation(
        sign=ObservationType.ARRIVED,
        at=at(5),
        source=EvidenceSource.RECONCILED,
        evidence="query",
        provider_call_id="meeting",
        connection="peer",
        provider_user_id="ada",
        role="guest",
    )
    assert departure == replace(arrival, sign=ObservationType.LEFT, at=at(600), since=at(5))


def test_an_added_absence_names_the_person() -> None:
    recorded = [replace(arrived("peer", 0), provider_user_id="ada")]
    (absence,) = find_missing_observations(recorded, fold(recorded), [report_at(60)], evidence="query")
    assert absence == Observation(
        sign=ObservationType.ABSENT,
        at=at(60),
        source=EvidenceSource.RECONCILED,
        evidence="query",
        connection="peer",
        provider_user_id="ada",
    )


class TestProviderCall:
    REPORT = PresenceReport(taken_at=at(900), provider_call_id="meeting", began_at=at(0), ended_at=at(600))

    def test_its_start_and_end_are_added(self) -> None:
        assert missing([], self.REPORT) == [
            (ObservationType.OPENED, None, at(0)),
            (ObservationType.EMPTIED, None, at(600)),
        ]

    def test_they_are_added_once(self) -> None:
        recorded = [
            Observation(sign=sign, at=moment, provider_call_id="meeting")
            for sign, moment in ((ObservationType.OPENED, at(1)), (ObservationType.EMPTIED, at(599)))
        ]
        assert missing(recorded, self.REPORT) == []

    def test_another_provider_call_is_distinct(self) -> None:
        recorded = [Observation(sign=ObservationType.EMPTIED, at=at(600), provider_call_id="before")]
        assert (ObservationType.EMPTIED, None, at(600)) in missing(recorded, self.REPORT)

    def test_an_ongoing_provider_call_has_no_end(self) -> None:
        assert missing([], replace(self.REPORT, ended_at=None)) == [(ObservationType.OPENED, None, at(0))]
