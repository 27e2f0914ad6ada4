"""What Agora's REST API answers, as far as we use it.

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
"""The privilege without which nobody enters."""

_ROLES = {1: Role.PUBLISHER, 2: Role.PUBLISHER, 3: Role.SUBSCRIBER}
"""Communication user, host, audience; 0 is unknown."""


@dataclass(frozen=True, slots=True)
class BanningRule:
    """Whom Agora keeps out of a channel."""

    id: int
    channel: str | None
    uid: int | None
    """None for a rule that does not ask who."""
    address: str | None
    privileges: frozenset[str]

    def bans(self, channel: str, uid: int | None) -> bool:
        """Whether this keeps exactly this person, or without `uid` everybody, out of exactly this channel."""
        return (self.channel, self.uid, self.address) == (channel, uid, None) and JOIN_PRIVILEGE in self.privileges

    @classmethod
    def read(cls, body: Body) -> "BanningRule":
        """Only the id is always there. How a missing uid or address looks is not documented."""
        uid, privileges = body.get("uid"), body.get("privileges")
        return cls(
            id=read_rule_id(body),
            channel=_filled(body.get("cname")),
            uid=int(uid) if isinstance(uid, int | str) and str(uid).isdecimal() and int(uid) > 0 else None,
            address=_filled(body.get("ip")),
            privileges=frozenset(map(str, privileges)) if isinstance(privileges, list) else frozenset(),
        )


def read_rule_id(body: Body) -> int:
    """The id of a rule, as creating it answers."""
    value = get_number(body, "id")
    if value is None or value < 1:
        raise ResponseError("id is missing")
    return value


def read_rules(body: Body) -> tuple[BanningRule, ...]:
    """The rules of the project. What cannot be read is left out."""
    listed = body.get("rules")
    items = listed if isinstance(listed, list) else ()
    return tuple(BanningRule.read(item) for item in items if isinstance(item, Mapping) and get_number(item, "id"))


@dataclass(frozen=True, slots=True)
class ChannelUser:
    """Somebody in a channel. People only: recorders and screen shares have uids that no person gets."""

    uid: int
    role: Role


def read_channel_users(body: Body) -> tuple[ChannelUser, ...]:
    """Who is in the channel, those who publish first; nobody when there is no channel.

    Of an audience, the platform names the first 10,000.
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
    """What the platform knows of somebody in a channel."""

    joined_at: datetime | None
    role: Role | None


def read_user_status(body: Body) -> UserStatus | None:
    """None for somebody who is not in the channel."""
    data = _data(body)
    if data.get("in_channel") is not True:
        return None
    return UserStatus(
        joined_at=parse_unix_seconds(get_number(data, "join")), role=_ROLES.get(get_number(data, "role") or 0)
    )


def ignore_body(_: Body) -> None:
    """For answers that only say that the work was done."""


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


def _filled(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
