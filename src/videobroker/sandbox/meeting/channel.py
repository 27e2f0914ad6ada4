"""An Agora channel as a meeting."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.sandbox.agora import users
from videobroker.sandbox.agora.channel_events import LeaveReason
from videobroker.sandbox.agora.channels import UserRole
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.meeting.meeting import MeetingPermissions, PresentPerson
from videobroker.sandbox.state import SandboxState

RECONNECT_TIMEOUT = timedelta(seconds=10)
"""The vendor removes a user who is not connected for this long."""


@dataclass(frozen=True, slots=True)
class MeetingChannel:
    state: SandboxState
    name: str

    @property
    def key(self) -> str:
        return f"agora {self.name}"

    @property
    def title(self) -> str:
        return self.name

    @property
    def reconnect_timeout(self) -> timedelta:
        return RECONNECT_TIMEOUT

    def people(self) -> Iterable[PresentPerson]:
        """All users; Agora has no names."""
        users = self.state.agora.channel(self.name).users
        return tuple(PresentPerson(str(user.uid), f"User {user.uid}", user.role.value) for user in users)

    def is_recorded(self) -> bool:
        """The sandbox has no recorder for channels."""
        return False

    def permissions(self, person: PresentPerson) -> MeetingPermissions:
        """Only the REST API can end a channel or remove others."""
        return MeetingPermissions(publish=person.role == UserRole.HOST)

    def leave(self, person_id: str, *, lost: bool) -> None:
        self.remove_user(person_id, LeaveReason.TIMEOUT if lost else LeaveReason.NORMAL)

    def remove_user(self, person_id: str, reason: LeaveReason) -> None:
        """Remove a user for a reason. Without effect if they have left already."""
        channel = self.state.agora.channel(self.name)
        user = channel.user(int(person_id))
        if user is not None:
            users.leave(self.state, channel, user, reason)

    def end(self, by: str) -> None:
        """Always refused."""
        raise VendorError(403, "a channel cannot be ended by a user")

    def remove(self, person_id: str, by: str) -> None:
        """Always refused."""
        raise VendorError(403, "a channel's users cannot remove each other")

    def renew(self, person_id: str, token: str) -> datetime:
        """The expiry of a new token. Raises `VendorError` if it is invalid."""
        return users.verify_join_token(self.state, self.name, int(person_id), token)[1]
