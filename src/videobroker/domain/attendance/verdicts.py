"""Attendance verdicts of a booking: the verdict on each person, its numbers, and the rule that decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from videobroker.domain.attendance.observations import EvidenceSource
from videobroker.domain.attendance.stays import Span, Stay, merge_spans
from videobroker.domain.policy import Policy
from videobroker.domain.sessions import SessionStatus, SessionTerms


class AttendanceVerdict(StrEnum):
    """How a person attended a booking."""

    ATTENDED = "attended"
    LATE = "late"
    LEFT_EARLY = "left_early"
    ABSENT = "absent"


class VerdictRule(StrEnum):
    """The rule that determined a verdict. The values are stable names of the API."""

    THERE_IN_TIME = "there_in_time"
    """`attended`: arrived in time and stayed."""
    LATE_AFTER = "late_after"
    """`late`: arrived more than `late_after_seconds` after the start."""
    LEFT_EARLY_BEFORE = "left_early_before"
    """`left_early`: left more than `left_early_before_seconds` before the end."""
    MINIMUM_PRESENCE = "minimum_presence"
    """`absent`: was present for less than `minimum_presence_seconds` between start and end."""
    NEVER_THERE = "never_there"
    """`absent`: never arrived."""
    CANCELLED = "cancelled"
    """No verdict: the booking was cancelled."""
    NOT_CONFIRMED = "not_confirmed"
    """No verdict: the booking was never confirmed."""
    VIDEO_DISABLED = "video_disabled"
    """No verdict: it did not take place on video."""
    REMOVED = "removed"
    """No verdict: they were removed and blocked."""
    NOT_OVER = "not_over"
    """No verdict yet."""
    NO_EVIDENCE = "no_evidence"
    """No verdict: there was a call, and the provider did not report who was in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictInput:
    """The facts about a booking and one person that a verdict depends on."""

    terms: SessionTerms
    policy: Policy
    now: datetime
    is_closed: bool = False
    """No one can join any more: the verdict is final."""
    ended_at: datetime | None = None
    """When the last call was ended on request. Leaving then is not leaving early."""
    requested_ends: tuple[datetime, ...] = ()
    """When calls were ended on request. A person who stayed until one of them did not leave early."""
    evidence: bool = True
    """The provider reported who was in the calls."""
    removed: bool = False
    """The person was removed and blocked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceResult:
    """One person's verdict and its numbers."""

    verdict: AttendanceVerdict | None
    rule: VerdictRule
    present_seconds: int = 0
    """Total time in calls with at least one device, including time before the start and after the end."""
    late_by_seconds: int = 0
    """How long after the start they arrived; 0 if they arrived before it."""
    left_early_by_seconds: int = 0
    """How long before the end they left; 0 if they left after it."""
    first_joined_at: datetime | None = None
    last_left_at: datetime | None = None
    """None while they are in a call."""
    source: EvidenceSource | None = None
    """The weakest evidence among the stays; None without any stay."""
    spans: tuple[Span, ...] = ()


def decide_verdict(facts: VerdictInput, stays: Iterable[Stay]) -> AttendanceResult:
    """The verdict on one person with these stays in all calls of the booking. Raises `ValueError` for a group."""
    own = tuple(stays)
    spans = merge_spans(Span(stay.joined_at, stay.left_at) for stay in own)
    starts_at, ends_at = facts.terms.starts_at, facts.terms.ends_at
    no_verdict = _no_verdict(facts, present=bool(spans))
    if starts_at is None or ends_at is None:
        raise ValueError("only bookings have verdicts: a group has no schedule")
    end = min(ends_at, facts.ended_at or ends_at)
    counted = spans if end <= starts_at else _from(spans, starts_at)
    late_by = _seconds_between(starts_at, counted[0].start) if counted else 0
    early_by = 0 if _stayed_to_an_end(facts, counted) else _seconds_between(counted[-1].end, end)
    # The required presence cannot exceed the duration of the booking.
    lasted = int((end - starts_at).total_seconds())
    needed = min(facts.policy.minimum_presence_seconds, lasted if lasted > 0 else 1)
    during = _total(_until(counted, end) if end > starts_at else counted, facts.now)
    verdict, rule = (
        (None, no_verdict)
        if no_verdict
        else _decided(facts, counted, during, late_by, early_by, needed=needed, was_there=bool(spans))
    )
    return AttendanceResult(
        verdict=verdict,
        rule=rule,
        present_seconds=_total(spans, facts.now),
        late_by_seconds=late_by,
        left_early_by_seconds=early_by,
        first_joined_at=spans[0].start if spans else None,
        last_left_at=spans[-1].end if spans else None,
        source=max((stay.source for stay in own), key=list(EvidenceSource).index, default=None),
        spans=spans,
    )


def _no_verdict(facts: VerdictInput, *, present: bool) -> VerdictRule | None:
    match facts.terms.status:
        case SessionStatus.CANCELLED:
            return VerdictRule.CANCELLED
        case SessionStatus.PENDING:
            return VerdictRule.NOT_CONFIRMED
        case _ if not facts.terms.video:
            return VerdictRule.VIDEO_DISABLED
        case _ if facts.removed:
            return VerdictRule.REMOVED
    over = facts.is_closed or (facts.terms.ends_at is not None and facts.now >= facts.terms.ends_at)
    if not over:
        return VerdictRule.NOT_OVER
    return None if present or facts.evidence else VerdictRule.NO_EVIDENCE


def _decided(
    facts: VerdictInput,
    counted: Sequence[Span],
    during: int,
    late_by: int,
    early_by: int,
    *,
    needed: int,
    was_there: bool,
) -> tuple[AttendanceVerdict, VerdictRule]:
    policy = facts.policy
    if not was_there:
        return AttendanceVerdict.ABSENT, VerdictRule.NEVER_THERE
    if not counted or during < needed:
        return AttendanceVerdict.ABSENT, VerdictRule.MINIMUM_PRESENCE
    if late_by > policy.late_after_seconds:
        return AttendanceVerdict.LATE, VerdictRule.LATE_AFTER
    if early_by > policy.left_early_before_seconds:
        return AttendanceVerdict.LEFT_EARLY, VerdictRule.LEFT_EARLY_BEFORE
    return AttendanceVerdict.ATTENDED, VerdictRule.THERE_IN_TIME


def _stayed_to_an_end(facts: VerdictInput, counted: Sequence[Span]) -> bool:
    """Whether they are still present, were never present, or stayed until a call was ended for everyone."""
    if not counted or counted[-1].end is None:
        return True
    slack = facts.policy.left_early_before
    return any(
        span.start <= end and span.end is not None and span.end >= end - slack
        for span in counted
        for end in facts.requested_ends
    )


def _from(spans: Iterable[Span], start: datetime) -> tuple[Span, ...]:
    """The parts of the spans after the start: waiting for the others is not attendance."""
    return tuple(Span(max(span.start, start), span.end) for span in spans if span.end is None or span.end > start)


def _until(spans: Iterable[Span], end: datetime) -> tuple[Span, ...]:
    """The parts of the spans before the end: a person who arrives after it has not attended."""
    return tuple(Span(span.start, min(span.end or end, end)) for span in spans if span.start < end)


def _total(spans: Iterable[Span], now: datetime) -> int:
    return int(sum(span.seconds(now) for span in spans))


def _seconds_between(earlier: datetime | None, later: datetime) -> int:
    return 0 if earlier is None else max(0, int((later - earlier).total_seconds()))
