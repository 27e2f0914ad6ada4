"""Room codes: creating, listing, enabling, and disabling."""

from collections.abc import Iterable
from dataclasses import replace

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.ids import new_room_code
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rest.paging import page
from videobroker.sandbox.rest.requests import HmsRequest, requested_room
from videobroker.sandbox.rooms import RoomCode, SandboxRoom
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.times import stored

MAX_ROOM_CODES = 100


def create_for_all_roles(state: SandboxState, request: HmsRequest) -> JsonObject:
    """One enabled code for each role. Later requests return these codes again. Codes of deleted roles are disabled."""
    room = _open_room(state, request)
    roles = state.template_of(room).roles
    codes = {role: _enabled_code(state, room, role) or _new_code(state, room, role) for role in roles}
    new = [code for code in codes.values() if state.code(code.code) is None]
    orphaned = [
        _with_enabled(state, code, enabled=False)
        for code in state.codes_of(room)
        if code.enabled and code.role not in roles
    ]
    _store_codes(state, room, new, orphaned)
    return {"data": [code_as_json(code) for code in codes.values()]}


def create_for_role(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Another code for a role."""
    room = _open_room(state, request)
    _refuse_unknown_role(state, room, request.path["role"])
    code = _new_code(state, room, request.path["role"])
    _store_codes(state, room, [code])
    return code_as_json(code)


def list_codes(state: SandboxState, request: HmsRequest) -> JsonObject:
    """The codes of a room, oldest first, including disabled ones unless `enabled` filters them."""
    room = _open_room(state, request)
    role, enabled = request.query.get("role"), request.flag("enabled")
    if role is not None:
        _refuse_unknown_role(state, room, role)
    return page(
        state.codes_of(room),
        request,
        identity=lambda code: code.code,
        as_json=code_as_json,
        matches=lambda code: role in (None, code.role) and enabled in (None, code.enabled),
        default_limit=20,
    )


def update(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Enable or disable a code. The code of a role that the template no longer has stays disabled."""
    text, enabled = request.body.get("code"), request.body.get("enabled")
    if request.body.keys() != {"code", "enabled"} or not isinstance(text, str) or not isinstance(enabled, bool):
        raise VendorError(400, "Invalid body parameter")
    code = state.code(text)
    room = state.room(code.room_id) if code else None
    if code is None or room is None or room.access_key != request.workspace.access_key:
        raise VendorError(404, "Code not found")
    if enabled and code.role not in state.template_of(room).roles:
        raise VendorError(403, "Code cannot be enabled")
    switched = _with_enabled(state, code, enabled=enabled)
    state.store(switched)
    return code_as_json(switched)


def use_up_codes(state: SandboxState, room: SandboxRoom, *, leave: int) -> int:
    """Add disabled codes until the room can have only `leave` more. Returns the number of its codes."""
    missing = MAX_ROOM_CODES - leave - len(state.codes_of(room))
    role = state.template_of(room).roles[0]
    for _ in range(missing):
        state.store(_with_enabled(state, _new_code(state, room, role), enabled=False))
    return len(state.codes_of(room))


def code_as_json(code: RoomCode) -> JsonObject:
    """A room code in the vendor's format."""
    return {
        "code": code.code,
        "room_id": code.room_id,
        "role": code.role,
        "enabled": code.enabled,
        "created_at": stored(code.created_at),
        "updated_at": stored(code.updated_at),
    }


def _open_room(state: SandboxState, request: HmsRequest) -> SandboxRoom:
    room = requested_room(state, request)
    if not room.enabled:
        raise VendorError(403, "Room is disabled")
    return room


def _refuse_unknown_role(state: SandboxState, room: SandboxRoom, role: str) -> None:
    if role not in state.template_of(room).roles:
        raise VendorError(404, "Role not found")


def _enabled_code(state: SandboxState, room: SandboxRoom, role: str) -> RoomCode | None:
    return next((code for code in state.codes_of(room) if code.role == role and code.enabled), None)


def _new_code(state: SandboxState, room: SandboxRoom, role: str) -> RoomCode:
    text = new_room_code()
    while state.code(text):
        text = new_room_code()
    now = state.now()
    return RoomCode(text, room.id, role, created_at=now, updated_at=now)


def _with_enabled(state: SandboxState, code: RoomCode, *, enabled: bool) -> RoomCode:
    return replace(code, enabled=enabled, updated_at=state.now())


def _store_codes(
    state: SandboxState, room: SandboxRoom, new: Iterable[RoomCode], changed: Iterable[RoomCode] = ()
) -> None:
    created = list(new)
    if created and len(state.codes_of(room)) + len(created) > MAX_ROOM_CODES:
        raise VendorError(400, f"a room has at most {MAX_ROOM_CODES} codes")
    state.store(*created, *changed)
