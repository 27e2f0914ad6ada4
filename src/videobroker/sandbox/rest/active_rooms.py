"""Active rooms: listing and removing peers.

The vendor's response only confirms that a removal was submitted. Here the removal is complete before the response,
so that tests do not have to wait for it.
"""

from videobroker.sandbox import admission, events
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject, optional_string
from videobroker.sandbox.rest.requests import HmsRequest, requested_room
from videobroker.sandbox.sessions import Peer, SandboxSession
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.times import live


def get(state: SandboxState, request: HmsRequest) -> JsonObject:
    """A room with its running session. Raises `VendorError` (404) if it is idle."""
    room = requested_room(state, request)
    session = admission.running_session(state, room)
    return {
        "id": room.id,
        "name": room.name,
        "customer_id": request.workspace.customer_id,
        "session": {
            "id": session.id,
            "created_at": live(session.created_at),
            "peers": [peer.id for peer in session.present],
        },
    }


def list_peers(state: SandboxState, request: HmsRequest) -> JsonObject:
    """The peers in a room by ID, optionally only those with a `user_id` or `role`."""
    session = admission.running_session(state, requested_room(state, request))
    user_id, role = request.query.get("user_id"), request.query.get("role")
    return {
        "peers": {
            peer.id: peer_as_json(peer)
            for peer in session.present
            if user_id in (None, peer.user_id) and role in (None, peer.role)
        }
    }


def end_room(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Disconnect everyone; with `lock`, also disable the room."""
    reason = optional_string(request.body, "reason") or ""
    lock = request.body.get("lock") or False
    if not isinstance(lock, bool):
        raise VendorError(400, "Invalid body param", "Invalid body param: lock must be a boolean")
    room = requested_room(state, request)
    if state.active_session(room) is None:
        state.emit(events.end_failed(room, state.now(), lock=lock, reason=reason))
    admission.end(state, room, admission.running_session(state, room), lock=lock, reason=reason)
    return {"message": "session is ending"}


def remove_peers(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Remove one peer by `peer_id`, or all with a `role`."""
    reason = optional_string(request.body, "reason") or ""
    room = requested_room(state, request)
    session = admission.running_session(state, room)
    leaving = selected_peers(session, request)
    if leaving is None:
        raise VendorError(400, "Invalid body param", "Invalid body param: peer_id or role is required")
    if leaving:
        admission.leave(state, room, session, leaving, reason=events.KICKED, message=reason)
    return {"message": "peer remove request submitted"}


def selected_peers(session: SandboxSession, request: HmsRequest) -> tuple[Peer, ...] | None:
    """The peers that a request selects by `peer_id` or `role`; None without both."""
    peer_id, role = optional_string(request.body, "peer_id"), optional_string(request.body, "role")
    if peer_id:
        return (admission.present_peer(session, peer_id),)
    return tuple(peer for peer in session.present if peer.role == role) if role else None


def peer_as_json(peer: Peer) -> JsonObject:
    """A peer in the vendor's format."""
    return {
        "id": peer.id,
        "name": peer.name,
        "user_id": peer.user_id,
        "metadata": peer.metadata,
        "role": peer.role,
        "joined_at": live(peer.joined_at),
    }
