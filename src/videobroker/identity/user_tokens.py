"""Verifies JSON Web Tokens (RFC 7519) of an app's users, along the best practices of RFC 8725."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt

from videobroker.domain.user_tokens import (
    MAX_TOKEN_LENGTH,
    Algorithm,
    TokenRules,
    UnverifiedToken,
    VerifiedUser,
    is_issuer,
    read_verified_user,
)
from videobroker.errors import UserTokenInvalid
from videobroker.identity.jwks import SIGNING_ALGORITHMS, JwksCache, PublicKey

Claims = dict[str, object]

_REFUSED = "The user token was not signed as this app's tokens are. Check the secret or the keys, `iss` and `aud`."
_NO_KEY = (
    "The app's identity provider publishes no signing key for the `kid` and `alg` of the user token. Check the "
    "`jwks_url` of the app, and that the token is signed with RS256, ES256, or EdDSA."
)


class JwtVerifier:
    """User tokens signed with a shared secret, or with keys at a JWKS URL."""

    def __init__(self, keysets: JwksCache) -> None:
        self._keysets = keysets

    async def verify(self, rules: TokenRules, token: str, now: datetime) -> VerifiedUser:
        """The user that a valid token names, and its expiry."""
        claims = await self.verify_claims(rules, token, now)
        return read_verified_user(claims, now, max_lifetime=timedelta(seconds=rules.max_lifetime_seconds))

    async def verify_claims(self, rules: TokenRules, token: str, now: datetime) -> Claims:
        """The claims of a token with a valid signature, issuer, and audience. Times are not checked.

        Raises `UserTokenInvalid`, `IdentityUnavailable`.
        """
        header = _header(token)
        if rules.jwks_url is None:
            return _claims_by_secret(rules, token)
        return await self._claims_by_keys(rules, rules.jwks_url, token, header, now)

    async def _claims_by_keys(
        self, rules: TokenRules, url: str, token: str, header: Mapping[str, Any], now: datetime
    ) -> Claims:
        algorithm, kid = _signing_algorithm(header), header.get("kid")
        key_set = await self._keysets.get(url, now)
        keys = key_set.select_keys(algorithm, kid)
        claims = _decode_with_any(keys, algorithm, token, rules)
        if claims is None:
            # The provider may have rotated its keys.
            refreshed = await self._keysets.refresh(url, now)
            if refreshed is not key_set:
                keys = refreshed.select_keys(algorithm, kid)
                claims = _decode_with_any(keys, algorithm, token, rules)
        if claims is None:
            raise UserTokenInvalid(_REFUSED if keys else _NO_KEY)
        return claims

    def read_unverified(self, token: str) -> UnverifiedToken:
        """What the token says of itself, to choose the rules to try."""
        algorithm = _header(token).get("alg")
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise UserTokenInvalid(_REFUSED) from None
        issuer = claims.get("iss")
        if not isinstance(algorithm, str) or not (issuer is None or is_issuer(issuer)):
            raise UserTokenInvalid(_REFUSED)
        return UnverifiedToken(algorithm, issuer, _audiences(claims.get("aud")))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._keysets.aclose()


def _audiences(aud: object) -> frozenset[str]:
    named = aud if isinstance(aud, list) else [aud]
    return frozenset(each for each in named if isinstance(each, str))


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise UserTokenInvalid(f"The user token is longer than {MAX_TOKEN_LENGTH} characters.")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise UserTokenInvalid(_REFUSED) from None


def _signing_algorithm(header: Mapping[str, Any]) -> Algorithm:
    # It only selects among keys that belong to one algorithm each: a public key is never used as a secret.
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in SIGNING_ALGORITHMS:
        raise UserTokenInvalid(_REFUSED)
    return Algorithm(algorithm)


def _claims_by_secret(rules: TokenRules, token: str) -> Claims:
    claims = _decode_with_any([rules.secret], Algorithm.HS256, token, rules)
    if claims is None:
        raise UserTokenInvalid(_REFUSED)
    return claims


def _decode_with_any(
    keys: Iterable[PublicKey | str | None], algorithm: Algorithm, token: str, rules: TokenRules
) -> Claims | None:
    """The claims, if one of the keys verifies the signature. Raises `UserTokenInvalid` for any other fault."""
    for key in keys:
        try:
            return _decode(token, key, algorithm, rules)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise UserTokenInvalid(_REFUSED) from None
    return None


def _decode(token: str, key: Any, algorithm: Algorithm, rules: TokenRules) -> Claims:
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
    claims: Claims = jwt.decode(
        token, key, algorithms=[algorithm], audience=rules.audience, issuer=rules.issuer, options=options
    )
    return claims
