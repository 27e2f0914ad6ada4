"""Running and past sessions, with all their peers."""

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rest.paging import is_created_in_range, newest_first, page
from videobroker.sandbox.rest.requests import HmsRequest
from videobroker.sandbox.sessions import Peer, SandboxSession
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.times import stored


def list_sessions(state: SandboxState, request: HmsRequest) -> JsonObject:
    """Sessions, newest first. Without `active`, only running ones."""
    active, room_id = request.flag("active", default=True), request.query.get("room_id")
    # `start` may be a session of another room: its position is among all sessions.
    searched = None if request.query.get("start") else room_id
    return page(
        newest_first(state.sessions_of(request.workspace, room_id=searched), _id),
        request,
        identity=_id,
        as_json=lambda session: session_as_json(session, request),
        matches=lambda session: (
            session.active == active and room_id in (None, session.room_id) and is_created_in_range(session, request)
        ),
    )


def get(state: SandboxState, request: HmsRequest) -> JsonObject:
    """One session. Raises `VendorError` (404) if the workspace has no such session."""
    session = state.session(request.path["session_id"])
    room = state.room(session.room_id) if session else None
    if session is None or room is None or room.access_key != request.workspace.access_key:
        raise VendorError(404, "session not found")
    return session_as_json(session, request)


def session_as_json(session: SandboxSession, request: HmsRequest) -> JsonObject:
    """A session in the vendor's format, including peers who left."""
    return {
        "id": session.id,
        "room_id": session.room_id,
        "customer_id": request.workspace.customer_id,
        "app_id": request.workspace.app_id,
        "active": session.active,
        "peers": {peer.id: _peer_as_json(session, peer) for peer in session.peers},
        "created_at": stored(session.created_at),
        "updated_at": stored(session.updated_at),
    }


def _peer_as_json(session: SandboxSession, peer: Peer) -> JsonObject:
    shown = {
        "id": peer.id,
        "session_id": session.id,
        "name": peer.name,
        "role": peer.role,
        "user_id": peer.user_id,
        "joined_at": stored(peer.joined_at),
    }
    return shown | ({"left_at": stored(peer.left_at)} if peer.left_at else {})


def _id(session: SandboxSession) -> str:
    return session.id
