"""Events of 100ms rooms, in the format of the vendor's webhooks."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.sandbox.ids import object_id_from
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.sessions import Peer, SandboxSession
from videobroker.sandbox.times import UNSET, live

CLIENT_REQUEST = "client request"
KICKED = "peer kicked"
SOCKET_CLOSED = "websocket closed"
ROOM_ENDED = "room ended"

RECORDED_BYTES_PER_SECOND = 66_000
_FILES = "https://sandbox-recordings.invalid"


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """An event of a room."""

    type: str
    room: SandboxRoom
    at: datetime
    data: JsonObject


def session_opened(room: SandboxRoom, session: SandboxSession) -> RoomEvent:
    """The first peer joined."""
    return RoomEvent("session.open.success", room, session.created_at, _session(room, session))


def session_closed(room: SandboxRoom, session: SandboxSession) -> RoomEvent:
    """The last peer left."""
    stopped = session.updated_at
    data = {"session_stopped_at": live(stopped), "session_duration": _seconds(session.created_at, stopped)}
    return RoomEvent("session.close.success", room, stopped, _session(room, session) | data)


def peer_joined(room: SandboxRoom, session: SandboxSession, peer: Peer) -> RoomEvent:
    data = _session(room, session) | _peer(peer) | {"joined_at": live(peer.joined_at)}
    return RoomEvent("peer.join.success", room, peer.joined_at, data)


def peer_left(room: SandboxRoom, session: SandboxSession, peer: Peer, *, reason: str, message: str) -> RoomEvent:
    """A peer left or was removed; `peer` has its `left_at`."""
    left_at = _left_at(session, peer)
    data = {
        "joined_at": live(peer.joined_at),
        "left_at": live(left_at),
        "duration": _stay(session, peer),
        "reason": reason,
        "message": message,
    }
    return RoomEvent("peer.leave.success", room, left_at, _session(room, session) | _peer(peer) | data)


def join_failed(room: SandboxRoom, peer: Peer, cause: str) -> RoomEvent:
    """A peer with a valid token was refused."""
    data = _room(room) | _peer(peer) | {"joined_at": UNSET, "error_message": cause}
    return RoomEvent("peer.join.failure", room, peer.joined_at, data)


def leave_failed(room: SandboxRoom, peer: Peer, at: datetime) -> RoomEvent:
    """A peer that was not in the room left."""
    data = {"joined_at": UNSET, "left_at": UNSET, "duration": 0, "error_message": "Peer not joined"}
    return RoomEvent("peer.leave.failure", room, at, _room(room) | _peer(peer) | data)


def room_ended(
    room: SandboxRoom, session: SandboxSession, at: datetime, *, lock: bool, reason: str, by: Peer | None = None
) -> RoomEvent:
    """Everyone is disconnected, by a peer or through the REST API."""
    return RoomEvent("room.end.success", room, at, _session(room, session) | _ending(lock=lock, reason=reason, by=by))


def end_failed(room: SandboxRoom, at: datetime, *, lock: bool, reason: str) -> RoomEvent:
    """The room to end was empty."""
    nothing = {"session_id": "", "session_started_at": UNSET}
    data = {"error_message": "session not found", "error_code": 404}
    return RoomEvent("room.end.failure", room, at, _room(room) | nothing | _ending(lock=lock, reason=reason) | data)


def role_changed(room: SandboxRoom, session: SandboxSession, peer: Peer, previous: str, at: datetime) -> RoomEvent:
    """The REST API changed the role of a peer; `peer` has the new one."""
    data = {"previous_role": previous, "joined_at": live(peer.joined_at), "role_changed_at": live(at)}
    return RoomEvent("role.change.success", room, at, _session(room, session) | _untyped(peer) | data)


def role_change_failed(room: SandboxRoom, session: SandboxSession, wanted: Peer, at: datetime, cause: str) -> RoomEvent:
    """The role was not changed; `wanted` is the peer with the requested role."""
    data = {"joined_at": live(wanted.joined_at), "error_message": cause}
    return RoomEvent("role.change.failure", room, at, _session(room, session) | _untyped(wanted) | data)


def beam_started(room: SandboxRoom, session: SandboxSession, recorder: Peer) -> RoomEvent:
    """The bot starts recording."""
    data = {"recording_enabled": True, "rtmp": [], "start_delay": 0}
    return RoomEvent("beam.started.success", room, recorder.joined_at, _job(room, session, recorder) | data)


def beam_stopped(room: SandboxRoom, session: SandboxSession, recorder: Peer, *, reason: str) -> RoomEvent:
    """The bot stops recording; it has its `left_at`."""
    data = {"recording_enabled": True, "rtmp": [], "duration": _stay(session, recorder), "reason": reason}
    return RoomEvent("beam.stopped.success", room, _left_at(session, recorder), _job(room, session, recorder) | data)


def beam_recorded(room: SandboxRoom, session: SandboxSession, recorder: Peer) -> RoomEvent:
    """The recording is available."""
    job, stopped = _job(room, session, recorder), _left_at(session, recorder)
    beam, seconds = job["beam_id"], _stay(session, recorder)
    bucket, begun = "s3://sandbox-recordings", f"beam/{room.id}/{recorder.joined_at:%Y%m%d}/{beam}"
    data = {
        "rtmp": [],
        "recording_id": object_id_from(f"asset of {recorder.id}"),
        "created_at": live(stopped),
        "started_at": live(recorder.joined_at),
        "stopped_at": live(stopped),
        "duration": seconds,
        "size": RECORDED_BYTES_PER_SECOND * seconds,
        "recording_path": f"{bucket}/{begun}/Rec.mp4",
        "recording_presigned_url": f"{_FILES}/{begun}/Rec.mp4?X-Amz-Signature={'5ec' * 20}",
        "chat_recording_path": f"{bucket}/{begun}/Chat.csv",
        "chat_recording_presigned_url": f"{_FILES}/{begun}/Chat.csv?X-Amz-Signature={'5ec' * 20}",
        "location": f"{bucket}/{begun}/Rec.mp4",
    }
    return RoomEvent("beam.recording.success", room, stopped, {k: v for k, v in job.items() if k != "job_id"} | data)


def beam_failed(room: SandboxRoom, session: SandboxSession, recorder: Peer, *, error_type: str) -> RoomEvent:
    """The recording failed. The message contains a URL, as a vendor's message may."""
    data = {
        "recording_enabled": True,
        "rtmp": [],
        "duration": _stay(session, recorder),
        "error_type": error_type,
        "error_message": f"recording failed at {_meeting_url(room)}",
    }
    return RoomEvent("beam.failure", room, _left_at(session, recorder), _job(room, session, recorder) | data)


def _job(room: SandboxRoom, session: SandboxSession, recorder: Peer) -> JsonObject:
    job = object_id_from(f"beam of {recorder.id}")
    return {
        "beam_id": job,
        "job_id": job,
        "room_id": room.id,
        "peer_id": recorder.id,
        "session_id": session.id,
        "template_id": room.template_id,
        "session_started_at": live(session.created_at),
        "metadata_id": "",
        "metadata_timestamp": "",
        "max_width": 1280,
        "max_height": 720,
        "meeting_url": _meeting_url(room),
    }


def _meeting_url(room: SandboxRoom) -> str:
    return f"https://sandbox.invalid/preview/{room.id}/recorder?skip_preview=true"


def _left_at(session: SandboxSession, peer: Peer) -> datetime:
    return peer.left_at or session.updated_at


def _stay(session: SandboxSession, peer: Peer) -> int:
    return _seconds(peer.joined_at, _left_at(session, peer))


def _room(room: SandboxRoom) -> JsonObject:
    return {"room_id": room.id, "room_name": room.name, "template_id": room.template_id}


def _session(room: SandboxRoom, session: SandboxSession) -> JsonObject:
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
