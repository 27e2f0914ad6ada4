"""The access decision: each rule of the design's table, then properties over all inputs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.access_requests import (
    INSTANT,
    SECOND,
    WEEK,
    AccessRequest,
    access_contexts,
    access_requests,
    access_subjects,
    admissible_requests,
    all_access_requests,
    relevant_times,
)
from videobroker.domain.access import (
    MIN_CREDENTIAL_LIFETIME,
    WAIT_REASONS,
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
    find_permanent_refusal,
    has_opened,
    is_restart_limited_to_hosts,
)
from videobroker.domain.policy import Policy, WaitingRoom
from videobroker.domain.sessions import SessionStatus

START = datetime(2026, 3, 12, 14, tzinfo=UTC)
END = datetime(2026, 3, 12, 15, tzinfo=UTC)
OPENS = datetime(2026, 3, 12, 13, 50, tzinfo=UTC)
CLOSES = datetime(2026, 3, 12, 15, 15, tzinfo=UTC)
OVERRUN_ENDS = datetime(2026, 3, 12, 16, 15, tzinfo=UTC)
LAST, LAST_OF_OVERRUN = CLOSES - MIN_CREDENTIAL_LIFETIME, OVERRUN_ENDS - MIN_CREDENTIAL_LIFETIME
"""The last relevant_times at which a credential is issued."""

LESSON = AccessContext(status=SessionStatus.CONFIRMED, video=True, starts_at=START, ends_at=END, policy=Policy())
CIRCLE = AccessContext(status=SessionStatus.CONFIRMED, video=True, starts_at=None, ends_at=None, policy=Policy())
TUTOR = AccessSubject("tutor", "teacher")
STUDENT = AccessSubject("student", "learner")
NON_PARTICIPANT = AccessSubject(None)
GUEST = AccessSubject("guest", "learner", is_guest=True)


def with_policy(access: AccessContext, **rules: object) -> AccessContext:
    """The access context with changed policy fields."""
    return replace(access, policy=access.policy.with_changes(rules))


# --- the rules of the table, one by one -------------------------------------------------------------------------------


@pytest.mark.parametrize("access", [LESSON, CIRCLE], ids=["physical appointment", "group without video"])
def test_a_session_without_video_refuses_participants(access: AccessContext) -> None:
    assert decide_access(replace(access, video=False), TUTOR, START) == RefuseDecision(AccessReason.VIDEO_DISABLED)


@pytest.mark.parametrize("access", [LESSON, CIRCLE], ids=["booking", "group"])
def test_a_cancelled_session_refuses_participants(access: AccessContext) -> None:
    assert decide_access(replace(access, status=SessionStatus.CANCELLED), TUTOR, START) == RefuseDecision(
        AccessReason.SESSION_CANCELLED
    )


def test_a_completed_session_refuses_participants() -> None:
    completed = replace(LESSON, status=SessionStatus.COMPLETED, call_running=True)
    assert decide_access(completed, TUTOR, START) == RefuseDecision(AccessReason.SESSION_COMPLETED)


def test_a_pending_session_refuses_participants() -> None:
    assert decide_access(replace(LESSON, status=SessionStatus.PENDING), TUTOR, START) == RefuseDecision(
        AccessReason.SESSION_NOT_CONFIRMED
    )


@pytest.mark.parametrize("access", [LESSON, CIRCLE], ids=["booking", "group"])
def test_a_person_who_is_not_a_participant_is_refused(access: AccessContext) -> None:
    assert decide_access(access, NON_PARTICIPANT, START) == RefuseDecision(AccessReason.NOT_A_PARTICIPANT)


def test_a_guest_is_refused_unless_the_policy_allows_guests() -> None:
    assert decide_access(LESSON, GUEST, START) == RefuseDecision(AccessReason.GUESTS_NOT_ALLOWED)
    assert isinstance(decide_access(with_policy(LESSON, guests_allowed=True), GUEST, START), AdmitDecision)


def test_allowing_guests_does_not_admit_non_participants() -> None:
    assert decide_access(with_policy(LESSON, guests_allowed=True), NON_PARTICIPANT, START) == RefuseDecision(
        AccessReason.NOT_A_PARTICIPANT
    )


@pytest.mark.parametrize("access", [LESSON, CIRCLE], ids=["booking", "group"])
@pytest.mark.parametrize(
    "person", [TUTOR, STUDENT, replace(STUDENT, admitted=True)], ids=["host", "student", "admitted"]
)
def test_a_removed_participant_cannot_rejoin(access: AccessContext, person: AccessSubject) -> None:
    assert decide_access(access, replace(person, removed=True), START) == RefuseDecision(
        AccessReason.PARTICIPANT_REMOVED
    )


def test_an_early_participant_waits_until_the_window_opens() -> None:
    half_an_hour_early = START - timedelta(minutes=30)
    assert decide_access(LESSON, STUDENT, half_an_hour_early) == WaitDecision(
        AccessReason.TOO_EARLY, 20 * 60, OPENS, CLOSES
    )


def test_a_participant_is_refused_after_the_window_closes() -> None:
    assert decide_access(LESSON, STUDENT, CLOSES + timedelta(days=1)) == RefuseDecision(
        AccessReason.SESSION_OVER, OPENS, CLOSES
    )


def test_until_host_participants_wait_until_a_call_is_running() -> None:
    access = with_policy(LESSON, waiting_room="until_host")
    assert decide_access(access, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)
    assert isinstance(decide_access(replace(access, call_running=True), STUDENT, START), AdmitDecision)


@pytest.mark.parametrize("call_running", [True, False])
def test_participants_wait_until_they_are_admitted(call_running: bool) -> None:
    access = replace(with_policy(LESSON, waiting_room="admit"), call_running=call_running)
    assert decide_access(access, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_ADMISSION, 5, OPENS, CLOSES)
    assert isinstance(decide_access(access, replace(STUDENT, admitted=True), START), AdmitDecision)


def test_a_denied_participant_is_refused_until_admitted() -> None:
    access, denied = with_policy(LESSON, waiting_room="admit"), replace(STUDENT, denied=True)
    assert decide_access(access, denied, START) == RefuseDecision(AccessReason.ADMISSION_DENIED, OPENS, CLOSES)
    assert isinstance(decide_access(access, replace(denied, admitted=True), START), AdmitDecision)
    assert isinstance(decide_access(access, replace(TUTOR, denied=True), START), AdmitDecision)
    for waiting_room in ("off", "until_host"):
        without_admission = replace(with_policy(LESSON, waiting_room=waiting_room), call_running=True)
        assert isinstance(decide_access(without_admission, denied, START), AdmitDecision)


def test_the_waiting_room_is_off_by_default() -> None:
    assert isinstance(decide_access(LESSON, STUDENT, START), AdmitDecision)


@pytest.mark.parametrize("waiting_room", WaitingRoom)
def test_a_host_does_not_wait_in_the_waiting_room(waiting_room: WaitingRoom) -> None:
    assert isinstance(decide_access(with_policy(LESSON, waiting_room=waiting_room), TUTOR, START), AdmitDecision)


def test_the_policy_determines_which_roles_are_hosts() -> None:
    access = with_policy(LESSON, waiting_room="admit", host_roles=["student"])
    assert isinstance(decide_access(access, STUDENT, START), AdmitDecision)
    assert isinstance(decide_access(access, TUTOR, START), WaitDecision)


def test_a_participant_is_admitted_with_the_provider_role_until_the_window_closes() -> None:
    assert decide_access(LESSON, TUTOR, START) == AdmitDecision("teacher", CLOSES, OPENS, CLOSES)
    assert decide_access(LESSON, STUDENT, START) == AdmitDecision("learner", CLOSES, OPENS, CLOSES)


def test_a_group_is_open_at_any_time_and_has_no_window() -> None:
    assert decide_access(CIRCLE, STUDENT, START) == AdmitDecision("learner", None, None, None)
    assert decide_access(CIRCLE, STUDENT, START + timedelta(days=10_000)) == AdmitDecision("learner", None, None, None)


def test_a_group_can_have_a_waiting_room() -> None:
    access = with_policy(CIRCLE, waiting_room="until_host")
    assert decide_access(access, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, None, None)


def test_the_first_failing_check_determines_the_reason() -> None:
    access = replace(
        with_policy(LESSON, waiting_room="admit", host_roles=[]), video=False, status=SessionStatus.CANCELLED
    )
    person = AccessSubject(None, "learner", is_guest=True, removed=True)
    early, late = OPENS - SECOND, CLOSES
    assert decide_access(access, person, early) == RefuseDecision(AccessReason.VIDEO_DISABLED)
    access = replace(access, video=True)
    assert decide_access(access, person, early) == RefuseDecision(AccessReason.SESSION_CANCELLED)
    access = replace(access, status=SessionStatus.PENDING)
    assert decide_access(access, person, early) == RefuseDecision(AccessReason.SESSION_NOT_CONFIRMED)
    access = replace(access, status=SessionStatus.CONFIRMED)
    assert decide_access(access, person, early) == RefuseDecision(AccessReason.GUESTS_NOT_ALLOWED)
    access = with_policy(access, guests_allowed=True)
    assert decide_access(access, person, early) == RefuseDecision(AccessReason.NOT_A_PARTICIPANT)
    person = replace(person, role="guest")
    assert decide_access(access, person, early) == RefuseDecision(AccessReason.PARTICIPANT_REMOVED)
    person = replace(person, removed=False)
    assert decide_access(access, person, early) == WaitDecision(AccessReason.TOO_EARLY, 1, OPENS, CLOSES)
    assert decide_access(access, person, late) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)
    assert decide_access(access, person, START) == WaitDecision(AccessReason.WAITING_FOR_ADMISSION, 5, OPENS, CLOSES)
    access = with_policy(access, waiting_room="until_host")
    assert decide_access(access, person, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)
    access = replace(access, call_running=True)
    assert decide_access(access, person, START) == AdmitDecision("learner", CLOSES, OPENS, CLOSES)


# --- the window -------------------------------------------------------------------------------------------------------


def test_the_window_is_open_exactly_at_opens_at() -> None:
    assert decide_access(LESSON, STUDENT, OPENS - INSTANT) == WaitDecision(AccessReason.TOO_EARLY, 1, OPENS, CLOSES)
    assert isinstance(decide_access(LESSON, STUDENT, OPENS), AdmitDecision)


def test_the_window_is_closed_exactly_at_closes_at() -> None:
    assert isinstance(decide_access(LESSON, STUDENT, LAST), AdmitDecision)
    assert decide_access(LESSON, STUDENT, LAST + INSTANT) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)
    assert decide_access(LESSON, STUDENT, CLOSES) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_the_default_window_is_ten_minutes_before_to_fifteen_minutes_after() -> None:
    assert LESSON.opens_at("student") == START - timedelta(minutes=10)
    assert LESSON.closes_at == END + timedelta(minutes=15)


def test_each_role_can_have_its_own_window() -> None:
    access = with_policy(LESSON, opens_before_seconds_by_role={"tutor": 3600, "guest": 0}, guests_allowed=True)
    hour_before = START - timedelta(hours=1)
    assert decide_access(access, TUTOR, hour_before) == AdmitDecision("teacher", CLOSES, hour_before, CLOSES)
    assert decide_access(access, STUDENT, hour_before) == WaitDecision(AccessReason.TOO_EARLY, 50 * 60, OPENS, CLOSES)
    assert decide_access(access, GUEST, START - INSTANT) == WaitDecision(AccessReason.TOO_EARLY, 1, START, CLOSES)
    assert decide_access(access, GUEST, START) == AdmitDecision("learner", CLOSES, START, CLOSES)


def test_a_host_waits_until_the_window_opens() -> None:
    assert decide_access(LESSON, TUTOR, OPENS - SECOND) == WaitDecision(AccessReason.TOO_EARLY, 1, OPENS, CLOSES)


def test_a_running_call_can_be_joined_during_the_overrun() -> None:
    running = replace(LESSON, call_running=True)
    assert decide_access(running, STUDENT, LAST) == AdmitDecision("learner", CLOSES, OPENS, CLOSES)
    assert decide_access(running, STUDENT, LAST + INSTANT) == AdmitDecision("learner", OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_access(running, STUDENT, CLOSES) == AdmitDecision("learner", OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_access(running, STUDENT, LAST_OF_OVERRUN) == AdmitDecision("learner", OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_access(running, STUDENT, OVERRUN_ENDS) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_without_overrun_a_running_call_does_not_extend_the_window() -> None:
    running = replace(with_policy(LESSON, overrun_seconds=0), call_running=True)
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


# --- all combinations of inputs ---------------------------------------------------------------------------------------
#
# A second, literal implementation of the design's table. It reads only raw fields of the session and the policy, and
# calls no code under test.


def _opening(request: AccessRequest) -> datetime | None:
    if request.access.starts_at is None:
        return None
    policy = request.access.policy
    before = policy.opens_before_seconds_by_role.get(request.person.role or "", policy.opens_before_seconds)
    return request.access.starts_at - timedelta(seconds=before)


def _closing(request: AccessRequest) -> datetime | None:
    return request.access.ends_at and request.access.ends_at + timedelta(seconds=request.access.policy.grace_seconds)


def _last_closing(request: AccessRequest) -> datetime | None:
    closing = _closing(request)
    return closing and closing + timedelta(seconds=request.access.policy.overrun_seconds)


def _is_early(request: AccessRequest) -> bool:
    opening = _opening(request)
    return opening is not None and request.now < opening


def _is_late(request: AccessRequest) -> bool:
    closing = _closing(request)
    return closing is not None and request.now > closing - MIN_CREDENTIAL_LIFETIME


def _is_later_than_any_overrun(request: AccessRequest) -> bool:
    last = _last_closing(request)
    return last is not None and request.now > last - MIN_CREDENTIAL_LIFETIME


def _refused(reason: AccessReason) -> Callable[[AccessRequest], AccessDecision]:
    return lambda _: RefuseDecision(reason)


def _early(request: AccessRequest) -> AccessDecision:
    opening = _opening(request)
    assert opening is not None
    return WaitDecision(AccessReason.TOO_EARLY, -((request.now - opening) // SECOND), opening, _closing(request))


def _refused_as_over(request: AccessRequest) -> AccessDecision:
    return RefuseDecision(AccessReason.SESSION_OVER, _opening(request), _closing(request))


def _waiting(reason: AccessReason) -> Callable[[AccessRequest], AccessDecision]:
    return lambda request: WaitDecision(reason, 5, _opening(request), _closing(request))


def _admitted(request: AccessRequest) -> AccessDecision:
    return AdmitDecision(request.person.provider_role, _closing(request), _opening(request), _closing(request))


def _admitted_to_the_overrun(request: AccessRequest) -> AccessDecision:
    return AdmitDecision(request.person.provider_role, _last_closing(request), _opening(request), _closing(request))


def _is_subject_to_waiting_room(request: AccessRequest) -> bool:
    return request.person.role not in request.access.policy.host_roles and not request.person.admitted


def _needs_admission(request: AccessRequest) -> bool:
    return _is_subject_to_waiting_room(request) and request.access.policy.waiting_room == "admit"


def _denied(request: AccessRequest) -> bool:
    return _needs_admission(request) and request.person.denied


def _refused_in_the_window(reason: AccessReason) -> Callable[[AccessRequest], AccessDecision]:
    return lambda request: RefuseDecision(reason, _opening(request), _closing(request))


def _was_ended_for_all(request: AccessRequest) -> bool:
    access, ended_at = request.access, request.access.ended_for_all_at
    if ended_at is None or not access.policy.host_roles:
        return False
    if access.starts_at is None:
        return request.now < ended_at + access.policy.grace
    policy = access.policy
    earliest = max(policy.opens_before_seconds, *policy.opens_before_seconds_by_role.values(), 0)
    return ended_at >= access.starts_at - timedelta(seconds=earliest)


def _needs_host(request: AccessRequest) -> bool:
    waits_until_host = request.access.policy.waiting_room == "until_host" or _was_ended_for_all(request)
    return _is_subject_to_waiting_room(request) and waits_until_host and not request.access.call_running


Rule = tuple[Callable[[AccessRequest], bool], Callable[[AccessRequest], AccessDecision]]

TABLE: dict[str, Rule] = {
    "video off": (lambda v: not v.access.video, _refused(AccessReason.VIDEO_DISABLED)),
    "cancelled": (lambda v: v.access.status == "cancelled", _refused(AccessReason.SESSION_CANCELLED)),
    "completed": (lambda v: v.access.status == "completed", _refused(AccessReason.SESSION_COMPLETED)),
    "not confirmed": (lambda v: v.access.status != "confirmed", _refused(AccessReason.SESSION_NOT_CONFIRMED)),
    "guest where guests are off": (
        lambda v: v.person.is_guest and not v.access.policy.guests_allowed,
        _refused(AccessReason.GUESTS_NOT_ALLOWED),
    ),
    "not a participant": (lambda v: v.person.role is None, _refused(AccessReason.NOT_A_PARTICIPANT)),
    "removed": (lambda v: v.person.removed, _refused(AccessReason.PARTICIPANT_REMOVED)),
    "before the window": (_is_early, _early),
    "after the window": (lambda v: _is_late(v) and not v.access.call_running, _refused_as_over),
    "after the overrun": (_is_later_than_any_overrun, _refused_as_over),
    "denied": (_denied, _refused_in_the_window(AccessReason.ADMISSION_DENIED)),
    "waiting for admission": (_needs_admission, _waiting(AccessReason.WAITING_FOR_ADMISSION)),
    "host not present": (_needs_host, _waiting(AccessReason.WAITING_FOR_HOST)),
    "during the overrun": (_is_late, _admitted_to_the_overrun),
    "otherwise": (lambda _: True, _admitted),
}


def _rule(request: AccessRequest) -> str:
    return next(name for name, (applies, _) in TABLE.items() if applies(request))


def _expected(request: AccessRequest) -> AccessDecision:
    _, decide = TABLE[_rule(request)]
    return decide(request)


def test_decisions_match_the_table_for_every_combination() -> None:
    seen = Counter[str]()
    for request in all_access_requests():
        assert request.decision == _expected(request), request
        seen[_rule(request)] += 1
    assert set(seen) == set(TABLE), "a rule of the table never determines a decision"


@settings(max_examples=500)
@given(access_requests())
def test_decisions_match_the_table_for_any_request(request: AccessRequest) -> None:
    assert request.decision == _expected(request)


@settings(max_examples=500)
@given(admissible_requests())
def test_decisions_match_the_table_if_only_time_and_waiting_room_matter(request: AccessRequest) -> None:
    assert request.decision == _expected(request)


# --- properties that hold independently of the table ------------------------------------------------------------------

SESSION_REFUSALS = {
    AccessReason.VIDEO_DISABLED,
    AccessReason.SESSION_CANCELLED,
    AccessReason.SESSION_COMPLETED,
    AccessReason.SESSION_NOT_CONFIRMED,
}
PERSON_REFUSALS = {
    AccessReason.NOT_A_PARTICIPANT,
    AccessReason.GUESTS_NOT_ALLOWED,
    AccessReason.PARTICIPANT_REMOVED,
}
WAITING_ROOM_REASONS = {
    AccessReason.WAITING_FOR_HOST,
    AccessReason.WAITING_FOR_ADMISSION,
    AccessReason.ADMISSION_DENIED,
}


def _reason(decision: AccessDecision) -> AccessReason | None:
    return None if isinstance(decision, AdmitDecision) else decision.reason


@given(admissible_requests())
def test_an_admission_ends_in_the_future(request: AccessRequest) -> None:
    decision = request.decision
    assume(isinstance(decision, AdmitDecision))
    assert isinstance(decision, AdmitDecision)
    assert (decision.until is None) == (request.access.ends_at is None)
    assert decision.until is None or decision.until > request.now


@given(admissible_requests(), st.floats(0, 1, exclude_max=True))
def test_a_decision_to_admit_is_unchanged_until_the_admission_ends(request: AccessRequest, share: float) -> None:
    decision = request.decision
    assume(isinstance(decision, AdmitDecision))
    assert isinstance(decision, AdmitDecision)
    remaining = timedelta(days=365) if decision.until is None else decision.until - request.now
    later = request.now + min(share * remaining, remaining - MIN_CREDENTIAL_LIFETIME)
    assert request.at(later).decision == decision


@given(admissible_requests(scheduled=True))
def test_outside_the_window_only_running_calls_admit_and_only_within_the_overrun(request: AccessRequest) -> None:
    decision = request.decision
    assume(isinstance(decision, AdmitDecision))
    assert isinstance(decision, AdmitDecision)
    assert decision.opens_at is not None
    assert decision.closes_at is not None
    assert decision.opens_at <= request.now
    if request.now >= decision.closes_at:
        assert request.access.call_running
        assert request.now < decision.closes_at + timedelta(seconds=request.access.policy.overrun_seconds)


@given(admissible_requests(scheduled=True), st.sampled_from([INSTANT, SECOND]) | st.timedeltas(INSTANT, WEEK))
def test_too_early_states_the_opening_time_and_is_over_at_that_time(request: AccessRequest, early: timedelta) -> None:
    opening = _opening(request)
    assert opening is not None
    now = opening - early
    decision = request.at(now).decision
    assert isinstance(decision, WaitDecision)
    assert decision.reason is AccessReason.TOO_EARLY
    assert decision.opens_at == opening
    assert decision.retry_after >= 1
    assert timedelta() <= now + decision.retry_after * SECOND - decision.opens_at < SECOND
    assert _reason(request.at(decision.opens_at).decision) is not AccessReason.TOO_EARLY
    assert _reason(request.at(decision.opens_at - INSTANT).decision) is AccessReason.TOO_EARLY


@given(access_requests())
def test_retry_after_is_at_least_one_second(request: AccessRequest) -> None:
    decision = request.decision
    assert not isinstance(decision, WaitDecision) or decision.retry_after >= 1


@given(admissible_requests())
def test_reasons_to_wait_are_those_of_wait_decisions(request: AccessRequest) -> None:
    decision = request.decision
    assume(not isinstance(decision, AdmitDecision))
    assert not isinstance(decision, AdmitDecision)
    assert (decision.reason in WAIT_REASONS) == isinstance(decision, WaitDecision)


@given(admissible_requests(scheduled=True), st.timedeltas(timedelta(), WEEK), st.timedeltas(timedelta(), WEEK))
def test_a_session_that_is_over_remains_over(request: AccessRequest, late: timedelta, later: timedelta) -> None:
    closing = _last_closing(request) if request.access.call_running else _closing(request)
    assert closing is not None
    over = request.at(closing + late).decision
    assert _reason(over) is AccessReason.SESSION_OVER
    assert request.at(closing + late + later).decision == over


@given(access_requests(), access_subjects(), st.data())
def test_a_refusal_by_the_session_applies_to_every_person_at_any_time(
    request: AccessRequest, other: AccessSubject, data: st.DataObject
) -> None:
    other_request = AccessRequest(request.access, other, data.draw(relevant_times(request.access)))
    is_session_refusal = _reason(request.decision) in SESSION_REFUSALS
    assert is_session_refusal == (_reason(other_request.decision) in SESSION_REFUSALS)
    if is_session_refusal:
        assert request.decision == other_request.decision


@given(access_requests(), st.data())
def test_a_refusal_of_a_person_applies_at_any_time_and_reveals_no_window(
    request: AccessRequest, data: st.DataObject
) -> None:
    reason = _reason(request.decision)
    assume(reason is not None and reason in SESSION_REFUSALS | PERSON_REFUSALS)
    assert reason is not None
    assert request.decision == RefuseDecision(reason)
    assert request.at(data.draw(relevant_times(request.access))).decision == request.decision


@given(admissible_requests())
def test_decisions_contain_the_window_of_the_role(request: AccessRequest) -> None:
    decision = request.decision
    assert (decision.opens_at, decision.closes_at) == (_opening(request), _closing(request))


@given(access_contexts(), access_subjects(), st.data())
def test_a_non_participant_is_always_refused(access: AccessContext, person: AccessSubject, data: st.DataObject) -> None:
    non_participant = replace(person, role=None)
    assert isinstance(decide_access(access, non_participant, data.draw(relevant_times(access))), RefuseDecision)


@given(access_contexts(confirmed=True), access_subjects(), st.data())
def test_a_guest_is_always_refused_if_guests_are_not_allowed(
    access: AccessContext, person: AccessSubject, data: st.DataObject
) -> None:
    access = with_policy(access, guests_allowed=False)
    guest = replace(person, is_guest=True)
    assert decide_access(access, guest, data.draw(relevant_times(access))) == RefuseDecision(
        AccessReason.GUESTS_NOT_ALLOWED
    )


@given(access_contexts(confirmed=True), access_subjects(), st.data())
def test_a_removed_person_is_always_refused(access: AccessContext, person: AccessSubject, data: st.DataObject) -> None:
    removed = replace(person, removed=True)
    assert _reason(decide_access(access, removed, data.draw(relevant_times(access)))) in PERSON_REFUSALS


@given(admissible_requests())
def test_a_host_is_never_subject_to_the_waiting_room(request: AccessRequest) -> None:
    assert request.person.role is not None
    host = replace(request, access=with_policy(request.access, host_roles=[request.person.role]))
    assert _reason(host.decision) not in WAITING_ROOM_REASONS


@given(admissible_requests())
def test_an_admitted_person_is_never_subject_to_the_waiting_room(request: AccessRequest) -> None:
    admitted = replace(request, person=replace(request.person, admitted=True))
    assert _reason(admitted.decision) not in WAITING_ROOM_REASONS


@given(admissible_requests())
def test_a_disabled_waiting_room_affects_no_one(request: AccessRequest) -> None:
    off = replace(request, access=replace(with_policy(request.access, waiting_room="off"), ended_for_all_at=None))
    assert _reason(off.decision) not in WAITING_ROOM_REASONS


@given(admissible_requests())
def test_admission_changes_only_waiting_room_decisions(request: AccessRequest) -> None:
    not_admitted = replace(request, person=replace(request.person, admitted=False)).decision
    admitted = replace(request, person=replace(request.person, admitted=True)).decision
    assert admitted == not_admitted or _reason(not_admitted) in WAITING_ROOM_REASONS


@given(access_requests())
def test_a_running_call_never_makes_a_decision_stricter(request: AccessRequest) -> None:
    idle = replace(request, access=replace(request.access, call_running=False)).decision
    running = replace(request, access=replace(request.access, call_running=True)).decision
    assert running == idle or _reason(idle) in {AccessReason.SESSION_OVER, AccessReason.WAITING_FOR_HOST}


@given(admissible_requests(), st.integers(0, 3600))
def test_a_longer_grace_never_revokes_an_admission(request: AccessRequest, more: int) -> None:
    assume(isinstance(request.decision, AdmitDecision))
    extended = replace(
        request, access=with_policy(request.access, grace_seconds=request.access.policy.grace_seconds + more)
    )
    assert isinstance(extended.decision, AdmitDecision)


@given(access_requests())
def test_the_provider_role_is_passed_through_and_affects_no_decision(request: AccessRequest) -> None:
    renamed = replace(request, person=replace(request.person, provider_role="renamed")).decision
    decision = request.decision
    assert renamed == (replace(decision, role="renamed") if isinstance(decision, AdmitDecision) else decision)


# --- whether a call may be opened, for no particular person -----------------------------------------------------------


def test_a_call_may_open_when_the_window_of_the_earliest_role_opens() -> None:
    access = with_policy(LESSON, opens_before_seconds_by_role={"tutor": 3600, "guest": 0})
    hour_before = START - timedelta(hours=1)
    assert decide_call_opening(access, hour_before) == AdmitDecision(None, CLOSES, hour_before, CLOSES)
    assert decide_call_opening(access, hour_before - SECOND) == WaitDecision(
        AccessReason.TOO_EARLY, 1, hour_before, CLOSES
    )


def test_a_call_may_open_in_the_default_window_if_named_roles_open_later() -> None:
    access = with_policy(LESSON, opens_before_seconds_by_role={"guest": 0})
    assert decide_call_opening(access, OPENS) == AdmitDecision(None, CLOSES, OPENS, CLOSES)


def test_a_call_may_open_until_the_window_closes() -> None:
    assert isinstance(decide_call_opening(LESSON, LAST), AdmitDecision)
    assert decide_call_opening(LESSON, CLOSES) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_a_running_call_may_be_opened_during_the_overrun() -> None:
    running = replace(LESSON, call_running=True)
    assert decide_call_opening(running, LAST_OF_OVERRUN) == AdmitDecision(None, OVERRUN_ENDS, OPENS, CLOSES)
    assert decide_call_opening(running, OVERRUN_ENDS) == RefuseDecision(AccessReason.SESSION_OVER, OPENS, CLOSES)


def test_a_group_call_may_open_at_any_time() -> None:
    assert decide_call_opening(CIRCLE, START) == AdmitDecision(None, None, None, None)


@pytest.mark.parametrize(
    ("access", "reason"),
    [
        (replace(LESSON, video=False), AccessReason.VIDEO_DISABLED),
        (replace(LESSON, status=SessionStatus.CANCELLED), AccessReason.SESSION_CANCELLED),
        (replace(LESSON, status=SessionStatus.COMPLETED), AccessReason.SESSION_COMPLETED),
        (replace(LESSON, status=SessionStatus.PENDING), AccessReason.SESSION_NOT_CONFIRMED),
    ],
    ids=["video off", "cancelled", "completed", "pending"],
)
def test_a_call_cannot_open_if_the_session_refuses_all_participants(
    access: AccessContext, reason: AccessReason
) -> None:
    assert decide_call_opening(access, START) == RefuseDecision(reason)


@pytest.mark.parametrize("waiting_room", WaitingRoom)
def test_the_waiting_room_does_not_prevent_opening_a_call(waiting_room: WaitingRoom) -> None:
    assert isinstance(decide_call_opening(with_policy(LESSON, waiting_room=waiting_room), START), AdmitDecision)


def _admitted_subjects_of_every_role(access: AccessContext) -> list[AccessSubject]:
    return [
        AccessSubject(role, admitted=True) for role in (*access.policy.opens_before_seconds_by_role, "any other role")
    ]


@settings(max_examples=300)
@given(st.booleans().flatmap(lambda confirmed: access_contexts(confirmed=confirmed)), st.data())
def test_a_call_may_open_exactly_when_some_role_could_be_admitted(access: AccessContext, data: st.DataObject) -> None:
    now = data.draw(relevant_times(access))
    decisions = [decide_access(access, person, now) for person in _admitted_subjects_of_every_role(access)]
    call_decision = decide_call_opening(access, now)
    assert isinstance(call_decision, AdmitDecision) == any(isinstance(each, AdmitDecision) for each in decisions)
    assert isinstance(call_decision, RefuseDecision) == all(isinstance(each, RefuseDecision) for each in decisions)
    assert call_decision.closes_at == decisions[0].closes_at
    assert call_decision.opens_at == min((each.opens_at for each in decisions if each.opens_at), default=None)
    if isinstance(call_decision, AdmitDecision):
        assert {call_decision.until} == {each.until for each in decisions if isinstance(each, AdmitDecision)}


# --- refusals at any time, and whether the window has opened ----------------------------------------------------------


def test_time_alone_can_admit_a_participant() -> None:
    for person in (TUTOR, STUDENT, replace(STUDENT, denied=True), None):
        assert find_permanent_refusal(LESSON, person) is None


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (NON_PARTICIPANT, AccessReason.NOT_A_PARTICIPANT),
        (GUEST, AccessReason.GUESTS_NOT_ALLOWED),
        (replace(STUDENT, removed=True), AccessReason.PARTICIPANT_REMOVED),
    ],
    ids=["not a participant", "guest", "removed"],
)
def test_a_person_can_be_refused_at_any_time(person: AccessSubject, reason: AccessReason) -> None:
    assert find_permanent_refusal(LESSON, person) == RefuseDecision(reason)


def test_the_policy_permits_guests_at_any_time() -> None:
    assert find_permanent_refusal(with_policy(LESSON, guests_allowed=True), GUEST) is None


@pytest.mark.parametrize("person", [TUTOR, NON_PARTICIPANT, None], ids=["host", "not a participant", "no person"])
def test_a_cancelled_session_is_refused_at_any_time(person: AccessSubject | None) -> None:
    cancelled = replace(LESSON, status=SessionStatus.CANCELLED)
    assert find_permanent_refusal(cancelled, person) == RefuseDecision(AccessReason.SESSION_CANCELLED)


def test_a_window_has_opened_from_the_opening_time_of_the_earliest_role() -> None:
    assert not has_opened(LESSON, OPENS - INSTANT)
    assert has_opened(LESSON, OPENS)
    assert has_opened(LESSON, CLOSES + WEEK)
    early_tutor = with_policy(LESSON, opens_before_seconds_by_role={"tutor": 3600, "guest": 0})
    assert not has_opened(early_tutor, START - timedelta(hours=1) - INSTANT)
    assert has_opened(early_tutor, START - timedelta(hours=1))


def test_a_group_has_always_opened() -> None:
    assert has_opened(CIRCLE, START - 1000 * WEEK)


# --- reasons and hints ------------------------------------------------------------------------------------------------


def test_the_values_of_reasons_are_stable() -> None:
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
def test_every_reason_has_a_hint_in_full_sentences(reason: AccessReason) -> None:
    hint = explain_decision(RefuseDecision(reason))
    assert hint == explain_decision(WaitDecision(reason, 1, None, None))
    assert hint[0].isupper()
    assert hint.endswith(".")
    assert len(hint.split()) >= 4


def test_every_reason_has_a_distinct_hint() -> None:
    assert len({explain_decision(RefuseDecision(reason)) for reason in AccessReason}) == len(AccessReason)


@pytest.mark.parametrize("reason", [AccessReason.WAITING_FOR_HOST, AccessReason.WAITING_FOR_ADMISSION])
def test_the_hint_of_waiting_reasons_mentions_retry_after(reason: AccessReason) -> None:
    assert "`retry_after`" in explain_decision(WaitDecision(reason, 5, None, None))


def test_the_hint_of_too_early_mentions_opens_at() -> None:
    assert "`opens_at`" in explain_decision(WaitDecision(AccessReason.TOO_EARLY, 60, OPENS, CLOSES))


# --- after a call was ended for everyone ------------------------------------------------------------------------------

ENDED = replace(LESSON, ended_for_all_at=START + timedelta(minutes=30))
ENDED_CIRCLE = replace(CIRCLE, ended_for_all_at=START)
GRACE = Policy().grace


def test_after_an_end_for_everyone_only_a_host_can_start_the_next_call() -> None:
    later = START + timedelta(minutes=31)
    assert decide_access(ENDED, STUDENT, later) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)
    assert isinstance(decide_access(ENDED, TUTOR, later), AdmitDecision)
    assert isinstance(decide_call_opening(ENDED, later), AdmitDecision)


def test_participants_can_join_after_the_host_restarts_the_call() -> None:
    assert isinstance(
        decide_access(replace(ENDED, call_running=True), STUDENT, START + timedelta(minutes=31)), AdmitDecision
    )


def test_after_an_end_for_everyone_a_guest_waits_for_the_host() -> None:
    access = with_policy(ENDED, guests_allowed=True)
    assert decide_access(access, GUEST, START + timedelta(minutes=31)) == WaitDecision(
        AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES
    )


def test_a_person_admitted_after_the_end_may_join() -> None:
    access = with_policy(ENDED, waiting_room="admit")
    later = START + timedelta(minutes=31)
    assert isinstance(decide_access(access, replace(STUDENT, admitted=True), later), AdmitDecision)
    assert decide_access(access, STUDENT, later) == WaitDecision(AccessReason.WAITING_FOR_ADMISSION, 5, OPENS, CLOSES)


def test_moving_a_booking_to_a_later_window_resets_the_end_for_everyone() -> None:
    moved = replace(ENDED, starts_at=START + WEEK, ends_at=END + WEEK)
    assert isinstance(decide_access(moved, STUDENT, START + WEEK), AdmitDecision)


def test_an_end_for_everyone_counts_in_the_window_of_the_earliest_role() -> None:
    access = with_policy(LESSON, opens_before_seconds_by_role={"tutor": 1200})
    ended = replace(access, ended_for_all_at=START - timedelta(minutes=15))
    assert decide_access(ended, STUDENT, START) == WaitDecision(AccessReason.WAITING_FOR_HOST, 5, OPENS, CLOSES)


def test_an_end_at_the_opening_time_counts_in_the_window_that_opens() -> None:
    assert is_restart_limited_to_hosts(replace(LESSON, ended_for_all_at=OPENS), START)
    assert not is_restart_limited_to_hosts(replace(LESSON, ended_for_all_at=OPENS - INSTANT), START)


def test_group_members_wait_for_a_host_only_during_the_grace_period() -> None:
    assert decide_access(ENDED_CIRCLE, STUDENT, START + GRACE - INSTANT) == WaitDecision(
        AccessReason.WAITING_FOR_HOST, 5, None, None
    )
    assert isinstance(decide_access(ENDED_CIRCLE, STUDENT, START + GRACE), AdmitDecision)


def test_without_host_roles_participants_do_not_wait_for_a_host() -> None:
    assert isinstance(
        decide_access(with_policy(ENDED, host_roles=[]), STUDENT, START + timedelta(minutes=31)), AdmitDecision
    )


@given(request=access_requests())
def test_only_hosts_restart_a_call_that_was_ended_for_everyone(request: AccessRequest) -> None:
    access = with_policy(replace(request.access, call_running=False), host_roles=["tutor"], grace_seconds=900)
    person = replace(request.person, admitted=False)
    earliest = max(access.policy.opens_before_seconds, *access.policy.opens_before_seconds_by_role.values(), 0)
    opens_at = None if access.starts_at is None else access.starts_at - timedelta(seconds=earliest)
    ended_at = request.now if opens_at is None else max(opens_at, request.now)
    decision = decide_access(replace(access, ended_for_all_at=ended_at), person, request.now)
    assert person.role == "tutor" or not isinstance(decision, AdmitDecision)


@given(request=access_requests())
def test_an_end_for_everyone_does_not_affect_hosts(request: AccessRequest) -> None:
    assume(request.person.role in request.access.policy.host_roles)
    before = decide_access(replace(request.access, ended_for_all_at=None), request.person, request.now)
    assert decide_access(replace(request.access, ended_for_all_at=request.now), request.person, request.now) == before
