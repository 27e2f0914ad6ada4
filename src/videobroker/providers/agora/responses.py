"""Responses of Agora's REST API, reduced to the fields that we use.

The parsers raise `ResponseError` if a required field is missing.

Source: the pages "Create banning rule", "Get banning rules", "Query user list" and "Query user status" of the
Agora docs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from videobroker.domain.rooms import MAX_PERSON_UID
from videobroker.providers.agora.rtc_token import Role
from videobroker.providers.retrying import Body, ResponseError
from videobroker.providers.webhook_parsing import get_number, parse_unix_seconds

JOIN_PRIVILEGE = "join_channel"
"""The privilege that a ban takes away."""

_ROLES = {1: Role.PUBLISHER, 2: Role.PUBLISHER, 3: Role.SUBSCRIBER}
"""1: user of the communication profile, 2: host, 3: audience, 0: unknown."""


@dataclass(frozen=True, slots=True)
class BanningRule:
    """A rule that bans one uid, one IP address, or everyone from a channel."""

    id: int
    channel: str | None
    uid: int | None
    """None if the rule does not depend on the uid."""
    address: str | None
    privileges: frozenset[str]

    def bans(self, channel: str, uid: int | None) -> bool:
        """Whether the rule bans exactly this uid, or for None everyone, from exactly this channel."""
        return (self.channel, self.uid, self.address) == (channel, uid, None) and JOIN_PRIVILEGE in self.privileges

    @classmethod
    def read(cls, body: Body) -> "BanningRule":
        """Only the ID is required. The format of a missing uid or address is not documented."""
        uid, privileges = body.get("uid"), body.get("privileges")
        return cls(
            id=read_rule_id(body),
            channel=_text(body.get("cname")),
            uid=int(uid) if isinstance(uid, int | str) and str(uid).isdecimal() and int(uid) > 0 else None,
            address=_text(body.get("ip")),
            privileges=frozenset(map(str, privileges)) if isinstance(privileges, list) else frozenset(),
        )


def read_rule_id(body: Body) -> int:
    """The ID from the response to the creation of a rule."""
    value = get_number(body, "id")
    if value is None or value < 1:
        raise ResponseError("id is missing")
    return value


def read_rules(body: Body) -> tuple[BanningRule, ...]:
    """The rules of the project. Malformed entries are skipped."""
    listed = body.get("rules")
    items = listed if isinstance(listed, list) else ()
    return tuple(BanningRule.read(item) for item in items if isinstance(item, Mapping) and get_number(item, "id"))


@dataclass(frozen=True, slots=True)
class ChannelUser:
    """A participant in a channel. Recorders and screen shares are excluded by their range of uids."""

    uid: int
    role: Role


def read_channel_users(body: Body) -> tuple[ChannelUser, ...]:
    """The participants in the channel, publishers first. Empty if there is no channel.

    Agora lists at most 10,000 members of an audience.
    """
    data = _data(body)
    if data.get("channel_exist") is not True:
        return ()
    publishers = [*_uids(data, "users"), *_uids(data, "broadcasters")]
    roles = dict.fromkeys(_uids(data, "audience"), Role.SUBSCRIBER) | dict.fromkeys(publishers, Role.PUBLISHER)
    ordered = dict.fromkeys([*publishers, *roles])
    return tuple(ChannelUser(uid, roles[uid]) for uid in ordered if uid <= MAX_PERSON_UID)


@dataclass(frozen=True, slots=True)
class UserStatus:
    """The status of a participant. Unknown values are None."""

    joined_at: datetime | None
    role: Role | None


def read_user_status(body: Body) -> UserStatus | None:
    """The status; None if the participant is not in the channel."""
    data = _data(body)
    if data.get("in_channel") is not True:
        return None
    return UserStatus(
        joined_at=parse_unix_seconds(get_number(data, "join")), role=_ROLES.get(get_number(data, "role") or 0)
    )


def ignore_body(_: Body) -> None:
    """A parser for responses without useful content."""


def _data(body: Body) -> Body:
    value = body.get("data")
    if not isinstance(value, Mapping):
        raise ResponseError("data is missing")
    return value


def _uids(data: Body, key: str) -> Iterable[int]:
    listed = data.get(key)
    if not isinstance(listed, list):
        return []
    return [uid for uid in listed if isinstance(uid, int) and not isinstance(uid, bool) and uid > 0]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
