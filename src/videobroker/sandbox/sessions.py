"""Sessions of 100ms rooms, with present and former peers."""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Peer:
    """One stay of one person in one session."""

    id: str
    name: str
    role: str
    user_id: str
    metadata: str
    joined_at: datetime
    left_at: datetime | None = None

    @property
    def present(self) -> bool:
        return self.left_at is None


@dataclass(frozen=True, slots=True)
class SandboxSession:
    """One continuous call in a room, open until its last peer leaves."""

    id: str
    room_id: str
    created_at: datetime
    updated_at: datetime
    active: bool = True
    peers: tuple[Peer, ...] = ()

    @property
    def present(self) -> tuple[Peer, ...]:
        return tuple(peer for peer in self.peers if peer.present)

    def present_peer(self, peer_id: str) -> Peer | None:
        """The peer with this ID; None if it is not in the room now."""
        return next((peer for peer in self.present if peer.id == peer_id), None)

    def with_joined(self, peer: Peer) -> "SandboxSession":
        return replace(self, peers=(*self.peers, peer), updated_at=peer.joined_at)

    def with_peer(self, changed: Peer, now: datetime) -> "SandboxSession":
        """This session with a changed version of a present peer."""
        peers = tuple(changed if peer.present and peer.id == changed.id else peer for peer in self.peers)
        return replace(self, peers=peers, updated_at=now)

    def with_left(self, peers: tuple[Peer, ...], now: datetime) -> "SandboxSession":
        """This session after `peers` have left; closed if no one is present."""
        departed = {peer.id for peer in peers}
        peers = tuple(
            replace(peer, left_at=now) if peer.present and peer.id in departed else peer for peer in self.peers
        )
        return replace(self, peers=peers, active=any(peer.present for peer in peers), updated_at=now)
