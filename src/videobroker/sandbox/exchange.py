"""Requests of a joining browser: token for a code, connection settings, page layout."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from videobroker.sandbox.admission import admit, identify
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject, optional_string, read_object, required_string
from videobroker.sandbox.operations import CrossOriginOperation, Instrumentation, Operation
from videobroker.sandbox.rooms import RoomCode, SandboxRoom
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.tokens import new_app_token


def exchange_operations(state: SandboxState, instrumentation: Instrumentation) -> list[Operation]:
    """The routes for browsers. They need no management token."""

    async def exchange_code(request: Request) -> Response:
        return JSONResponse({"token": token_for_code(state, await read_object(request))})

    async def init(request: Request) -> Response:
        admit(state, request.headers.get("authorization"))
        scheme = "wss" if request.url.scheme == "https" else "ws"
        return JSONResponse(_connection(f"{scheme}://{request.url.netloc}/v2/ws"))

    async def get_layout(request: Request) -> Response:
        admission = identify(state, request.headers.get("authorization"))
        layout = {"role": admission.role, "template_id": admission.room.template_id, "screens": {}}
        return JSONResponse({"data": [layout]})

    return [
        CrossOriginOperation("exchange_code", "POST", "/v2/token", exchange_code, instrumentation),
        CrossOriginOperation("init", "GET", "/init", init, instrumentation),
        CrossOriginOperation("get_layout", "GET", "/v2/layouts/ui", get_layout, instrumentation),
    ]


def usable_code(state: SandboxState, text: str) -> tuple[RoomCode, SandboxRoom]:
    """A code and its room. Raises `VendorError`: 404 for an unknown code, 403 for a disabled code or room."""
    code = state.code(text)
    room = state.room(code.room_id) if code else None
    if code is None or room is None:
        raise VendorError(404, "Code not found")
    if not room.enabled:
        raise VendorError(403, "Room is disabled")
    if not code.enabled:
        raise VendorError(403, "Code is disabled")
    return code, room


def token_for_code(state: SandboxState, body: JsonObject) -> str:
    """A token for the `code` of a request, for its `user_id` if it has one."""
    code, room = usable_code(state, required_string(body, "code"))
    return new_app_token(
        state.workspace_of(room),
        room_id=room.id,
        role=code.role,
        user_id=optional_string(body, "user_id"),
        now=state.now(),
    )


def _connection(endpoint: str) -> JsonObject:
    return {
        "endpoint": endpoint,
        "rtcConfiguration": {"ice_servers": [{"urls": ["stun:127.0.0.1:3478"]}]},
        "config": {"enabledFlags": [], "networkHealth": {}},
        "policy": {},
        "log_level": "warn",
        "pingTimeout": 30_000,
    }
