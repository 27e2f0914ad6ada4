"""The two kinds of JWT that 100ms takes. We sign both with the account's secret, without asking anybody.

Source: get-started/v2/security-and-tokens of the 100ms docs; the web SDK's source for what it can read.
"""

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import msgspec

from videobroker.errors import ProviderNotConfigured

BACKDATING = timedelta(seconds=10)
"""`iat` and `nbf` lie this far back: 100ms answers 401 when they are in the future, and promises no leeway
for clocks that differ. The vendor's own SDK takes the same ten seconds."""

MANAGEMENT_TOKEN_LIFETIME = timedelta(hours=1)
"""Only rotating the secret revokes a signed token, so a leaked one should die soon; signing is cheap."""

RENEWAL_MARGIN = timedelta(minutes=5)
"""A management token with less than this left is replaced: more than clocks differ and retries last."""

TOKEN_VERSION = 2

# The web SDK reads the payload with plain `atob`, which rejects the `-` and `_` of base64url. In ASCII text
# only > ? ~ and DEL can bring these forth. As JSON escapes they mean the same and are harmless; `json`, other
# than `msgspec`, escapes DEL and everything that is not ASCII.
_HARMLESS = {ord(character): f"\\u{ord(character):04x}" for character in ">?~"}
_HARMFUL = re.compile(rb"[>?~\x7f]")
_CAREFUL = json.JSONEncoder(separators=(",", ":"))

_HEADER = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"HS256"}').rstrip(b"=") + b"."  # RFC 7515, section 3.3


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The access key and the secret of one workspace. The secret is an HMAC key as it stands, not base64."""

    access_key: str
    secret: str = field(repr=False)


def sign_auth_token(
    keys: AccountKeys,
    *,
    room_id: str,
    role: str,
    user_id: str,
    issued_at: datetime,
    expires_at: datetime,
    token_id: str,
) -> str:
    """A token with which one person joins one room in one role. Any user id and role survive the web SDK.

    `token_id` becomes `jti`. Both moments are aware; they are cut to whole seconds.
    """
    claims = {
        "access_key": keys.access_key,
        "type": "app",
        "version": TOKEN_VERSION,
        "room_id": room_id,
        "role": role,
        "user_id": user_id,
        **_validity(issued_at, expires_at, token_id),
    }
    return _signed(claims, keys)


def sign_management_token(keys: AccountKeys, *, issued_at: datetime, expires_at: datetime, token_id: str) -> str:
    """A token for the REST API. It opens the whole workspace and is never handed out."""
    claims = {
        "access_key": keys.access_key,
        "type": "management",
        "version": TOKEN_VERSION,
        **_validity(issued_at, expires_at, token_id),
    }
    return _signed(claims, keys)


class ManagementTokens:
    """The management token of one account: signed when needed, used again until it is about to expire."""

    def __init__(self, keys: AccountKeys, clock: Callable[[], datetime], *, given: str | None = None) -> None:
        """`clock` tells the present moment, aware, in UTC. `given` is a token from the dashboard, used while it lasts.

        Raises `ProviderNotConfigured` when `given` is no token.
        """
        self._keys = keys
        self._clock = clock
        self._token = given
        self._expires_at = None if given is None else _expiry(given)
        self.given_expires_at = self._expires_at

    def current(self) -> str:
        """A token with at least `RENEWAL_MARGIN` left."""
        now = self._clock()
        if self._token is None or self._expires_at is None or self._expires_at - now < RENEWAL_MARGIN:
            self._expires_at = now + MANAGEMENT_TOKEN_LIFETIME
            self._token = sign_management_token(
                self._keys, issued_at=now, expires_at=self._expires_at, token_id=str(uuid4())
            )
        return self._token

    def discard(self, token: str) -> None:
        """Forget `token`, which 100ms did not accept. One that has been replaced meanwhile is left alone."""
        if self._token == token:
            self._token = None


def _expiry(token: str) -> datetime:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return datetime.fromtimestamp(claims["exp"], tz=UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
        raise ProviderNotConfigured(
            "The management_token of the 100ms account is not a token with an expiry. Copy it again, or leave it out: "
            "one is signed with the secret when it is needed."
        ) from None


def _validity(issued_at: datetime, expires_at: datetime, token_id: str) -> dict[str, str | int]:
    since = int((issued_at - BACKDATING).timestamp())
    return {"jti": token_id, "iat": since, "nbf": since, "exp": int(expires_at.timestamp())}


def _signed(claims: Mapping[str, str | int], keys: AccountKeys) -> str:
    # Not with the library that reads tokens elsewhere: what it does for any algorithm takes four times as long.
    payload = msgspec.json.encode(claims)
    if not payload.isascii() or _HARMFUL.search(payload):
        payload = _CAREFUL.encode(claims).translate(_HARMLESS).encode("ascii")
    signed = _HEADER + _base64url(payload)
    return (signed + b"." + _base64url(hmac.digest(keys.secret.encode(), signed, "sha256"))).decode()


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
