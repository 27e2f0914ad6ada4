"""Attendance verdicts: the exact boundary of each rule, then properties over arbitrary stays."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from videobroker.domain.attendance.observations import EvidenceSource
from videobroker.domain.attendance.stays import Span, Stay
from videobroker.domain.attendance.verdicts import (
    AttendanceResult,
    AttendanceVerdict,
    VerdictInput,
    VerdictRule,
    decide_verdict,
)
from videobroker.domain.policy import Policy
from videobroker.domain.sessions import SessionStatus, SessionTerms

START = datetime(2026, 3, 12, 14, tzinfo=UTC)
END = datetime(2026, 3, 12, 15, tzinfo=UTC)
AFTERWARDS = datetime(2026, 3, 12, 18, tzinfo=UTC)
MINUTE = 60
LESSON = SessionTerms(starts_at=START, ends_at=END)
FINISHED = VerdictInput(terms=LESSON, policy=Policy(), now=AFTERWARDS, is_closed=True)


def at(seconds: float) -> datetime:
    """The time this long after the start."""
    return START + timedelta(seconds=seconds)


def stay(
    begin: float, end: float | None, *, source: EvidenceSource = EvidenceSource.OBSERVED, device: str = "laptop"
) -> Stay:
    """A stay of one device; `begin` and `end` are seconds after the start."""
    left_at, left_source = (None, None) if end is None else (at(end), source)
    return Stay(device, "student-1", at(begin), source, left_at, left_source)


def with_policy(facts: VerdictInput, **rules: int) -> VerdictInput:
    """The input with changed policy fields."""
    return replace(facts, policy=facts.policy.with_changes(rules))


def verdict_and_rule(facts: VerdictInput, *stays: Stay) -> tuple[AttendanceVerdict | None, VerdictRule]:
    """The verdict and the rule that determined it."""
    result = decide_verdict(facts, stays)
    return result.verdict, result.rule


WHOLE = stay(0, 3600)
ATTENDED = (AttendanceVerdict.ATTENDED, VerdictRule.THERE_IN_TIME)
LATE = (AttendanceVerdict.LATE, VerdictRule.LATE_AFTER)
LEFT_EARLY = (AttendanceVerdict.LEFT_EARLY, VerdictRule.LEFT_EARLY_BEFORE)
TOO_SHORT = (AttendanceVerdict.ABSENT, VerdictRule.MINIMUM_PRESENCE)
NEVER_THERE = (AttendanceVerdict.ABSENT, VerdictRule.NEVER_THERE)


# --- the rules, one by one --------------------------------------------------------------------------------------------


def test_a_person_present_from_start_to_end_has_attended() -> None:
    assert decide_verdict(FINISHED, [WHOLE]) == AttendanceResult(
        verdict=AttendanceVerdict.ATTENDED,
        rule=VerdictRule.THERE_IN_TIME,
        present_seconds=3600,
        first_joined_at=START,
        last_left_at=END,
        source=EvidenceSource.OBSERVED,
        spans=(Span(START, END),),
    )


def test_a_person_without_stays_was_absent() -> None:
    assert decide_verdict(FINISHED, []) == AttendanceResult(
        verdict=AttendanceVerdict.ABSENT, rule=VerdictRule.NEVER_THERE
    )


@pytest.mark.parametrize(
    ("joined", "expected"),
    [(-600, ATTENDED), (0, ATTENDED), (299, ATTENDED), (300, ATTENDED), (300.999, ATTENDED), (301, LATE), (3000, LATE)],
)
def test_a_person_who_joins_more_than_five_minutes_after_the_start_is_late(
    joined: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert verdict_and_rule(FINISHED, stay(joined, 3600)) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [(4200, ATTENDED), (3600, ATTENDED), (3300, ATTENDED), (3299.001, ATTENDED), (3299, LEFT_EARLY), (600, LEFT_EARLY)],
)
def test_a_person_who_leaves_more_than_five_minutes_before_the_end_has_left_early(
    left: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert verdict_and_rule(FINISHED, stay(0, left)) == expected


@pytest.mark.parametrize(
    ("lasted", "expected"), [(0, TOO_SHORT), (59, TOO_SHORT), (59.999, TOO_SHORT), (60, LEFT_EARLY)]
)
def test_a_person_present_for_less_than_a_minute_was_absent(
    lasted: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert verdict_and_rule(FINISHED, stay(0, lasted)) == expected


def test_late_takes_precedence_over_left_early() -> None:
    result = decide_verdict(FINISHED, [stay(600, 1800)])
    assert (result.verdict, result.rule) == LATE
    assert (result.late_by_seconds, result.left_early_by_seconds) == (600, 1800)


@pytest.mark.parametrize(
    ("rules", "stays", "expected"),
    [
        ({"late_after_seconds": 0}, [stay(1, 3600)], LATE),
        ({"late_after_seconds": 0}, [stay(0.999, 3600)], ATTENDED),
        ({"late_after_seconds": 900}, [stay(900, 3600)], ATTENDED),
        ({"left_early_before_seconds": 0}, [stay(0, 3599)], LEFT_EARLY),
        ({"left_early_before_seconds": 3600}, [stay(0, 60)], ATTENDED),
        ({"minimum_presence_seconds": 0, "left_early_before_seconds": 3600}, [stay(0, 0.5)], ATTENDED),
        ({"minimum_presence_seconds": 7200}, [stay(1, 3600)], TOO_SHORT),
        # The minimum is at most the duration of the booking.
        ({"minimum_presence_seconds": 7200}, [WHOLE], ATTENDED),
    ],
)
def test_the_policy_moves_every_boundary(
    rules: dict[str, int], stays: list[Stay], expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert verdict_and_rule(with_policy(FINISHED, **rules), *stays) == expected


# --- no verdict -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        (replace(LESSON, status=SessionStatus.CANCELLED), VerdictRule.CANCELLED),
        (replace(LESSON, status=SessionStatus.PENDING), VerdictRule.NOT_CONFIRMED),
        (replace(LESSON, video=False), VerdictRule.VIDEO_DISABLED),
        (replace(LESSON, status=SessionStatus.CANCELLED, video=False), VerdictRule.CANCELLED),
    ],
)
@pytest.mark.parametrize("stays", [[], [WHOLE]], ids=["absent", "present"])
def test_a_booking_that_did_not_take_place_on_video_has_no_verdict(
    terms: SessionTerms, rule: VerdictRule, stays: list[Stay]
) -> None:
    assert verdict_and_rule(replace(FINISHED, terms=terms), *stays) == (None, rule)


@pytest.mark.parametrize("stays", [[], [WHOLE]], ids=["absent", "present"])
def test_a_removed_person_has_no_verdict(stays: list[Stay]) -> None:
    assert verdict_and_rule(replace(FINISHED, removed=True), *stays) == (None, VerdictRule.REMOVED)


def test_presence_is_reported_without_a_verdict() -> None:
    cancelled = replace(FINISHED, terms=replace(LESSON, status=SessionStatus.CANCELLED))
    assert decide_verdict(cancelled, [stay(0, 600)]).present_seconds == 600


@pytest.mark.parametrize(
    ("now", "is_closed", "expected"),
    [
        (END - timedelta(microseconds=1), False, (None, VerdictRule.NOT_OVER)),
        (END, False, ATTENDED),
        (at(1200), True, ATTENDED),
    ],
    ids=["the last moment", "the end", "closed before the end"],
)
def test_a_verdict_exists_from_the_end_of_the_booking_or_its_closing_on(
    now: datetime, is_closed: bool, expected: tuple[AttendanceVerdict | None, VerdictRule]
) -> None:
    assert verdict_and_rule(replace(FINISHED, now=now, is_closed=is_closed), stay(-600, None)) == expected


def test_without_evidence_a_person_is_not_absent() -> None:
    assert verdict_and_rule(replace(FINISHED, evidence=False)) == (None, VerdictRule.NO_EVIDENCE)


def test_a_person_with_stays_has_a_verdict_without_evidence_of_the_others() -> None:
    assert verdict_and_rule(replace(FINISHED, evidence=False), WHOLE) == ATTENDED


def test_a_completed_booking_has_verdicts_like_a_confirmed_one() -> None:
    completed = replace(FINISHED, terms=replace(LESSON, status=SessionStatus.COMPLETED))
    assert verdict_and_rule(completed, WHOLE) == ATTENDED
    assert verdict_and_rule(completed) == NEVER_THERE


def test_a_group_cannot_have_verdicts() -> None:
    with pytest.raises(ValueError, match="no schedule"):
        decide_verdict(replace(FINISHED, terms=SessionTerms()), [WHOLE])


# --- what counts ------------------------------------------------------------------------------------------------------


def test_presence_before_the_start_is_not_attendance() -> None:
    result = decide_verdict(FINISHED, [stay(-600, -1)])
    assert (result.verdict, result.rule) == TOO_SHORT
    assert result.present_seconds == 599


def test_only_presence_after_the_start_counts_towards_the_minimum() -> None:
    assert verdict_and_rule(FINISHED, stay(-600, 59)) == TOO_SHORT
    assert verdict_and_rule(FINISHED, stay(-600, 60)) == LEFT_EARLY


def test_a_person_who_leaves_before_the_start_and_returns_late_is_late() -> None:
    result = decide_verdict(FINISHED, [stay(-600, -60), stay(400, 3600)])
    assert (result.verdict, result.rule, result.late_by_seconds) == (*LATE, 400)
    assert result.first_joined_at == at(-600)


def test_a_person_who_leaves_exactly_at_the_start_and_returns_late_is_late() -> None:
    result = decide_verdict(FINISHED, [stay(-600, 0), stay(400, 3600)])
    assert (result.verdict, result.rule, result.late_by_seconds) == (*LATE, 400)


def test_presence_after_the_end_is_not_attendance() -> None:
    assert verdict_and_rule(FINISHED, stay(3600, 4200)) == TOO_SHORT
    assert verdict_and_rule(FINISHED, stay(3541, 4200)) == TOO_SHORT
    assert verdict_and_rule(FINISHED, stay(3540, 4200)) == LATE


def test_a_minimum_of_zero_requires_some_presence_after_the_start() -> None:
    assert verdict_and_rule(with_policy(FINISHED, minimum_presence_seconds=0), stay(-600, -60)) == TOO_SHORT


def test_gaps_are_not_presence_and_do_not_affect_the_verdict() -> None:
    result = decide_verdict(FINISHED, [stay(0, 600), stay(3000, 3600)])
    assert (result.verdict, result.present_seconds) == (AttendanceVerdict.ATTENDED, 1200)
    assert result.spans == (Span(at(0), at(600)), Span(at(3000), at(3600)))


def test_short_stays_add_up() -> None:
    assert verdict_and_rule(FINISHED, stay(0, 30), stay(3500, 3530)) == ATTENDED


def test_simultaneous_devices_count_once() -> None:
    result = decide_verdict(FINISHED, [stay(0, 1800), stay(900, 3600, device="phone")])
    assert (result.present_seconds, result.spans) == (3600, (Span(START, END),))


def test_an_open_stay_counts_until_now_and_is_not_leaving_early() -> None:
    result = decide_verdict(replace(FINISHED, now=at(3700)), [stay(0, None)])
    assert (result.verdict, result.present_seconds) == (AttendanceVerdict.ATTENDED, 3700)
    assert (result.last_left_at, result.left_early_by_seconds) == (None, 0)


def test_the_source_of_a_verdict_is_its_weakest_source() -> None:
    observed, reconciled, inferred = [
        stay(number * 1000, number * 1000 + 900, source=source) for number, source in enumerate(EvidenceSource)
    ]
    assert decide_verdict(FINISHED, [observed]).source is EvidenceSource.OBSERVED
    assert decide_verdict(FINISHED, [observed, reconciled]).source is EvidenceSource.RECONCILED
    assert decide_verdict(FINISHED, [inferred, observed, reconciled]).source is EvidenceSource.INFERRED


# --- a call that was ended on request ---------------------------------------------------------------------------------


def test_leaving_when_the_host_ends_the_call_is_not_leaving_early() -> None:
    ended = replace(FINISHED, ended_at=at(1800))
    result = decide_verdict(ended, [stay(0, 1800)])
    assert (result.verdict, result.left_early_by_seconds) == (AttendanceVerdict.ATTENDED, 0)


@pytest.mark.parametrize(("left", "expected"), [(1500, ATTENDED), (1499, LEFT_EARLY)])
def test_leaving_early_is_measured_from_when_the_host_ended_the_call(
    left: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert verdict_and_rule(replace(FINISHED, ended_at=at(1800)), stay(0, left)) == expected


def test_a_call_ended_after_the_scheduled_end_does_not_cause_left_early() -> None:
    assert verdict_and_rule(replace(FINISHED, ended_at=at(5400)), WHOLE) == ATTENDED


def test_an_end_on_request_does_not_excuse_being_late() -> None:
    assert verdict_and_rule(replace(FINISHED, ended_at=at(1800)), stay(600, 1800)) == LATE


def test_all_presence_counts_in_a_call_that_ended_before_the_scheduled_start() -> None:
    over_before = replace(FINISHED, ended_at=at(-60))
    assert verdict_and_rule(over_before, stay(-600, -60)) == ATTENDED
    assert verdict_and_rule(over_before, stay(-600, -420)) == LEFT_EARLY
    assert verdict_and_rule(over_before) == NEVER_THERE


def test_all_presence_counts_in_a_call_that_ended_exactly_at_the_scheduled_start() -> None:
    over_at_start = replace(FINISHED, ended_at=START)
    assert verdict_and_rule(over_at_start, stay(-600, 0)) == ATTENDED
    assert verdict_and_rule(over_at_start, stay(0, 60)) == ATTENDED


def test_presence_after_a_call_that_ended_before_the_scheduled_start_counts() -> None:
    assert verdict_and_rule(replace(FINISHED, ended_at=at(-60)), stay(-50, -20)) == ATTENDED


@pytest.mark.parametrize("ended_at", [at(-60), START], ids=["before the start", "at the start"])
@pytest.mark.parametrize(("seconds", "expected"), [(0, TOO_SHORT), (0.999, TOO_SHORT), (1, ATTENDED)])
def test_a_call_that_ended_before_the_scheduled_start_requires_a_second_of_presence(
    ended_at: datetime, seconds: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert verdict_and_rule(replace(FINISHED, ended_at=ended_at), stay(-90, -90 + seconds)) == expected


@pytest.mark.parametrize(
    ("left", "expected"), [(1800, ATTENDED), (1500, ATTENDED), (1499.999, LEFT_EARLY), (600, LEFT_EARLY)]
)
def test_a_person_who_stays_until_any_call_is_ended_on_request_has_not_left_early(
    left: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    # Another call followed, without this person.
    assert verdict_and_rule(replace(FINISHED, requested_ends=(at(1800), at(3600))), stay(0, left)) == expected


def test_an_end_on_request_excuses_only_people_who_had_arrived_by_then() -> None:
    ended = replace(FINISHED, requested_ends=(at(1800),))
    assert decide_verdict(ended, [stay(1800, 1900)]).left_early_by_seconds == 0
    assert decide_verdict(ended, [stay(1801, 1900)]).left_early_by_seconds == 1700


# --- properties -------------------------------------------------------------------------------------------------------

_seconds = st.integers(0, 7200)
_policies = st.builds(
    Policy, late_after_seconds=_seconds, left_early_before_seconds=_seconds, minimum_presence_seconds=_seconds
)
_ends = st.none() | st.integers(-1200, 7200).map(at)
verdict_inputs = st.builds(
    VerdictInput,
    terms=st.just(LESSON),
    policy=_policies,
    now=st.just(AFTERWARDS),
    is_closed=st.just(True),
    ended_at=_ends,
)
"""Bookings that are over, with evidence."""


@st.composite
def stays_of_one(draw: st.DrawFn, *, fewest: int = 0) -> list[Stay]:
    """The stays of one person with two devices; a stay may be open."""
    stays = []
    for _ in range(draw(st.integers(fewest, 4))):
        begin = draw(st.integers(-1_200_000, 5_400_000)) / 1000
        lasted = draw(st.none() | st.integers(0, 5_400_000))
        device = draw(st.sampled_from(["laptop", "phone"]))
        end = None if lasted is None else begin + lasted / 1000
        stays.append(stay(begin, end, source=draw(st.sampled_from(EvidenceSource)), device=device))
    return stays


VERDICT_OF = {
    VerdictRule.THERE_IN_TIME: AttendanceVerdict.ATTENDED,
    VerdictRule.LATE_AFTER: AttendanceVerdict.LATE,
    VerdictRule.LEFT_EARLY_BEFORE: AttendanceVerdict.LEFT_EARLY,
    VerdictRule.MINIMUM_PRESENCE: AttendanceVerdict.ABSENT,
    VerdictRule.NEVER_THERE: AttendanceVerdict.ABSENT,
}
RANK = {
    AttendanceVerdict.ABSENT: 0,
    AttendanceVerdict.LATE: 1,
    AttendanceVerdict.LEFT_EARLY: 1,
    AttendanceVerdict.ATTENDED: 2,
}


def rank(result: AttendanceResult) -> int:
    assert result.verdict is not None
    return RANK[result.verdict]


@given(verdict_inputs, stays_of_one())
def test_the_rule_matches_the_verdict(facts: VerdictInput, stays: list[Stay]) -> None:
    result = decide_verdict(facts, stays)
    assert result.verdict is VERDICT_OF[result.rule]
    assert (result.rule is VerdictRule.NEVER_THERE) == (not stays)
    if result.verdict is AttendanceVerdict.ATTENDED:
        assert result.late_by_seconds <= facts.policy.late_after_seconds
        assert result.left_early_by_seconds <= facts.policy.left_early_before_seconds
        starts_at, ends_at = facts.terms.starts_at, facts.terms.ends_at
        assert starts_at is not None
        assert ends_at is not None
        lasted = int((min(ends_at, facts.ended_at or ends_at) - starts_at).total_seconds())
        assert result.present_seconds >= min(facts.policy.minimum_presence_seconds, max(lasted, 0))


@given(verdict_inputs, stays_of_one(), stays_of_one(fewest=1))
def test_more_presence_never_makes_a_verdict_worse(facts: VerdictInput, stays: list[Stay], more: list[Stay]) -> None:
    before, after = decide_verdict(facts, stays), decide_verdict(facts, [*stays, *more])
    assert rank(after) >= rank(before)
    assert after.present_seconds >= before.present_seconds


@given(verdict_inputs, stays_of_one(), st.randoms(use_true_random=False))
def test_the_order_of_stays_does_not_matter(facts: VerdictInput, stays: list[Stay], dice: random.Random) -> None:
    shuffled = list(stays)
    dice.shuffle(shuffled)
    assert decide_verdict(facts, shuffled) == decide_verdict(facts, stays)


@given(verdict_inputs, stays_of_one(fewest=1), st.floats(0, 1))
def test_splitting_a_stay_without_a_gap_does_not_change_the_verdict(
    facts: VerdictInput, stays: list[Stay], share: float
) -> None:
    first, *rest = stays
    assume(first.left_at is not None)
    assert first.left_at is not None
    middle = first.joined_at + (first.left_at - first.joined_at) * share
    halves = [replace(first, left_at=middle), replace(first, joined_at=middle, connection="tablet")]
    assert decide_verdict(facts, [*halves, *rest]) == decide_verdict(facts, stays)


@given(verdict_inputs, stays_of_one())
def test_presence_is_at_most_the_time_from_first_to_last_stay(facts: VerdictInput, stays: list[Stay]) -> None:
    result = decide_verdict(facts, stays)
    if result.first_joined_at is None:
        assert result.present_seconds == 0
    else:
        until = result.last_left_at or facts.now
        assert 0 <= result.present_seconds <= (until - result.first_joined_at).total_seconds()


@given(verdict_inputs, stays_of_one(), st.timedeltas(timedelta(days=-1000), timedelta(days=1000)))
def test_shifting_all_times_does_not_change_the_verdict(facts: VerdictInput, stays: list[Stay], by: timedelta) -> None:
    later = replace(
        facts,
        terms=replace(LESSON, starts_at=START + by, ends_at=END + by),
        now=facts.now + by,
        ended_at=None if facts.ended_at is None else facts.ended_at + by,
    )
    moved = [
        replace(each, joined_at=each.joined_at + by, left_at=None if each.left_at is None else each.left_at + by)
        for each in stays
    ]
    former, latter = decide_verdict(facts, stays), decide_verdict(later, moved)
    assert (former.verdict, former.rule, former.present_seconds) == (
        latter.verdict,
        latter.rule,
        latter.present_seconds,
    )


@given(verdict_inputs, stays_of_one(), st.booleans(), st.booleans())
def test_a_cancelled_booking_has_no_verdicts(
    facts: VerdictInput, stays: list[Stay], is_closed: bool, evidence: bool
) -> None:
    cancelled = replace(
        facts, terms=replace(LESSON, status=SessionStatus.CANCELLED), is_closed=is_closed, evidence=evidence
    )
    assert verdict_and_rule(cancelled, *stays) == (None, VerdictRule.CANCELLED)


@given(verdict_inputs, stays_of_one(), st.integers(0, 7200))
def test_a_more_lenient_policy_never_makes_a_verdict_worse(facts: VerdictInput, stays: list[Stay], more: int) -> None:
    policy = facts.policy
    lenient = with_policy(
        facts,
        late_after_seconds=policy.late_after_seconds + more,
        left_early_before_seconds=policy.left_early_before_seconds + more,
        minimum_presence_seconds=max(0, policy.minimum_presence_seconds - more),
    )
    assert rank(decide_verdict(lenient, stays)) >= rank(decide_verdict(facts, stays))
