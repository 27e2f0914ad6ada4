"""User tokens: when one is valid, whom it names, and how an app may have them checked."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from videobroker.domain.users import Algorithm, TokenRules, check_times, user_of
from videobroker.errors import UserTokenExpired, UserTokenInvalid, UserTokenNotYetValid

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
INSTANT = timedelta(microseconds=1)
LEEWAY = 30
SECRET = "s" * 32


# --- when -------------------------------------------------------------------------------------------------------------


def test_a_token_is_valid_between_its_two_times() -> None:
    check_times({"nbf": SECONDS, "exp": SECONDS + 1}, NOW)
    check_times({"exp": SECONDS + 0.5}, NOW)


def test_a_token_expires_thirty_seconds_after_its_end_because_clocks_differ() -> None:
    claims: dict[str, object] = {"exp": SECONDS - LEEWAY}
    check_times(claims, NOW - INSTANT)
    with pytest.raises(UserTokenExpired):
        check_times(claims, NOW)


def test_a_token_begins_thirty_seconds_before_its_beginning_because_clocks_differ() -> None:
    claims: dict[str, object] = {"nbf": SECONDS + LEEWAY, "exp": SECONDS + 600}
    check_times(claims, NOW)
    with pytest.raises(UserTokenNotYetValid):
        check_times(claims, NOW - INSTANT)


@pytest.mark.parametrize(
    "claims",
    [
        "{}",
        '{"exp": null}',
        '{"exp": "2026-03-12T15:00:00Z"}',
        '{"exp": "9999999999"}',
        '{"exp": true}',
        '{"exp": NaN}',
        '{"exp": Infinity}',
        '{"exp": 1e999}',
        f'{{"exp": 1{"0" * 400}}}',
        '{"exp": 9999999999, "nbf": null}',
        '{"exp": 9999999999, "nbf": NaN}',
        '{"exp": 9999999999, "nbf": -Infinity}',
    ],
    ids=lambda claims: claims[:40],
)
def test_a_token_without_two_proper_times_is_not_valid_at_all(claims: str) -> None:
    with pytest.raises(UserTokenInvalid):
        check_times(json.loads(claims), NOW)


_year_9999 = datetime(9999, 12, 31, tzinfo=UTC)


@given(st.one_of(st.none(), st.booleans(), st.text(), st.floats(), st.integers()))
def test_no_token_is_valid_for_ever(exp: object) -> None:
    assume(not isinstance(exp, int | float) or not _year_9999.timestamp() - LEEWAY < exp < 2**53)
    with pytest.raises((UserTokenInvalid, UserTokenExpired)):
        check_times({"exp": exp}, _year_9999)


# --- whom -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("subject", "user_id"), [("tutor-1", "tutor-1"), (42, "42"), ("é" * 128, "é" * 128)])
def test_the_subject_is_the_user_and_a_number_counts_as_its_digits(subject: object, user_id: str) -> None:
    assert user_of({"sub": subject}) == user_id


@pytest.mark.parametrize(
    "subject", [None, "", "a" * 129, True, 1.5, ["tutor-1"], {"id": 1}, "a\nb", "a\x00b", "\ud800"]
)
def test_a_token_that_names_nobody_in_particular_is_not_valid(subject: object) -> None:
    with pytest.raises(UserTokenInvalid, match="`sub`"):
        user_of({"sub": subject})


def test_a_token_without_a_subject_is_not_valid() -> None:
    with pytest.raises(UserTokenInvalid, match="`sub`"):
        user_of({"user_id": "tutor-1"})


# --- how --------------------------------------------------------------------------------------------------------------


def test_unsigned_tokens_are_not_among_the_accepted() -> None:
    assert [algorithm.value for algorithm in Algorithm] == ["HS256", "RS256", "ES256", "EdDSA"]


def test_tokens_are_checked_by_a_secret_or_by_published_keys() -> None:
    assert TokenRules(secret=SECRET).secret == SECRET
    assert TokenRules(jwks_url="https://id.example/jwks", issuer="https://id.example").secret is None


def test_tokens_are_checked_by_exactly_one_of_them() -> None:
    with pytest.raises(ValueError, match="either"):
        TokenRules()
    with pytest.raises(ValueError, match="either"):
        TokenRules(secret=SECRET, jwks_url="https://id.example/jwks", issuer="https://id.example")


def test_a_secret_has_at_least_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TokenRules(secret="s" * 31)


def test_published_keys_need_the_name_of_their_issuer() -> None:
    with pytest.raises(ValueError, match="issuer"):
        TokenRules(jwks_url="https://id.example/jwks")


def test_printed_rules_show_no_secret() -> None:
    assert SECRET not in repr(TokenRules(secret=SECRET, issuer="https://id.example"))
