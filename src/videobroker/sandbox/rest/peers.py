"""A peer in a room: reading, changing, sending messages."""

from dataclasses import replace

from videobroker.sandbox import admission, events
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject, optional_string, required_string
from videobroker.sandbox.messages import SentMessage
from videobroker.sandbox.rest.active_rooms import peer_as_json, selected_peers
from videobroker.sandbox.rest.requests import HmsRequest, requested_room
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.sessions import Peer
from videobroker.sandbox.state import SandboxState


def get(state: SandboxState, request: HmsRequest) -> JsonObject:
    """A peer who is in the room now. The sandbox has no tracks."""
    session = admission.running_session(state, requested_room(state, request))
    return _with_tracks(admission.present_peer(session, request.path["peer_id"]))


def update(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Change `name`, `role`, or `metadata`. A new role takes effect at once."""
    name, role, metadata = (optional_string(request.body, field) for field in ("name", "role", "metadata"))
    room = requested_room(state, request)
    session = admission.running_session(state, room)
    peer = admission.present_peer(session, request.path["peer_id"])
    changed = replace(
        peer,
        name=peer.name if name is None else name,
        role=peer.role if role is None else role,
        metadata=peer.metadata if metadata is None else metadata,
    )
    if changed.role != peer.role:
        _refuse_role(state, room, changed)
    now = state.now()
    after = session.with_peer(changed, now)
    state.store(after)
    if changed.role != peer.role:
        state.emit(events.role_changed(room, after, changed, peer.role, now))
    return _with_tracks(changed)


def send_message(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Send a message to one peer by `peer_id`, to all peers with a `role`, or to everyone."""
    message = required_string(request.body, "message")
    kind = optional_string(request.body, "type") or ""
    session = admission.running_session(state, requested_room(state, request))
    recipients = selected_peers(session, request)
    state.send_message(
        SentMessage(
            room_id=session.room_id,
            session_id=session.id,
            message=message,
            type=kind,
            peer_id=request.body.get("peer_id") or None,
            role=request.body.get("role") or None,
            recipients=tuple(peer.id for peer in (session.present if recipients is None else recipients)),
        )
    )
    return {"message": "message sent"}


def _refuse_role(state: SandboxState, room: SandboxRoom, wanted: Peer) -> None:
    if wanted.role not in state.template_of(room).all_roles:
        raise VendorError(400, "Invalid body param", "Invalid body param: role does not exist")
    if admission.role_is_full(state, room, wanted.role):
        session = admission.running_session(state, room)
        state.emit(events.role_change_failed(room, session, wanted, state.now(), "role limit reached"))
        raise VendorError(403, "role limit reached")


def _with_tracks(peer: Peer) -> JsonObject:
    return peer_as_json(peer) | {"tracks": {}}
