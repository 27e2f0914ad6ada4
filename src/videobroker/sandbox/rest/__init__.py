"""The vendor's REST API: every operation under `/v2` that requires a management token."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from videobroker.sandbox.errors import Problem
from videobroker.sandbox.json_body import JsonObject, read_object
from videobroker.sandbox.operations import Operation, Vendor
from videobroker.sandbox.rest import active_rooms, peers, room_codes, rooms, sessions, templates
from videobroker.sandbox.rest.requests import Ask
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.tokens import TokenRejected, believe_management_token


@dataclass(frozen=True, slots=True)
class _Verb:
    name: str
    method: str
    path: str
    answer: Callable[[SandboxState, Ask], JsonObject]
    reads_body: bool = False


_VERBS = (
    _Verb("create_room", "POST", "/rooms", rooms.create, reads_body=True),
    _Verb("list_rooms", "GET", "/rooms", rooms.list_rooms),
    _Verb("get_room", "GET", "/rooms/{room_id}", rooms.get),
    _Verb("update_room", "POST", "/rooms/{room_id}", rooms.update, reads_body=True),
    _Verb("create_room_codes", "POST", "/room-codes/room/{room_id}", room_codes.create_for_all_roles),
    _Verb("list_room_codes", "GET", "/room-codes/room/{room_id}", room_codes.list_codes),
    _Verb("create_room_code", "POST", "/room-codes/room/{room_id}/role/{role}", room_codes.create_for_role),
    _Verb("update_room_code", "POST", "/room-codes/code", room_codes.update, reads_body=True),
    _Verb("get_active_room", "GET", "/active-rooms/{room_id}", active_rooms.get),
    _Verb("list_peers", "GET", "/active-rooms/{room_id}/peers", active_rooms.list_peers),
    _Verb("get_peer", "GET", "/active-rooms/{room_id}/peers/{peer_id}", peers.get),
    _Verb("update_peer", "POST", "/active-rooms/{room_id}/peers/{peer_id}", peers.update, reads_body=True),
    _Verb("send_message", "POST", "/active-rooms/{room_id}/send-message", peers.send_message, reads_body=True),
    _Verb("end_room", "POST", "/active-rooms/{room_id}/end-room", active_rooms.end_room, reads_body=True),
    _Verb(
        "remove_peers",
        "POST",
        "/active-rooms/{room_id}/remove-peers",
        active_rooms.remove_peers,
        reads_body=True,
    ),
    _Verb("list_sessions", "GET", "/sessions", sessions.list_sessions),
    _Verb("get_session", "GET", "/sessions/{session_id}", sessions.get),
    _Verb("list_templates", "GET", "/templates", templates.list_templates),
    _Verb("get_template", "GET", "/templates/{template_id}", templates.get),
    _Verb("get_role", "GET", "/templates/{template_id}/roles/{role}", templates.get_role),
)


def rest_operations(state: SandboxState, vendor: Vendor) -> list[Operation]:
    """The routes of the REST API."""
    return [_operation(verb, state, vendor) for verb in _VERBS]


def _operation(verb: _Verb, state: SandboxState, vendor: Vendor) -> Operation:
    async def endpoint(request: Request) -> Response:
        try:
            workspace = believe_management_token(request.headers.get("authorization"), state.config, state.now())
        except TokenRejected as rejected:
            raise Problem(401, "Token validation error", str(rejected)) from None
        ask = Ask(
            workspace=workspace,
            path=request.path_params,
            query=request.query_params,
            body=await read_object(request) if verb.reads_body else {},
        )
        return JSONResponse(verb.answer(state, ask))

    return Operation(verb.name, verb.method, f"/v2{verb.path}", endpoint, vendor)
