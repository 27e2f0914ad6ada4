"""Channels, their users, and kicking rules."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Profile(StrEnum):
    """The channel profile, equal for all users of a channel."""

    LIVE = "live"
    COMMUNICATION = "communication"


class UserRole(StrEnum):
    """The role of a user in a live channel."""

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
    """Exists at Agora only while it has users. Stored here longer because of its profile."""

    name: str
    profile: Profile = Profile.LIVE
    users: tuple[AgoraUser, ...] = ()

    def user(self, uid: int) -> AgoraUser | None:
        return next((user for user in self.users if user.uid == uid), None)

    def with_user(self, user: AgoraUser) -> "Channel":
        return replace(self, users=(*self.users, user))

    def without(self, user: AgoraUser) -> "Channel":
        return replace(self, users=tuple(each for each in self.users if each is not user))


@dataclass(frozen=True, slots=True)
class KickingRule:
    """Withdraws privileges from matching users until it expires."""

    id: int
    opid: int
    cname: str | None
    uid: int | None
    ip: str | None
    privileges: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    ends_at: datetime

    def is_active_at(self, now: datetime) -> bool:
        return now < self.ends_at

    def blocks(self, channel: str, uid: int, ip: str | None) -> bool:
        """Whether this user is blocked in this channel. A field that the rule does not have matches everyone."""
        matches = self.cname in (None, channel) and self.uid in (None, uid) and self.ip in (None, ip)
        return matches and "join_channel" in self.privileges


@dataclass(frozen=True, slots=True)
class AgoraSnapshot:
    """The state in the state file."""

    channels: tuple[Channel, ...] = ()
    rules: tuple[KickingRule, ...] = ()
