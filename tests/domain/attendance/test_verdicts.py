"""Whether somebody attended a booking: every rule, to the second, and then for everybody whenever they come and go."""

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
OVER = VerdictInput(terms=LESSON, policy=Policy(), now=AFTERWARDS, is_closed=True)


def at(seconds: float) -> datetime:
    """So long after the start."""
    return START + timedelta(seconds=seconds)


def stay(
    begin: float, end: float | None, *, source: EvidenceSource = EvidenceSource.OBSERVED, device: str = "laptop"
) -> Stay:
    """With one device, from and to so many seconds after the start."""
    left_at, left_source = (None, None) if end is None else (at(end), source)
    return Stay(device, "student-1", at(begin), source, left_at, left_source)


def under(hearing: VerdictInput, **rules: int) -> VerdictInput:
    """The same under other rules."""
    return replace(hearing, policy=hearing.policy.with_changes(rules))


def decided(hearing: VerdictInput, *stays: Stay) -> tuple[AttendanceVerdict | None, VerdictRule]:
    """The verdict and what decided."""
    judgement = decide_verdict(hearing, stays)
    return judgement.verdict, judgement.rule


WHOLE = stay(0, 3600)
ATTENDED = (AttendanceVerdict.ATTENDED, VerdictRule.THERE_IN_TIME)
LATE = (AttendanceVerdict.LATE, VerdictRule.LATE_AFTER)
LEFT_EARLY = (AttendanceVerdict.LEFT_EARLY, VerdictRule.LEFT_EARLY_BEFORE)
TOO_SHORT = (AttendanceVerdict.ABSENT, VerdictRule.MINIMUM_PRESENCE)
NEVER_THERE = (AttendanceVerdict.ABSENT, VerdictRule.NEVER_THERE)


# --- the rules, one by one --------------------------------------------------------------------------------------------


def test_who_is_there_from_start_to_end_has_attended() -> None:
    assert decide_verdict(OVER, [WHOLE]) == AttendanceResult(
        verdict=AttendanceVerdict.ATTENDED,
        rule=VerdictRule.THERE_IN_TIME,
        present_seconds=3600,
        first_joined_at=START,
        last_left_at=END,
        source=EvidenceSource.OBSERVED,
        spans=(Span(START, END),),
    )


def test_who_never_came_was_absent() -> None:
    assert decide_verdict(OVER, []) == AttendanceResult(verdict=AttendanceVerdict.ABSENT, rule=VerdictRule.NEVER_THERE)


@pytest.mark.parametrize(
    ("came", "expected"),
    [(-600, ATTENDED), (0, ATTENDED), (299, ATTENDED), (300, ATTENDED), (300.999, ATTENDED), (301, LATE), (3000, LATE)],
)
def test_who_comes_more_than_five_minutes_after_the_start_is_late(
    came: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert decided(OVER, stay(came, 3600)) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [(4200, ATTENDED), (3600, ATTENDED), (3300, ATTENDED), (3299.001, ATTENDED), (3299, LEFT_EARLY), (600, LEFT_EARLY)],
)
def test_who_is_gone_more_than_five_minutes_before_the_end_has_left_early(
    left: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert decided(OVER, stay(0, left)) == expected


@pytest.mark.parametrize(
    ("lasted", "expected"), [(0, TOO_SHORT), (59, TOO_SHORT), (59.999, TOO_SHORT), (60, LEFT_EARLY)]
)
def test_who_is_there_for_less_than_a_minute_was_absent(
    lasted: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert decided(OVER, stay(0, lasted)) == expected


def test_who_comes_late_and_leaves_early_is_late() -> None:
    judgement = decide_verdict(OVER, [stay(600, 1800)])
    assert (judgement.verdict, judgement.rule) == LATE
    assert (judgement.late_by_seconds, judgement.left_early_by_seconds) == (600, 1800)


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
        # Nobody can have been there for longer than it lasted.
        ({"minimum_presence_seconds": 7200}, [WHOLE], ATTENDED),
    ],
)
def test_the_policy_moves_every_boundary(
    rules: dict[str, int], stays: list[Stay], expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert decided(under(OVER, **rules), *stays) == expected


# --- where there is no verdict ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        (replace(LESSON, status=SessionStatus.CANCELLED), VerdictRule.CANCELLED),
        (replace(LESSON, status=SessionStatus.PENDING), VerdictRule.NOT_CONFIRMED),
        (replace(LESSON, video=False), VerdictRule.VIDEO_DISABLED),
        (replace(LESSON, status=SessionStatus.CANCELLED, video=False), VerdictRule.CANCELLED),
    ],
)
@pytest.mark.parametrize("stays", [[], [WHOLE]], ids=["nobody came", "somebody came"])
def test_a_booking_that_was_not_to_take_place_on_video_says_nothing_about_anybody(
    terms: SessionTerms, rule: VerdictRule, stays: list[Stay]
) -> None:
    assert decided(replace(OVER, terms=terms), *stays) == (None, rule)


def test_minutes_are_told_where_there_is_no_verdict() -> None:
    cancelled = replace(OVER, terms=replace(LESSON, status=SessionStatus.CANCELLED))
    assert decide_verdict(cancelled, [stay(0, 600)]).present_seconds == 600


@pytest.mark.parametrize(
    ("now", "shut", "expected"),
    [
        (END - timedelta(microseconds=1), False, (None, VerdictRule.NOT_OVER)),
        (END, False, ATTENDED),
        (at(1200), True, ATTENDED),
    ],
    ids=["the last moment", "the end", "shut before"],
)
def test_there_is_a_verdict_from_the_end_on_or_once_nobody_comes_in_any_more(
    now: datetime, shut: bool, expected: tuple[AttendanceVerdict | None, VerdictRule]
) -> None:
    assert decided(replace(OVER, now=now, is_closed=shut), stay(-600, None)) == expected


def test_who_was_in_a_call_that_nobody_told_of_is_not_called_absent() -> None:
    assert decided(replace(OVER, evidence=False)) == (None, VerdictRule.NO_EVIDENCE)


def test_who_was_seen_is_judged_although_not_everything_was_told() -> None:
    assert decided(replace(OVER, evidence=False), WHOLE) == ATTENDED


def test_a_completed_booking_is_judged_like_any_other() -> None:
    completed = replace(OVER, terms=replace(LESSON, status=SessionStatus.COMPLETED))
    assert decided(completed, WHOLE) == ATTENDED
    assert decided(completed) == NEVER_THERE


def test_a_group_is_not_judged() -> None:
    with pytest.raises(ValueError, match="no schedule"):
        decide_verdict(replace(OVER, terms=SessionTerms()), [WHOLE])


# --- what counts ------------------------------------------------------------------------------------------------------


def test_waiting_before_the_start_is_not_attending() -> None:
    judgement = decide_verdict(OVER, [stay(-600, -1)])
    assert (judgement.verdict, judgement.rule) == TOO_SHORT
    assert judgement.present_seconds == 599


def test_only_what_lies_after_the_start_counts_towards_the_minimum() -> None:
    assert decided(OVER, stay(-600, 59)) == TOO_SHORT
    assert decided(OVER, stay(-600, 60)) == LEFT_EARLY


def test_who_was_there_before_the_start_and_came_back_late_is_late() -> None:
    judgement = decide_verdict(OVER, [stay(-600, -60), stay(400, 3600)])
    assert (judgement.verdict, judgement.rule, judgement.late_by_seconds) == (*LATE, 400)
    assert judgement.first_joined_at == at(-600)


def test_a_minimum_of_zero_asks_for_some_presence_after_the_start() -> None:
    assert decided(under(OVER, minimum_presence_seconds=0), stay(-600, -60)) == TOO_SHORT


def test_pauses_are_not_presence_and_do_not_make_anybody_late_or_early() -> None:
    judgement = decide_verdict(OVER, [stay(0, 600), stay(3000, 3600)])
    assert (judgement.verdict, judgement.present_seconds) == (AttendanceVerdict.ATTENDED, 1200)
    assert judgement.spans == (Span(at(0), at(600)), Span(at(3000), at(3600)))


def test_short_stays_add_up() -> None:
    assert decided(OVER, stay(0, 30), stay(3500, 3530)) == ATTENDED


def test_two_devices_at_once_are_present_once() -> None:
    judgement = decide_verdict(OVER, [stay(0, 1800), stay(900, 3600, device="phone")])
    assert (judgement.present_seconds, judgement.spans) == (3600, (Span(START, END),))


def test_who_is_there_yet_has_not_left_and_is_counted_until_now() -> None:
    judgement = decide_verdict(replace(OVER, now=at(3700)), [stay(0, None)])
    assert (judgement.verdict, judgement.present_seconds) == (AttendanceVerdict.ATTENDED, 3700)
    assert (judgement.last_left_at, judgement.left_early_by_seconds) == (None, 0)


def test_a_verdict_is_as_good_as_the_weakest_evidence_it_rests_on() -> None:
    good, asked, guessed = [
        stay(number * 1000, number * 1000 + 900, source=source) for number, source in enumerate(EvidenceSource)
    ]
    assert decide_verdict(OVER, [good]).source is EvidenceSource.OBSERVED
    assert decide_verdict(OVER, [good, asked]).source is EvidenceSource.RECONCILED
    assert decide_verdict(OVER, [guessed, good, asked]).source is EvidenceSource.INFERRED


# --- a call that was ended on request ---------------------------------------------------------------------------------


def test_nobody_left_early_from_a_call_that_the_host_ended() -> None:
    ended = replace(OVER, ended_at=at(1800))
    judgement = decide_verdict(ended, [stay(0, 1800)])
    assert (judgement.verdict, judgement.left_early_by_seconds) == (AttendanceVerdict.ATTENDED, 0)


@pytest.mark.parametrize(("left", "expected"), [(1500, ATTENDED), (1499, LEFT_EARLY)])
def test_leaving_early_is_reckoned_from_when_the_host_ended_it(
    left: float, expected: tuple[AttendanceVerdict, VerdictRule]
) -> None:
    assert decided(replace(OVER, ended_at=at(1800)), stay(0, left)) == expected


def test_ending_it_later_than_planned_makes_nobody_leave_early() -> None:
    assert decided(replace(OVER, ended_at=at(5400)), WHOLE) == ATTENDED


def test_the_end_on_request_does_not_excuse_who_came_late() -> None:
    assert decided(replace(OVER, ended_at=at(1800)), stay(600, 1800)) == LATE


def test_of_a_call_that_was_over_before_its_start_all_of_it_counts() -> None:
    over_before = replace(OVER, ended_at=at(-60))
    assert decided(over_before, stay(-600, -60)) == ATTENDED
    assert decided(over_before, stay(-600, -420)) == LEFT_EARLY
    assert decided(over_before) == NEVER_THERE


# --- for everybody ----------------------------------------------------------------------------------------------------

_seconds = st.integers(0, 7200)
_policies = st.builds(
    Policy, late_after_seconds=_seconds, left_early_before_seconds=_seconds, minimum_presence_seconds=_seconds
)
_ends = st.none() | st.integers(-1200, 7200).map(at)
hearings = st.builds(
    VerdictInput,
    terms=st.just(LESSON),
    policy=_policies,
    now=st.just(AFTERWARDS),
    is_closed=st.just(True),
    ended_at=_ends,
)
"""All that are over, with evidence."""


@st.composite
def stays_of_one(draw: st.DrawFn, *, fewest: int = 0) -> list[Stay]:
    """One person's stays; of each of two devices there may be one that goes on."""
    found = []
    for _ in range(draw(st.integers(fewest, 4))):
        begin = draw(st.integers(-1_200_000, 5_400_000)) / 1000
        lasted = draw(st.none() | st.integers(0, 5_400_000))
        device = draw(st.sampled_from(["laptop", "phone"]))
        end = None if lasted is None else begin + lasted / 1000
        found.append(stay(begin, end, source=draw(st.sampled_from(EvidenceSource)), device=device))
    return found


VERDICT_OF = {
    VerdictRule.THERE_IN_TIME: AttendanceVerdict.ATTENDED,
    VerdictRule.LATE_AFTER: AttendanceVerdict.LATE,
    VerdictRule.LEFT_EARLY_BEFORE: AttendanceVerdict.LEFT_EARLY,
    VerdictRule.MINIMUM_PRESENCE: AttendanceVerdict.ABSENT,
    VerdictRule.NEVER_THERE: AttendanceVerdict.ABSENT,
}
WORTH = {
    AttendanceVerdict.ABSENT: 0,
    AttendanceVerdict.LATE: 1,
    AttendanceVerdict.LEFT_EARLY: 1,
    AttendanceVerdict.ATTENDED: 2,
}


def worth(judgement: AttendanceResult) -> int:
    assert judgement.verdict is not None
    return WORTH[judgement.verdict]


@given(hearings, stays_of_one())
def test_the_rule_that_decided_belongs_to_the_verdict(hearing: VerdictInput, stays: list[Stay]) -> None:
    judgement = decide_verdict(hearing, stays)
    assert judgement.verdict is VERDICT_OF[judgement.rule]
    assert (judgement.rule is VerdictRule.NEVER_THERE) == (not stays)
    if judgement.verdict is AttendanceVerdict.ATTENDED:
        assert judgement.late_by_seconds <= hearing.policy.late_after_seconds
        assert judgement.left_early_by_seconds <= hearing.policy.left_early_before_seconds
        starts_at, ends_at = hearing.terms.starts_at, hearing.terms.ends_at
        assert starts_at is not None
        assert ends_at is not None
        lasted = int((min(ends_at, hearing.ended_at or ends_at) - starts_at).total_seconds())
        assert judgement.present_seconds >= min(hearing.policy.minimum_presence_seconds, max(lasted, 0))


@given(hearings, stays_of_one(), stays_of_one(fewest=1))
def test_more_presence_never_makes_a_verdict_worse(hearing: VerdictInput, stays: list[Stay], more: list[Stay]) -> None:
    before, after = decide_verdict(hearing, stays), decide_verdict(hearing, [*stays, *more])
    assert worth(after) >= worth(before)
    assert after.present_seconds >= before.present_seconds


@given(hearings, stays_of_one(), st.randoms(use_true_random=False))
def test_the_order_in_which_stays_are_told_does_not_matter(
    hearing: VerdictInput, stays: list[Stay], dice: random.Random
) -> None:
    shuffled = list(stays)
    dice.shuffle(shuffled)
    assert decide_verdict(hearing, shuffled) == decide_verdict(hearing, stays)


@given(hearings, stays_of_one(fewest=1), st.floats(0, 1))
def test_a_stay_that_is_interrupted_for_no_time_is_the_same_stay(
    hearing: VerdictInput, stays: list[Stay], share: float
) -> None:
    first, *rest = stays
    assume(first.left_at is not None)
    assert first.left_at is not None
    middle = first.joined_at + (first.left_at - first.joined_at) * share
    halves = [replace(first, left_at=middle), replace(first, joined_at=middle, connection="tablet")]
    assert decide_verdict(hearing, [*halves, *rest]) == decide_verdict(hearing, stays)


@given(hearings, stays_of_one())
def test_nobody_is_present_for_longer_than_from_first_to_last(hearing: VerdictInput, stays: list[Stay]) -> None:
    judgement = decide_verdict(hearing, stays)
    if judgement.first_joined_at is None:
        assert judgement.present_seconds == 0
    else:
        until = judgement.last_left_at or hearing.now
        assert 0 <= judgement.present_seconds <= (until - judgement.first_joined_at).total_seconds()


@given(hearings, stays_of_one(), st.timedeltas(timedelta(days=-1000), timedelta(days=1000)))
def test_only_distances_in_time_matter(hearing: VerdictInput, stays: list[Stay], by: timedelta) -> None:
    later = replace(
        hearing,
        terms=replace(LESSON, starts_at=START + by, ends_at=END + by),
        now=hearing.now + by,
        ended_at=None if hearing.ended_at is None else hearing.ended_at + by,
    )
    moved = [
        replace(each, joined_at=each.joined_at + by, left_at=None if each.left_at is None else each.left_at + by)
        for each in stays
    ]
    former, latter = decide_verdict(hearing, stays), decide_verdict(later, moved)
    assert (former.verdict, former.rule, former.present_seconds) == (
        latter.verdict,
        latter.rule,
        latter.present_seconds,
    )


@given(hearings, stays_of_one(), st.booleans(), st.booleans())
def test_a_cancelled_booking_has_no_verdict_on_anybody(
    hearing: VerdictInput, stays: list[Stay], shut: bool, evidence: bool
) -> None:
    cancelled = replace(
        hearing, terms=replace(LESSON, status=SessionStatus.CANCELLED), is_closed=shut, evidence=evidence
    )
    assert decided(cancelled, *stays) == (None, VerdictRule.CANCELLED)


@given(hearings, stays_of_one(), st.integers(0, 7200))
def test_a_more_lenient_policy_never_makes_a_verdict_worse(hearing: VerdictInput, stays: list[Stay], more: int) -> None:
    policy = hearing.policy
    lenient = under(
        hearing,
        late_after_seconds=policy.late_after_seconds + more,
        left_early_before_seconds=policy.left_early_before_seconds + more,
        minimum_presence_seconds=max(0, policy.minimum_presence_seconds - more),
    )
    assert worth(decide_verdict(lenient, stays)) >= worth(decide_verdict(hearing, stays))
