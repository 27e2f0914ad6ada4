"""The vendor's REST API: every operation under `/v2` that requires a management token."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject, read_object
from videobroker.sandbox.operations import Instrumentation, Operation
from videobroker.sandbox.rest import active_rooms, peers, room_codes, rooms, sessions, templates
from videobroker.sandbox.rest.requests import HmsRequest
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.tokens import TokenRejected, verify_management_token


@dataclass(frozen=True, slots=True)
class _HmsEndpoint:
    name: str
    method: str
    path: str
    handle: Callable[[SandboxState, HmsRequest], JsonObject]
    reads_body: bool = False


_ENDPOINTS = (
    _HmsEndpoint("create_room", "POST", "/rooms", rooms.create, reads_body=True),
    _HmsEndpoint("list_rooms", "GET", "/rooms", rooms.list_rooms),
    _HmsEndpoint("get_room", "GET", "/rooms/{room_id}", rooms.get),
    _HmsEndpoint("update_room", "POST", "/rooms/{room_id}", rooms.update, reads_body=True),
    _HmsEndpoint("create_room_codes", "POST", "/room-codes/room/{room_id}", room_codes.create_for_all_roles),
    _HmsEndpoint("list_room_codes", "GET", "/room-codes/room/{room_id}", room_codes.list_codes),
    _HmsEndpoint("create_room_code", "POST", "/room-codes/room/{room_id}/role/{role}", room_codes.create_for_role),
    _HmsEndpoint("update_room_code", "POST", "/room-codes/code", room_codes.update, reads_body=True),
    _HmsEndpoint("get_active_room", "GET", "/active-rooms/{room_id}", active_rooms.get),
    _HmsEndpoint("list_peers", "GET", "/active-rooms/{room_id}/peers", active_rooms.list_peers),
    _HmsEndpoint("get_peer", "GET", "/active-rooms/{room_id}/peers/{peer_id}", peers.get),
    _HmsEndpoint("update_peer", "POST", "/active-rooms/{room_id}/peers/{peer_id}", peers.update, reads_body=True),
    _HmsEndpoint("send_message", "POST", "/active-rooms/{room_id}/send-message", peers.send_message, reads_body=True),
    _HmsEndpoint("end_room", "POST", "/active-rooms/{room_id}/end-room", active_rooms.end_room, reads_body=True),
    _HmsEndpoint(
        "remove_peers",
        "POST",
        "/active-rooms/{room_id}/remove-peers",
        active_rooms.remove_peers,
        reads_body=True,
    ),
    _HmsEndpoint("list_sessions", "GET", "/sessions", sessions.list_sessions),
    _HmsEndpoint("get_session", "GET", "/sessions/{session_id}", sessions.get),
    _HmsEndpoint("list_templates", "GET", "/templates", templates.list_templates),
    _HmsEndpoint("get_template", "GET", "/templates/{template_id}", templates.get),
    _HmsEndpoint("get_role", "GET", "/templates/{template_id}/roles/{role}", templates.get_role),
)


def rest_operations(state: SandboxState, instrumentation: Instrumentation) -> list[Operation]:
    """The routes of the REST API."""
    return [_operation(spec, state, instrumentation) for spec in _ENDPOINTS]


def _operation(spec: _HmsEndpoint, state: SandboxState, instrumentation: Instrumentation) -> Operation:
    async def endpoint(request: Request) -> Response:
        try:
            workspace = verify_management_token(request.headers.get("authorization"), state.config, state.now())
        except TokenRejected as rejected:
            raise VendorError(401, "Token validation error", str(rejected)) from None
        authenticated = HmsRequest(
            workspace=workspace,
            path=request.path_params,
            query=request.query_params,
            body=await read_object(request) if spec.reads_body else {},
        )
        return JSONResponse(spec.handle(state, authenticated))

    return Operation(spec.name, spec.method, f"/v2{spec.path}", endpoint, instrumentation)
