"""A 100ms room as a meeting."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.sandbox import admission, events
from videobroker.sandbox.config import RECORDER_ROLE
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.meeting.meeting import MeetingPermissions, PresentPerson
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.sessions import Peer
from videobroker.sandbox.state import SandboxState

RECONNECT_TIMEOUT = timedelta(seconds=60)
"""The vendor removes a peer who is not connected for this long."""


@dataclass(frozen=True, slots=True)
class MeetingRoom:
    state: SandboxState
    room_id: str

    @property
    def key(self) -> str:
        return f"100ms {self.room_id}"

    @property
    def title(self) -> str:
        return self._room.name

    @property
    def reconnect_timeout(self) -> timedelta:
        return RECONNECT_TIMEOUT

    def people(self) -> Iterable[PresentPerson]:
        return tuple(PresentPerson(peer.id, peer.name, peer.role) for peer in self._peers if peer.role != RECORDER_ROLE)

    def is_recorded(self) -> bool:
        return any(peer.role == RECORDER_ROLE for peer in self._peers)

    def permissions(self, person: PresentPerson) -> MeetingPermissions:
        """The permissions of the role in the template."""
        template = self.state.template_of(self._room)
        permissions = template.permissions(person.role)
        return MeetingPermissions(
            publish=bool(template.publishes(person.role)),
            end=permissions.get("endRoom", False),
            remove=permissions.get("removeOthers", False),
        )

    def leave(self, person_id: str, *, lost: bool) -> None:
        session = self.state.active_session(self._room)
        peer = session and session.present_peer(person_id)
        if session and peer:
            reason = events.SOCKET_CLOSED if lost else events.CLIENT_REQUEST
            admission.leave(self.state, self._room, session, (peer,), reason=reason)

    def end(self, by: str) -> None:
        host = self._present(by)
        if not self.permissions(_person(host)).end:
            raise VendorError(403, "your role may not end the room")
        session = admission.running_session(self.state, self._room)
        admission.end(self.state, self._room, session, lock=False, by=host)

    def remove(self, person_id: str, by: str) -> None:
        host = self._present(by)
        if not self.permissions(_person(host)).remove:
            raise VendorError(403, "your role may not remove others")
        session = admission.running_session(self.state, self._room)
        leaving = admission.present_peer(session, person_id)
        admission.leave(self.state, self._room, session, (leaving,), reason=events.KICKED)

    def renew(self, person_id: str, token: str) -> datetime:
        """Not supported: 100ms peers can stay when their token expires."""
        raise VendorError(400, "a room needs no other token")

    @property
    def _room(self) -> SandboxRoom:
        room = self.state.room(self.room_id)
        if room is None:
            raise LookupError(f"Room {self.room_id} does not exist.")
        return room

    @property
    def _peers(self) -> tuple[Peer, ...]:
        session = self.state.active_session(self._room)
        return session.present if session else ()

    def _present(self, person_id: str) -> Peer:
        return admission.present_peer(admission.running_session(self.state, self._room), person_id)


def _person(peer: Peer) -> PresentPerson:
    return PresentPerson(peer.id, peer.name, peer.role)
