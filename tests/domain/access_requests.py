"""Strategies for the inputs of the access decision."""

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
class AccessRequest:
    """The inputs of one access decision."""

    access: AccessContext
    person: AccessSubject
    now: datetime

    @property
    def decision(self) -> AccessDecision:
        """The decision of the code under test."""
        return decide_access(self.access, self.person, self.now)

    def at(self, now: datetime) -> "AccessRequest":
        """This request at another time."""
        return replace(self, now=now)


# Small windows often share a boundary; the others are any values that the API accepts.
_windows = st.sampled_from([0, 1, 600, 900, 3600]) | st.integers(0, 7 * 24 * 3600)
_years = st.datetimes(datetime(2000, 1, 10), datetime(2199, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants them bare


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies with arbitrary values in all fields that the access decision reads."""
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
def access_contexts(draw: st.DrawFn, *, confirmed: bool = False, scheduled: bool = False) -> AccessContext:
    """Any access context; if `confirmed`, of a confirmed session with video; if `scheduled`, of a booking."""
    starts_at = draw(_years if scheduled else st.one_of(_years, _years, st.none()))
    length = draw(st.timedeltas(INSTANT, WEEK))
    return AccessContext(
        status=SessionStatus.CONFIRMED if confirmed else draw(st.sampled_from(SessionStatus)),
        video=confirmed or draw(st.booleans()),
        starts_at=starts_at,
        ends_at=None if starts_at is None else starts_at + length,
        policy=draw(policies()),
        call_running=draw(st.booleans()),
        ended_for_all_at=draw(st.one_of(st.none(), _years)),
    )


@st.composite
def access_subjects(draw: st.DrawFn) -> AccessSubject:
    """Any person: with or without a role, guest, removed, admitted, denied."""
    return AccessSubject(
        role=draw(st.sampled_from([*ROLES, None])),
        provider_role=draw(st.sampled_from(["teacher", None])),
        is_guest=draw(st.booleans()),
        removed=draw(st.booleans()),
        admitted=draw(st.booleans()),
        denied=draw(st.booleans()),
    )


@st.composite
def relevant_times(draw: st.DrawFn, access: AccessContext) -> datetime:
    """A time at, just before, just after, or within a week of a boundary of the window."""
    if access.starts_at is None or access.ends_at is None:
        return draw(_years)
    policy = access.policy
    openings = (policy.opens_before_seconds, *policy.opens_before_seconds_by_role.values())
    closes_at = access.ends_at + timedelta(seconds=policy.grace_seconds)
    boundaries = [
        *(access.starts_at - timedelta(seconds=opening) for opening in openings),
        access.starts_at,
        access.ends_at,
        closes_at,
        closes_at + timedelta(seconds=policy.overrun_seconds),
    ]
    near = st.sampled_from([timedelta(), -INSTANT, INSTANT, -SECOND, SECOND])
    return draw(st.sampled_from(boundaries)) + draw(near | st.timedeltas(-WEEK, WEEK))


@st.composite
def access_requests(draw: st.DrawFn) -> AccessRequest:
    """Any access request."""
    access = draw(access_contexts())
    return AccessRequest(access, draw(access_subjects()), draw(relevant_times(access)))


@st.composite
def admissible_requests(draw: st.DrawFn, *, scheduled: bool = False) -> AccessRequest:
    """Requests for which only the time and the waiting room can prevent admission."""
    access = draw(access_contexts(confirmed=True, scheduled=scheduled))
    person = replace(
        draw(access_subjects()),
        role=draw(st.sampled_from(ROLES)),
        is_guest=access.policy.guests_allowed and draw(st.booleans()),
        removed=False,
    )
    return AccessRequest(access, person, draw(relevant_times(access)))


def all_access_requests() -> list[AccessRequest]:
    """Every combination of all conditions, around every boundary, with a different window for each role."""
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
    contexts = [
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
    subjects = [
        AccessSubject(role, "provider role", is_guest, removed, admitted, denied)
        for role, is_guest, removed, (admitted, denied) in product(
            ("tutor", "student", None), (True, False), (True, False), ((True, False), (False, False), (False, True))
        )
    ]
    instants = [boundary + offset for boundary in boundaries for offset in (-INSTANT, timedelta(), INSTANT)]
    return [AccessRequest(*combination) for combination in product(contexts, subjects, instants)]
