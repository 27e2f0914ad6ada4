"""When stored credentials may be returned again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.idempotency import MIN_REMAINING_LIFETIME, CredentialGrant, is_current

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SECOND = timedelta(seconds=1)
STORED = CredentialGrant(
    session_id="session",
    call_id="call",
    provider="100ms",
    surface="sdk",
    room_id="room",
    role="teacher",
    code_id=None,
    token_id="stored",
    issued_at=NOW - MINUTE,
    expires_at=NOW + HOUR,
)
FRESH = replace(STORED, token_id="fresh", issued_at=NOW, expires_at=NOW + HOUR + MINUTE)
FACTS = ("session_id", "call_id", "provider", "surface", "room_id", "role", "code_id")


def test_an_unchanged_credential_is_current() -> None:
    assert is_current(STORED, FRESH, removed_at=None, now=NOW)


@pytest.mark.parametrize("fact", FACTS)
def test_changing_any_fact_of_a_credential_makes_it_stale(fact: str) -> None:
    changed: dict[str, Any] = {fact: "another"}
    assert not is_current(STORED, replace(FRESH, **changed), removed_at=None, now=NOW)


@given(st.timedeltas(min_value=-HOUR, max_value=HOUR))
def test_a_credential_is_current_only_while_more_than_the_margin_is_left(left: timedelta) -> None:
    stored = replace(STORED, expires_at=NOW + left)
    assert is_current(stored, FRESH, removed_at=None, now=NOW) is (left > MIN_REMAINING_LIFETIME)


def test_a_credential_with_exactly_the_margin_left_is_stale() -> None:
    margin = replace(STORED, expires_at=NOW + MIN_REMAINING_LIFETIME)
    assert not is_current(margin, FRESH, removed_at=None, now=NOW)
    assert is_current(margin, FRESH, removed_at=None, now=NOW - timedelta(microseconds=1))


@given(st.timedeltas(min_value=-HOUR, max_value=HOUR))
def test_a_credential_is_stale_if_a_new_one_would_expire_sooner(sooner: timedelta) -> None:
    fresh = replace(FRESH, expires_at=STORED.expires_at - sooner)
    assert is_current(STORED, fresh, removed_at=None, now=NOW) is (sooner <= timedelta(0))


@given(st.timedeltas(min_value=-HOUR, max_value=HOUR))
def test_a_removal_makes_only_earlier_credentials_stale(after: timedelta) -> None:
    removed_at = STORED.issued_at + after
    assert is_current(STORED, FRESH, removed_at=removed_at, now=NOW) is (after < timedelta(0))


@given(
    st.builds(
        CredentialGrant,
        **{name: st.text() for name in (*FACTS[:-1], "token_id")},
        code_id=st.none() | st.text(),
        issued_at=st.datetimes(timezones=st.just(UTC)),
        expires_at=st.datetimes(timezones=st.just(UTC)),
    )
)
def test_stored_facts_round_trip(grant: CredentialGrant) -> None:
    assert CredentialGrant.from_json(grant.to_json()) == grant


@pytest.mark.parametrize(
    "stored", [{}, {"session_id": "s"}, {**STORED.to_json(), "issued_at": "soon"}, {**STORED.to_json(), "issued_at": 5}]
)
def test_an_unknown_stored_format_is_not_current(stored: dict[str, object]) -> None:
    assert CredentialGrant.from_json(stored) is None
