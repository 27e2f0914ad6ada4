"""Reconciliation: the observations that follow from presence queries and are not recorded yet."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import (
    EvidenceSource,
    Observation,
    ObservationType,
    Presence,
    PresenceReport,
)
from videobroker.domain.attendance.stays import ARRIVAL_TOLERANCE, Stay, names_arrival

LISTING_DELAY = timedelta(seconds=15)
"""How long a new arrival may be missing from the provider's lists. Neither vendor documents the delay."""

_MILLISECOND = timedelta(milliseconds=1)


def find_missing_observations(
    known: Iterable[Observation],
    stays: Sequence[Stay],
    reports: Sequence[PresenceReport],
    *,
    evidence: str,
    ended_at: datetime | None = None,
) -> tuple[Observation, ...]:
    """The observations that these presence reports imply and `known` lacks: arrivals, departures, and absences.

    `stays` must be the fold of `known`. `ended_at` is the end of our own call: who is absent later left by then.
    Idempotent: applied twice, the second result is empty.
    """
    index = _KnownObservations.of(known, stays)
    within_call = [_no_later_than(ended_at, report) for report in reports]
    missing = [each for report in within_call for each in _missing_of_meeting(report, index)]
    missing += _absences(stays, reports, ended_at)
    return tuple(replace(each, source=EvidenceSource.RECONCILED, evidence=evidence) for each in missing)


def _no_later_than(ended_at: datetime | None, report: PresenceReport) -> PresenceReport:
    return report if ended_at is None else replace(report, taken_at=min(report.taken_at, ended_at))


def _absences(
    stays: Sequence[Stay], reports: Sequence[PresenceReport], ended_at: datetime | None
) -> Iterator[Observation]:
    """An absence of each person who is in no report, although the reports are recent enough to list them."""
    taken_at = max((report.taken_at for report in reports), default=None)
    if taken_at is None:
        return
    named = {person.connection for report in reports for person in report.people}
    # Not `ended_at`: the lists have time to change after the end of the call.
    listed_before = taken_at - LISTING_DELAY
    absent_at = taken_at if ended_at is None else min(taken_at, ended_at)
    for stay in stays:
        if stay.left_at is None and stay.connection not in named and stay.joined_at < listed_before:
            yield Observation(
                sign=ObservationType.ABSENT,
                # An absence ends only a stay that began before it.
                at=max(absent_at, stay.joined_at + _MILLISECOND),
                connection=stay.connection,
                provider_user_id=stay.provider_user_id,
            )


@dataclass(frozen=True, slots=True)
class _KnownObservations:
    """The known observations by connection."""

    signs: dict[tuple[ObservationType, str], list[Observation]]
    meetings: set[tuple[ObservationType, str | None]]
    last: dict[str, Stay]

    @classmethod
    def of(cls, known: Iterable[Observation], stays: Iterable[Stay]) -> "_KnownObservations":
        signs: dict[tuple[ObservationType, str], list[Observation]] = defaultdict(list)
        meetings: set[tuple[ObservationType, str | None]] = set()
        for each in known:
            if each.connection is None:
                meetings.add((each.sign, each.provider_call_id))
                continue
            signs[each.sign, each.connection].append(each)
            if names_arrival(each) and each.since is not None:
                signs[ObservationType.ARRIVED, each.connection].append(replace(each, at=each.since))
        return cls(signs, meetings, {stay.connection: stay for stay in stays})

    def has(self, sign: ObservationType, each: Observation) -> bool:
        """Whether the observation is known already, from any source."""
        known = self.signs.get((sign, each.connection or ""), ())
        return any(abs(one.at - each.at) <= ARRIVAL_TOLERANCE for one in known)


def _missing_of_meeting(report: PresenceReport, index: _KnownObservations) -> Iterator[Observation]:
    meeting = Observation(sign=ObservationType.OPENED, at=report.taken_at, provider_call_id=report.provider_call_id)
    if report.began_at is not None and (ObservationType.OPENED, report.provider_call_id) not in index.meetings:
        yield replace(meeting, at=report.began_at)
    for person in report.people:
        yield from _missing_of_person(person, meeting, index)
    if report.ended_at is not None and (ObservationType.EMPTIED, report.provider_call_id) not in index.meetings:
        yield replace(meeting, sign=ObservationType.EMPTIED, at=report.ended_at)


def _missing_of_person(person: Presence, meeting: Observation, index: _KnownObservations) -> Iterator[Observation]:
    seen = replace(meeting, connection=person.connection, provider_user_id=person.provider_user_id, role=person.role)
    last = index.last.get(person.connection)
    if person.joined_at is not None:
        arrival = replace(seen, sign=ObservationType.ARRIVED, at=person.joined_at)
        if not index.has(ObservationType.ARRIVED, arrival):
            yield arrival
    elif last is None or last.left_at is not None:
        yield replace(seen, sign=ObservationType.ARRIVED)
    if person.left_at is not None:
        departure = replace(seen, sign=ObservationType.LEFT, at=person.left_at, since=person.joined_at)
        if not index.has(ObservationType.LEFT, departure):
            yield departure
    elif last is not None and _had_inferred_departure(last, person):
        yield replace(seen, sign=ObservationType.PRESENT)


def _had_inferred_departure(last: Stay, person: Presence) -> bool:
    if last.left_at is None or person.joined_at is None:
        return False
    return abs(last.joined_at - person.joined_at) <= ARRIVAL_TOLERANCE
