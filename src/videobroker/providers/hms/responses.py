"""Responses of the 100ms REST API, reduced to the fields that we use.

The raw objects contain storage credentials and webhook headers, and their format differs between the pages of the
documentation. They do not leave this module. The `read` methods raise `ResponseError` if a required field is missing.

Source: the pages under server-side/v2/api-reference of the 100ms docs.
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
    """One page of a list."""

    items: tuple[T, ...]
    limit: int | None
    """The page size that the server used, which may be smaller than requested."""
    last: str | None
    """The start of the next page; None or empty on the last page."""

    @classmethod
    def of(cls, read: Callable[[Body], T], body: Body) -> "HmsPage[T]":
        """Parse the items under `data`, which may be null."""
        limit, last = body.get("limit"), body.get("last")
        return cls(
            items=tuple(read(item) for item in _list(body)),
            limit=limit if isinstance(limit, int) and limit > 0 else None,
            last=last if isinstance(last, str) else None,
        )

    def is_last(self, page_size: int) -> bool:
        """Whether this is the last page of a request with this `page_size`."""
        return not self.last or len(self.items) < (self.limit or page_size)


@dataclass(frozen=True, slots=True)
class HmsRoom:
    """A room. It accepts joins while it is `enabled`, and cannot be deleted."""

    id: str
    enabled: bool
    template_id: str | None

    @classmethod
    def read(cls, body: Body) -> "HmsRoom":
        """Only the ID is required. Without `enabled`, the room is enabled."""
        template_id = body.get("template_id")
        return cls(
            id=_text(body, "id"),
            enabled=body.get("enabled") is not False,
            template_id=template_id if isinstance(template_id, str) else None,
        )


@dataclass(frozen=True, slots=True)
class ListedRoom:
    """A room in a list."""

    id: str
    name: str

    @classmethod
    def read(cls, body: Body) -> "ListedRoom":
        return cls(id=_text(body, "id"), name=_text(body, "name"))

    @classmethod
    def read_page(cls, body: Body) -> "HmsPage[ListedRoom]":
        return HmsPage.of(cls.read, body)


@dataclass(frozen=True, slots=True)
class HmsRoomCode:
    """A code that opens a room in one role. It does not expire, and does not identify the person."""

    role: str
    enabled: bool
    code: str = field(repr=False)

    @classmethod
    def read(cls, body: Body) -> "HmsRoomCode":
        return cls(role=_text(body, "role"), enabled=body.get("enabled") is True, code=_text(body, "code"))

    @classmethod
    def read_all(cls, body: Body) -> "tuple[HmsRoomCode, ...]":
        """The codes under `data`, in the order of the response. `data` may be null."""
        return tuple(cls.read(item) for item in _list(body))

    @classmethod
    def read_page(cls, body: Body) -> "HmsPage[HmsRoomCode]":
        return HmsPage.of(cls.read, body)


@dataclass(frozen=True, slots=True)
class HmsTemplate:
    """The configuration of rooms: here, only the roles. Role names are case-sensitive."""

    id: str
    name: str
    roles: frozenset[str]

    @classmethod
    def read(cls, body: Body) -> "HmsTemplate":
        """`roles` is a map keyed by role name."""
        return cls(id=_text(body, "id"), name=_text(body, "name"), roles=frozenset(_object(body, "roles")))


@dataclass(frozen=True, slots=True)
class ActiveRoom:
    """A room with peers. The recorder bot is a peer too."""

    session_id: str

    @classmethod
    def read(cls, body: Body) -> "ActiveRoom":
        return cls(session_id=_text(_object(body, "session"), "id"))


@dataclass(frozen=True, slots=True)
class HmsPeer:
    """A device of a person in a session. It gets a new ID when the person rejoins."""

    id: str
    user_id: str | None
    role: str | None
    joined_at: datetime | None
    left_at: datetime | None
    """None while the device is in the room."""

    @classmethod
    def read(cls, body: Body) -> "HmsPeer":
        """Only the ID is required. Times have millisecond precision."""
        return cls(
            id=_text(body, "id"),
            user_id=get_text(body, "user_id"),
            role=get_text(body, "role"),
            joined_at=parse_timestamp(body.get("joined_at")),
            left_at=parse_timestamp(body.get("left_at")),
        )

    @property
    def person(self) -> str:
        """The ID of the person at 100ms: the user ID, or without one, the peer ID."""
        return self.user_id or self.id


@dataclass(frozen=True, slots=True)
class HmsSession:
    """A call at 100ms, from the first join to the last leave."""

    id: str
    room_id: str | None
    began_at: datetime | None
    ended_at: datetime | None
    """None while it is running. `updated_at` is the end only if the session is not active."""
    peers: tuple[HmsPeer, ...]

    @classmethod
    def read(cls, body: Body) -> "HmsSession":
        """Only the ID is required. `peers` includes those who have left."""
        return cls(
            id=_text(body, "id"),
            room_id=_optional_text(body, "room_id"),
            began_at=parse_timestamp(body.get("created_at")),
            ended_at=parse_timestamp(body.get("updated_at")) if body.get("active") is False else None,
            peers=read_peers(body),
        )

    @classmethod
    def read_page(cls, body: Body) -> "HmsPage[HmsSession]":
        return HmsPage.of(cls.read, body)


def read_peers(body: Body) -> tuple[HmsPeer, ...]:
    """The devices under `peers`: a map by ID in the samples, an array in the text, or null. Entries can be mere IDs.

    Skips malformed entries, so that one of them does not hide the others.
    """
    peers = body.get("peers")
    items = peers.values() if isinstance(peers, Mapping) else peers if isinstance(peers, list) else ()
    return tuple(HmsPeer.read(item) for item in items if isinstance(item, Mapping) and _optional_text(item, "id"))


def ignore_body(_: Body) -> None:
    """A parser for responses without useful content."""


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
