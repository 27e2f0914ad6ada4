"""Signed tokens: claims, and compatibility with the web SDK."""

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.providers.hms.tokens import (
    MANAGEMENT_TOKEN_LIFETIME,
    RENEWAL_MARGIN,
    AccountKeys,
    ManagementTokens,
    sign_auth_token,
    sign_management_token,
)

from .conftest import START, Clock

KEYS = AccountKeys("65f0c1a2b3d4e5f607182900", "an-invented-secret-of-more-than-32-bytes")
ROOM = "65f0c1a2b3d4e5f60718293a"
TOKEN_ID = "7a1f0c52-9d3e-4b61-8c04-2e5b9f7a6d10"
NASTY = st.text(alphabet=st.sampled_from("abc>?~\x7f\\\"'/é漢😀\x00\n-_"))


def signed(user_id: str = "u-1842", role: str = "teacher") -> str:
    return sign_auth_token(
        KEYS,
        room_id=ROOM,
        role=role,
        user_id=user_id,
        issued_at=START,
        expires_at=START + timedelta(hours=24),
        token_id=TOKEN_ID,
    )


def claims(token: str) -> dict[str, Any]:
    """The claims of a verified token, without a check of its times."""
    return jwt.decode(
        token,
        KEYS.secret,
        algorithms=["HS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )


def as_the_web_sdk_reads(token: str) -> Any:
    """The payload decoded like `atob`, which does not support base64url and returns a character for each byte."""
    payload = token.split(".")[1]
    text = base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True).decode("latin-1")
    return json.loads(text)


def test_an_auth_token_has_exactly_the_required_claims() -> None:
    issued = int(START.timestamp())
    assert claims(signed()) == {
        "access_key": KEYS.access_key,
        "type": "app",
        "version": 2,
        "room_id": ROOM,
        "role": "teacher",
        "user_id": "u-1842",
        "jti": TOKEN_ID,
        "iat": issued - 10,
        "nbf": issued - 10,
        "exp": issued + 86400,
    }


def test_a_management_token_has_neither_room_nor_user() -> None:
    token = sign_management_token(KEYS, issued_at=START, expires_at=START + timedelta(hours=1), token_id=TOKEN_ID)
    issued = int(START.timestamp())
    assert claims(token) == {
        "access_key": KEYS.access_key,
        "type": "management",
        "version": 2,
        "jti": TOKEN_ID,
        "iat": issued - 10,
        "nbf": issued - 10,
        "exp": issued + 3600,
    }


def test_the_header_names_hs256() -> None:
    assert jwt.get_unverified_header(signed()) == {"alg": "HS256", "typ": "JWT"}


def test_times_are_whole_seconds_and_rounded_down() -> None:
    moment = START + timedelta(milliseconds=900)
    token = sign_management_token(KEYS, issued_at=moment, expires_at=moment, token_id=TOKEN_ID)
    got = claims(token)
    assert [type(got[name]) for name in ("iat", "nbf", "exp")] == [int, int, int]
    assert got["exp"] == int(START.timestamp())


@given(user_id=st.text() | NASTY, role=st.text() | NASTY)
def test_the_web_sdk_can_decode_any_user_and_role(user_id: str, role: str) -> None:
    token = signed(user_id, role)
    payload = token.split(".")[1]
    assert not {"-", "_"} & set(payload)
    assert as_the_web_sdk_reads(token) == claims(token)
    assert (claims(token)["user_id"], claims(token)["role"]) == (user_id, role)


def test_without_escaping_the_web_sdk_could_not_decode_the_token() -> None:
    """Guards the test above: its decoder must be as strict as `atob`."""
    with pytest.raises(ValueError, match=r"[Bb]ase64"):
        as_the_web_sdk_reads(jwt.encode({"user_id": "???"}, KEYS.secret))


def test_a_management_token_is_used_until_five_minutes_are_left(clock: Clock) -> None:
    tokens = ManagementTokens(KEYS, clock)
    first = tokens.current()
    clock.advance(MANAGEMENT_TOKEN_LIFETIME - RENEWAL_MARGIN)
    assert tokens.current() == first
    clock.advance(timedelta(seconds=1))
    second = tokens.current()
    assert second != first
    assert claims(second)["exp"] == int((clock.now + MANAGEMENT_TOKEN_LIFETIME).timestamp())


def test_a_discarded_token_is_not_used_again(clock: Clock) -> None:
    tokens = ManagementTokens(KEYS, clock)
    first = tokens.current()
    tokens.discard(first)
    assert UUID(claims(tokens.current())["jti"]) != UUID(claims(first)["jti"])


def test_a_late_discard_does_not_affect_a_newer_token(clock: Clock) -> None:
    tokens = ManagementTokens(KEYS, clock)
    first = tokens.current()
    tokens.discard(first)
    second = tokens.current()
    tokens.discard(first)
    assert tokens.current() == second


def test_the_repr_of_keys_and_cache_contains_no_secrets(clock: Clock) -> None:
    tokens = ManagementTokens(KEYS, clock)
    token = tokens.current()
    for text in (repr(KEYS), str(KEYS), repr(tokens)):
        assert KEYS.secret not in text
        assert token not in text
