"""Checks JSON Web Tokens (RFC 7519) of an app's users."""

from datetime import datetime, timedelta
from typing import Any

import jwt

from videobroker.domain.users import LONGEST_TOKEN, Algorithm, TokenRules, VerifiedUser, verified_user
from videobroker.errors import UserTokenInvalid
from videobroker.identity.keysets import KeySets

LONGEST_ISSUER = 255

_REFUSED = "The user token was not signed as this app's tokens are. Check the secret or the keys, `iss` and `aud`."


class JwtUserTokens:
    """User tokens signed with a shared secret, or with keys at a JWKS URL."""

    def __init__(self, keysets: KeySets) -> None:
        self._keysets = keysets

    async def verify(self, rules: TokenRules, token: str, now: datetime) -> VerifiedUser:
        """The user whom a valid token names, and its expiry."""
        header = _header(token)
        if rules.secret is not None:
            claims = _decode(token, rules.secret, Algorithm.HS256, rules)
        else:
            key = await self._keysets.key(rules.jwks_url or "", header.get("kid"), now)
            claims = _decode(token, key.key, Algorithm(key.algorithm_name), rules)
        return verified_user(claims, now, max_lifetime=timedelta(seconds=rules.max_lifetime_seconds))

    def claimed_issuer(self, token: str) -> str | None:
        """What the token says of its issuer, unchecked."""
        _header(token)
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise UserTokenInvalid(_REFUSED) from None
        issuer = claims.get("iss")
        if issuer is not None and not _can_be_issuer(issuer):
            raise UserTokenInvalid(_REFUSED)
        return issuer

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._keysets.aclose()


def _can_be_issuer(issuer: object) -> bool:
    # It is looked up in the database before anything about the token is checked.
    return isinstance(issuer, str) and len(issuer) <= LONGEST_ISSUER and issuer.isprintable()


def _header(token: str) -> dict[str, Any]:
    if len(token) > LONGEST_TOKEN:
        raise UserTokenInvalid(f"The user token is longer than {LONGEST_TOKEN} characters.")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise UserTokenInvalid(_REFUSED) from None


def _decode(token: str, key: Any, algorithm: Algorithm, rules: TokenRules) -> dict[str, object]:
    # One algorithm, which belongs to the key: what the token's header says can only fit or fail. Times are checked
    # by the domain, against the service's own clock.
    options: Any = {
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_sub": False,
        "verify_aud": rules.audience is not None,
        "verify_iss": rules.issuer is not None,
    }
    try:
        claims: dict[str, object] = jwt.decode(
            token, key, algorithms=[algorithm], audience=rules.audience, issuer=rules.issuer, options=options
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise UserTokenInvalid(_REFUSED) from None
    return claims
