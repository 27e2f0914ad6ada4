"""Rooms and their codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SandboxRoom:
    """A room in which sessions take place. A field that is None was never set."""

    id: str
    access_key: str
    """The access key of the workspace that owns the room."""
    name: str
    template_id: str
    created_at: datetime
    updated_at: datetime
    enabled: bool = True
    description: str = ""
    region: str = "auto"
    large_room: bool | None = None
    size: int | None = None
    max_duration_seconds: int | None = None
    recording_info: Mapping[str, Any] | None = None
    polls: tuple[str, ...] = ()
    webhook: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RoomCode:
    """Allows everyone who has it to join a room in a role."""

    code: str
    room_id: str
    role: str
    created_at: datetime
    updated_at: datetime
    enabled: bool = True
