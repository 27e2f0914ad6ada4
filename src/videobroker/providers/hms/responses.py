"""What 100ms answers, as far as we use it.

The raw objects hold bucket credentials and webhook headers, and differ in shape from page to page: they go no
further than this module. Source: the pages under server-side/v2/api-reference of the 100ms docs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from videobroker.providers.hms.timestamps import parse_timestamp
from videobroker.providers.retrying import Body, ResponseError
from videobroker.providers.webhook_parsing import get_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HmsPage(Generic[T]):
    """Part of a list."""

    items: tuple[T, ...]
    limit: int | None
    """As many the server tried to find, which may be fewer than it was asked for."""
    last: str | None
    """Where the next page starts; None or empty at the end."""

    @classmethod
    def of(cls, read: Callable[[Body], T], body: Body) -> "HmsPage[T]":
        """`data` may be null."""
        limit, last = body.get("limit"), body.get("last")
        return cls(
            items=tuple(read(item) for item in _list(body)),
            limit=limit if isinstance(limit, int) and limit > 0 else None,
            last=last if isinstance(last, str) else None,
        )

    def is_last(self, asked: int) -> bool:
        """Whether the list ends here, when so many items were asked for."""
        return not self.last or len(self.items) < (self.limit or asked)


@dataclass(frozen=True, slots=True)
class HmsRoom:
    """A room. Open while `enabled`; it cannot be deleted."""

    id: str
    enabled: bool
    template_id: str | None

    @classmethod
    def read(cls, body: Body) -> "HmsRoom":
        """Only the id is always there; a room that does not say it is disabled is enabled."""
        template_id = body.get("template_id")
        return cls(
            id=_text(body, "id"),
            enabled=body.get("enabled") is not False,
            template_id=template_id if isinstance(template_id, str) else None,
        )


@dataclass(frozen=True, slots=True)
class HmsRoomCode:
    """The key of one role to one room. It does not expire, and it does not know who uses it."""

    role: str
    enabled: bool
    code: str = field(repr=False)

    @classmethod
    def read(cls, body: Body) -> "HmsRoomCode":
        """All three fields are required: half a code opens nothing."""
        return cls(role=_text(body, "role"), enabled=body.get("enabled") is True, code=_text(body, "code"))

    @classmethod
    def read_all(cls, body: Body) -> "tuple[HmsRoomCode, ...]":
        """The codes under `data`, in the order given; `data` may be null."""
        return tuple(cls.read(item) for item in _list(body))

    @classmethod
    def read_page(cls, body: Body) -> "HmsPage[HmsRoomCode]":
        """The same, as part of a list."""
        return HmsPage.of(cls.read, body)


@dataclass(frozen=True, slots=True)
class HmsTemplate:
    """What rooms are made from: here, the roles that exist in them. Role names are case-sensitive."""

    id: str
    name: str
    roles: frozenset[str]

    @classmethod
    def read(cls, body: Body) -> "HmsTemplate":
        """`roles` is a map keyed by role name."""
        return cls(id=_text(body, "id"), name=_text(body, "name"), roles=frozenset(_object(body, "roles")))


@dataclass(frozen=True, slots=True)
class ActiveRoom:
    """A room with people in it. The recorder bot counts as a peer."""

    session_id: str

    @classmethod
    def read(cls, body: Body) -> "ActiveRoom":
        return cls(session_id=_text(_object(body, "session"), "id"))


@dataclass(frozen=True, slots=True)
class HmsPeer:
    """One device of one person. It gets another id when the person leaves and comes again."""

    id: str
    user_id: str | None
    role: str | None
    joined_at: datetime | None
    left_at: datetime | None
    """None while it is there."""

    @classmethod
    def read(cls, body: Body) -> "HmsPeer":
        """Only the id is always there. Moments are told to the millisecond; the zero time means none."""
        return cls(
            id=_text(body, "id"),
            user_id=get_text(body, "user_id"),
            role=get_text(body, "role"),
            joined_at=parse_timestamp(body.get("joined_at")),
            left_at=parse_timestamp(body.get("left_at")),
        )

    @property
    def person(self) -> str:
        """What 100ms calls the person: without a user id, the device stands for them."""
        return self.user_id or self.id


@dataclass(frozen=True, slots=True)
class HmsSession:
    """One meeting: from the first person's coming until the last one's leaving."""

    id: str
    room_id: str | None
    began_at: datetime | None
    ended_at: datetime | None
    """None while it runs: only of a closed session `updated_at` is its end."""
    peers: tuple[HmsPeer, ...]

    @classmethod
    def read(cls, body: Body) -> "HmsSession":
        """Only the id is always there. Devices that have left stay among `peers`."""
        return cls(
            id=_text(body, "id"),
            room_id=_optional_text(body, "room_id"),
            began_at=parse_timestamp(body.get("created_at")),
            ended_at=parse_timestamp(body.get("updated_at")) if body.get("active") is False else None,
            peers=read_peers(body),
        )

    @classmethod
    def read_page(cls, body: Body) -> "HmsPage[HmsSession]":
        """Part of a list."""
        return HmsPage.of(cls.read, body)


def read_peers(body: Body) -> tuple[HmsPeer, ...]:
    """The devices under `peers`: a map by id in the samples, an array in the prose, perhaps null, perhaps only ids.

    What cannot be read is left out: one odd entry must not hide everybody else.
    """
    peers = body.get("peers")
    items = peers.values() if isinstance(peers, Mapping) else peers if isinstance(peers, list) else ()
    return tuple(HmsPeer.read(item) for item in items if isinstance(item, Mapping) and _optional_text(item, "id"))


def ignore_body(_: Body) -> None:
    """For answers that only say that the work was accepted."""


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ResponseError(f"{key} is missing")
    return value


def _object(body: Body, key: str) -> Body:
    value = body.get(key)
    if not isinstance(value, Mapping):
        raise ResponseError(f"{key} is missing")
    return value


def _optional_text(body: Body, key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) and value else None


def _list(body: Body) -> list[Body]:
    data = body.get("data") or []
    if not isinstance(data, list) or not all(isinstance(item, Mapping) for item in data):
        raise ResponseError("data is not a list of objects")
    return data
