"""The two kinds of 100ms JWTs, auth and management tokens. Both are signed locally with the account's secret.

Sources: get-started/v2/security-and-tokens of the 100ms docs, and for the encoding, the code of the web SDK.
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
from videobroker.translatable import TranslatableText

BACKDATING = timedelta(seconds=10)
"""`iat` and `nbf` are this much in the past, because 100ms rejects a future time (401) and documents no leeway for
clock skew. The vendor's SDK uses ten seconds too."""

MANAGEMENT_TOKEN_LIFETIME = timedelta(hours=1)
"""Short, because a leaked token can only be revoked by rotating the secret, and signing is cheap."""

RENEWAL_MARGIN = timedelta(minutes=5)
"""A token is replaced this long before it expires. Longer than clock skew and all retries together."""

TOKEN_VERSION = 2

# The web SDK decodes the payload with `atob`, which rejects the `-` and `_` of base64url. In ASCII text, only > ? ~ and
# DEL can produce them, so these are replaced by equivalent JSON escapes. Unlike `msgspec`, `json` escapes DEL and all
# characters outside of ASCII.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in ">?~"}
_NEEDS_ESCAPES = re.compile(rb"[>?~\x7f]")
_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"))

_HEADER = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"HS256"}').rstrip(b"=") + b"."  # RFC 7515, section 3.3


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The access key and the secret of a workspace. The text of the secret is the HMAC key; it is not base64."""

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
    """An auth token: one person may join one room in one role. The web SDK can decode every user ID and role.

    `token_id` becomes `jti`. Times need a time zone, and are truncated to seconds.
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
    """A token for the REST API. It has all rights in the workspace, so it must never leave the service."""
    claims = {
        "access_key": keys.access_key,
        "type": "management",
        "version": TOKEN_VERSION,
        **_validity(issued_at, expires_at, token_id),
    }
    return _signed(claims, keys)


class ManagementTokens:
    """Caches the management token of one account: signed on demand, and replaced shortly before it expires."""

    def __init__(self, keys: AccountKeys, clock: Callable[[], datetime], *, given: str | None = None) -> None:
        """`clock` returns the current time in UTC, with its time zone. `given` is a token from the dashboard.

        Raises `ProviderNotConfigured` if `given` is not a token with an expiry.
        """
        self._keys = keys
        self._clock = clock
        self._token = given
        self._expires_at = None if given is None else _expiry(given)
        self.given_expires_at = self._expires_at

    @property
    def access_key(self) -> str:
        """Identifies the account. Not a secret."""
        return self._keys.access_key

    def current(self) -> str:
        """A token that is valid for at least `RENEWAL_MARGIN`."""
        now = self._clock()
        if self._token is None or self._expires_at is None or self._expires_at - now < RENEWAL_MARGIN:
            self._expires_at = now + MANAGEMENT_TOKEN_LIFETIME
            self._token = sign_management_token(
                self._keys, issued_at=now, expires_at=self._expires_at, token_id=str(uuid4())
            )
        return self._token

    def discard(self, token: str) -> None:
        """Drop a token that 100ms rejected. Has no effect if it has been replaced already."""
        if self._token == token:
            self._token = None


def _expiry(token: str) -> datetime:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return datetime.fromtimestamp(claims["exp"], tz=UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
        raise ProviderNotConfigured(
            TranslatableText(
                "The management_token of the 100ms account is not a token with an expiry. Copy it again, or remove it: "
                "tokens are then signed with the secret."
            )
        ) from None


def _validity(issued_at: datetime, expires_at: datetime, token_id: str) -> dict[str, str | int]:
    since = int((issued_at - BACKDATING).timestamp())
    return {"jti": token_id, "iat": since, "nbf": since, "exp": int(expires_at.timestamp())}


def _signed(claims: Mapping[str, str | int], keys: AccountKeys) -> str:
    # Not with PyJWT, which takes four times as long because it supports all algorithms.
    payload = msgspec.json.encode(claims)
    if not payload.isascii() or _NEEDS_ESCAPES.search(payload):
        payload = _ASCII_ENCODER.encode(claims).translate(_ESCAPES).encode("ascii")
    signed = _HEADER + _base64url(payload)
    return (signed + b"." + _base64url(hmac.digest(keys.secret.encode(), signed, "sha256"))).decode()


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
