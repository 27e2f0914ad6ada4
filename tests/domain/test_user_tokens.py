"""User tokens: validity, the user, and the token rules of an app."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.user_tokens import (
    DEFAULT_LIFETIME_SECONDS,
    MAX_ISSUER_LENGTH,
    MAX_LIFETIME_SECONDS,
    Algorithm,
    TokenRules,
    UnverifiedToken,
    VerifiedUser,
    check_new_rules,
    check_times,
    is_issuer,
    may_accept_same_token,
    read_user_id,
    read_verified_user,
)
from videobroker.errors import (
    InvalidInput,
    UserTokenExpired,
    UserTokenInvalid,
    UserTokenLivesTooLong,
    UserTokenNotYetValid,
)

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
INSTANT = timedelta(microseconds=1)
LEEWAY = 30
DAY = timedelta(days=1)
SECRET = "s" * 32


# --- validity ---------------------------------------------------------------------------------------------------------


def test_a_token_is_valid_between_iat_and_exp() -> None:
    check_times({"nbf": SECONDS, "exp": SECONDS + 1}, NOW, max_lifetime=DAY)
    check_times({"exp": SECONDS + 0.5}, NOW, max_lifetime=DAY)


def test_a_token_is_accepted_for_thirty_seconds_after_its_expiry() -> None:
    claims: dict[str, object] = {"exp": SECONDS - LEEWAY}
    check_times(claims, NOW - INSTANT, max_lifetime=DAY)
    with pytest.raises(UserTokenExpired, match="expired"):
        check_times(claims, NOW, max_lifetime=DAY)


def test_a_token_is_accepted_thirty_seconds_before_its_validity() -> None:
    claims: dict[str, object] = {"nbf": SECONDS + LEEWAY, "exp": SECONDS + 600}
    check_times(claims, NOW, max_lifetime=DAY)
    with pytest.raises(UserTokenNotYetValid, match="not valid yet"):
        check_times(claims, NOW - INSTANT, max_lifetime=DAY)


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
def test_a_token_without_two_valid_times_is_rejected(claims: str) -> None:
    with pytest.raises(UserTokenInvalid, match="`exp`"):
        check_times(json.loads(claims), NOW, max_lifetime=DAY)


@pytest.mark.parametrize("limit", [2**53, -(2**53), 2.0**53])
def test_times_are_numbers_that_json_represents_exactly(limit: float) -> None:
    with pytest.raises(UserTokenInvalid):
        check_times({"exp": limit}, NOW, max_lifetime=DAY)
    with pytest.raises(UserTokenInvalid):
        check_times({"exp": SECONDS + 60, "nbf": limit}, NOW, max_lifetime=DAY)


def test_the_largest_exact_number_is_a_time() -> None:
    with pytest.raises(UserTokenNotYetValid):
        check_times({"exp": SECONDS + 60, "nbf": 2**53 - 1}, NOW, max_lifetime=DAY)
    check_times({"exp": SECONDS + 60, "nbf": 1 - 2**53}, NOW, max_lifetime=DAY)


@given(st.one_of(st.none(), st.booleans(), st.text(), st.floats(), st.integers()), st.none() | st.integers())
def test_no_token_outlives_the_longest_lifetime(exp: object, iat: int | None) -> None:
    try:
        expires_at = check_times({"exp": exp, "iat": iat}, NOW, max_lifetime=DAY)
    except (UserTokenInvalid, UserTokenExpired, UserTokenLivesTooLong):
        return
    assert NOW - timedelta(seconds=LEEWAY) < expires_at <= NOW + DAY + timedelta(seconds=LEEWAY)


@pytest.mark.parametrize(
    ("exp", "iat"),
    [
        (SECONDS + 86400, None),
        (SECONDS + 86400 + LEEWAY, None),
        (SECONDS + 86400, SECONDS),
        (SECONDS + 86400 + LEEWAY, SECONDS + LEEWAY),  # their clock is ahead of ours
        (SECONDS + 86400, SECONDS + 10**12),
        (SECONDS + 86400, "yesterday"),
        (SECONDS + 60, SECONDS - 86340),
    ],
)
def test_a_token_of_the_longest_lifetime_is_accepted_with_its_expiry(exp: int, iat: object) -> None:
    expires_at = check_times({"exp": exp, "iat": iat}, NOW, max_lifetime=DAY)
    assert expires_at == datetime.fromtimestamp(exp, UTC)


@pytest.mark.parametrize(
    ("exp", "iat"),
    [
        (SECONDS + 86401 + LEEWAY, None),
        (SECONDS + 100 * 365 * 86400, SECONDS),
        (SECONDS * 1000, SECONDS * 1000),  # milliseconds
        (2**53 - 1, None),
        (SECONDS + 86400, SECONDS - 3600),  # would be accepted later if only the remaining time were counted
        (SECONDS + 60, 0),
    ],
)
def test_a_token_with_a_longer_lifetime_is_refused(exp: int, iat: object) -> None:
    with pytest.raises(UserTokenLivesTooLong, match="24 hours"):
        check_times({"exp": exp, "iat": iat}, NOW, max_lifetime=DAY)


# --- the user ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("subject", "user_id"), [("tutor-1", "tutor-1"), (42, "42"), ("é" * 128, "é" * 128)])
def test_the_subject_is_the_user_id_as_text(subject: object, user_id: str) -> None:
    assert read_user_id({"sub": subject}) == user_id


@pytest.mark.parametrize(
    "subject", [None, "", "a" * 129, True, 1.5, ["tutor-1"], {"id": 1}, "a\nb", "a\x00b", "\ud800", 10**128]
)
def test_a_token_with_an_invalid_subject_is_rejected(subject: object) -> None:
    with pytest.raises(UserTokenInvalid, match="`sub`"):
        read_user_id({"sub": subject})


def test_a_token_without_a_subject_is_rejected() -> None:
    with pytest.raises(UserTokenInvalid, match="`sub`"):
        read_user_id({"user_id": "tutor-1"})


@pytest.mark.parametrize(
    "number", [0, -1, 1281, 10**128 - 1, 1 - 10**127], ids=["zero", "negative", "four digits", "longest", "with a sign"]
)
def test_an_integer_of_up_to_128_characters_is_a_user_id(number: int) -> None:
    assert read_user_id({"sub": number}) == str(number)


@pytest.mark.parametrize(
    "number", [10**128, -(10**128), 1 - 10**128, 10**5000], ids=["longest + 1", "negative", "with a sign", "huge"]
)
def test_an_integer_of_more_than_128_characters_is_not_a_user_id(number: int) -> None:
    with pytest.raises(UserTokenInvalid, match="`sub`"):
        read_user_id({"sub": number})


def test_a_valid_token_identifies_the_user_until_its_expiry() -> None:
    claims: dict[str, object] = {"sub": 42, "exp": SECONDS + 3600, "iat": SECONDS}
    assert read_verified_user(claims, NOW, max_lifetime=DAY) == VerifiedUser("42", NOW + timedelta(hours=1))


def test_the_times_and_the_subject_of_a_token_are_both_checked() -> None:
    with pytest.raises(UserTokenInvalid, match="`sub`"):
        read_verified_user({"exp": SECONDS + 60}, NOW, max_lifetime=DAY)
    with pytest.raises(UserTokenExpired):
        read_verified_user({"sub": "tutor-1", "exp": SECONDS + 60}, NOW + DAY, max_lifetime=DAY)
    with pytest.raises(UserTokenLivesTooLong):
        read_verified_user({"sub": "tutor-1", "exp": SECONDS + 3600}, NOW, max_lifetime=timedelta(minutes=1))


# --- algorithms and token rules ---------------------------------------------------------------------------------------


def test_unsigned_tokens_are_not_accepted() -> None:
    assert [algorithm.value for algorithm in Algorithm] == ["HS256", "RS256", "ES256", "EdDSA"]


def test_tokens_are_verified_with_a_secret_or_a_jwks() -> None:
    assert TokenRules(secret=SECRET).secret == SECRET
    assert TokenRules(jwks_url="https://id.example/jwks", issuer="https://id.example").secret is None


def test_rules_have_either_a_secret_or_a_jwks() -> None:
    with pytest.raises(ValueError, match="either"):
        TokenRules()
    with pytest.raises(ValueError, match="either"):
        TokenRules(secret=SECRET, jwks_url="https://id.example/jwks", issuer="https://id.example")


def test_a_secret_needs_at_least_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TokenRules(secret="s" * 31)


def test_a_jwks_needs_an_issuer() -> None:
    with pytest.raises(ValueError, match="issuer"):
        TokenRules(jwks_url="https://id.example/jwks")


def test_an_app_may_configure_lifetimes_of_up_to_thirty_days() -> None:
    assert TokenRules(secret=SECRET).max_lifetime_seconds == DEFAULT_LIFETIME_SECONDS == 24 * 3600
    assert TokenRules(secret=SECRET, max_lifetime_seconds=1).max_lifetime_seconds == 1
    longest = TokenRules(secret=SECRET, max_lifetime_seconds=MAX_LIFETIME_SECONDS)
    assert timedelta(seconds=longest.max_lifetime_seconds) == timedelta(days=30)
    for seconds in (0, -1, MAX_LIFETIME_SECONDS + 1):
        with pytest.raises(ValueError, match="max_lifetime_seconds"):
            TokenRules(secret=SECRET, max_lifetime_seconds=seconds)


def test_the_repr_of_rules_contains_no_secret() -> None:
    assert SECRET not in repr(TokenRules(secret=SECRET, issuer="https://id.example"))


# --- rules of several apps --------------------------------------------------------------------------------------------

ISSUER, KEYS = "https://id.example", "https://id.example/jwks"
OTHER_ISSUER, OTHER_KEYS = "https://id.other.example", "https://id.other.example/jwks"
OTHER_SECRET = "t" * 32


def secret(secret: str = SECRET, *, issuer: str | None = None, audience: str | None = None) -> TokenRules:
    return TokenRules(secret=secret, issuer=issuer, audience=audience)


def published(url: str = KEYS, *, issuer: str = ISSUER, audience: str | None = None) -> TokenRules:
    return TokenRules(jwks_url=url, issuer=issuer, audience=audience)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (secret(), secret()),
        (secret(), secret(issuer=ISSUER)),
        (secret(), secret(audience="a")),
        (secret(audience="a"), secret(issuer=ISSUER)),
        (secret(issuer=ISSUER), secret(issuer=ISSUER)),
        (secret(audience="a"), secret(audience="a")),
        (secret(SECRET), secret(f"{SECRET}\0")),  # HMAC pads keys with zeros
        (published(), published()),
        (published(), published(audience="a")),
        (published(), published(OTHER_KEYS)),  # two addresses of one key set
        (published(audience="a"), published(OTHER_KEYS, audience="a")),
    ],
)
def test_rules_that_can_accept_the_same_token_overlap(one: TokenRules, other: TokenRules) -> None:
    assert may_accept_same_token(one, other)
    assert may_accept_same_token(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (secret(), secret(OTHER_SECRET)),
        (secret(issuer=ISSUER), secret(issuer=OTHER_ISSUER)),
        (secret(audience="a"), secret(audience="b")),
        (secret(issuer=ISSUER), published()),  # a token has one algorithm
        (published(), published(issuer=OTHER_ISSUER)),  # one key set for several issuers
        (published(audience="a"), published(audience="b")),
        (secret(f"{SECRET}0"), secret(SECRET)),
    ],
)
def test_rules_that_cannot_accept_the_same_token_do_not_overlap(one: TokenRules, other: TokenRules) -> None:
    assert not may_accept_same_token(one, other)
    assert not may_accept_same_token(other, one)


def token(algorithm: str = "HS256", issuer: str | None = None, *audiences: str) -> UnverifiedToken:
    return UnverifiedToken(algorithm, issuer, frozenset(audiences))


def test_only_the_algorithm_of_a_secret_fits_a_secret() -> None:
    assert token("HS256").may_fit(secret())
    for algorithm in ("RS256", "ES256", "EdDSA", "none"):
        assert not token(algorithm).may_fit(secret())


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_only_the_algorithms_of_public_keys_fit_a_jwks(algorithm: str) -> None:
    assert token(algorithm, ISSUER).may_fit(published())
    assert not token("HS256", ISSUER).may_fit(published())


def test_a_token_fits_rules_without_an_issuer_or_with_its_own() -> None:
    assert token("HS256", ISSUER).may_fit(secret())
    assert token("HS256", ISSUER).may_fit(secret(issuer=ISSUER))
    assert not token("HS256", OTHER_ISSUER).may_fit(secret(issuer=ISSUER))
    assert not token("HS256", None).may_fit(secret(issuer=ISSUER))


def test_a_token_fits_rules_without_an_audience_or_with_one_of_its_own() -> None:
    assert token("HS256", None, "a").may_fit(secret())
    assert token("HS256", None, "a", "b").may_fit(secret(audience="b"))
    assert not token("HS256", None, "a").may_fit(secret(audience="b"))
    assert not token("HS256", None).may_fit(secret(audience="b"))


any_rules = st.builds(
    secret,
    st.sampled_from([SECRET, OTHER_SECRET, f"{SECRET}\0"]),
    issuer=st.sampled_from([None, ISSUER, OTHER_ISSUER]),
    audience=st.sampled_from([None, "a", "b"]),
) | st.builds(
    published,
    st.sampled_from([KEYS, OTHER_KEYS]),
    issuer=st.sampled_from([ISSUER, OTHER_ISSUER]),
    audience=st.sampled_from([None, "a", "b"]),
)


@given(
    any_rules,
    any_rules,
    st.builds(
        UnverifiedToken,
        st.sampled_from(["HS256", "RS256", "none"]),
        st.sampled_from([None, ISSUER, OTHER_ISSUER]),
        st.sampled_from([frozenset(), frozenset("a"), frozenset("b")]),
    ),
)
def test_two_apps_accept_a_token_only_if_their_rules_overlap(
    one: TokenRules, other: TokenRules, token: UnverifiedToken
) -> None:
    if token.may_fit(one) and token.may_fit(other) and one.hmac_key == other.hmac_key:
        assert may_accept_same_token(one, other)


@pytest.mark.parametrize(
    "rules",
    [
        secret(issuer=""),
        secret(issuer="a" * 256),
        secret(issuer="https://id.example\n"),
        secret(issuer="\ud800"),
        secret(audience=""),
        published("id.example/jwks"),
        published("file:///etc/passwd"),
        published("https://"),
        published("https://ada:secret@id.example/jwks"),
        published("https://[id.example/jwks"),
    ],
)
def test_rules_that_no_token_can_satisfy_are_rejected(rules: TokenRules) -> None:
    with pytest.raises(InvalidInput, match=r"`(issuer|audience|jwks_url)`"):
        check_new_rules(rules)


def test_an_issuer_has_1_to_255_characters_on_one_line() -> None:
    assert MAX_ISSUER_LENGTH == 255
    for issuer in ("a", "a" * 255, ISSUER):
        assert is_issuer(issuer)
    for value in ("", "a" * 256, "a\nb", None, 1, [ISSUER]):
        assert not is_issuer(value)


def test_rules_of_common_providers_are_accepted() -> None:
    check_new_rules(published("https://acme.eu.auth0.com/.well-known/jwks.json", issuer="https://acme.eu.auth0.com/"))
    check_new_rules(published("http://keycloak:8080/realms/acme/protocol/openid-connect/certs", audience="account"))
    check_new_rules(secret(issuer="urn:\u00e9cole"))
