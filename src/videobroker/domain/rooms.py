"""Rooms: the provider-side places of sessions. Also room codes and uids."""

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
"""The highest uid of a person. Uids above it, up to 2^31-1, are reserved for recorders and screen shares. Some SDKs
show uids above 2^31-1 as negative numbers."""


StoredCodes: TypeAlias = bytes | Mapping[str, str]
"""Room codes by provider role in their stored form: encrypted, or in plain text by older versions. Falsy if none."""


class RoomState(StrEnum):
    """`preparing` and `closing` are intentions, stored before the request to the provider."""

    PREPARING = "preparing"
    READY = "ready"
    CLOSING = "closing"
    CLOSED = "closed"


class Room(Struct):
    """The stored state of a session's room at one provider."""

    id: RoomId
    session_id: SessionId
    provider: ProviderName
    state: RoomState
    provider_room_id: str | None = None
    """100ms room ID or Agora channel; None until the provider created it."""
    codes: StoredCodes = field(default_factory=lambda: EMPTY_MAPPING)
    """Falsy until the ready-made page was requested. `storage.room_codes.RoomCodes` decrypts them."""
    closure: str | None = None
    """The result of closing the room at the provider, which is needed to reopen it."""
    generation: int = 0
    """How many earlier rooms at the provider the session has used up."""
    codes_issued: bool = False
    """Whether room codes were ever created in this room at the provider."""
    hidden_from_repr = ("codes",)


class UnconfirmedRoom(Struct):
    """A room that may be open at its provider: a process was opening it, and has not confirmed the result."""

    room: Room
    since: datetime
    """When the process began."""


class FormerRoom(Struct):
    """An earlier room of a session at the provider. Webhooks about it still belong to the session."""

    session_id: SessionId
    provider: ProviderName
    provider_room_id: str
    retired_at: datetime


_NAME_PREFIX = "name:"
"""No provider's ID begins with it."""


def build_room_name(app_id: AppId, session_id: SessionId, generation: int = 0) -> str:
    """The name of a session's room at any provider.

    Deterministic, so that a room that was created just before a crash is found again. At most 63 characters of `0-9a-v`
    and `-`: 100ms compares names case-insensitively, and Agora allows fewer than 64 bytes.
    """
    name = f"vb-{_short(app_id.int)}-{_short(session_id.int)}"
    return f"{name}-{generation}" if generation else name


def as_unknown_id(name: str) -> str:
    """Stored instead of the provider's ID of a room of which only the name is known."""
    return f"{_NAME_PREFIX}{name}"


def name_of_unknown_id(provider_room_id: str) -> str | None:
    """The inverse of `as_unknown_id`; None for an ID of a provider."""
    name = provider_room_id.removeprefix(_NAME_PREFIX)
    return None if name == provider_room_id else name


def compute_code_id(code: str) -> str:
    """An identifier for the journal that distinguishes room codes without revealing them."""
    return f"code:{hashlib.sha256(code.encode()).hexdigest()[:12]}"


def add_code_prefix(code: str, prefix: str | None) -> str:
    """The code as participants see it: with the app's prefix, if it has one."""
    return f"{prefix}-{code}" if prefix else code


def strip_code_prefix(alias: str, prefix: str | None) -> str:
    """The provider's code. A code without the prefix is returned unchanged."""
    return alias.removeprefix(f"{prefix}-") if prefix else alias


def _short(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuv"
    return "".join(digits[number >> shift & 31] for shift in range(125, -1, -5))


def propose_uid(session_id: SessionId, draw: int) -> int:
    """The `draw`-th uid to try in this session, from 1 to `MAX_PERSON_UID`; distinct for successive draws."""
    # A step that is coprime to MAX_PERSON_UID visits every number before it repeats one.
    return (session_id.int + draw * 1_640_531_527) % MAX_PERSON_UID + 1
