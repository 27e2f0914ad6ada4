"""Events of Agora channels, in the format of its notifications."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from videobroker.sandbox.agora.channels import AgoraUser, Channel, Profile, UserRole
from videobroker.sandbox.json_body import JsonObject

CHANNEL_CREATED = 101
CHANNEL_DESTROYED = 102
LEFT = frozenset({104, 106, 108})
"""Types of leave events."""
LINUX = 6
"""The platform of servers, the only one with a client type."""


class LeaveReason(IntEnum):
    """Leave reasons that the sandbox emulates."""

    NORMAL = 1
    TIMEOUT = 2
    REMOVED = 3
    OTHER_DEVICE = 5
    TOKEN = 12


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """An event of a channel."""

    event_type: int
    channel: str
    payload: JsonObject


def channel_created(channel: Channel, now: datetime) -> ChannelEvent:
    """The first user joined."""
    return ChannelEvent(CHANNEL_CREATED, channel.name, {"channelName": channel.name, "ts": _seconds(now)})


def channel_destroyed(channel: Channel, now: datetime, last: AgoraUser) -> ChannelEvent:
    """The last user left."""
    payload = {"channelName": channel.name, "ts": _seconds(now), "lastUid": last.uid}
    return ChannelEvent(CHANNEL_DESTROYED, channel.name, payload)


def joined(channel: Channel, user: AgoraUser, sequence: int) -> ChannelEvent:
    return ChannelEvent(_join_event_type(channel, user), channel.name, _user(channel, user, sequence, user.joined_at))


def left(channel: Channel, user: AgoraUser, sequence: int, now: datetime, reason: int) -> ChannelEvent:
    """A user left or was removed."""
    stay = {"reason": reason, "duration": int((now - user.joined_at).total_seconds())}
    return ChannelEvent(_join_event_type(channel, user) + 1, channel.name, _user(channel, user, sequence, now) | stay)


def _join_event_type(channel: Channel, user: AgoraUser) -> int:
    """The type of the join event; the type of the leave event is one greater."""
    if channel.profile is Profile.COMMUNICATION:
        return 107
    return 103 if user.role is UserRole.HOST else 105


def _user(channel: Channel, user: AgoraUser, sequence: int, at: datetime) -> JsonObject:
    client = {"clientType": user.client_type} if user.platform == LINUX and user.client_type is not None else {}
    return {
        "channelName": channel.name,
        "uid": user.uid,
        "platform": user.platform,
        **client,
        "clientSeq": sequence,
        "ts": _seconds(at),
    }


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
