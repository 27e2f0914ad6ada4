"""Idempotency of requests that issue credentials: whether a stored response may be replayed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from videobroker.domain.struct import Struct

MIN_REMAINING_LIFETIME = timedelta(seconds=5)
"""A credential with less time left is not replayed: it could expire before it reaches the vendor."""


class CredentialGrant(Struct):
    """What a join credential was issued for. Contains no secret: `token_id` only identifies the credential."""

    session_id: str
    call_id: str
    provider: str
    surface: str
    room_id: str
    """The provider's ID of the room, or the channel."""
    role: str
    """The provider role."""
    code_id: str | None
    """Identifies the room code; None for a token, which is unique to its request."""
    token_id: str
    issued_at: datetime
    expires_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The stored form; `from_json` reads it."""
        times = {"issued_at": self.issued_at.isoformat(), "expires_at": self.expires_at.isoformat()}
        return {name: getattr(self, name) for name in self.__struct_fields__} | times

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "CredentialGrant | None":
        """Read the stored form; None if this version of the program does not know it."""
        try:
            times = {name: datetime.fromisoformat(stored[name]) for name in ("issued_at", "expires_at")}
            return cls(**{**{name: stored[name] for name in cls.__struct_fields__}, **times})
        except (KeyError, TypeError, ValueError):
            return None


def is_current(stored: CredentialGrant, fresh: CredentialGrant, *, removed_at: datetime | None, now: datetime) -> bool:
    """Whether the stored credential equals what would be issued now, so that it may be replayed.

    `fresh` describes the credential that would be issued now; `removed_at` is when the person was last removed. A
    stored credential that outlives a fresh one is not current.
    """
    return (
        _what_for(stored) == _what_for(fresh)
        and now + MIN_REMAINING_LIFETIME < stored.expires_at <= fresh.expires_at
        and (removed_at is None or removed_at < stored.issued_at)
    )


def _what_for(grant: CredentialGrant) -> tuple[str | None, ...]:
    return (
        grant.session_id,
        grant.call_id,
        grant.provider,
        grant.surface,
        grant.room_id,
        grant.role,
        grant.code_id,
    )
