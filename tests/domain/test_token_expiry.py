"""Token expiry: set by the policy, limited by the window, and long enough for the call if the vendor needs it."""

from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from videobroker.domain.access import (
    AccessContext,
    AccessReason,
    AccessSubject,
    AdmitDecision,
    RefuseDecision,
    compute_token_expiry,
    decide_access,
)
from videobroker.domain.policy import Policy
from videobroker.domain.sessions import SessionStatus

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MAX_CALL_DURATION = 12 * HOUR


def on_100ms(
    *,
    until: datetime | None,
    policy: Policy | None = None,
    guest: bool = False,
    max_call_duration: timedelta = MAX_CALL_DURATION,
) -> timedelta:
    """The lifetime of a 100ms token issued now; its SDK presents the first token again."""
    lifetime = (policy or Policy()).token_lifetime(guest=guest, default=DAY)
    return (
        compute_token_expiry(NOW, until=until, lifetime=lifetime, maximum=DAY, max_call_duration=max_call_duration)
        - NOW
    )


def on_agora(*, until: datetime | None, policy: Policy | None = None, guest: bool = False) -> timedelta:
    """The lifetime of an Agora token issued now; it is renewed during the call."""
    lifetime = (policy or Policy()).token_lifetime(guest=guest, default=HOUR)
    return compute_token_expiry(NOW, until=until, lifetime=lifetime, maximum=DAY, max_call_duration=None) - NOW


# --- groups have no end: only the policy applies ----------------------------------------------------------------------


def test_a_participant_of_a_group_gets_24_hours_on_100ms() -> None:
    assert on_100ms(until=None) == DAY


def test_a_guest_of_a_group_gets_two_hours_on_100ms() -> None:
    assert on_100ms(until=None, guest=True) == 2 * HOUR


def test_everyone_in_a_group_gets_an_hour_on_agora() -> None:
    assert on_agora(until=None) == on_agora(until=None, guest=True) == HOUR


def test_in_a_group_a_token_need_not_outlive_the_call() -> None:
    assert on_100ms(until=None, policy=Policy(token_seconds=600)) == 10 * MINUTE


def test_a_policy_can_extend_agora_tokens() -> None:
    assert on_agora(until=None, policy=Policy(token_seconds=4 * 3600)) == 4 * HOUR


def test_a_policy_cannot_exceed_the_maximum_of_the_vendor() -> None:
    week = Policy(token_seconds=7 * 24 * 3600, guest_token_seconds=7 * 24 * 3600)
    assert on_100ms(until=None, policy=week) == DAY
    assert on_agora(until=None, policy=week) == DAY
    assert on_agora(until=NOW + 30 * DAY, policy=week, guest=True) == DAY


# --- bookings end: no token outlives the window -----------------------------------------------------------------------


def test_a_token_expires_when_the_window_closes() -> None:
    assert on_100ms(until=NOW + 75 * MINUTE) == 75 * MINUTE
    assert on_agora(until=NOW + 20 * MINUTE) == 20 * MINUTE


def test_a_token_expires_before_the_window_closes_if_its_lifetime_is_shorter() -> None:
    assert on_agora(until=NOW + 75 * MINUTE) == HOUR
    assert on_100ms(until=NOW + 3 * DAY) == DAY


def test_on_100ms_a_token_outlives_the_call_even_if_the_policy_is_shorter() -> None:
    short = Policy(token_seconds=600)
    assert on_100ms(until=NOW + 75 * MINUTE, policy=short) == 75 * MINUTE
    assert on_100ms(until=NOW + 3 * DAY, policy=short) == MAX_CALL_DURATION


def test_on_100ms_a_guest_token_outlives_the_call() -> None:
    assert on_100ms(until=NOW + 3 * HOUR, guest=True) == 3 * HOUR
    assert on_100ms(until=NOW + 3 * DAY, guest=True) == MAX_CALL_DURATION


def test_a_token_that_outlives_the_call_does_not_exceed_the_maximum_of_the_vendor() -> None:
    assert on_100ms(until=NOW + 30 * DAY, max_call_duration=2 * DAY) == DAY


def test_on_agora_a_short_policy_is_not_extended() -> None:
    assert on_agora(until=NOW + 75 * MINUTE, policy=Policy(token_seconds=600)) == 10 * MINUTE


# --- properties -------------------------------------------------------------------------------------------------------

_spans = st.sampled_from([MINUTE, HOUR, MAX_CALL_DURATION, DAY]) | st.timedeltas(timedelta(microseconds=1), 10 * DAY)


@given(remaining=_spans, lifetime=_spans, maximum=_spans, max_call_duration=st.none() | _spans)
def test_a_token_expires_in_the_future_within_all_limits(
    remaining: timedelta, lifetime: timedelta, maximum: timedelta, max_call_duration: timedelta | None
) -> None:
    expiry = compute_token_expiry(
        NOW, until=NOW + remaining, lifetime=lifetime, maximum=maximum, max_call_duration=max_call_duration
    )
    assert NOW < expiry <= NOW + min(remaining, maximum)


@given(remaining=_spans, lifetime=_spans, maximum=_spans)
def test_a_renewable_token_has_its_lifetime_within_the_limits(
    remaining: timedelta, lifetime: timedelta, maximum: timedelta
) -> None:
    expiry = compute_token_expiry(
        NOW, until=NOW + remaining, lifetime=lifetime, maximum=maximum, max_call_duration=None
    )
    assert expiry - NOW == sorted([remaining, lifetime, maximum])[0]


@given(remaining=_spans, lifetime=_spans, maximum=_spans, max_call_duration=_spans)
def test_a_token_that_must_outlive_the_call_does_or_reaches_a_limit(
    remaining: timedelta, lifetime: timedelta, maximum: timedelta, max_call_duration: timedelta
) -> None:
    span = (
        compute_token_expiry(
            NOW, until=NOW + remaining, lifetime=lifetime, maximum=maximum, max_call_duration=max_call_duration
        )
        - NOW
    )
    assert span >= max_call_duration or span in {remaining, maximum}
    assert span >= lifetime or span in {remaining, maximum}
    assert span <= max(lifetime, max_call_duration)


@given(lifetime=_spans, maximum=_spans, max_call_duration=st.none() | _spans)
def test_without_an_end_the_maximum_call_duration_does_not_matter(
    lifetime: timedelta, maximum: timedelta, max_call_duration: timedelta | None
) -> None:
    expiry = compute_token_expiry(
        NOW, until=None, lifetime=lifetime, maximum=maximum, max_call_duration=max_call_duration
    )
    assert expiry - NOW == sorted([lifetime, maximum])[0]


@given(remaining=_spans, more=_spans, lifetime=_spans, maximum=_spans, max_call_duration=st.none() | _spans)
def test_a_longer_window_never_shortens_a_token(
    remaining: timedelta, more: timedelta, lifetime: timedelta, maximum: timedelta, max_call_duration: timedelta | None
) -> None:
    shorter, longer = (
        compute_token_expiry(NOW, until=until, lifetime=lifetime, maximum=maximum, max_call_duration=max_call_duration)
        for until in (NOW + remaining, NOW + remaining + more)
    )
    assert shorter <= longer


@given(remaining=_spans, lifetime=_spans, maximum=_spans, max_call_duration=st.none() | _spans, passed=_spans)
def test_rejoining_never_gives_an_earlier_expiry(
    remaining: timedelta,
    lifetime: timedelta,
    maximum: timedelta,
    max_call_duration: timedelta | None,
    passed: timedelta,
) -> None:
    assume(passed < remaining)
    until = NOW + remaining
    first, again = (
        compute_token_expiry(now, until=until, lifetime=lifetime, maximum=maximum, max_call_duration=max_call_duration)
        for now in (NOW, NOW + passed)
    )
    assert first <= again


# --- the end of the window --------------------------------------------------------------------------------------------


@given(
    st.integers(-5_000_000, 5_000_000),
    st.integers(0, 999_999),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 3600]),
)
def test_near_the_end_of_the_window_no_expired_credential_is_issued(
    microseconds: int, fraction: int, running: bool, must_outlive_call: bool, overrun: int
) -> None:
    policy = Policy(grace_seconds=0, overrun_seconds=overrun)
    ends_at = NOW + timedelta(microseconds=fraction)
    access = AccessContext(SessionStatus.CONFIRMED, True, ends_at - HOUR, ends_at, policy, call_running=running)
    now = ends_at + timedelta(microseconds=microseconds)
    decision = decide_access(access, AccessSubject("tutor", "teacher"), now)
    if isinstance(decision, RefuseDecision):
        assert decision.reason is AccessReason.SESSION_OVER
        assert microseconds > -2_000_000
        assert overrun == 0 or not running
        return
    assert isinstance(decision, AdmitDecision)
    max_call_duration = MAX_CALL_DURATION if must_outlive_call else None
    expires_at = compute_token_expiry(
        now, until=decision.until, lifetime=DAY, maximum=DAY, max_call_duration=max_call_duration
    )
    assert int(expires_at.timestamp()) >= now.timestamp() + 1, "100ms: `exp` is cut to whole seconds"
    assert (expires_at - now) // timedelta(seconds=1) >= 1, "Agora: whole seconds from the issue"
    assert decision.until is not None
    assert expires_at <= decision.until
