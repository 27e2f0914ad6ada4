"""State of the emulated 100ms: rooms, codes, and sessions."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime

from videobroker.sandbox.agora.state import AgoraState
from videobroker.sandbox.config import SandboxConfig, Template, Workspace
from videobroker.sandbox.events import RoomEvent
from videobroker.sandbox.messages import SentMessage
from videobroker.sandbox.rooms import RoomCode, SandboxRoom
from videobroker.sandbox.sessions import Peer, SandboxSession
from videobroker.sandbox.snapshot import InvalidSnapshot, Snapshot, read_snapshot, write_snapshot
from videobroker.sandbox.targets import Targets
from videobroker.sandbox.times import utc_now


class SandboxState:
    """All rooms, codes, and sessions of a sandbox.

    `store` returns after the state file, if there is one, is written. Use a state in one event loop only: its methods
    do not await, so no request sees a partial change of another one.
    """

    def __init__(self, config: SandboxConfig, now: Callable[[], datetime] = utc_now) -> None:
        self.config = config
        self.now = now
        self.rooms_created = 0
        """Number of rooms created since the start or the last reset."""
        self.messages: list[SentMessage] = []
        """Messages sent with the REST API since the start."""
        self.message_listener: Callable[[SentMessage], None] | None = None
        """Receives the messages of the REST API."""
        self.event_listener: Callable[[RoomEvent], None] | None = None
        """Receives the events of rooms."""
        before = read_snapshot(config.state_path) if config.state_path else Snapshot()
        self._rooms: dict[str, SandboxRoom] = {}
        self._codes: dict[str, RoomCode] = {}
        self._sessions: dict[str, SandboxSession] = {}
        # Indexes: one run of the tests creates thousands of rooms.
        self._room_ids: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._code_texts: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._session_ids: defaultdict[str, dict[str, None]] = defaultdict(dict)
        stored: list[SandboxRoom | RoomCode | SandboxSession] = [*before.rooms, *before.codes, *before.sessions]
        for item in stored:
            self._index(item)
        self._targets = before.targets
        self.agora = AgoraState(before.agora, self._write)
        self._require_known_references()

    def store(self, *items: SandboxRoom | RoomCode | SandboxSession) -> None:
        """Store new objects, and new versions of existing ones, atomically."""
        for item in items:
            self.rooms_created += isinstance(item, SandboxRoom) and item.id not in self._rooms
            self._index(item)
        self._write()

    def _index(self, item: SandboxRoom | RoomCode | SandboxSession) -> None:
        match item:
            case SandboxRoom():
                if (former := self._rooms.get(item.id)) is not None:
                    self._room_ids[_name_key(former)].pop(former.id)
                self._rooms[item.id] = item
                self._room_ids[_name_key(item)][item.id] = None
            case RoomCode():
                self._codes[item.code] = item
                self._code_texts[item.room_id][item.code] = None
            case SandboxSession():
                self._sessions[item.id] = item
                self._session_ids[item.room_id][item.id] = None

    @property
    def targets(self) -> Targets:
        """The webhook targets; those of the configuration until they are changed."""
        return self._targets or Targets(webhook=self.config.webhook)

    def set_targets(self, targets: Targets) -> None:
        """Change the webhook targets."""
        self._targets = targets
        self._write()

    def send_message(self, message: SentMessage) -> None:
        """Send a message to a room."""
        self.messages.append(message)
        if self.message_listener is not None:
            self.message_listener(message)

    def emit(self, event: RoomEvent) -> None:
        """Send an event to the event_listener, if there is one."""
        if self.event_listener is not None:
            self.event_listener(event)

    def workspace_of(self, room: SandboxRoom) -> Workspace:
        workspace = self.config.workspace(room.access_key)
        if workspace is None:
            raise LookupError(f"Room {room.id} has no owner.")
        return workspace

    def template_of(self, room: SandboxRoom) -> Template:
        template = self.workspace_of(room).template(room.template_id)
        if template is None:
            raise LookupError(f"The template of room {room.id} does not exist.")
        return template

    def room(self, room_id: str) -> SandboxRoom | None:
        return self._rooms.get(room_id)

    def rooms_of(self, workspace: Workspace) -> tuple[SandboxRoom, ...]:
        """All rooms of a workspace, in no particular order."""
        return tuple(room for room in self._rooms.values() if room.access_key == workspace.access_key)

    def room_named(self, workspace: Workspace, name: str) -> SandboxRoom | None:
        """The room of a workspace with this name. Names are case-insensitive."""
        ids = self._room_ids.get((workspace.access_key, name.lower()), {})
        return next((self._rooms[room_id] for room_id in ids), None)

    def code(self, code: str) -> RoomCode | None:
        return self._codes.get(code)

    def codes_of(self, room: SandboxRoom) -> tuple[RoomCode, ...]:
        """All codes of a room, including disabled ones, oldest first."""
        return tuple(self._codes[text] for text in self._code_texts.get(room.id, ()))

    def session(self, session_id: str) -> SandboxSession | None:
        return self._sessions.get(session_id)

    def active_session(self, room: SandboxRoom) -> SandboxSession | None:
        return next((session for session in self._sessions_in(room) if session.active), None)

    def departed_peer(self, room: SandboxRoom, peer_id: str) -> Peer | None:
        """The former peer of a room with this ID."""
        peers = (peer for session in self._sessions_in(room) for peer in session.peers)
        return next((peer for peer in peers if peer.id == peer_id and not peer.present), None)

    def sessions_of(self, workspace: Workspace, *, room_id: str | None = None) -> tuple[SandboxSession, ...]:
        """All sessions of a workspace, or of one of its rooms, in no particular order."""
        rooms = self.rooms_of(workspace) if room_id is None else filter(None, [self.room(room_id)])
        owned = (room for room in rooms if room.access_key == workspace.access_key)
        return tuple(session for room in owned for session in self._sessions_in(room))

    def _sessions_in(self, room: SandboxRoom) -> Iterator[SandboxSession]:
        return (self._sessions[session_id] for session_id in self._session_ids.get(room.id, ()))

    def _write(self) -> None:
        if self.config.state_path:
            write_snapshot(self.config.state_path, self._snapshot())

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            rooms=tuple(self._rooms.values()),
            codes=tuple(self._codes.values()),
            sessions=tuple(self._sessions.values()),
            targets=self._targets,
            agora=self.agora.snapshot(),
        )

    def _require_known_references(self) -> None:
        try:
            for room in self._rooms.values():
                self.template_of(room)
        except LookupError as error:
            raise InvalidSnapshot(
                f"The sandbox state in {self.config.state_path} belongs to other workspaces or templates "
                f"({error}). Start with the earlier configuration, or delete the file to start empty."
            ) from error
        items: list[RoomCode | SandboxSession] = [*self._codes.values(), *self._sessions.values()]
        for item in items:
            if item.room_id not in self._rooms:
                raise InvalidSnapshot(
                    f"The sandbox state in {self.config.state_path} is damaged (room {item.room_id} is "
                    "missing). Repair the file, or delete it to start empty."
                )


def _name_key(room: SandboxRoom) -> tuple[str, str]:
    return room.access_key, room.name.lower()
