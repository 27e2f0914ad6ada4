"""The sandbox's own API under `/_sandbox`: people to move, counts to read, faults to order."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox import admission
from videobroker.sandbox.faults import read_fault
from videobroker.sandbox.json_body import JsonObject, optional_string, read_object, required_string
from videobroker.sandbox.operations import Endpoint, Vendor
from videobroker.sandbox.problems import Problem
from videobroker.sandbox.rest.active_rooms import peer_as_json
from videobroker.sandbox.rooms import Room
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.traffic import RequestLog


def control_routes(state: SandboxState, vendor: Vendor, log: RequestLog, operations: frozenset[str]) -> list[Route]:
    """All control routes; none of them is counted, logged or open to faults."""
    return [
        *_people_routes(state),
        *_traffic_routes(state, vendor, log),
        *_fault_routes(vendor, operations),
    ]


def _people_routes(state: SandboxState) -> list[Route]:
    async def join(request: Request) -> Response:
        return JSONResponse(_joined(state, request.path_params["room_id"], await read_object(request)))

    async def leave(request: Request) -> Response:
        session = admission.running_session(state, _room(state, request.path_params["room_id"]))
        peer = admission.present_peer(session, request.path_params["peer_id"])
        after = admission.leave(state, session, (peer,))
        return JSONResponse({"session_id": after.id, "active": after.active})

    return [
        _route("POST", "/rooms/{room_id}/peers", join),
        _route("DELETE", "/rooms/{room_id}/peers/{peer_id}", leave),
    ]


def _traffic_routes(state: SandboxState, vendor: Vendor, log: RequestLog) -> list[Route]:
    def counts() -> Response:
        return JSONResponse(vendor.counters.as_json() | {"rooms_created": state.rooms_created})

    async def counters(_: Request) -> Response:
        return counts()

    async def reset(_: Request) -> Response:
        vendor.counters.reset()
        state.rooms_created = 0
        return counts()

    async def requests(_: Request) -> Response:
        return JSONResponse({"requests": [request.as_json() for request in log.latest()]})

    return [
        _route("GET", "/counters", counters),
        _route("POST", "/counters/reset", reset),
        _route("GET", "/requests", requests),
    ]


def _fault_routes(vendor: Vendor, operations: frozenset[str]) -> list[Route]:
    def pending() -> Response:
        return JSONResponse({"faults": [fault.as_json() for fault in vendor.faults.pending()]})

    async def order(request: Request) -> Response:
        vendor.faults.add(read_fault(await read_object(request), operations))
        return pending()

    async def show(_: Request) -> Response:
        return pending()

    async def clear(_: Request) -> Response:
        vendor.faults.clear()
        return pending()

    return [
        _route("POST", "/faults", order),
        _route("GET", "/faults", show),
        _route("DELETE", "/faults", clear),
    ]


def _joined(state: SandboxState, room_id: str, body: JsonObject) -> JsonObject:
    admitted = admission.admit(state, f"Bearer {required_string(body, 'token')}")
    if admitted.room.id != room_id:
        raise Problem(400, "Room Mismatched with Token")
    joined = admission.join(
        state,
        admitted,
        name=optional_string(body, "name") or "",
        peer_id=optional_string(body, "peer_id"),
        metadata=optional_string(body, "metadata") or "",
    )
    return {
        "peer": peer_as_json(joined.peer),
        "session_id": joined.session.id,
        "session_opened": joined.opened,
    }


def _room(state: SandboxState, room_id: str) -> Room:
    room = state.room(room_id)
    if room is None:
        raise Problem(404, "Room not found")
    return room


def _route(method: str, path: str, endpoint: Endpoint) -> Route:
    return Route(f"/_sandbox{path}", endpoint, methods=[method])
