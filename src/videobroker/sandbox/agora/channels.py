"""Channels of a pretend Agora, the users in them, and who may not enter."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Profile(StrEnum):
    """How a channel is used; all its users have to agree."""

    LIVE = "live"
    COMMUNICATION = "communication"


class UserRole(StrEnum):
    """What a user of a live channel is."""

    HOST = "host"
    AUDIENCE = "audience"


@dataclass(frozen=True, slots=True)
class AgoraUser:
    """One stay of one user in a channel."""

    uid: int
    role: UserRole
    platform: int
    client_type: int | None
    ip: str | None
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Channel:
    """At Agora a channel exists while users are in it. Here it is stored for its profile."""

    name: str
    profile: Profile = Profile.LIVE
    users: tuple[AgoraUser, ...] = ()

    def user(self, uid: int) -> AgoraUser | None:
        """The user with this uid, None if there is none."""
        return next((user for user in self.users if user.uid == uid), None)

    def with_user(self, user: AgoraUser) -> "Channel":
        """This channel with one more user."""
        return replace(self, users=(*self.users, user))

    def without(self, user: AgoraUser) -> "Channel":
        """This channel after one user went."""
        return replace(self, users=tuple(each for each in self.users if each is not user))


@dataclass(frozen=True, slots=True)
class KickingRule:
    """Takes privileges from whom it fits, until it ends."""

    id: int
    opid: int
    cname: str | None
    uid: int | None
    ip: str | None
    privileges: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    ends_at: datetime

    def runs(self, now: datetime) -> bool:
        """Whether it has not ended yet."""
        return now < self.ends_at

    def keeps_out(self, channel: str, uid: int, ip: str | None) -> bool:
        """Whether this user is blocked in this channel. A field that the rule does not have matches everyone."""
        fits = self.cname in (None, channel) and self.uid in (None, uid) and self.ip in (None, ip)
        return fits and "join_channel" in self.privileges


@dataclass(frozen=True, slots=True)
class AgoraSnapshot:
    """What survives a restart."""

    channels: tuple[Channel, ...] = ()
    rules: tuple[KickingRule, ...] = ()
