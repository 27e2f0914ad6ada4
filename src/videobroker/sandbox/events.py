"""What happens in 100ms rooms, in the words of the vendor's webhooks."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.sandbox.calls import Peer, Session
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rooms import Room
from videobroker.sandbox.times import UNSET, live

CLIENT_REQUEST = "client request"
KICKED = "peer kicked"
SOCKET_CLOSED = "websocket closed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a room."""

    type: str
    room: Room
    at: datetime
    data: JsonObject


def session_opened(room: Room, session: Session) -> Event:
    """The first peer came."""
    return Event("session.open.success", room, session.created_at, _session(room, session))


def session_closed(room: Room, session: Session) -> Event:
    """The last peer went."""
    stopped = session.updated_at
    told = {"session_stopped_at": live(stopped), "session_duration": _seconds(session.created_at, stopped)}
    return Event("session.close.success", room, stopped, _session(room, session) | told)


def peer_joined(room: Room, session: Session, peer: Peer) -> Event:
    """Somebody came."""
    told = _session(room, session) | _peer(peer) | {"joined_at": live(peer.joined_at)}
    return Event("peer.join.success", room, peer.joined_at, told)


def peer_left(room: Room, session: Session, peer: Peer, *, reason: str, message: str) -> Event:
    """Somebody went or was sent; `peer` has its `left_at`."""
    left_at = peer.left_at or session.updated_at
    told = {
        "joined_at": live(peer.joined_at),
        "left_at": live(left_at),
        "duration": _seconds(peer.joined_at, left_at),
        "reason": reason,
        "message": message,
    }
    return Event("peer.leave.success", room, left_at, _session(room, session) | _peer(peer) | told)


def join_failed(room: Room, peer: Peer, cause: str) -> Event:
    """Somebody with a good token was not let in."""
    told = _room(room) | _peer(peer) | {"joined_at": UNSET, "error_message": cause}
    return Event("peer.join.failure", room, peer.joined_at, told)


def leave_failed(room: Room, peer: Peer, at: datetime) -> Event:
    """Somebody left who was not there any more."""
    told = {"joined_at": UNSET, "left_at": UNSET, "duration": 0, "error_message": "Peer not joined"}
    return Event("peer.leave.failure", room, at, _room(room) | _peer(peer) | told)


def room_ended(room: Room, session: Session, at: datetime, *, lock: bool, reason: str, by: Peer | None = None) -> Event:
    """Everybody is sent out, by a peer or else through the REST API."""
    return Event("room.end.success", room, at, _session(room, session) | _ending(lock=lock, reason=reason, by=by))


def end_failed(room: Room, at: datetime, *, lock: bool, reason: str) -> Event:
    """There was nobody to send out."""
    nothing = {"session_id": "", "session_started_at": UNSET}
    told = {"error_message": "session not found", "error_code": 404}
    return Event("room.end.failure", room, at, _room(room) | nothing | _ending(lock=lock, reason=reason) | told)


def role_changed(room: Room, session: Session, peer: Peer, previous: str, at: datetime) -> Event:
    """Somebody has another role, given through the REST API; `peer` has the new one."""
    told = {"previous_role": previous, "joined_at": live(peer.joined_at), "role_changed_at": live(at)}
    return Event("role.change.success", room, at, _session(room, session) | _untyped(peer) | told)


def role_change_failed(room: Room, session: Session, wanted: Peer, at: datetime, cause: str) -> Event:
    """Somebody keeps the old role; `wanted` is the peer as it should have become."""
    told = {"joined_at": live(wanted.joined_at), "error_message": cause}
    return Event("role.change.failure", room, at, _session(room, session) | _untyped(wanted) | told)


def _room(room: Room) -> JsonObject:
    return {"room_id": room.id, "room_name": room.name, "template_id": room.template_id}


def _session(room: Room, session: Session) -> JsonObject:
    return _room(room) | {"session_id": session.id, "session_started_at": live(session.created_at)}


def _peer(peer: Peer) -> JsonObject:
    return _untyped(peer) | {"type": "regular"}


def _untyped(peer: Peer) -> JsonObject:
    return {
        "peer_id": peer.id,
        "user_id": peer.user_id,
        "user_name": peer.name,
        "user_data": peer.metadata,
        "role": peer.role,
    }


def _ending(*, lock: bool, reason: str, by: Peer | None = None) -> JsonObject:
    told = _untyped(by) if by else {}
    who = {field: told.get(field, "") for field in ("peer_id", "user_id", "user_name", "role")}
    return who | {"lock_room": lock, "reason": reason, "source": "peer" if by else "api"}


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())
