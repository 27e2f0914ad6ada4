"""Operator keys: the credentials of programs that manage this installation over `/v1/admin`."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime

from videobroker.domain.ids import KeyId
from videobroker.domain.operators import OperatorRole
from videobroker.errors import OperatorKeyExpired, OperatorKeyInvalid, OperatorKeyRevoked

KEY_PREFIX = "vbo_"
KEY_HINT_LENGTH = 10
"""Characters stored in plain text to distinguish keys in a list. They reveal 36 of the 256 secret bits."""
KEY_LENGTH = len(KEY_PREFIX) + 43


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """The stored part of a key. The key itself is returned once, when it is created."""

    id: KeyId
    name: str
    """The journal records it as the operator."""
    shown: str
    """The first characters of the key."""
    role: OperatorRole
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = None
    """Some minutes old at most while the key is used. None if no use was recorded."""

    def check(self, now: datetime) -> None:
        """Raise `OperatorKeyRevoked` or `OperatorKeyExpired` if the key is not valid at `now`."""
        if self.revoked_at is not None and now >= self.revoked_at:
            raise OperatorKeyRevoked("This operator key was revoked. Use the key that replaced it.")
        if self.expires_at is not None and now >= self.expires_at:
            raise OperatorKeyExpired(
                "This operator key has expired. Create one with `videobroker operator-keys create`."
            )


def generate_operator_key() -> str:
    """A new key: `vbo_` and 256 random bits, 47 characters of the URL-safe alphabet."""
    return KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def check_operator_key_shape(key: str) -> None:
    """Raise `OperatorKeyInvalid` for a text that cannot be one of our keys."""
    if not key.startswith(KEY_PREFIX) or len(key) != KEY_LENGTH or not key.isascii():
        raise OperatorKeyInvalid(
            "This is not an operator key: they start with `vbo_`. API keys, user tokens, and links are not accepted."
        )
