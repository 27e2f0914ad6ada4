"""What a roll call adds to what is known already."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from videobroker.domain.attendance.observations import Observation, Presence, PresenceReport, Sign, Source
from videobroker.domain.attendance.stays import ARRIVAL_TOLERANCE, Stay, names_arrival

LISTING_DELAY = timedelta(seconds=15)
"""Somebody who came so lately may not stand in the provider's lists yet: neither vendor says how soon they do."""


def find_missing_observations(
    known: Iterable[Observation], stays: Sequence[Stay], rolls: Sequence[PresenceReport], *, evidence: str
) -> tuple[Observation, ...]:
    """What these roll calls say and the observations do not: lost arrivals and departures, and who is gone.

    `stays` is the fold of what is `known`. Learning the same roll calls twice adds nothing the second time.
    """
    register = _Register.of(known, stays)
    told = [each for roll in rolls for each in _told(roll, register)]
    named = {person.connection for roll in rolls for person in roll.people}
    taken_at = max((roll.taken_at for roll in rolls), default=None)
    if taken_at is not None:
        told += [
            Observation(
                sign=Sign.ABSENT, at=taken_at, connection=stay.connection, provider_user_id=stay.provider_user_id
            )
            for stay in stays
            if stay.left_at is None and stay.connection not in named and stay.joined_at < taken_at - LISTING_DELAY
        ]
    return tuple(replace(each, source=Source.RECONCILED, evidence=evidence) for each in told)


@dataclass(frozen=True, slots=True)
class _Register:
    """What is known, by connection."""

    signs: dict[tuple[Sign, str], list[Observation]]
    meetings: set[tuple[Sign, str | None]]
    last: dict[str, Stay]

    @classmethod
    def of(cls, known: Iterable[Observation], stays: Iterable[Stay]) -> "_Register":
        signs: dict[tuple[Sign, str], list[Observation]] = defaultdict(list)
        meetings: set[tuple[Sign, str | None]] = set()
        for each in known:
            if each.connection is None:
                meetings.add((each.sign, each.provider_call_id))
                continue
            signs[each.sign, each.connection].append(each)
            if names_arrival(each) and each.since is not None:
                signs[Sign.ARRIVED, each.connection].append(replace(each, at=each.since))
        return cls(signs, meetings, {stay.connection: stay for stay in stays})

    def has(self, sign: Sign, each: Observation) -> bool:
        """Whether it is known already, from whatever source."""
        told = self.signs.get((sign, each.connection or ""), ())
        return any(abs(one.at - each.at) <= ARRIVAL_TOLERANCE for one in told)


def _told(roll: PresenceReport, register: _Register) -> Iterator[Observation]:
    meeting = Observation(sign=Sign.OPENED, at=roll.taken_at, provider_call_id=roll.provider_call_id)
    if roll.began_at is not None and (Sign.OPENED, roll.provider_call_id) not in register.meetings:
        yield replace(meeting, at=roll.began_at)
    for person in roll.people:
        yield from _told_of(person, meeting, register)
    if roll.ended_at is not None and (Sign.EMPTIED, roll.provider_call_id) not in register.meetings:
        yield replace(meeting, sign=Sign.EMPTIED, at=roll.ended_at)


def _told_of(person: Presence, meeting: Observation, register: _Register) -> Iterator[Observation]:
    seen = replace(meeting, connection=person.connection, provider_user_id=person.provider_user_id, role=person.role)
    last = register.last.get(person.connection)
    if person.joined_at is not None:
        arrival = replace(seen, sign=Sign.ARRIVED, at=person.joined_at)
        if not register.has(Sign.ARRIVED, arrival):
            yield arrival
    elif last is None or last.left_at is not None:
        yield replace(seen, sign=Sign.ARRIVED)
    if person.left_at is not None:
        departure = replace(seen, sign=Sign.LEFT, at=person.left_at, since=person.joined_at)
        if not register.has(Sign.LEFT, departure):
            yield departure
    elif last is not None and _was_taken_for_gone(last, person):
        yield replace(seen, sign=Sign.PRESENT)


def _was_taken_for_gone(last: Stay, person: Presence) -> bool:
    if last.left_at is None or person.joined_at is None:
        return False
    return abs(last.joined_at - person.joined_at) <= ARRIVAL_TOLERANCE
