"""Events of 100ms rooms, in the format of the vendor's webhooks."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.sandbox.ids import object_id_from
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rooms import Room
from videobroker.sandbox.sessions import Peer, Session
from videobroker.sandbox.times import UNSET, live

CLIENT_REQUEST = "client request"
KICKED = "peer kicked"
SOCKET_CLOSED = "websocket closed"
ROOM_ENDED = "room ended"

RECORDED_BYTES_PER_SECOND = 66_000
_FILES = "https://sandbox-recordings.invalid"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a room."""

    type: str
    room: Room
    at: datetime
    data: JsonObject


def session_opened(room: Room, session: Session) -> Event:
    """The first peer joined."""
    return Event("session.open.success", room, session.created_at, _session(room, session))


def session_closed(room: Room, session: Session) -> Event:
    """The last peer left."""
    stopped = session.updated_at
    data = {"session_stopped_at": live(stopped), "session_duration": _seconds(session.created_at, stopped)}
    return Event("session.close.success", room, stopped, _session(room, session) | data)


def peer_joined(room: Room, session: Session, peer: Peer) -> Event:
    data = _session(room, session) | _peer(peer) | {"joined_at": live(peer.joined_at)}
    return Event("peer.join.success", room, peer.joined_at, data)


def peer_left(room: Room, session: Session, peer: Peer, *, reason: str, message: str) -> Event:
    """A peer left or was removed; `peer` has its `left_at`."""
    left_at = _left_at(session, peer)
    data = {
        "joined_at": live(peer.joined_at),
        "left_at": live(left_at),
        "duration": _stay(session, peer),
        "reason": reason,
        "message": message,
    }
    return Event("peer.leave.success", room, left_at, _session(room, session) | _peer(peer) | data)


def join_failed(room: Room, peer: Peer, cause: str) -> Event:
    """A peer with a valid token was refused."""
    data = _room(room) | _peer(peer) | {"joined_at": UNSET, "error_message": cause}
    return Event("peer.join.failure", room, peer.joined_at, data)


def leave_failed(room: Room, peer: Peer, at: datetime) -> Event:
    """A peer that was not in the room left."""
    data = {"joined_at": UNSET, "left_at": UNSET, "duration": 0, "error_message": "Peer not joined"}
    return Event("peer.leave.failure", room, at, _room(room) | _peer(peer) | data)


def room_ended(room: Room, session: Session, at: datetime, *, lock: bool, reason: str, by: Peer | None = None) -> Event:
    """Everyone is disconnected, by a peer or through the REST API."""
    return Event("room.end.success", room, at, _session(room, session) | _ending(lock=lock, reason=reason, by=by))


def end_failed(room: Room, at: datetime, *, lock: bool, reason: str) -> Event:
    """The room to end was empty."""
    nothing = {"session_id": "", "session_started_at": UNSET}
    data = {"error_message": "session not found", "error_code": 404}
    return Event("room.end.failure", room, at, _room(room) | nothing | _ending(lock=lock, reason=reason) | data)


def role_changed(room: Room, session: Session, peer: Peer, previous: str, at: datetime) -> Event:
    """The REST API changed the role of a peer; `peer` has the new one."""
    data = {"previous_role": previous, "joined_at": live(peer.joined_at), "role_changed_at": live(at)}
    return Event("role.change.success", room, at, _session(room, session) | _untyped(peer) | data)


def role_change_failed(room: Room, session: Session, wanted: Peer, at: datetime, cause: str) -> Event:
    """The role was not changed; `wanted` is the peer with the requested role."""
    data = {"joined_at": live(wanted.joined_at), "error_message": cause}
    return Event("role.change.failure", room, at, _session(room, session) | _untyped(wanted) | data)


def beam_started(room: Room, session: Session, bot: Peer) -> Event:
    """The bot starts recording."""
    data = {"recording_enabled": True, "rtmp": [], "start_delay": 0}
    return Event("beam.started.success", room, bot.joined_at, _job(room, session, bot) | data)


def beam_stopped(room: Room, session: Session, bot: Peer, *, reason: str) -> Event:
    """The bot stops recording; it has its `left_at`."""
    data = {"recording_enabled": True, "rtmp": [], "duration": _stay(session, bot), "reason": reason}
    return Event("beam.stopped.success", room, _left_at(session, bot), _job(room, session, bot) | data)


def beam_recorded(room: Room, session: Session, bot: Peer) -> Event:
    """The recording is available."""
    job, stopped = _job(room, session, bot), _left_at(session, bot)
    beam, seconds = job["beam_id"], _stay(session, bot)
    bucket, begun = "s3://sandbox-recordings", f"beam/{room.id}/{bot.joined_at:%Y%m%d}/{beam}"
    data = {
        "rtmp": [],
        "recording_id": object_id_from(f"asset of {bot.id}"),
        "created_at": live(stopped),
        "started_at": live(bot.joined_at),
        "stopped_at": live(stopped),
        "duration": seconds,
        "size": RECORDED_BYTES_PER_SECOND * seconds,
        "recording_path": f"{bucket}/{begun}/Rec.mp4",
        "recording_presigned_url": f"{_FILES}/{begun}/Rec.mp4?X-Amz-Signature={'5ec' * 20}",
        "chat_recording_path": f"{bucket}/{begun}/Chat.csv",
        "chat_recording_presigned_url": f"{_FILES}/{begun}/Chat.csv?X-Amz-Signature={'5ec' * 20}",
        "location": f"{bucket}/{begun}/Rec.mp4",
    }
    return Event("beam.recording.success", room, stopped, {k: v for k, v in job.items() if k != "job_id"} | data)


def beam_failed(room: Room, session: Session, bot: Peer, *, error_type: str) -> Event:
    """The recording failed. The message contains a URL, as a vendor's message may."""
    data = {
        "recording_enabled": True,
        "rtmp": [],
        "duration": _stay(session, bot),
        "error_type": error_type,
        "error_message": f"recording failed at {_meeting_url(room)}",
    }
    return Event("beam.failure", room, _left_at(session, bot), _job(room, session, bot) | data)


def _job(room: Room, session: Session, bot: Peer) -> JsonObject:
    job = object_id_from(f"beam of {bot.id}")
    return {
        "beam_id": job,
        "job_id": job,
        "room_id": room.id,
        "peer_id": bot.id,
        "session_id": session.id,
        "template_id": room.template_id,
        "session_started_at": live(session.created_at),
        "metadata_id": "",
        "metadata_timestamp": "",
        "max_width": 1280,
        "max_height": 720,
        "meeting_url": _meeting_url(room),
    }


def _meeting_url(room: Room) -> str:
    return f"https://sandbox.invalid/preview/{room.id}/recorder?skip_preview=true"


def _left_at(session: Session, peer: Peer) -> datetime:
    return peer.left_at or session.updated_at


def _stay(session: Session, peer: Peer) -> int:
    return _seconds(peer.joined_at, _left_at(session, peer))


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
    data = _untyped(by) if by else {}
    who = {field: data.get(field, "") for field in ("peer_id", "user_id", "user_name", "role")}
    return who | {"lock_room": lock, "reason": reason, "source": "peer" if by else "api"}


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())
