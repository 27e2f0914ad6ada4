"""User tokens: the rules by which an app accepts the tokens of its own identity provider."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeGuard
from urllib.parse import urlsplit

from videobroker.domain.struct import Struct
from videobroker.domain.texts import MAX_IDENTIFIER_LENGTH, check_identifier, is_line
from videobroker.errors import (
    InvalidInput,
    UserTokenExpired,
    UserTokenInvalid,
    UserTokenLivesTooLong,
    UserTokenNotYetValid,
)

HMAC_BLOCK_BYTES = 64
"""Of SHA-256."""
MAX_CLOCK_SKEW = timedelta(seconds=30)
"""So far may the clocks of the app and ours differ."""
MAX_TOKEN_LENGTH = 8192
"""Characters. No sensible token is longer, and headers have bounds anyway."""
MAX_ISSUER_LENGTH = 255
MAX_ISSUER_LENGTH = 255
DEFAULT_LIFETIME_SECONDS = 24 * 3600
"""Covers the defaults of Firebase (1 h), Cognito (1 h), Okta (1 h), Entra ID (60 to 90 min), and Auth0 (24 h)."""
MAX_LIFETIME_SECONDS = 30 * 24 * 3600
"""The longest lifetime that an app can configure; also the longest that Auth0 issues."""


class Algorithm(StrEnum):
    """How tokens may be signed. Nothing else is ever accepted, whatever a token says of itself."""

    HS256 = "HS256"
    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How an app's user tokens are checked: by a shared secret (HS256), or by the keys at a JWKS URL."""

    secret: str | None = field(default=None, repr=False)
    jwks_url: str | None = None
    issuer: str | None = None
    """What `iss` must be; None checks nothing, and lets the token be tried against every app that says nothing."""
    audience: str | None = None
    """What `aud` must hold; None checks nothing."""
    max_lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS
    """Tokens whose `exp` is later than this after their `iat`, or after now, are refused."""

    def __post_init__(self) -> None:
        if (self.secret is None) == (self.jwks_url is None):
            raise ValueError("user tokens are checked either by a `secret` or by a `jwks_url`")
        if self.secret is not None and len(self.secret.encode()) < 32:
            raise ValueError("the secret of user tokens needs at least 32 bytes (RFC 7518, section 3.2)")
        if self.jwks_url is not None and self.issuer is None:
            raise ValueError("with a `jwks_url` the `issuer` must be named: it tells whose keys to ask for")
        if not 1 <= self.max_lifetime_seconds <= MAX_LIFETIME_SECONDS:
            raise ValueError(f"`max_lifetime_seconds` must be between 1 and {MAX_LIFETIME_SECONDS} (30 days)")

    @property
    def hmac_key(self) -> bytes | None:
        """The secret as HMAC uses it: different texts can be one key (RFC 2104, section 2)."""
        if self.secret is None:
            return None
        key = self.secret.encode()
        if len(key) > HMAC_BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        return key.ljust(HMAC_BLOCK_BYTES, b"\0")


class UnverifiedToken(Struct):
    """What a token says of itself, before its signature is verified: only good for choosing the rules to try."""

    algorithm: str
    issuer: str | None
    audiences: frozenset[str]

    def may_fit(self, rules: TokenRules) -> bool:
        """Whether these rules accept the token, if its signature is valid."""
        return (
            (self.algorithm == Algorithm.HS256) == (rules.secret is not None)
            and rules.issuer in (None, self.issuer)
            and (rules.audience is None or rules.audience in self.audiences)
        )


def is_issuer(value: object) -> TypeGuard[str]:
    """Whether this can be the `iss` of a token. Anything else cannot be looked up."""
    return isinstance(value, str) and 1 <= len(value) <= MAX_ISSUER_LENGTH and is_line(value)


def check_new_rules(rules: TokenRules) -> None:
    """Raise `InvalidInput` for rules that no token could ever fit."""
    if rules.issuer is not None and not is_issuer(rules.issuer):
        raise InvalidInput(f"The `issuer` must have 1 to {MAX_ISSUER_LENGTH} characters, and no control characters.")
    if rules.audience == "":
        raise InvalidInput("The `audience` must not be empty. Leave it out if the tokens have no `aud`.")
    if rules.jwks_url is not None and not _is_web_address(rules.jwks_url):
        raise InvalidInput("The `jwks_url` must be an absolute https:// or http:// URL, without a user name.")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and "@" not in parts.netloc


def may_accept_same_token(one: TokenRules, other: TokenRules) -> bool:
    """Whether a token with one issuer and one audience could be valid by both rules.

    Different URLs can publish the same key, so with published keys the issuer decides. A token that names both
    audiences is not considered: it is refused when it is used.
    """
    if one.hmac_key != other.hmac_key:
        return False
    same_issuer = one.issuer is None or other.issuer is None or one.issuer == other.issuer
    same_audience = one.audience is None or other.audience is None or one.audience == other.audience
    return same_issuer and same_audience


class VerifiedUser(Struct):
    """What a valid user token says."""

    user_id: str
    expires_at: datetime
    """Its `exp`. Up to `MAX_CLOCK_SKEW` before now, because clocks differ."""


def read_verified_user(claims: dict[str, object], now: datetime, *, max_lifetime: timedelta) -> VerifiedUser:
    """The user of a token whose signature was verified.

    Raises `UserTokenInvalid`, `UserTokenExpired`, `UserTokenNotYetValid`, `UserTokenLivesTooLong`.
    """
    expires_at = check_times(claims, now, max_lifetime=max_lifetime)
    return VerifiedUser(read_user_id(claims), expires_at)


def check_times(claims: dict[str, object], now: datetime, *, max_lifetime: timedelta) -> datetime:
    """Return the expiry of a token that is valid at `now` within `MAX_CLOCK_SKEW` (RFC 7519, sections 4.1.4 to 4.1.6).

    The lifetime counts from `iat`, so that a token is not refused first and accepted later. A token without `iat`, or
    with one in the future, counts from `now`.
    """
    expires_at, not_before = claims.get("exp"), claims.get("nbf", 0)
    if not _is_number(expires_at) or not _is_number(not_before):
        raise UserTokenInvalid("The user token needs an `exp`, and both `exp` and `nbf` are seconds since 1970.")
    moment, leeway = now.timestamp(), MAX_CLOCK_SKEW.total_seconds()
    if moment >= expires_at + leeway:
        raise UserTokenExpired("The user token has expired. Get a new one from your identity provider.")
    if moment < not_before - leeway:
        raise UserTokenNotYetValid("The user token is not valid yet. Check the clock of your identity provider.")
    issued_at = claims.get("iat")
    lives_from = min(issued_at, moment) if _is_number(issued_at) else moment
    if expires_at - lives_from > max_lifetime.total_seconds() + leeway:
        raise UserTokenLivesTooLong(
            f"The user token expires too late: this app accepts a lifetime of at most {_hours(max_lifetime)}. Let "
            "your identity provider issue tokens for a shorter time (`exp` is in seconds, not milliseconds), or "
            "raise the limit: `videobroker user-tokens set --max-lifetime-seconds`."
        )
    return datetime.fromtimestamp(expires_at, UTC)


def _hours(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 3600:g} hours"


def read_user_id(claims: dict[str, object]) -> str:
    """The `sub` of the token: our `user_id`. A number counts as its digits."""
    subject = claims.get("sub")
    if isinstance(subject, int) and not isinstance(subject, bool) and abs(subject) < 10**MAX_IDENTIFIER_LENGTH:
        subject = str(subject)
    if not isinstance(subject, str):
        raise UserTokenInvalid("The user token needs a `sub`: the id of the user, as a string.")
    try:
        return check_identifier(subject)
    except ValueError as error:
        raise UserTokenInvalid(f"The `sub` of the user token is not a user id: {error}.") from None


def _is_number(value: object) -> TypeGuard[float]:
    # Python reads NaN, Infinity and integers of any size from JSON: no moment is like that, and NaN would never expire.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
