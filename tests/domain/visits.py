"""Somebody at some door at some moment: everything the access decision may be asked about."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

from hypothesis import strategies as st

from videobroker.domain.access import AccessContext, AccessDecision, AccessSubject, decide_access
from videobroker.domain.policy import Policy, WaitingRoom
from videobroker.domain.sessions import SessionStatus

INSTANT = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)
ROLES = ("tutor", "student", "guest")


@dataclass(frozen=True)
class Visit:
    """One question: may this person enter by this door now?"""

    door: AccessContext
    person: AccessSubject
    now: datetime

    @property
    def decision(self) -> AccessDecision:
        """The answer of the program."""
        return decide_access(self.door, self.person, self.now)

    def at(self, now: datetime) -> "Visit":
        """The same person at the same door, at another moment."""
        return replace(self, now=now)


# Small windows meet each other at the same moment; the others are anything that the API lets an app say.
_windows = st.sampled_from([0, 1, 600, 900, 3600]) | st.integers(0, 7 * 24 * 3600)
_years = st.datetimes(datetime(2000, 1, 10), datetime(2199, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants them bare


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Every policy that can decide something at a door."""
    return Policy(
        opens_before_seconds=draw(_windows),
        opens_before_seconds_by_role=draw(st.dictionaries(st.sampled_from(ROLES), _windows)),
        grace_seconds=draw(_windows),
        overrun_seconds=draw(_windows),
        waiting_room=draw(st.sampled_from(WaitingRoom)),
        host_roles=tuple(draw(st.lists(st.sampled_from(ROLES), unique=True))),
        guests_allowed=draw(st.booleans()),
    )


@st.composite
def doors(draw: st.DrawFn, *, sound: bool = False, scheduled: bool = False) -> AccessContext:
    """Every door; a `sound` one belongs to a session that may meet at some time, a `scheduled` one to a booking."""
    starts_at = draw(_years if scheduled else st.one_of(_years, _years, st.none()))
    length = draw(st.timedeltas(INSTANT, WEEK))
    return AccessContext(
        status=SessionStatus.CONFIRMED if sound else draw(st.sampled_from(SessionStatus)),
        video=sound or draw(st.booleans()),
        starts_at=starts_at,
        ends_at=None if starts_at is None else starts_at + length,
        policy=draw(policies()),
        call_running=draw(st.booleans()),
        ended_for_all_at=draw(st.one_of(st.none(), _years)),
    )


@st.composite
def people(draw: st.DrawFn) -> AccessSubject:
    """Everybody: of any role or of none, registered or a guest, removed, let in."""
    return AccessSubject(
        role=draw(st.sampled_from([*ROLES, None])),
        provider_role=draw(st.sampled_from(["teacher", None])),
        is_guest=draw(st.booleans()),
        removed=draw(st.booleans()),
        admitted=draw(st.booleans()),
        denied=draw(st.booleans()),
    )


@st.composite
def moments(draw: st.DrawFn, door: AccessContext) -> datetime:
    """A moment that matters at this door: at, just before, just after, or anywhere around one of its boundaries."""
    if door.starts_at is None or door.ends_at is None:
        return draw(_years)
    policy = door.policy
    openings = (policy.opens_before_seconds, *policy.opens_before_seconds_by_role.values())
    closes_at = door.ends_at + timedelta(seconds=policy.grace_seconds)
    boundaries = [
        *(door.starts_at - timedelta(seconds=opening) for opening in openings),
        door.starts_at,
        door.ends_at,
        closes_at,
        closes_at + timedelta(seconds=policy.overrun_seconds),
    ]
    near = st.sampled_from([timedelta(), -INSTANT, INSTANT, -SECOND, SECOND])
    return draw(st.sampled_from(boundaries)) + draw(near | st.timedeltas(-WEEK, WEEK))


@st.composite
def visits(draw: st.DrawFn) -> Visit:
    """Everything that can be asked."""
    door = draw(doors())
    return Visit(door, draw(people()), draw(moments(door)))


@st.composite
def welcome_visits(draw: st.DrawFn, *, scheduled: bool = False) -> Visit:
    """Only where nothing but the time and the waiting room can keep the person outside."""
    door = draw(doors(sound=True, scheduled=scheduled))
    person = replace(
        draw(people()),
        role=draw(st.sampled_from(ROLES)),
        is_guest=door.policy.guests_allowed and draw(st.booleans()),
        removed=False,
    )
    return Visit(door, person, draw(moments(door)))


def every_visit() -> list[Visit]:
    """Each combination of what can be the matter, with a window for each role, around every boundary."""
    start = datetime(2026, 3, 12, 14, tzinfo=UTC)
    end = start + timedelta(hours=1)
    before_tutor, before_student, grace, overrun = 1200, 600, 900, 1800
    closes_at = end + timedelta(seconds=grace)
    boundaries = [
        start - timedelta(seconds=before_tutor),
        start - timedelta(seconds=before_student),
        start,
        end,
        closes_at,
        closes_at + timedelta(seconds=overrun),
    ]
    doors = [
        AccessContext(
            status,
            video,
            schedule[0],
            schedule[1],
            Policy(
                opens_before_seconds=0,
                opens_before_seconds_by_role={"tutor": before_tutor, "student": before_student},
                grace_seconds=grace,
                overrun_seconds=overrun,
                waiting_room=waiting_room,
                host_roles=("tutor",),
                guests_allowed=guests_allowed,
            ),
            call_running,
        )
        for status, video, schedule, waiting_room, guests_allowed, call_running in product(
            SessionStatus, (True, False), ((start, end), (None, None)), WaitingRoom, (True, False), (True, False)
        )
    ]
    everybody = [
        AccessSubject(role, "provider role", is_guest, removed, admitted, denied)
        for role, is_guest, removed, (admitted, denied) in product(
            ("tutor", "student", None), (True, False), (True, False), ((True, False), (False, False), (False, True))
        )
    ]
    instants = [boundary + aside for boundary in boundaries for aside in (-INSTANT, timedelta(), INSTANT)]
    return [Visit(*combination) for combination in product(doors, everybody, instants)]
