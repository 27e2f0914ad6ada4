"""The expiry of tickets: limited by the issuer's credential, the request, the policy, and the session's window."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from videobroker.domain.access import (
    MIN_CREDENTIAL_LIFETIME,
    AccessContext,
    AccessReason,
    AccessSubject,
    AdmitDecision,
    RefuseDecision,
    decide_access,
)
from videobroker.domain.ids import SessionId, TicketId
from videobroker.domain.policy import Policy
from videobroker.domain.sessions import SessionStatus
from videobroker.domain.tickets import (
    READABLE_AFTER_WINDOW,
    UNSCHEDULED_TICKET_LIFETIME,
    TicketRecord,
    compute_requested_end,
    compute_window_end,
    is_ticket,
)
from videobroker.errors import TicketExpired, TicketRevoked

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

spans = st.integers(60, 400 * 86400).map(lambda seconds: timedelta(seconds=seconds))


def issued(*, credential: timedelta | None = None, requested: timedelta | None = None) -> TicketRecord:
    """A ticket issued at `NOW`; its issuer's credential and its request end this long after."""
    return TicketRecord(
        id=TicketId(UUID(int=1)),
        session_id=SessionId(UUID(int=2)),
        user_id="student-1",
        display_name=None,
        is_guest=False,
        scopes=None,
        issued_at=NOW,
        credential_expires_at=None if credential is None else NOW + credential,
        requested_until=compute_requested_end(NOW, requested),
    )


def access_context(
    ends_in: timedelta | None, *, policy: Policy | None = None, call_running: bool = False
) -> AccessContext:
    """A session that ends this long after `NOW`, or has no schedule."""
    starts_at = None if ends_in is None else NOW + ends_in - HOUR
    ends_at = None if ends_in is None else NOW + ends_in
    return AccessContext(SessionStatus.CONFIRMED, True, starts_at, ends_at, policy or Policy(), call_running)


@given(
    credential=st.none() | spans,
    requested=st.none() | spans,
    ticket_seconds=st.none() | st.integers(60, 30 * 86400),
    ends_in=st.none() | spans,
    call_running=st.booleans(),
)
def test_a_ticket_expires_at_the_earliest_of_all_limits(
    credential: timedelta | None,
    requested: timedelta | None,
    ticket_seconds: int | None,
    ends_in: timedelta | None,
    call_running: bool,
) -> None:
    ticket = issued(credential=credential, requested=requested)
    at = access_context(ends_in, policy=Policy(ticket_seconds=ticket_seconds), call_running=call_running)
    policy_end = None if ticket_seconds is None else timedelta(seconds=ticket_seconds)
    window = None if ends_in is None else ends_in + 15 * MINUTE + (HOUR if call_running else timedelta(0))
    others = [limit for limit in (requested, policy_end, window) if limit is not None] or [UNSCHEDULED_TICKET_LIFETIME]
    limits = others if credential is None else [*others, credential]
    expires_at = ticket.expires_at(at)
    assert expires_at == NOW + min(limits)
    assert expires_at <= ticket.readable_until(at) <= expires_at + READABLE_AFTER_WINDOW
    ticket.check(at, expires_at - timedelta(microseconds=1))
    with pytest.raises(TicketExpired):
        ticket.check(at, expires_at)


# Admission ends `MIN_CREDENTIAL_LIFETIME` before the window: the ticket is still valid then.
@example(ends_in=MINUTE, call_running=False, offset=899)
@given(ends_in=spans, call_running=st.booleans(), offset=st.integers(-7200, 7200))
def test_without_other_limits_a_ticket_is_valid_while_its_holder_may_be_admitted(
    ends_in: timedelta, call_running: bool, offset: int
) -> None:
    at = access_context(ends_in, call_running=call_running)
    now = max(NOW, NOW + ends_in + timedelta(seconds=offset))
    decision = decide_access(at, AccessSubject("student", "guest"), now)
    if isinstance(decision, AdmitDecision):
        issued().check(at, now)
    if isinstance(decision, RefuseDecision):
        assert decision.reason is AccessReason.SESSION_OVER
        with pytest.raises(TicketExpired, match="has expired"):
            issued().check(at, now + MIN_CREDENTIAL_LIFETIME)
        issued().check(at, now, is_read=True)


def test_the_policy_limits_the_lifetime_from_the_time_of_issue() -> None:
    ticket, hour = issued(), Policy(ticket_seconds=3600)
    assert ticket.expires_at(access_context(90 * DAY, policy=hour)) == NOW + HOUR
    assert ticket.expires_at(access_context(None, policy=hour)) == NOW + HOUR
    assert ticket.readable_until(access_context(None, policy=hour)) == NOW + HOUR


def test_without_a_schedule_a_limit_of_the_policy_or_of_the_request_replaces_the_twelve_hours() -> None:
    week = Policy(ticket_seconds=7 * 86400)
    assert issued().expires_at(access_context(None)) == NOW + 12 * HOUR
    assert issued().expires_at(access_context(None, policy=week)) == NOW + 7 * DAY
    assert issued(requested=3 * DAY).expires_at(access_context(None)) == NOW + 3 * DAY


def test_the_credential_of_the_issuer_does_not_replace_the_twelve_hours() -> None:
    assert issued(credential=DAY).expires_at(access_context(None)) == NOW + 12 * HOUR
    assert issued(credential=HOUR).expires_at(access_context(None)) == NOW + HOUR


def test_the_window_of_a_running_call_ends_after_the_overrun() -> None:
    assert compute_window_end(access_context(HOUR)) == NOW + HOUR + 15 * MINUTE
    assert compute_window_end(access_context(HOUR, call_running=True)) == NOW + 2 * HOUR + 15 * MINUTE
    assert compute_window_end(access_context(None, call_running=True)) is None


def test_moving_the_session_moves_the_expiry() -> None:
    ticket = issued()
    assert ticket.expires_at(access_context(HOUR)) == NOW + HOUR + 15 * MINUTE
    assert ticket.expires_at(access_context(90 * DAY)) == NOW + 90 * DAY + 15 * MINUTE


def test_after_the_window_a_ticket_grants_only_reading_for_a_day() -> None:
    ticket, over = issued(), NOW + HOUR + 15 * MINUTE
    with pytest.raises(TicketExpired):
        ticket.check(access_context(HOUR), over)
    ticket.check(access_context(HOUR), over + DAY - timedelta(microseconds=1), is_read=True)
    with pytest.raises(TicketExpired):
        ticket.check(access_context(HOUR), over + DAY, is_read=True)


def test_reading_ends_with_the_credential_of_the_issuer() -> None:
    ticket = issued(credential=MINUTE)
    with pytest.raises(TicketExpired):
        ticket.check(access_context(HOUR), NOW + MINUTE, is_read=True)


def test_a_revoked_ticket_does_not_grant_reading() -> None:
    ticket = TicketRecord(
        id=TicketId(UUID(int=1)),
        session_id=SessionId(UUID(int=2)),
        user_id="student-1",
        display_name=None,
        is_guest=False,
        scopes=None,
        issued_at=NOW,
        revoked_at=NOW,
    )
    for is_read in (True, False):
        with pytest.raises(TicketRevoked, match="was revoked"):
            ticket.check(access_context(HOUR), NOW, is_read=is_read)


def test_a_requested_lifetime_ends_at_a_whole_second() -> None:
    assert compute_requested_end(NOW + timedelta(seconds=0.9), MINUTE) == NOW + MINUTE


def test_the_prefix_distinguishes_tickets_from_keys_and_user_tokens() -> None:
    assert is_ticket("vbt_eyJhbGciOi")
    for credential in ("vb_abcdef", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", " vbt_x", "VBT_x", ""):
        assert not is_ticket(credential)
