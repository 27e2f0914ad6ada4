"""End users: what an app says about the tokens that its own identity provider gives them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeGuard

from videobroker.domain.values import Value
from videobroker.errors import UserTokenExpired, UserTokenInvalid, UserTokenLivesTooLong, UserTokenNotYetValid

LEEWAY = timedelta(seconds=30)
"""So far may the clocks of the app and ours differ."""
LONGEST_TOKEN = 8192
"""Characters. No sensible token is longer, and headers have bounds anyway."""
LONGEST_USER_ID = 128
DEFAULT_LIFETIME_SECONDS = 24 * 3600
"""Covers the defaults of Firebase (1 h), Cognito (1 h), Okta (1 h), Entra ID (60 to 90 min), and Auth0 (24 h)."""
LONGEST_LIFETIME_SECONDS = 30 * 24 * 3600
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
        if not 1 <= self.max_lifetime_seconds <= LONGEST_LIFETIME_SECONDS:
            raise ValueError(f"`max_lifetime_seconds` must be between 1 and {LONGEST_LIFETIME_SECONDS} (30 days)")


class VerifiedUser(Value):
    """What a valid user token says."""

    user_id: str
    expires_at: datetime
    """Its `exp`. Up to `LEEWAY` before now, because clocks differ."""


def verified_user(claims: dict[str, object], now: datetime, *, max_lifetime: timedelta) -> VerifiedUser:
    """The user of a token whose signature was verified.

    Raises `UserTokenInvalid`, `UserTokenExpired`, `UserTokenNotYetValid`, `UserTokenLivesTooLong`.
    """
    expires_at = check_times(claims, now, max_lifetime=max_lifetime)
    return VerifiedUser(user_of(claims), expires_at)


def check_times(claims: dict[str, object], now: datetime, *, max_lifetime: timedelta) -> datetime:
    """When the token expires, if it is valid at `now`, give or take `LEEWAY` (RFC 7519, sections 4.1.4 to 4.1.6).

    The lifetime counts from `iat`, so that a token is not refused first and accepted later. A token without `iat`, or
    with one in the future, counts from `now`.
    """
    expires_at, not_before = claims.get("exp"), claims.get("nbf", 0)
    if not _is_number(expires_at) or not _is_number(not_before):
        raise UserTokenInvalid("The user token needs an `exp`, and both `exp` and `nbf` are seconds since 1970.")
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
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


def user_of(claims: dict[str, object]) -> str:
    """The `sub` of the token: our `user_id`. A number counts as its digits."""
    subject = claims.get("sub")
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_USER_ID or not subject.isprintable():
        raise UserTokenInvalid("The user token needs a `sub`: the id of the user, 1 to 128 printable characters.")
    return subject


def _is_number(value: object) -> TypeGuard[float]:
    # Python reads NaN, Infinity and integers of any size from JSON: no moment is like that, and NaN would never expire.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
