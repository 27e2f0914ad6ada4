"""Who may enter a room, and what happens when they come and go.

`join`, `leave`, `remove` and `end` return what they changed, for those who want to tell others about it.
"""

import uuid
from dataclasses import dataclass, replace

from videobroker.sandbox.calls import Peer, Session
from videobroker.sandbox.ids import new_object_id
from videobroker.sandbox.problems import Problem
from videobroker.sandbox.rooms import Room
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.tokens import UNKNOWN_KEY, AppClaims, TokenRejected, believe_app_token


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody with a believed token, in front of an existing room, with a role the room knows."""

    room: Room
    role: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A join that succeeded."""

    session: Session
    peer: Peer
    opened: bool
    """Whether this peer was the first, and so opened the session."""


def identify(state: SandboxState, authorization: str | None) -> Admission:
    """Whom an app token names. A token not believed, or naming what does not exist, is refused (401)."""
    try:
        claims = believe_app_token(authorization, state.config, state.now())
    except TokenRejected as rejected:
        cause = str(rejected)
        raise Problem(401, "Invalid Access Key" if cause == UNKNOWN_KEY else cause) from None
    return Admission(room=_claimed_room(state, claims), role=claims.role, user_id=claims.user_id)


def admit(state: SandboxState, authorization: str | None) -> Admission:
    """As `identify`, and a disabled room lets nobody in (403)."""
    admission = identify(state, authorization)
    if not admission.room.enabled:
        raise Problem(403, "Room is disabled")
    return admission


def join(
    state: SandboxState, admission: Admission, *, name: str, peer_id: str | None = None, metadata: str = ""
) -> Joined:
    """Put somebody into a room; the first one opens a session."""
    now = state.now()
    running = state.active_session(admission.room)
    _refuse_crowds(state, admission, running)
    if running and peer_id and running.present_peer(peer_id):
        raise Problem(400, "Peer already joined")
    peer = Peer(
        id=peer_id or str(uuid.uuid4()),
        name=name,
        role=admission.role,
        user_id=admission.user_id,
        metadata=metadata,
        joined_at=now,
    )
    session = running or Session(new_object_id(now), admission.room.id, created_at=now, updated_at=now)
    session = session.joined_by(peer)
    state.keep(session)
    return Joined(session=session, peer=peer, opened=running is None)


def leave(state: SandboxState, session: Session, peers: tuple[Peer, ...]) -> Session:
    """Take `peers` out of a session; the last one closes it. Whether they went or were sent is not kept."""
    after = session.left_by(peers, state.now())
    state.keep(after)
    return after


def end(state: SandboxState, room: Room, session: Session, *, lock: bool) -> Session:
    """Send everybody out of a room; with `lock`, also disable it."""
    now = state.now()
    after = session.left_by(session.present, now)
    changed = [replace(room, enabled=False, updated_at=now)] if lock else []
    state.keep(after, *changed)
    return after


def running_session(state: SandboxState, room: Room) -> Session:
    """The session which runs in a room; an idle room is refused with 404."""
    session = state.active_session(room)
    if session is None:
        raise Problem(404, "session not found")
    return session


def present_peer(session: Session, peer_id: str) -> Peer:
    """The peer of a session with this id; one who is not in the room is refused with 404."""
    peer = session.present_peer(peer_id)
    if peer is None:
        raise Problem(404, "peer not found")
    return peer


def _claimed_room(state: SandboxState, claims: AppClaims) -> Room:
    room = state.room(claims.room_id)
    if room is None or room.access_key != claims.workspace.access_key:
        raise Problem(401, "Invalid Room Id")
    if claims.role not in state.template_of(room).all_roles:
        raise Problem(401, "Invalid Role")
    return room


def _refuse_crowds(state: SandboxState, admission: Admission, running: Session | None) -> None:
    present = running.present if running else ()
    if admission.room.size and len(present) >= admission.room.size:
        raise Problem(403, "room limit reached")
    limit = state.template_of(admission.room).max_peers.get(admission.role, 0)
    in_role = sum(peer.role == admission.role for peer in present)
    # The vendor's way to write a role which nobody may take is a limit of minus one.
    if limit and in_role >= max(limit, 0):
        raise Problem(403, "role limit reached")
