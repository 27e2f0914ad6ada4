"""The provider-side place of a session."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, RoomId, SessionId
from videobroker.domain.policy import EMPTY_MAPPING
from videobroker.domain.struct import Struct, field

MAX_PERSON_UID = 2_000_000_000
"""People get a uid from 1 up to here. The rest, up to 2^31-1, is kept for recorders and screen shares; above that
some SDKs show negative numbers."""


StoredCodes: TypeAlias = bytes | Mapping[str, str]
"""Room codes by provider role as they are stored: encrypted, or in plain text by older versions; falsy without any."""


class RoomState(StrEnum):
    """`preparing` and `closing` are intentions that were written before the provider was asked."""

    PREPARING = "preparing"
    READY = "ready"
    CLOSING = "closing"
    CLOSED = "closed"


class Room(Struct):
    """What we know of a session's room at one provider."""

    id: RoomId
    session_id: SessionId
    provider: ProviderName
    state: RoomState
    provider_room_id: str | None = None
    """100ms room id or Agora channel; known once the provider answered."""
    codes: StoredCodes = field(default_factory=lambda: EMPTY_MAPPING)
    """Falsy until the ready-made page was requested. `storage.room_codes.RoomCodes` decrypts them."""
    closure: str | None = None
    """What the provider answered when the room was closed; it wants it back to open the room again."""
    generation: int = 0
    """How many rooms at the provider the session has used up and left before this one."""
    codes_issued: bool = False
    """Whether room codes were ever created in the present room at the provider."""
    hidden_from_repr = ("codes",)


class FormerRoom(Struct):
    """A room at the provider that a session has left for a new one. Webhooks about it still belong to the session."""

    session_id: SessionId
    provider: ProviderName
    provider_room_id: str
    retired_at: datetime


def build_room_name(app_id: AppId, session_id: SessionId, generation: int = 0) -> str:
    """The name of a session's room at any provider.

    Always the same for the same session and generation, so that a room created just before a crash is found again. At
    most 63 characters of `0-9a-v` and `-`: 100ms compares names without case, and Agora allows fewer than 64 bytes.
    """
    name = f"vb-{_short(app_id.int)}-{_short(session_id.int)}"
    return f"{name}-{generation}" if generation else name


def compute_code_id(code: str) -> str:
    """The name under which the journal remembers a room code: it tells codes apart and gives none away."""
    return f"code:{hashlib.sha256(code.encode()).hexdigest()[:12]}"


def add_code_prefix(code: str, prefix: str | None) -> str:
    """The code as the app's people see it: with the app's prefix, where it has one."""
    return f"{prefix}-{code}" if prefix else code


def strip_code_prefix(alias: str, prefix: str | None) -> str:
    """The provider's code behind an alias; a code without the prefix is itself."""
    return alias.removeprefix(f"{prefix}-") if prefix else alias


def _short(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuv"
    return "".join(digits[number >> shift & 31] for shift in range(125, -1, -5))


def propose_uid(session_id: SessionId, draw: int) -> int:
    """The `draw`-th uid to try in this session, from 1 to `MAX_PERSON_UID`; distinct for successive draws."""
    # A step that is coprime to MAX_PERSON_UID visits every number before it repeats one.
    return (session_id.int + draw * 1_640_531_527) % MAX_PERSON_UID + 1
