"""Helpers for routes of the control API."""

from fastapi import Request
from starlette.routing import Route

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.operations import Endpoint
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.state import SandboxState


def route(method: str, path: str, endpoint: Endpoint) -> Route:
    """One method on one path under `/_sandbox`."""
    return Route(f"/_sandbox{path}", endpoint, methods=[method])


def room_in_path(state: SandboxState, request: Request) -> SandboxRoom:
    """The 100ms room with the ID in the path. Raises `VendorError` (404) if there is none."""
    room = state.room(request.path_params["room_id"])
    if room is None:
        raise VendorError(404, "Room not found")
    return room
