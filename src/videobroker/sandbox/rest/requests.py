"""Authenticated requests to the REST API, and their query parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from starlette.datastructures import QueryParams

from videobroker.sandbox.config import Workspace
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.ids import is_object_id
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.state import SandboxState


@dataclass(frozen=True, slots=True)
class HmsRequest:
    """A request with a valid management token."""

    workspace: Workspace
    path: Mapping[str, str]
    query: QueryParams
    body: JsonObject

    def flag(self, name: str, default: bool | None = None) -> bool | None:
        """A Boolean query parameter; `default` if it is absent."""
        value = self.query.get(name)
        if value is None:
            return default
        if value not in ("true", "false"):
            _refuse_parameter(name)
        return value == "true"

    def number(self, name: str, default: int) -> int:
        """An integer query parameter; `default` if it is absent."""
        value = self.query.get(name)
        try:
            return default if value is None else int(value)
        except ValueError:
            _refuse_parameter(name)

    def moment(self, name: str) -> datetime | None:
        """A timestamp query parameter; None if it is absent."""
        value = self.query.get(name)
        try:
            moment = None if value is None else datetime.fromisoformat(value)
        except ValueError:
            _refuse_parameter(name)
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def requested_room(state: SandboxState, request: HmsRequest) -> SandboxRoom:
    """The room with the ID in the path. Raises `VendorError` (404) if the workspace has no such room."""
    room_id = request.path["room_id"]
    if not is_object_id(room_id):
        raise VendorError(404, f"invalid room id: {room_id}")
    room = state.room(room_id)
    if room is None or room.access_key != request.workspace.access_key:
        raise VendorError(404, "Room not found")
    return room


def _refuse_parameter(name: str) -> NoReturn:
    raise VendorError(400, "Invalid query parameter", f"Invalid query parameter: {name}")
