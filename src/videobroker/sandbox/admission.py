"""Joining and leaving 100ms rooms.

`join`, `leave`, and `end` return the changed session, and send events to the listener of the state.
"""

import uuid
from dataclasses import dataclass, replace

from videobroker.sandbox import events
from videobroker.sandbox.config import RECORDER_ROLE
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.ids import new_object_id
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.sessions import Peer, SandboxSession
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.tokens import UNKNOWN_KEY, AppClaims, TokenRejected, verify_app_token


@dataclass(frozen=True, slots=True)
class Admission:
    """A person with a valid token for an existing room, with a role of its template."""

    room: SandboxRoom
    role: str
    user_id: str


@dataclass(frozen=True, slots=True)
class JoinedPeer:
    session: SandboxSession
    peer: Peer
    opened: bool
    """Whether this peer was the first one, and opened the session."""


class JoinRefused(VendorError):
    """The room or the role is full, or the peer has joined already. `cause` is the vendor's reason in webhooks."""

    def __init__(self, status: int, message: str, *, cause: str) -> None:
        super().__init__(status, message)
        self.cause = cause


def identify(state: SandboxState, authorization: str | None) -> Admission:
    """The person that an app token names. Raises `VendorError` (401) if the token, its room, or its role is invalid."""
    try:
        claims = verify_app_token(authorization, state.config, state.now())
    except TokenRejected as rejected:
        cause = str(rejected)
        raise VendorError(401, "Invalid Access Key" if cause == UNKNOWN_KEY else cause) from None
    return Admission(room=_claimed_room(state, claims), role=claims.role, user_id=claims.user_id)


def admit(state: SandboxState, authorization: str | None) -> Admission:
    """Like `identify`, but also raises `VendorError` (403) if the room is disabled."""
    admission = identify(state, authorization)
    if not admission.room.enabled:
        raise VendorError(403, "Room is disabled")
    return admission


def join(
    state: SandboxState, admission: Admission, *, name: str, peer_id: str | None = None, metadata: str = ""
) -> JoinedPeer:
    """Add a person to a room; the first one opens a session. Raises `JoinRefused`."""
    peer = Peer(
        id=peer_id or str(uuid.uuid4()),
        name=name,
        role=admission.role,
        user_id=admission.user_id,
        metadata=metadata,
        joined_at=state.now(),
    )
    try:
        _require_capacity(state, admission.room, peer)
    except JoinRefused as refusal:
        state.emit(events.join_failed(admission.room, peer, refusal.cause))
        raise
    return enter(state, admission.room, peer)


def enter(state: SandboxState, room: SandboxRoom, peer: Peer) -> JoinedPeer:
    """Add a peer to a room, without checking limits."""
    running = state.active_session(room)
    session = running or SandboxSession(
        new_object_id(peer.joined_at), room.id, created_at=peer.joined_at, updated_at=peer.joined_at
    )
    session = session.with_joined(peer)
    state.store(session)
    if running is None:
        state.emit(events.session_opened(room, session))
    state.emit(events.peer_joined(room, session, peer))
    if peer.role == RECORDER_ROLE:
        state.emit(events.beam_started(room, session, peer))
    return JoinedPeer(session=session, peer=peer, opened=running is None)


def leave(
    state: SandboxState,
    room: SandboxRoom,
    session: SandboxSession,
    peers: tuple[Peer, ...],
    *,
    reason: str,
    message: str = "",
    recording_error: str | None = None,
) -> SandboxSession:
    """Remove `peers` from a session; the last one closes it. With `recording_error`, recordings fail."""
    after = session.with_left(peers, state.now())
    state.store(after)
    _send_departures(state, room, session, after, reason=reason, message=message)
    _send_recording_events(state, room, session, after, reason=events.CLIENT_REQUEST, error=recording_error)
    return after


def end(
    state: SandboxState,
    room: SandboxRoom,
    session: SandboxSession,
    *,
    lock: bool,
    reason: str = "",
    by: Peer | None = None,
) -> SandboxSession:
    """Disconnect everyone in a room; with `lock`, also disable it. Without a peer, the REST API is the actor."""
    now = state.now()
    after = session.with_left(session.present, now)
    changed = [replace(room, enabled=False, updated_at=now)] if lock else []
    state.store(after, *changed)
    state.emit(events.room_ended(room, session, now, lock=lock, reason=reason, by=by))
    # The vendor documents no leave reason for peers of an ended room; it only says that they are kicked.
    _send_departures(state, room, session, after, reason=events.KICKED, message=reason)
    _send_recording_events(state, room, session, after, reason=events.ROOM_ENDED)
    return after


def running_session(state: SandboxState, room: SandboxRoom) -> SandboxSession:
    """The running session of a room. Raises `VendorError` (404) if there is none."""
    session = state.active_session(room)
    if session is None:
        raise VendorError(404, "session not found")
    return session


def present_peer(session: SandboxSession, peer_id: str) -> Peer:
    """The peer with this ID. Raises `VendorError` (404) if it is not in the room."""
    peer = session.present_peer(peer_id)
    if peer is None:
        raise VendorError(404, "peer not found")
    return peer


def _claimed_room(state: SandboxState, claims: AppClaims) -> SandboxRoom:
    room = state.room(claims.room_id)
    if room is None or room.access_key != claims.workspace.access_key:
        raise VendorError(401, "Invalid Room Id")
    if claims.role not in state.template_of(room).all_roles:
        raise VendorError(401, "Invalid Role")
    return room


def role_is_full(state: SandboxState, room: SandboxRoom, role: str) -> bool:
    """Whether a room is full for another peer with this role."""
    limit = state.template_of(room).max_peers.get(role, 0)
    running = state.active_session(room)
    in_role = sum(peer.role == role for peer in (running.present if running else ()))
    # A limit of minus one disables a role at the vendor.
    return limit != 0 and in_role >= max(limit, 0)


def _require_capacity(state: SandboxState, room: SandboxRoom, peer: Peer) -> None:
    running = state.active_session(room)
    if room.size and running and len(running.present) >= room.size:
        raise JoinRefused(403, "room limit reached", cause="room limit reached")
    if role_is_full(state, room, peer.role):
        forbidden = state.template_of(room).max_peers[peer.role] < 0
        raise JoinRefused(403, "role limit reached", cause="role not allowed" if forbidden else "role limit reached")
    if running and running.present_peer(peer.id):
        raise JoinRefused(400, "Peer already joined", cause="duplicate peer id")


def _send_departures(
    state: SandboxState, room: SandboxRoom, before: SandboxSession, after: SandboxSession, *, reason: str, message: str
) -> None:
    for was, peer in zip(before.peers, after.peers, strict=True):
        if was.present and not peer.present:
            state.emit(events.peer_left(room, after, peer, reason=reason, message=message))
    if before.active and not after.active:
        state.emit(events.session_closed(room, after))


def _send_recording_events(
    state: SandboxState,
    room: SandboxRoom,
    before: SandboxSession,
    after: SandboxSession,
    *,
    reason: str,
    error: str | None = None,
) -> None:
    for was, recorder in zip(before.peers, after.peers, strict=True):
        if recorder.role != RECORDER_ROLE or not was.present or recorder.present:
            continue
        if error is None:
            state.emit(events.beam_stopped(room, after, recorder, reason=reason))
            state.emit(events.beam_recorded(room, after, recorder))
        else:
            state.emit(events.beam_stopped(room, after, recorder, reason=f"failure: {error}"))
            state.emit(events.beam_failed(room, after, recorder, error_type=error))
