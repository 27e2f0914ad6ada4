"""The attendance projection: derives the stays of a call by a pure fold over its observations.

The result depends only on the set of observations, not on their order or on duplicates. Missing observations are
inferred where possible, and the source of each fact is part of the result.

How the observations of one connection become stays:

1. Every arrival starts a stay, and so does a departure with the exact time of its arrival. Several reports of one
   arrival start one stay.
2. A departure ends the stay that it names, or else the last one that started before it.
3. A stay without a departure ends at the earliest of these events after the person was last seen: a presence query
   without them, the end of the provider's call, another arrival of the same connection, the end of our own call.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from videobroker.domain.attendance.observations import EvidenceSource, Observation, ObservationType
from videobroker.domain.struct import Struct

ARRIVAL_TOLERANCE = timedelta(seconds=1, milliseconds=500)
"""Reports of one arrival differ by at most this: one vendor reports it in whole seconds."""

_NAMING_ARRIVALS = {ObservationType.LEFT, ObservationType.ROLE_CHANGED}

_TICK = timedelta(microseconds=1)

_RANK = {source: rank for rank, source in enumerate(EvidenceSource)}


@dataclass(frozen=True, slots=True)
class RoleSpan:
    """A provider role from `since` on."""

    role: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """One device of one person in a call, from arrival to departure."""

    connection: str
    provider_user_id: str
    joined_at: datetime
    joined_source: EvidenceSource
    left_at: datetime | None
    """None while they are in the call."""
    left_source: EvidenceSource | None
    roles: tuple[RoleSpan, ...] = ()
    """In order; the first applies from the arrival on."""
    reason: str | None = None
    """The provider's reason of the departure."""
    evidence: tuple[str, ...] = ()
    """`Observation.evidence` of all observations that it is derived from, sorted."""

    @property
    def source(self) -> EvidenceSource:
        """The weaker source of arrival and departure."""
        return max(self.joined_source, self.left_source or self.joined_source, key=_RANK.__getitem__)

    @property
    def role(self) -> str | None:
        """The last role."""
        return self.roles[-1].role if self.roles else None


@dataclass(frozen=True, slots=True)
class UserStay:
    """A stay and the app's user."""

    stay: Stay
    user_id: str | None
    """None for a person without credentials from this service."""


@dataclass(frozen=True, slots=True)
class Span:
    """A period; without an end it is still open."""

    start: datetime
    end: datetime | None

    def seconds(self, now: datetime) -> float:
        """The duration in seconds, until `now` if the span is open. Never negative."""
        return max(0.0, ((self.end or now) - self.start).total_seconds())


class AttendanceSummary(Struct):
    """The attendance of a call in numbers. A person with several devices counts once."""

    people: int = 0
    peak: int = 0
    """The highest number of people at one moment."""
    first_joined_at: datetime | None = None
    last_left_at: datetime | None = None
    """None while people are in the call, and if no one ever was."""
    present: int = 0
    """Number of people who are in the call now."""


EMPTY_SUMMARY = AttendanceSummary()


def fold(observations: Iterable[Observation], *, ended_at: datetime | None = None) -> tuple[Stay, ...]:
    """All stays, ordered by arrival. `ended_at` is the end of our own call, which ends all inferred stays."""
    distinct = sorted(set(observations), key=_position)
    emptied = _EmptiedMeetings.of(each for each in distinct if each.sign is ObservationType.EMPTIED)
    by_connection: dict[str, list[Observation]] = defaultdict(list)
    for each in distinct:
        if each.connection is not None:
            by_connection[each.connection].append(each)
    stays = (stay for signs in by_connection.values() for stay in _stays_of_connection(signs, emptied, ended_at))
    return tuple(sorted(stays, key=lambda stay: (stay.joined_at, stay.provider_user_id, stay.connection)))


def group_spans_by_person(stays: Iterable[Stay]) -> Mapping[str, tuple[Span, ...]]:
    """When each person was in the call with at least one device, by provider user ID."""
    found: dict[str, list[Span]] = defaultdict(list)
    for stay in stays:
        found[stay.provider_user_id].append(Span(stay.joined_at, stay.left_at))
    return {person: merge_spans(spans) for person, spans in found.items()}


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The union of the spans as an ordered sequence without overlaps."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.start, each.end is None, each.end or each.start)):
        last = result[-1] if result else None
        if last is None or (last.end is not None and last.end < span.start):
            result.append(span)
        elif last.end is not None and (span.end is None or span.end > last.end):
            result[-1] = Span(last.start, span.end)
    return tuple(result)


def summarize_stays(stays: Iterable[Stay]) -> AttendanceSummary:
    """The attendance in numbers."""
    return summarize_spans(group_spans_by_person(stays))


def summarize_spans(people: Mapping[str, Sequence[Span]]) -> AttendanceSummary:
    """The attendance in numbers, from the result of `group_spans_by_person`."""
    spans = [span for each in people.values() for span in each]
    if not spans:
        return EMPTY_SUMMARY
    ends = [span.end for span in spans if span.end is not None]
    present = len(spans) - len(ends)
    return AttendanceSummary(
        people=len(people),
        peak=_peak(spans),
        first_joined_at=min(span.start for span in spans),
        last_left_at=None if present else max(ends),
        present=present,
    )


def _peak(spans: Iterable[Span]) -> int:
    # At equal times, departures come before arrivals: the two people were not in the call together.
    steps = sorted(
        step for span in spans for step in ((span.start, 1), *(((span.end, -1),) if span.end is not None else ()))
    )
    count = peak = 0
    for _, step in steps:
        count += step
        peak = max(peak, count)
    return max(peak, 1)


@dataclass(slots=True)
class _Draft:
    """A stay that is being derived."""

    reports: list[Observation]
    start: Observation
    end: Observation | None = None

    @property
    def joined_at(self) -> datetime:
        """When the stay starts, by the best evidence."""
        return _arrival_moment(self.start)

    @property
    def first_reported_at(self) -> datetime:
        """The earliest arrival time among the reports."""
        return _arrival_moment(self.reports[0])


def _stays_of_connection(
    signs: Sequence[Observation], emptied: "_EmptiedMeetings", ended_at: datetime | None
) -> Iterable[Stay]:
    ordered = _in_order(signs)
    drafts = _begin(ordered)
    _depart(drafts, ordered)
    drafts.sort(key=lambda draft: (draft.joined_at, draft.start.order or 0))
    presence_checks = [each for each in ordered if each.sign in {ObservationType.ABSENT, ObservationType.PRESENT}]
    changes = [each for each in ordered if each.sign is ObservationType.ROLE_CHANGED]
    for draft, after in zip_longest(drafts, drafts[1:]):
        yield _finished(draft, after, _EndCandidates(presence_checks, emptied, ended_at), changes)


def _position(each: Observation) -> tuple[object, ...]:
    # Among reports of one fact, the strongest evidence comes first.
    return (each.at, each.order or 0, _RANK[each.source], each.sign, each.connection or "", each.evidence)


def _in_order(signs: Sequence[Observation]) -> list[Observation]:
    """Sort by the provider's sequence numbers. Observations without one are placed among them by their time."""
    numbered = sorted(
        (each for each in signs if each.order is not None), key=lambda each: (each.order, _position(each))
    )
    placed: list[tuple[datetime, int, Observation]] = []
    latest: datetime | None = None
    for number, each in enumerate(numbered):
        # The clocks of the provider's servers may differ slightly; the sequence numbers are authoritative.
        latest = each.at if latest is None else max(latest, each.at)
        placed.append((latest, number, each))
    placed += [(each.at, len(numbered), each) for each in signs if each.order is None]
    return [each for *_, each in sorted(placed, key=lambda item: (item[0], item[1], _position(item[2])))]


def _begin(ordered: Sequence[Observation]) -> list[_Draft]:
    """One draft for each reported arrival, by time."""
    drafts: list[_Draft] = []
    arrivals = [each for each in ordered if each.sign is ObservationType.ARRIVED or names_arrival(each)]
    for each in sorted(
        arrivals, key=lambda one: (_arrival_moment(one), one.sign is not ObservationType.ARRIVED, _position(one))
    ):
        known = _same_arrival(drafts, each)
        if known is None:
            drafts.append(_Draft([each], each))
        else:
            known.reports.append(each)
            if _RANK[each.source] < _RANK[known.start.source]:
                known.start = each
    return drafts


def names_arrival(each: Observation) -> bool:
    """Whether the observation contains the exact time of its person's arrival."""
    return each.sign in _NAMING_ARRIVALS and each.since is not None and each.since_is_exact


def _arrival_moment(each: Observation) -> datetime:
    return each.since if each.sign in _NAMING_ARRIVALS and each.since is not None else each.at


def _same_arrival(drafts: Sequence[_Draft], each: Observation) -> _Draft | None:
    for draft in reversed(drafts):
        if _arrival_moment(each) - draft.first_reported_at > ARRIVAL_TOLERANCE:
            return None
        numbers = {
            one.order for one in (*draft.reports, each) if one.sign is ObservationType.ARRIVED and one.order is not None
        }
        if len(numbers) <= 1:
            return draft
    return None


def _depart(drafts: list[_Draft], ordered: Sequence[Observation]) -> None:
    """Assign every departure to the stay that it ended. One that belongs to none becomes a stay of its own."""
    named = {id(report): draft for draft in drafts for report in draft.reports if names_arrival(report)}
    begun = {id(draft.start): draft for draft in drafts}
    latest: _Draft | None = None
    for each in ordered:
        latest = begun.get(id(each), latest)
        if each.sign is not ObservationType.LEFT:
            continue
        draft = named.get(id(each)) or _ended_by(latest, each)
        if draft is None:
            latest = _Draft([each], each, each)
            drafts.append(latest)
            continue
        if id(each) not in named:
            draft.reports.append(each)
        if draft.end is None or _position_of_end(each) < _position_of_end(draft.end):
            draft.end = each


def _ended_by(latest: _Draft | None, each: Observation) -> _Draft | None:
    """The stay that started last, unless its end is known and `each` is another departure."""
    if latest is None or latest.end is None:
        return latest
    same = each.order == latest.end.order or _RANK[each.source] != _RANK[latest.end.source]
    return latest if same else None


def _position_of_end(each: Observation) -> tuple[int, datetime, str]:
    return _RANK[each.source], each.at, each.evidence


@dataclass(frozen=True, slots=True)
class _EndCandidates:
    """The events that may end a stay without a reported departure."""

    presence_checks: Sequence[Observation]
    emptied: "_EmptiedMeetings"
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class _EmptiedMeetings:
    """When the provider's meetings emptied, in order of time: by provider call ID, and those without one."""

    named: Mapping[str, Sequence[Observation]]
    nameless: Sequence[Observation]

    @classmethod
    def of(cls, emptied: Iterable[Observation]) -> "_EmptiedMeetings":
        """`emptied` must be ordered by time."""
        named: dict[str, list[Observation]] = defaultdict(list)
        nameless: list[Observation] = []
        for each in emptied:
            (nameless if each.provider_call_id is None else named[each.provider_call_id]).append(each)
        return cls(named, nameless)

    def first_for(self, draft: _Draft, last_seen: datetime) -> Observation | None:
        """The first one that ends this stay."""
        names = {each.provider_call_id for each in draft.reports if each.provider_call_id is not None}
        found = [each for name in names for each in self.named.get(name, ()) if each.at >= last_seen][:1]
        # Reported in whole seconds: a person may have arrived in the second in which the last one left.
        place = bisect_right(self.nameless, max(draft.joined_at, last_seen - _TICK), key=lambda each: each.at)
        return min([*found, *self.nameless[place : place + 1]], key=lambda each: each.at, default=None)


def _finished(draft: _Draft, after: _Draft | None, candidates: _EndCandidates, changes: Sequence[Observation]) -> Stay:
    start, joined_at = draft.start, draft.joined_at
    ending = _reported_end(draft) or _inferred_end(draft, after, candidates)
    left_at = None if ending is None else max(ending.at, joined_at)
    within = [each for each in changes if each.at >= joined_at and (left_at is None or each.at <= left_at)]
    reports = [*draft.reports, *(ending.evidence if ending else ()), *within]
    named = next((each for each in draft.reports if each.provider_user_id is not None), start)
    return Stay(
        connection=start.connection or "",
        provider_user_id=named.provider_user_id or start.connection or "",
        joined_at=joined_at,
        joined_source=EvidenceSource.INFERRED
        if start.sign is ObservationType.LEFT and start.since is None
        else start.source,
        left_at=left_at,
        left_source=None if ending is None else ending.source,
        roles=_roles(draft, within),
        reason=None if draft.end is None else draft.end.reason,
        evidence=tuple(sorted({each.evidence for each in reports if each.evidence})),
    )


@dataclass(frozen=True, slots=True)
class _Ending:
    at: datetime
    source: EvidenceSource
    evidence: tuple[Observation, ...] = ()


def _reported_end(draft: _Draft) -> _Ending | None:
    return None if draft.end is None else _Ending(draft.end.at, draft.end.source)


def _inferred_end(draft: _Draft, after: _Draft | None, candidates: _EndCandidates) -> _Ending | None:
    start, until = draft.joined_at, None if after is None else after.joined_at
    during = [each for each in candidates.presence_checks if each.at > start and (until is None or each.at < until)]
    last_seen = max((each.at for each in during if each.sign is ObservationType.PRESENT), default=start)
    endings = [
        _Ending(each.at, each.source, (each,))
        for each in during
        if each.sign is ObservationType.ABSENT and each.at > last_seen
    ][:1]
    emptied = candidates.emptied.first_for(draft, last_seen)
    endings += [] if emptied is None else [_Ending(emptied.at, EvidenceSource.INFERRED, (emptied,))]
    endings += [] if after is None else [_Ending(after.joined_at, EvidenceSource.INFERRED, (after.start,))]
    endings += (
        [] if candidates.ended_at is None else [_Ending(max(candidates.ended_at, last_seen), EvidenceSource.INFERRED)]
    )
    return min(endings, key=lambda ending: (ending.at, _RANK[ending.source]), default=None)


def _roles(draft: _Draft, changes: Sequence[Observation]) -> tuple[RoleSpan, ...]:
    roles = [each.role for each in draft.reports if each.sign is ObservationType.ARRIVED and each.role]
    roles += [each.former_role for each in changes[:1] if each.former_role]
    roles += [each.role for each in draft.reports if each.role]
    spans = [RoleSpan(roles[0], draft.joined_at)] if roles else []
    for each in changes:
        if each.role and (not spans or spans[-1].role != each.role):
            spans.append(RoleSpan(each.role, each.at))
    return tuple(spans)
