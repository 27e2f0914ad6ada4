"""Rooms: creating or overwriting by name, reading, changing. Rooms are never deleted."""

import uuid
from dataclasses import replace
from typing import Any

from videobroker.sandbox.ids import new_object_id
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rest.paging import is_created_in_range, newest_first, page
from videobroker.sandbox.rest.requests import HmsRequest, requested_room
from videobroker.sandbox.rest.room_fields import check_size, creation_fields, update_fields
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.times import stored


def create(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Create a room. If its name exists, overwrite that room with the given fields."""
    fields = creation_fields(request.body, request.workspace)
    existing = state.room_named(request.workspace, fields["name"]) if "name" in fields else None
    if existing:
        # The room keeps the case of its name, and stays disabled. The vendor documents neither.
        del fields["name"]
        return _update_room(state, existing, fields)
    now = state.now()
    defaults = {"name": str(uuid.uuid4()), "template_id": request.workspace.default_template.id}
    room = SandboxRoom(
        id=new_object_id(now),
        access_key=request.workspace.access_key,
        created_at=now,
        updated_at=now,
        **defaults | fields,
    )
    _check(room)
    state.store(room)
    return room_as_json(state, room)


def list_rooms(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Rooms, newest first. Without `enabled`, only enabled ones."""
    enabled = request.flag("enabled", default=True)
    name, template_id = request.query.get("name"), request.query.get("template_id")

    def matches(room: SandboxRoom) -> bool:
        return (
            room.enabled == enabled
            and (name is None or room.name.lower() == name.lower())
            and template_id in (None, room.template_id)
            and is_created_in_range(room, request)
        )

    return page(
        newest_first(state.rooms_of(request.workspace), _id),
        request,
        identity=_id,
        as_json=lambda room: _room_in_list(state, room),
        matches=matches,
    )


def get(state: SandboxState, request: HmsRequest) -> JsonObject:
    return room_as_json(state, requested_room(state, request))


def update(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Change the given fields of a room. With the name of another room, returns that other room."""
    room = requested_room(state, request)
    fields = update_fields(request.body)
    namesake = state.room_named(request.workspace, fields.get("name", room.name))
    if namesake and namesake.id != room.id:
        return room_as_json(state, namesake)
    return _update_room(state, room, fields)


def room_as_json(state: SandboxState, room: SandboxRoom) -> JsonObject:
    """A room in the vendor's format, without fields that were never set."""
    workspace = state.workspace_of(room)
    optional = {
        "large_room": room.large_room,
        "size": room.size,
        "max_duration_seconds": room.max_duration_seconds,
        "polls": list(room.polls) or None,
        "webhook": room.webhook,
    }
    return {
        "id": room.id,
        "name": room.name,
        "enabled": room.enabled,
        "description": room.description,
        "customer_id": workspace.customer_id,
        "customer": workspace.customer_id,
        "app_id": workspace.app_id,
        "recording_source_template": room.recording_info is None,
        "enabled_source_template": room.recording_info is None,
        "recording_info": room.recording_info or {"enabled": False},
        "template_id": room.template_id,
        "template": state.template_of(room).name,
        "region": room.region,
        **{field: value for field, value in optional.items() if value is not None},
        "created_at": stored(room.created_at),
        "updated_at": stored(room.updated_at),
    }


def _room_in_list(state: SandboxState, room: SandboxRoom) -> JsonObject:
    shown = room_as_json(state, room)
    return shown | {"key": f"{shown['customer_id']}:{room.name}"}


def _update_room(state: SandboxState, room: SandboxRoom, fields: dict[str, Any]) -> JsonObject:
    changed = replace(room, **fields, updated_at=state.now())
    _check(changed)
    state.store(changed)
    return room_as_json(state, changed)


def _check(room: SandboxRoom) -> None:
    check_size(room.size, large_room=bool(room.large_room))


def _id(room: SandboxRoom) -> str:
    return room.id
