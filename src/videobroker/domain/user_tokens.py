"""User tokens: the rules by which an app accepts the tokens of its own identity provider."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeGuard
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
from videobroker.translatable import TranslatableText

HMAC_BLOCK_BYTES = 64
"""Of SHA-256."""
MAX_CLOCK_SKEW = timedelta(seconds=30)
"""Tolerated difference between the identity provider's clock and ours."""
MAX_TOKEN_LENGTH = 8192
"""Characters. Real tokens are much shorter."""
MAX_ISSUER_LENGTH = 255
DEFAULT_LIFETIME_SECONDS = 24 * 3600
"""Covers the defaults of Firebase (1 h), Cognito (1 h), Okta (1 h), Entra ID (60 to 90 min), and Auth0 (24 h)."""
MAX_LIFETIME_SECONDS = 30 * 24 * 3600
"""The maximum lifetime that an app can configure. It is also the maximum of Auth0."""


class Algorithm(StrEnum):
    """The accepted signature algorithms."""

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
    """The required `iss`; None: not checked, so that tokens of every issuer are tried against this app."""
    audience: str | None = None
    """A value that `aud` must contain; None: not checked."""
    max_lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS
    """Tokens whose `exp` is later than this after their `iat`, or after now, are rejected."""

    def __post_init__(self) -> None:
        if (self.secret is None) == (self.jwks_url is None):
            raise ValueError(TranslatableText("User tokens need either a `secret` or a `jwks_url`."))
        if self.secret is not None and len(self.secret.encode()) < 32:
            raise ValueError(
                TranslatableText("The secret of user tokens needs at least 32 bytes (RFC 7518, section 3.2).")
            )
        if self.jwks_url is not None and self.issuer is None:
            raise ValueError(TranslatableText("A `jwks_url` requires the `issuer`: it determines whose keys to fetch."))
        if not 1 <= self.max_lifetime_seconds <= MAX_LIFETIME_SECONDS:
            raise ValueError(
                TranslatableText(
                    "`max_lifetime_seconds` must be between 1 and %(maximum)s (30 days).", maximum=MAX_LIFETIME_SECONDS
                )
            )

    @property
    def hmac_key(self) -> bytes | None:
        """The secret after HMAC's key preparation: different secrets can be the same key (RFC 2104, section 2)."""
        if self.secret is None:
            return None
        key = self.secret.encode()
        if len(key) > HMAC_BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        return key.ljust(HMAC_BLOCK_BYTES, b"\0")


@dataclass(frozen=True, slots=True)
class StoredRules:
    """The rules of an app for user tokens, and when they were set."""

    rules: TokenRules
    updated_at: datetime


class UnverifiedToken(Struct):
    """The claims of a token before its signature is verified. Use them only to select the rules to try."""

    algorithm: str
    issuer: str | None
    audiences: frozenset[str]

    def may_fit(self, rules: TokenRules) -> bool:
        """Whether these rules may accept the token, provided that its signature is valid."""
        return (
            (self.algorithm == Algorithm.HS256) == (rules.secret is not None)
            and rules.issuer in (None, self.issuer)
            and (rules.audience is None or rules.audience in self.audiences)
        )


def is_issuer(value: object) -> TypeGuard[str]:
    """Whether the value can be the `iss` of a token."""
    return isinstance(value, str) and 1 <= len(value) <= MAX_ISSUER_LENGTH and is_line(value)


def create_rules(values: Mapping[str, Any]) -> TokenRules:
    """The rules with these fields. Raises `InvalidInput` for fields that contradict each other."""
    try:
        return TokenRules(**values)
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def check_new_rules(rules: TokenRules) -> None:
    """Raise `InvalidInput` for rules that no token can satisfy."""
    if rules.issuer is not None and not is_issuer(rules.issuer):
        raise InvalidInput(
            TranslatableText(
                "The `issuer` must have 1 to %(maximum)s characters, and no control characters.",
                maximum=MAX_ISSUER_LENGTH,
            )
        )
    if rules.audience == "":
        raise InvalidInput(
            TranslatableText("The `audience` must not be empty. Leave it out if the tokens have no `aud`.")
        )
    if rules.jwks_url is not None and not _is_web_address(rules.jwks_url):
        raise InvalidInput(
            TranslatableText("The `jwks_url` must be an absolute https:// or http:// URL, without a user name.")
        )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and "@" not in parts.netloc


def may_accept_same_token(one: TokenRules, other: TokenRules) -> bool:
    """Whether a token with one issuer and one audience could satisfy both rules.

    Different URLs can publish the same key, so for published keys the issuer decides. Tokens that contain both
    audiences are not considered: they are rejected at sign-in.
    """
    if one.hmac_key != other.hmac_key:
        return False
    same_issuer = one.issuer is None or other.issuer is None or one.issuer == other.issuer
    same_audience = one.audience is None or other.audience is None or one.audience == other.audience
    return same_issuer and same_audience


class VerifiedUser(Struct):
    """The content of a valid user token."""

    user_id: str
    expires_at: datetime
    """The `exp` claim. It can be up to `MAX_CLOCK_SKEW` in the past."""


def read_verified_user(claims: dict[str, object], now: datetime, *, max_lifetime: timedelta) -> VerifiedUser:
    """The user of a token whose signature was verified.

    Raises `UserTokenInvalid`, `UserTokenExpired`, `UserTokenNotYetValid`, `UserTokenLivesTooLong`.
    """
    expires_at = check_times(claims, now, max_lifetime=max_lifetime)
    return VerifiedUser(read_user_id(claims), expires_at)


def check_times(claims: dict[str, object], now: datetime, *, max_lifetime: timedelta) -> datetime:
    """Return the expiry of a token that is valid at `now` within `MAX_CLOCK_SKEW` (RFC 7519, sections 4.1.4 to 4.1.6).

    The lifetime counts from `iat`, so that a rejected token is not accepted later. For a token without `iat`, or with
    one in the future, it counts from `now`.
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
    valid_from = min(issued_at, moment) if _is_number(issued_at) else moment
    if expires_at - valid_from > max_lifetime.total_seconds() + leeway:
        raise UserTokenLivesTooLong(
            f"The user token expires too late: this app accepts a lifetime of at most {_hours(max_lifetime)}. Let "
            "your identity provider issue tokens for a shorter time (`exp` is in seconds, not milliseconds), or "
            "raise the limit: `videobroker user-tokens set --max-lifetime-seconds`."
        )
    return datetime.fromtimestamp(expires_at, UTC)


def _hours(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 3600:g} hours"


def read_user_id(claims: dict[str, object]) -> str:
    """The `sub` claim as a user ID. An integer is converted to its decimal digits. Raises `UserTokenInvalid`."""
    subject = claims.get("sub")
    if isinstance(subject, int) and not isinstance(subject, bool) and abs(subject) < 10**MAX_IDENTIFIER_LENGTH:
        subject = str(subject)
    if not isinstance(subject, str):
        raise UserTokenInvalid("The user token needs a `sub`: the ID of the user, as a string.")
    try:
        return check_identifier(subject)
    except ValueError as error:
        raise UserTokenInvalid(f"The `sub` of the user token is not a user ID: {error}.") from None


def _is_number(value: object) -> TypeGuard[float]:
    # Python parses NaN, Infinity, and integers of any size from JSON. A token whose `exp` is NaN would never expire.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
