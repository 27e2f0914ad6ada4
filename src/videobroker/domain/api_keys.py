"""API keys: the credentials of backends, with their scopes."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from videobroker.domain.ids import AppId, KeyId
from videobroker.errors import ApiKeyExpired, ApiKeyInvalid, ApiKeyRevoked, ScopeMissing
from videobroker.translatable import TranslatableText

KEY_PREFIX = "vb_"
KEY_HINT_LENGTH = 9
"""Characters stored in plain text to distinguish keys in a list. They reveal 36 of the 256 secret bits."""


class Scope(StrEnum):
    """A permission of an API key."""

    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    JOIN = "join"
    LINKS_WRITE = "links:write"
    CALLS_READ = "calls:read"
    CALLS_WRITE = "calls:write"
    MODERATION_WRITE = "moderation:write"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    DIAGNOSTICS_READ = "diagnostics:read"


SCOPE_DESCRIPTIONS = {
    Scope.SESSIONS_READ: TranslatableText("read sessions and rosters"),
    Scope.SESSIONS_WRITE: TranslatableText("register, change, cancel, and delete sessions and rosters"),
    Scope.JOIN: TranslatableText("ask for access decisions and join credentials"),
    Scope.LINKS_WRITE: TranslatableText("create, list, and revoke links"),
    Scope.CALLS_READ: TranslatableText("read calls"),
    Scope.CALLS_WRITE: TranslatableText("start and end calls"),
    Scope.MODERATION_WRITE: TranslatableText("remove people from sessions and readmit them"),
    Scope.EVENTS_READ: TranslatableText("read the journal"),
    Scope.EVENTS_WRITE: TranslatableText("report into the journal what happened in the app"),
    Scope.WEBHOOKS_READ: TranslatableText("read webhook endpoints and deliveries"),
    Scope.WEBHOOKS_WRITE: TranslatableText(
        "add, change, test and remove webhook endpoints, retry and replay deliveries"
    ),
    Scope.DIAGNOSTICS_READ: TranslatableText("examine the app's set-up"),
}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The stored part of a key. The key itself is returned once, when it is created."""

    id: KeyId
    app_id: AppId
    name: str
    shown: str
    """The first characters of the key."""
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = None
    """Some minutes old at most while the key is used. None if no use was recorded."""

    def check(self, now: datetime) -> None:
        """Raise `ApiKeyRevoked` or `ApiKeyExpired` if the key is not valid at `now`."""
        if self.revoked_at is not None and now >= self.revoked_at:
            raise ApiKeyRevoked("This API key was revoked. Use the key that replaced it.")
        if self.expires_at is not None and now >= self.expires_at:
            raise ApiKeyExpired("This API key has expired. Create a new one with `videobroker keys create`.")

    def require(self, scope: Scope) -> None:
        """Raise `ScopeMissing` unless the key has this scope."""
        if scope not in self.scopes:
            raise ScopeMissing(
                f"This API key may not {SCOPE_DESCRIPTIONS[scope]}. Create one with the scope `{scope}`.",
                scope=scope.value,
            )


def generate_key() -> str:
    """A new key: `vb_` and 256 random bits, 46 characters of the URL-safe alphabet."""
    return KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def compute_key_digest(key: str) -> bytes:
    """The SHA-256 digest that the database stores. Keys are random: a slow password hash would add nothing."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def check_key_shape(key: str) -> None:
    """Raise `ApiKeyInvalid` for a text that cannot be one of our keys."""
    if not key.startswith(KEY_PREFIX) or not 24 <= len(key) <= 128 or not key.isascii():
        raise ApiKeyInvalid(
            "This is not an API key of videobroker: they start with `vb_`. Check the Authorization header."
        )
