"""API keys: format, validity, and scopes."""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from videobroker.domain.api_keys import (
    KEY_HINT_LENGTH,
    KEY_PREFIX,
    SCOPE_DESCRIPTIONS,
    ApiKey,
    Scope,
    check_key_shape,
    compute_key_digest,
    generate_key,
)
from videobroker.domain.ids import AppId, KeyId
from videobroker.errors import ApiKeyExpired, ApiKeyInvalid, ApiKeyRevoked, ScopeMissing

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
KEY = ApiKey(
    id=KeyId(UUID(int=1)),
    app_id=AppId(UUID(int=2)),
    name="backend",
    shown="vb_abcdef",
    scopes=frozenset({Scope.JOIN}),
    created_at=NOW - timedelta(days=1),
    expires_at=None,
    revoked_at=None,
)

_any_text = st.text(st.characters())
"""Unlike plain `st.text()`, also with halves of surrogate pairs: headers may hold any bytes."""


# --- format -----------------------------------------------------------------------------------------------------------


def test_a_new_key_is_the_prefix_with_256_random_bits() -> None:
    key = generate_key()
    assert re.fullmatch(r"vb_[A-Za-z0-9_-]{43}", key)
    assert len(key) == 46


def test_keys_are_unique() -> None:
    assert len({generate_key() for _ in range(1000)}) == 1000


def test_every_new_key_has_a_valid_format() -> None:
    for _ in range(1000):
        key = generate_key()
        assert len(key) == 46
        check_key_shape(key)


def test_the_displayed_part_of_a_key_reveals_little_of_its_secret() -> None:
    secret_bits_shown = (KEY_HINT_LENGTH - len(KEY_PREFIX)) * 6
    assert secret_bits_shown == 36
    assert 256 - secret_bits_shown >= 128


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vb_",
        "vb_" + "a" * 20,
        "vb_" + "a" * 126,
        "VB_" + "a" * 43,
        "sk_" + "a" * 43,
        " vb_" + "a" * 43,
        "a" * 43 + "vb_",
        "vb_" + "ä" * 43,
        "vb_" + "\ud800" * 43,
    ],
    ids=[
        "empty",
        "the prefix alone",
        "too short",
        "too long",
        "capitals",
        "another vendor's",
        "space before",
        "reversed",
        "umlauts",
        "half a surrogate pair",
    ],
)
def test_an_invalid_key_is_rejected_and_not_repeated_in_the_error(text: str) -> None:
    with pytest.raises(ApiKeyInvalid, match="`vb_`") as raised:
        check_key_shape(text)
    assert len(text) < 10 or text not in raised.value.detail


@pytest.mark.parametrize("length", [24, 46, 128])
def test_keys_of_other_lengths_are_accepted_for_future_formats(length: int) -> None:
    check_key_shape("vb_".ljust(length, "a"))


# --- digest -----------------------------------------------------------------------------------------------------------


def test_the_digest_of_a_key_is_its_sha256() -> None:
    assert compute_key_digest("vb_abc") == hashlib.sha256(b"vb_abc").digest()


@given(_any_text, _any_text)
@example("\ud800", "?")
@example("\ud800", "\ud801")
def test_different_texts_have_different_digests(one: str, other: str) -> None:
    assert (compute_key_digest(one) == compute_key_digest(other)) == (one == other)


@given(_any_text)
def test_any_text_has_a_digest_even_invalid_unicode(text: str) -> None:
    assert len(compute_key_digest(text)) == 32


# --- validity ---------------------------------------------------------------------------------------------------------


def test_a_key_without_an_expiry_is_valid() -> None:
    KEY.check(NOW)
    KEY.check(NOW + timedelta(days=36_500))


def test_a_key_is_invalid_from_the_exact_time_of_its_expiry() -> None:
    key = replace(KEY, expires_at=NOW)
    key.check(NOW - INSTANT)
    with pytest.raises(ApiKeyExpired, match="videobroker keys create"):
        key.check(NOW)


def test_a_key_is_invalid_from_the_exact_time_of_its_revocation() -> None:
    key = replace(KEY, revoked_at=NOW)
    key.check(NOW - INSTANT)
    with pytest.raises(ApiKeyRevoked, match="replaced"):
        key.check(NOW)


def test_a_revoked_and_expired_key_is_reported_as_revoked() -> None:
    for expired, revoked in [(NOW, NOW), (NOW - timedelta(days=1), NOW), (NOW, NOW - timedelta(days=1))]:
        with pytest.raises(ApiKeyRevoked):
            replace(KEY, expires_at=expired, revoked_at=revoked).check(NOW)


def test_a_key_can_expire_before_its_scheduled_revocation() -> None:
    with pytest.raises(ApiKeyExpired):
        replace(KEY, expires_at=NOW, revoked_at=NOW + INSTANT).check(NOW)


# --- scopes -----------------------------------------------------------------------------------------------------------


@given(st.sets(st.sampled_from(Scope)), st.sampled_from(Scope))
def test_a_key_permits_exactly_its_scopes(scopes: set[Scope], required: Scope) -> None:
    key = replace(KEY, scopes=frozenset(scopes))
    if required in scopes:
        key.require(required)
    else:
        with pytest.raises(ScopeMissing):
            key.require(required)


@pytest.mark.parametrize("scope", Scope)
def test_the_error_names_and_explains_the_missing_scope(scope: Scope) -> None:
    with pytest.raises(ScopeMissing) as raised:
        replace(KEY, scopes=frozenset(set(Scope) - {scope})).require(scope)
    assert f"`{scope.value}`" in raised.value.detail
    assert SCOPE_DESCRIPTIONS[scope] in raised.value.detail
    assert raised.value.fields == {"scope": scope.value}


def test_a_write_scope_does_not_include_the_read_scope() -> None:
    writer = replace(KEY, scopes=frozenset({Scope.SESSIONS_WRITE}))
    with pytest.raises(ScopeMissing):
        writer.require(Scope.SESSIONS_READ)
