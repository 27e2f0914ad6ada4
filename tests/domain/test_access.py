"""Who may enter, when, as what: the decision table of the design, line by line, and then for everybody everywhere."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.visits import INSTANT, SECOND, WEEK, Visit, doors, every_visit, moments, people, visits, welcome_visits
from videobroker.domain.access import (
    MIN_CREDENTIAL_LIFETIME,
    AccessContext,
    AccessDecision,
    AccessReason,
    AccessSubject,
    AdmitDecision,
    RefuseDecision,
    WaitDecision,
    decide_access,
    decide_call_opening,
    explain_decision,
)
from videobroker.domain.policy import Policy, WaitingRoom
from videobroker.domain.sessions import SessionStatus

START = datetime(2026, 3, 12, 14, tzinfo=UTC)
END = datetime(2026, 3, 12, 15, tzinfo=UTC)
OPENS = datetime(2026, 3, 12, 13, 50, tzinfo=UTC)
CLOSES = datetime(2026, 3, 12, 15, 15, tzinfo=UTC)
OVERRUN_ENDS = datetime(2026, 3, 12, 16, 15, tzinfo=UTC)
LAST, LAST_OF_OVERRUN = CLOSES - MIN_CREDENTIAL_LIFETIME, OVERRUN_ENDS - MIN_CREDENTIAL_LIFETIME
"""The last moments at which a credential is issued."""

LESSON = AccessContext(status=SessionStatus.CONFIRMED, video=True, starts_at=START, ends_at=END, policy=Policy())
CIRCLE = AccessContext(status=SessionStatus.CONFIRMED, video=True, starts_at=None, ends_at=None, policy=Policy())
TUTOR = AccessSubject("tutor", "teacher")
STUDENT = AccessSubject("student", "learner")
STRANGER = AccessSubject(None)
GUEST = AccessSubject("guest", "learner", is_guest=True)


def ruled(door: AccessContext, **rules: object) -> AccessContext:
    """The door under other rules."""
    return replace(door, policy=door.policy.with_changes(rules))


# --- the table, line by line ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", [LESSON, CIRCLE], ids=["physical appointment", "group without video"])
def test_nobody_enters_where_video_is_off(door: AccessContext) -> None:
    assert decide_access(replace(door, video=False), TUTOR, START) == RefuseDecision(AccessReason.VIDEO_DISABLED)


@pytest.mark.parametrize("door", [LESSON, CIRCLE], ids=["booking", "group"])
def test_nobody_enters_a_cancelled_session(door: AccessContext) -> None:
    assert decide_access(replace(door, status=SessionStatus.CANCELLED), TUTOR, START) == RefuseDecision(
        AccessReason.SESSION_CANCELLED
    )


def test_nobody_enters_a_completed_session() -> None:
    completed = replace(LESSON, status=SessionStatus.COMPLETED, call_running=True)
    assert decide_access(completed, TUTOR, START) == RefuseDecision(AccessReason.SESSION_COMPLETED)


def test_nobody_enters_before_the_session_is_confirmed() -> None:
    assert decide_access(replace(LESSON, status=SessionStatus.PENDING), TUTOR, START) == RefuseDecision(
        AccessReason.SESSION_NOT_CONFIRMED
    )


@pytest.mark.parametrize("door", [LESSON, CIRCLE], ids=["booking", "group"])
def test_somebody_who_is_not_on_the_roster_is_refused(door: AccessContext) -> None:
    assert decide_access(door, STRANGER, START) == RefuseDecision(AccessReason.NOT_A_PARTICIPANT)


def test_a_guest_is_refused_unless_the_policy_allows_guests() -> None:
    assert decide_access(LESSON, GUEST, START) == RefuseDecision(AccessReason.GUESTS_NOT_ALLOWED)
    assert isinstance(decide_access(ruled(LESSON, guests_allowed=True), GUEST, START), AdmitDecision)


def test_allowing_guests_lets_no_stranger_in() -> None:
    assert decide_access(ruled(LESSON, guests_allowed=True), STRANGER, START) == RefuseDecision(
        AccessReason.NOT_A_PARTICIPANT
    )


@pytest.mark.parametrize("door", [LESSON, CIRCLE], ids=["booking", "group"])
@pytest.mark.parametrize("person", [TUTOR, STUDENT, replace(STUDENT, admitted=True)], ids=["host", "student", "let in"])
def test_somebody_who_was_removed_does_not_come_back(door: AccessContext, person: AccessSubject) -> None:
    assert decide_access(door, replace(person, removed=True), START) == RefuseDecision(AccessReason.PARTICIPANT_REMOVED)


def test_who_comes_early_waits_until_the_window_opens() -> None:
    half_an_hour_early = START - timedelta(minutes=30)
    assert decide_access(LESSON, STUDENT, half_an_hour_early) == WaitDecision(
        AccessReason.TOO_EARLY, 20 * 60, OPENS, CLOSES
    )


def test_who_comes_late_finds_the_session_over() -> None:
    assert decide_access(LESSON, STUDENT, CLOSES + timedelta(days=1)) == RefuseDecision(
        AccessReason.SESSION_OVER, OPENS, CLOSES
    )


def test_the_waiting_room_keeps_people_until_the_host_is_there() -> None:
    door = ruled(LESSON, waiting_room="until_host")
    assert decide_access(door, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)
    assert isinstance(decide_access(replace(door, call_running=True), STUDENT, START), AdmitDecision)


@pytest.mark.parametrize("call_running", [True, False])
def test_the_waiting_room_keeps_people_until_they_are_let_in(call_running: bool) -> None:
    door = replace(ruled(LESSON, waiting_room="admit"), call_running=call_running)
    assert decide_access(door, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_ADMISSION, 5, OPENS, CLOSES)
    assert isinstance(decide_access(door, replace(STUDENT, admitted=True), START), AdmitDecision)


def test_who_was_denied_is_refused_until_somebody_lets_them_in() -> None:
    door, denied = ruled(LESSON, waiting_room="admit"), replace(STUDENT, denied=True)
    assert decide_access(door, denied, START) == RefuseDecision(AccessReason.ADMISSION_DENIED, OPENS, CLOSES)
    assert isinstance(decide_access(door, replace(denied, admitted=True), START), AdmitDecision)
    assert isinstance(decide_access(door, replace(TUTOR, denied=True), START), AdmitDecision)
    for waiting_room in ("off", "until_host"):
        elsewhere = replace(ruled(LESSON, waiting_room=waiting_room), call_running=True)
        assert isinstance(decide_access(elsewhere, denied, START), AdmitDecision)


def test_the_waiting_room_is_off_unless_the_policy_says_otherwise() -> None:
    assert isinstance(decide_access(LESSON, STUDENT, START), AdmitDecision)


@pytest.mark.parametrize("waiting_room", WaitingRoom)
def test_a_host_does_not_wait_in_the_waiting_room(waiting_room: WaitingRoom) -> None:
    assert isinstance(decide_access(ruled(LESSON, waiting_room=waiting_room), TUTOR, START), AdmitDecision)


def test_who_is_a_host_is_for_the_policy_to_say() -> None:
    door = ruled(LESSON, waiting_room="admit", host_roles=["student"])
    assert isinstance(decide_access(door, STUDENT, START), AdmitDecision)
    assert isinstance(decide_access(door, TUTOR, START), WaitDecision)


def test_everybody_else_is_admitted_with_the_provider_role_until_the_window_closes() -> None:
    assert decide_access(LESSON, TUTOR, START) == AdmitDecision("teacher", CLOSES, OPENS, CLOSES)
    assert decide_access(LESSON, STUDENT, START) == AdmitDecision("learner", CLOSES, OPENS, CLOSES)


def test_a_group_is_open_at_any_time_and_has_no_window() -> None:
    assert decide_access(CIRCLE, STUDENT, START) == AdmitDecision("learner", None, None, None)
    assert decide_access(CIRCLE, STUDENT, START + timedelta(days=10_000)) == AdmitDecision("learner", None, None, None)


def test_a_group_can_have_a_waiting_room_too() -> None:
    door = ruled(CIRCLE, waiting_room="until_host")
    assert decide_access(door, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, None, None)


def test_mending_one_fault_brings_up_the_next_in_the_order_of_the_table() -> None:
    door = replace(ruled(LESSON, waiting_room="admit", host_roles=[]), video=False, status=SessionStatus.CANCELLED)
    person = AccessSubject(None, "learner", is_guest=True, removed=True)
    early, late = OPENS - SECOND, CLOSES
    assert decide_access(door, person, early) == RefuseDecision(AccessReason.VIDEO_DISABLED)
    door = replace(door, video=True)
    assert decide_access(door, person, early) == RefuseDecision(AccessReason.SESSION_CANCELLED)
    door = replace(door, status=SessionStatus.PENDING)
    assert decide_access(door, person, early) == RefuseDecision(AccessReason.SESSION_NOT_CONFIRMED)
    door = replace(door, status=SessionStatus.CONFIRMED)
    assert decide_access(door, person, early) == RefuseDecision(AccessReason.GUESTS_NOT_ALLOWED)
    door = ruled(door, guests_allowed=True)
    assert decide_access(door, person, early) == RefuseDecision(AccessReason.NOT_A_PARTICIPANT)
    person = replace(person, role="guest")
    assert decide_access(door, person, early) == RefuseDecision(AccessReason.PARTICIPANT_REMOVED)
    person = replace(person, removed=False)
    assert decide_access(door, person, early) == WaitDecision(AccessReason.TOO_EARLY, 1, OPENS, CLOSES)
    assert decide_access(door, person, late) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)
    assert decide_access(door, person, START) == WaitDecision(AccessReason.WAITING_FOR_ADMISSION, 5, OPENS, CLOSES)
    door = ruled(door, waiting_room="until_host")
    assert decide_access(door, person, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)
    door = replace(door, call_running=True)
    assert decide_access(door, person, START) == AdmitDecision("learner", CLOSES, OPENS, CLOSES)


# --- the window -------------------------------------------------------------------------------------------------------


def test_the_window_opens_at_opens_at_itself() -> None:
    assert decide_access(LESSON, STUDENT, OPENS - INSTANT) == WaitDecision(AccessReason.TOO_EARLY, 1, OPENS, CLOSES)
    assert isinstance(decide_access(LESSON, STUDENT, OPENS), AdmitDecision)


def test_at_closes_at_itself_the_window_is_closed() -> None:
    assert isinstance(decide_access(LESSON, STUDENT, LAST), AdmitDecision)
    assert decide_access(LESSON, STUDENT, LAST + INSTANT) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)
    assert decide_access(LESSON, STUDENT, CLOSES) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_the_door_is_open_from_ten_minutes_before_to_fifteen_minutes_after_by_default() -> None:
    assert LESSON.opens_at("student") == START - timedelta(minutes=10)
    assert LESSON.closes_at == END + timedelta(minutes=15)


def test_every_role_may_have_a_window_of_its_own() -> None:
    door = ruled(LESSON, opens_before_seconds_by_role={"tutor": 3600, "guest": 0}, guests_allowed=True)
    hour_before = START - timedelta(hours=1)
    assert decide_access(door, TUTOR, hour_before) == AdmitDecision("teacher", CLOSES, hour_before, CLOSES)
    assert decide_access(door, STUDENT, hour_before) == WaitDecision(AccessReason.TOO_EARLY, 50 * 60, OPENS, CLOSES)
    assert decide_access(door, GUEST, START - INSTANT) == WaitDecision(AccessReason.TOO_EARLY, 1, START, CLOSES)
    assert decide_access(door, GUEST, START) == AdmitDecision("learner", CLOSES, START, CLOSES)


def test_a_host_comes_too_early_like_anybody_else() -> None:
    assert decide_access(LESSON, TUTOR, OPENS - SECOND) == WaitDecision(AccessReason.TOO_EARLY, 1, OPENS, CLOSES)


def test_a_call_that_runs_when_the_window_closes_can_be_joined_during_the_overrun() -> None:
    running = replace(LESSON, call_running=True)
    assert decide_access(running, STUDENT, LAST) == AdmitDecision("learner", CLOSES, OPENS, CLOSES)
    assert decide_access(running, STUDENT, LAST + INSTANT) == AdmitDecision("learner", OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_access(running, STUDENT, CLOSES) == AdmitDecision("learner", OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_access(running, STUDENT, LAST_OF_OVERRUN) == AdmitDecision("learner", OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_access(running, STUDENT, OVERRUN_ENDS) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_without_an_overrun_a_running_call_changes_nothing() -> None:
    running = replace(ruled(LESSON, overrun_seconds=0), call_running=True)
    assert decide_access(running, STUDENT, CLOSES) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_a_running_call_does_not_open_the_window_early() -> None:
    running = replace(LESSON, call_running=True)
    assert decide_access(running, STUDENT, OPENS - SECOND) == WaitDecision(AccessReason.TOO_EARLY, 1, OPENS, CLOSES)


@pytest.mark.parametrize(
    ("early", "seconds"),
    [
        (INSTANT, 1),
        (SECOND - INSTANT, 1),
        (SECOND, 1),
        (SECOND + INSTANT, 2),
        (timedelta(days=30), 30 * 24 * 3600),
    ],
)
def test_retry_after_is_the_wait_in_whole_seconds_rounded_up(early: timedelta, seconds: int) -> None:
    assert decide_access(LESSON, STUDENT, OPENS - early) == WaitDecision(AccessReason.TOO_EARLY, seconds, OPENS, CLOSES)


# --- everybody, everywhere --------------------------------------------------------------------------------------------
#
# The table of the design once more, as plain as it stands there. It looks only at what the app said (raw seconds of the
# policy, raw fields) and never asks the program under test what it thinks of them.


def _opening(visit: Visit) -> datetime | None:
    if visit.door.starts_at is None:
        return None
    policy = visit.door.policy
    before = policy.opens_before_seconds_by_role.get(visit.person.role or "", policy.opens_before_seconds)
    return visit.door.starts_at - timedelta(seconds=before)


def _closing(visit: Visit) -> datetime | None:
    return visit.door.ends_at and visit.door.ends_at + timedelta(seconds=visit.door.policy.grace_seconds)


def _last_closing(visit: Visit) -> datetime | None:
    closing = _closing(visit)
    return closing and closing + timedelta(seconds=visit.door.policy.overrun_seconds)


def _is_early(visit: Visit) -> bool:
    opening = _opening(visit)
    return opening is not None and visit.now < opening


def _is_late(visit: Visit) -> bool:
    closing = _closing(visit)
    return closing is not None and visit.now > closing - MIN_CREDENTIAL_LIFETIME


def _is_later_than_any_overrun(visit: Visit) -> bool:
    last = _last_closing(visit)
    return last is not None and visit.now > last - MIN_CREDENTIAL_LIFETIME


def _refused(reason: AccessReason) -> Callable[[Visit], AccessDecision]:
    return lambda _: RefuseDecision(reason)


def _early(visit: Visit) -> AccessDecision:
    opening = _opening(visit)
    assert opening is not None
    return WaitDecision(AccessReason.TOO_EARLY, -((visit.now - opening) // SECOND), opening, _closing(visit))


def _over(visit: Visit) -> AccessDecision:
    return RefuseDecision(AccessReason.SESSION_OVER, _opening(visit), _closing(visit))


def _waiting(reason: AccessReason) -> Callable[[Visit], AccessDecision]:
    return lambda visit: WaitDecision(reason, 5, _opening(visit), _closing(visit))


def _admitted(visit: Visit) -> AccessDecision:
    return AdmitDecision(visit.person.provider_role, _closing(visit), _opening(visit), _closing(visit))


def _admitted_to_the_overrun(visit: Visit) -> AccessDecision:
    return AdmitDecision(visit.person.provider_role, _last_closing(visit), _opening(visit), _closing(visit))


def _waits(visit: Visit) -> bool:
    return visit.person.role not in visit.door.policy.host_roles and not visit.person.admitted


def _kept_for_admission(visit: Visit) -> bool:
    return _waits(visit) and visit.door.policy.waiting_room == "admit"


def _denied(visit: Visit) -> bool:
    return _kept_for_admission(visit) and visit.person.denied


def _refused_in_the_window(reason: AccessReason) -> Callable[[Visit], AccessDecision]:
    return lambda visit: RefuseDecision(reason, _opening(visit), _closing(visit))


def _was_ended_for_all(visit: Visit) -> bool:
    door, ended_at = visit.door, visit.door.ended_for_all_at
    if ended_at is None or not door.policy.host_roles:
        return False
    if door.starts_at is None:
        return visit.now < ended_at + door.policy.grace
    policy = door.policy
    earliest = max(policy.opens_before_seconds, *policy.opens_before_seconds_by_role.values(), 0)
    return ended_at >= door.starts_at - timedelta(seconds=earliest)


def _kept_for_host(visit: Visit) -> bool:
    waits_until_host = visit.door.policy.waiting_room == "until_host" or _was_ended_for_all(visit)
    return _waits(visit) and waits_until_host and not visit.door.call_running


Line = tuple[Callable[[Visit], bool], Callable[[Visit], AccessDecision]]

TABLE: dict[str, Line] = {
    "video off": (lambda v: not v.door.video, _refused(AccessReason.VIDEO_DISABLED)),
    "cancelled": (lambda v: v.door.status == "cancelled", _refused(AccessReason.SESSION_CANCELLED)),
    "completed": (lambda v: v.door.status == "completed", _refused(AccessReason.SESSION_COMPLETED)),
    "not confirmed": (lambda v: v.door.status != "confirmed", _refused(AccessReason.SESSION_NOT_CONFIRMED)),
    "guest where guests are off": (
        lambda v: v.person.is_guest and not v.door.policy.guests_allowed,
        _refused(AccessReason.GUESTS_NOT_ALLOWED),
    ),
    "not on the roster": (lambda v: v.person.role is None, _refused(AccessReason.NOT_A_PARTICIPANT)),
    "removed": (lambda v: v.person.removed, _refused(AccessReason.PARTICIPANT_REMOVED)),
    "before the window": (_is_early, _early),
    "after the window": (lambda v: _is_late(v) and not v.door.call_running, _over),
    "after the overrun": (_is_later_than_any_overrun, _over),
    "not let in": (_denied, _refused_in_the_window(AccessReason.ADMISSION_DENIED)),
    "not let in yet": (_kept_for_admission, _waiting(AccessReason.WAITING_FOR_ADMISSION)),
    "host not there yet": (_kept_for_host, _waiting(AccessReason.WAITING_FOR_HOST)),
    "during the overrun": (_is_late, _admitted_to_the_overrun),
    "otherwise": (lambda _: True, _admitted),
}


def _line(visit: Visit) -> str:
    return next(line for line, (holds, _) in TABLE.items() if holds(visit))


def _expected(visit: Visit) -> AccessDecision:
    _, outcome = TABLE[_line(visit)]
    return outcome(visit)


def test_the_table_holds_for_every_combination_of_what_can_be_the_matter() -> None:
    seen = Counter[str]()
    for visit in every_visit():
        assert visit.decision == _expected(visit), visit
        seen[_line(visit)] += 1
    assert set(seen) == set(TABLE), "a line of the table never decides anything"


@settings(max_examples=500)
@given(visits())
def test_the_table_holds_for_everybody_at_every_door_at_any_moment(visit: Visit) -> None:
    assert visit.decision == _expected(visit)


@settings(max_examples=500)
@given(welcome_visits())
def test_the_table_holds_where_only_time_and_waiting_room_decide(visit: Visit) -> None:
    assert visit.decision == _expected(visit)


# --- what follows from it, whatever the table says --------------------------------------------------------------------

SAID_BY_THE_SESSION = {
    AccessReason.VIDEO_DISABLED,
    AccessReason.SESSION_CANCELLED,
    AccessReason.SESSION_COMPLETED,
    AccessReason.SESSION_NOT_CONFIRMED,
}
SAID_ABOUT_THE_PERSON = {
    AccessReason.NOT_A_PARTICIPANT,
    AccessReason.GUESTS_NOT_ALLOWED,
    AccessReason.PARTICIPANT_REMOVED,
}
SAID_IN_THE_WAITING_ROOM = {
    AccessReason.WAITING_FOR_HOST,
    AccessReason.WAITING_FOR_ADMISSION,
    AccessReason.ADMISSION_DENIED,
}


def _reason(decision: AccessDecision) -> AccessReason | None:
    return None if isinstance(decision, AdmitDecision) else decision.reason


@given(welcome_visits())
def test_an_admission_always_lasts_beyond_now(visit: Visit) -> None:
    decision = visit.decision
    assume(isinstance(decision, AdmitDecision))
    assert isinstance(decision, AdmitDecision)
    assert (decision.until is None) == (visit.door.ends_at is None)
    assert decision.until is None or decision.until > visit.now


@given(welcome_visits(), st.floats(0, 1, exclude_max=True))
def test_an_admission_stands_until_the_moment_it_names(visit: Visit, share: float) -> None:
    decision = visit.decision
    assume(isinstance(decision, AdmitDecision))
    assert isinstance(decision, AdmitDecision)
    remaining = timedelta(days=365) if decision.until is None else decision.until - visit.now
    later = visit.now + min(share * remaining, remaining - MIN_CREDENTIAL_LIFETIME)
    assert visit.at(later).decision == decision


@given(welcome_visits(scheduled=True))
def test_nobody_is_admitted_outside_the_window_but_to_a_running_call_within_the_overrun(visit: Visit) -> None:
    decision = visit.decision
    assume(isinstance(decision, AdmitDecision))
    assert isinstance(decision, AdmitDecision)
    assert decision.opens_at is not None
    assert decision.closes_at is not None
    assert decision.opens_at <= visit.now
    if visit.now >= decision.closes_at:
        assert visit.door.call_running
        assert visit.now < decision.closes_at + timedelta(seconds=visit.door.policy.overrun_seconds)


@given(welcome_visits(scheduled=True), st.sampled_from([INSTANT, SECOND]) | st.timedeltas(INSTANT, WEEK))
def test_who_is_too_early_is_told_when_to_come_and_is_not_too_early_then(visit: Visit, early: timedelta) -> None:
    opening = _opening(visit)
    assert opening is not None
    now = opening - early
    decision = visit.at(now).decision
    assert isinstance(decision, WaitDecision)
    assert decision.reason is AccessReason.TOO_EARLY
    assert decision.opens_at == opening
    assert decision.retry_after >= 1
    assert timedelta() <= now + decision.retry_after * SECOND - decision.opens_at < SECOND
    assert _reason(visit.at(decision.opens_at).decision) is not AccessReason.TOO_EARLY
    assert _reason(visit.at(decision.opens_at - INSTANT).decision) is AccessReason.TOO_EARLY


@given(visits())
def test_who_has_to_wait_waits_at_least_a_second(visit: Visit) -> None:
    decision = visit.decision
    assert not isinstance(decision, WaitDecision) or decision.retry_after >= 1


@given(welcome_visits(scheduled=True), st.timedeltas(timedelta(), WEEK), st.timedeltas(timedelta(), WEEK))
def test_what_is_over_stays_over(visit: Visit, late: timedelta, later: timedelta) -> None:
    closing = _last_closing(visit) if visit.door.call_running else _closing(visit)
    assert closing is not None
    over = visit.at(closing + late).decision
    assert _reason(over) is AccessReason.SESSION_OVER
    assert visit.at(closing + late + later).decision == over


@given(visits(), people(), st.data())
def test_what_the_session_refuses_it_refuses_to_everybody_at_any_time(
    visit: Visit, other: AccessSubject, data: st.DataObject
) -> None:
    somebody_else = Visit(visit.door, other, data.draw(moments(visit.door)))
    session_says_no = _reason(visit.decision) in SAID_BY_THE_SESSION
    assert session_says_no == (_reason(somebody_else.decision) in SAID_BY_THE_SESSION)
    if session_says_no:
        assert visit.decision == somebody_else.decision


@given(visits(), st.data())
def test_what_is_refused_to_a_person_is_refused_at_any_time_and_tells_nothing_of_the_window(
    visit: Visit, data: st.DataObject
) -> None:
    reason = _reason(visit.decision)
    assume(reason is not None and reason in SAID_BY_THE_SESSION | SAID_ABOUT_THE_PERSON)
    assert reason is not None
    assert visit.decision == RefuseDecision(reason)
    assert visit.at(data.draw(moments(visit.door))).decision == visit.decision


@given(welcome_visits())
def test_everybody_who_is_not_refused_outright_is_told_the_window_of_their_role(visit: Visit) -> None:
    decision = visit.decision
    assert (decision.opens_at, decision.closes_at) == (_opening(visit), _closing(visit))


@given(doors(), people(), st.data())
def test_a_stranger_is_never_admitted_and_never_told_to_wait(
    door: AccessContext, person: AccessSubject, data: st.DataObject
) -> None:
    stranger = replace(person, role=None)
    assert isinstance(decide_access(door, stranger, data.draw(moments(door))), RefuseDecision)


@given(doors(sound=True), people(), st.data())
def test_a_guest_is_never_admitted_where_guests_are_off(
    door: AccessContext, person: AccessSubject, data: st.DataObject
) -> None:
    door = ruled(door, guests_allowed=False)
    guest = replace(person, is_guest=True)
    assert decide_access(door, guest, data.draw(moments(door))) == RefuseDecision(AccessReason.GUESTS_NOT_ALLOWED)


@given(doors(sound=True), people(), st.data())
def test_somebody_who_was_removed_is_never_admitted(
    door: AccessContext, person: AccessSubject, data: st.DataObject
) -> None:
    removed = replace(person, removed=True)
    assert _reason(decide_access(door, removed, data.draw(moments(door)))) in SAID_ABOUT_THE_PERSON


@given(welcome_visits())
def test_a_host_is_never_kept_in_the_waiting_room(visit: Visit) -> None:
    assert visit.person.role is not None
    host = replace(visit, door=ruled(visit.door, host_roles=[visit.person.role]))
    assert _reason(host.decision) not in SAID_IN_THE_WAITING_ROOM


@given(welcome_visits())
def test_somebody_who_was_let_in_is_never_kept_in_the_waiting_room(visit: Visit) -> None:
    let_in = replace(visit, person=replace(visit.person, admitted=True))
    assert _reason(let_in.decision) not in SAID_IN_THE_WAITING_ROOM


@given(welcome_visits())
def test_the_waiting_room_keeps_nobody_where_it_is_off(visit: Visit) -> None:
    off = replace(visit, door=replace(ruled(visit.door, waiting_room="off"), ended_for_all_at=None))
    assert _reason(off.decision) not in SAID_IN_THE_WAITING_ROOM


@given(welcome_visits())
def test_being_let_in_changes_nothing_but_the_wait(visit: Visit) -> None:
    kept = replace(visit, person=replace(visit.person, admitted=False)).decision
    let_in = replace(visit, person=replace(visit.person, admitted=True)).decision
    assert let_in == kept or _reason(kept) in SAID_IN_THE_WAITING_ROOM


@given(visits())
def test_a_call_that_starts_never_shuts_the_door_to_anybody(visit: Visit) -> None:
    idle = replace(visit, door=replace(visit.door, call_running=False)).decision
    running = replace(visit, door=replace(visit.door, call_running=True)).decision
    assert running == idle or _reason(idle) in {AccessReason.SESSION_OVER, AccessReason.WAITING_FOR_HOST}


@given(welcome_visits(), st.integers(0, 3600))
def test_a_longer_grace_never_shuts_the_door_to_anybody(visit: Visit, more: int) -> None:
    assume(isinstance(visit.decision, AdmitDecision))
    generous = replace(visit, door=ruled(visit.door, grace_seconds=visit.door.policy.grace_seconds + more))
    assert isinstance(generous.decision, AdmitDecision)


@given(visits())
def test_the_provider_role_is_handed_through_and_decides_nothing(visit: Visit) -> None:
    renamed = replace(visit, person=replace(visit.person, provider_role="renamed")).decision
    decision = visit.decision
    assert renamed == (replace(decision, role="renamed") if isinstance(decision, AdmitDecision) else decision)


# --- may the session meet, whoever comes ------------------------------------------------------------------------------


def test_a_session_may_meet_as_soon_as_anybody_may_come() -> None:
    door = ruled(LESSON, opens_before_seconds_by_role={"tutor": 3600, "guest": 0})
    hour_before = START - timedelta(hours=1)
    assert decide_call_opening(door, hour_before) == AdmitDecision(None, CLOSES, hour_before, CLOSES)
    assert decide_call_opening(door, hour_before - SECOND) == WaitDecision(
        AccessReason.TOO_EARLY, 1, hour_before, CLOSES
    )


def test_a_session_may_meet_in_the_common_window_when_every_named_role_comes_later() -> None:
    door = ruled(LESSON, opens_before_seconds_by_role={"guest": 0})
    assert decide_call_opening(door, OPENS) == AdmitDecision(None, CLOSES, OPENS, CLOSES)


def test_a_session_may_meet_until_the_window_closes() -> None:
    assert isinstance(decide_call_opening(LESSON, LAST), AdmitDecision)
    assert decide_call_opening(LESSON, CLOSES) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_a_session_whose_call_runs_may_meet_during_the_overrun() -> None:
    running = replace(LESSON, call_running=True)
    assert decide_call_opening(running, LAST_OF_OVERRUN) == AdmitDecision(None, OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_call_opening(running, OVERRUN_ENDS) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_a_group_may_meet_at_any_time() -> None:
    assert decide_call_opening(CIRCLE, START) == AdmitDecision(None, None, None, None)


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        (replace(LESSON, video=False), AccessReason.VIDEO_DISABLED),
        (replace(LESSON, status=SessionStatus.CANCELLED), AccessReason.SESSION_CANCELLED),
        (replace(LESSON, status=SessionStatus.COMPLETED), AccessReason.SESSION_COMPLETED),
        (replace(LESSON, status=SessionStatus.PENDING), AccessReason.SESSION_NOT_CONFIRMED),
    ],
    ids=["video off", "cancelled", "completed", "pending"],
)
def test_a_session_that_admits_nobody_may_not_meet(door: AccessContext, reason: AccessReason) -> None:
    assert decide_call_opening(door, START) == RefuseDecision(reason)


@pytest.mark.parametrize("waiting_room", WaitingRoom)
def test_the_waiting_room_does_not_keep_a_session_from_meeting(waiting_room: WaitingRoom) -> None:
    assert isinstance(decide_call_opening(ruled(LESSON, waiting_room=waiting_room), START), AdmitDecision)


def _hosts_of_every_role(door: AccessContext) -> list[AccessSubject]:
    return [
        AccessSubject(role, admitted=True) for role in (*door.policy.opens_before_seconds_by_role, "any other role")
    ]


@settings(max_examples=300)
@given(st.booleans().flatmap(lambda sound: doors(sound=sound)), st.data())
def test_a_session_may_meet_exactly_when_somebody_could_enter(door: AccessContext, data: st.DataObject) -> None:
    now = data.draw(moments(door))
    answers = [decide_access(door, person, now) for person in _hosts_of_every_role(door)]
    answer = decide_call_opening(door, now)
    assert isinstance(answer, AdmitDecision) == any(isinstance(each, AdmitDecision) for each in answers)
    assert isinstance(answer, RefuseDecision) == all(isinstance(each, RefuseDecision) for each in answers)
    assert answer.closes_at == answers[0].closes_at
    assert answer.opens_at == min((each.opens_at for each in answers if each.opens_at), default=None)
    if isinstance(answer, AdmitDecision):
        assert {answer.until} == {each.until for each in answers if isinstance(each, AdmitDecision)}


# --- what is told -----------------------------------------------------------------------------------------------------


def test_reasons_are_the_codes_of_the_design() -> None:
    assert [reason.value for reason in AccessReason] == [
        "video_disabled",
        "session_cancelled",
        "session_completed",
        "session_not_confirmed",
        "not_a_participant",
        "guests_not_allowed",
        "participant_removed",
        "too_early",
        "session_over",
        "waiting_for_host",
        "waiting_for_admission",
        "admission_denied",
    ]


@pytest.mark.parametrize("reason", AccessReason)
def test_every_reason_comes_with_advice_in_whole_sentences(reason: AccessReason) -> None:
    told = explain_decision(RefuseDecision(reason))
    assert told == explain_decision(WaitDecision(reason, 1, None, None))
    assert told[0].isupper()
    assert told.endswith(".")
    assert len(told.split()) >= 4


def test_no_two_reasons_come_with_the_same_advice() -> None:
    assert len({explain_decision(RefuseDecision(reason)) for reason in AccessReason}) == len(AccessReason)


@pytest.mark.parametrize("reason", [AccessReason.WAITING_FOR_HOST, AccessReason.WAITING_FOR_ADMISSION])
def test_who_sits_in_the_waiting_room_is_advised_to_ask_again(reason: AccessReason) -> None:
    assert "`retry_after`" in explain_decision(WaitDecision(reason, 5, None, None))


def test_who_is_too_early_is_advised_to_come_when_the_window_opens() -> None:
    assert "`opens_at`" in explain_decision(WaitDecision(AccessReason.TOO_EARLY, 60, OPENS, CLOSES))


# --- after a call was ended for everyone ------------------------------------------------------------------------------

ENDED = replace(LESSON, ended_for_all_at=START + timedelta(minutes=30))
ENDED_CIRCLE = replace(CIRCLE, ended_for_all_at=START)
GRACE = Policy().grace


def test_after_the_end_for_everyone_only_a_host_starts_the_next_call() -> None:
    later = START + timedelta(minutes=31)
    assert decide_access(ENDED, STUDENT, later) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)
    assert isinstance(decide_access(ENDED, TUTOR, later), AdmitDecision)
    assert isinstance(decide_call_opening(ENDED, later), AdmitDecision)


def test_once_the_host_has_started_it_the_others_join() -> None:
    assert isinstance(
        decide_access(replace(ENDED, call_running=True), STUDENT, START + timedelta(minutes=31)), AdmitDecision
    )


def test_a_guest_waits_for_the_host_too() -> None:
    door = ruled(ENDED, guests_allowed=True)
    assert decide_access(door, GUEST, START + timedelta(minutes=31)) == WaitDecision(
        AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES
    )


def test_a_person_whom_a_host_admitted_after_the_end_may_join() -> None:
    door = ruled(ENDED, waiting_room="admit")
    later = START + timedelta(minutes=31)
    assert isinstance(decide_access(door, replace(STUDENT, admitted=True), later), AdmitDecision)
    assert decide_access(door, STUDENT, later) == WaitDecision(AccessReason.WAITING_FOR_ADMISSION, 5, OPENS, CLOSES)


def test_a_booking_that_moved_to_a_later_window_begins_afresh() -> None:
    moved = replace(ENDED, starts_at=START + WEEK, ends_at=END + WEEK)
    assert isinstance(decide_access(moved, STUDENT, START + WEEK), AdmitDecision)


def test_an_end_before_the_window_of_a_role_counts_as_well() -> None:
    door = ruled(LESSON, opens_before_seconds_by_role={"tutor": 1200})
    ended = replace(door, ended_for_all_at=START - timedelta(minutes=15))
    assert decide_access(ended, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)


def test_a_group_waits_for_its_host_for_the_grace_period() -> None:
    assert decide_access(ENDED_CIRCLE, STUDENT, START + GRACE - INSTANT) == WaitDecision(
        AccessReason.WAITING_FOR_HOST, 5, None, None
    )
    assert isinstance(decide_access(ENDED_CIRCLE, STUDENT, START + GRACE), AdmitDecision)


def test_without_host_roles_nobody_waits_for_a_host() -> None:
    assert isinstance(decide_access(ruled(ENDED, host_roles=[]), STUDENT, START + timedelta(minutes=31)), AdmitDecision)


@given(visit=visits())
def test_a_call_that_was_ended_for_everyone_is_never_restarted_by_others(visit: Visit) -> None:
    door = ruled(replace(visit.door, call_running=False), host_roles=["tutor"], grace_seconds=900)
    person = replace(visit.person, admitted=False)
    earliest = max(door.policy.opens_before_seconds, *door.policy.opens_before_seconds_by_role.values(), 0)
    opens_at = None if door.starts_at is None else door.starts_at - timedelta(seconds=earliest)
    ended_at = visit.now if opens_at is None else max(opens_at, visit.now)
    decision = decide_access(replace(door, ended_for_all_at=ended_at), person, visit.now)
    assert person.role == "tutor" or not isinstance(decision, AdmitDecision)


@given(visit=visits())
def test_the_end_for_everyone_changes_nothing_for_hosts(visit: Visit) -> None:
    assume(visit.person.role in visit.door.policy.host_roles)
    before = decide_access(replace(visit.door, ended_for_all_at=None), visit.person, visit.now)
    assert decide_access(replace(visit.door, ended_for_all_at=visit.now), visit.person, visit.now) == before
