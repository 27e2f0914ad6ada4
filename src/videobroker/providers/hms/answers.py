"""What 100ms answers, as far as we use it.

The raw objects hold bucket credentials and webhook headers, and differ in shape from page to page: they go no
further than this module. Source: the pages under server-side/v2/api-reference of the 100ms docs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]
"""A JSON object as it came."""


class AnswerError(ValueError):
    """The answer is JSON, and not what the page of the operation promises."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room. Open while `enabled`; it cannot be deleted."""

    id: str
    enabled: bool
    template_id: str | None

    @classmethod
    def read(cls, body: Body) -> "Room":
        """Only the id is always there; a room that does not say it is disabled is enabled."""
        template_id = body.get("template_id")
        return cls(
            id=_text(body, "id"),
            enabled=body.get("enabled") is not False,
            template_id=template_id if isinstance(template_id, str) else None,
        )


@dataclass(frozen=True, slots=True)
class RoomCode:
    """The key of one role to one room. It does not expire, and it does not know who uses it."""

    role: str
    enabled: bool
    code: str = field(repr=False)

    @classmethod
    def read(cls, body: Body) -> "RoomCode":
        """All three fields are required: half a code opens nothing."""
        return cls(role=_text(body, "role"), enabled=body.get("enabled") is True, code=_text(body, "code"))

    @classmethod
    def read_all(cls, body: Body) -> "tuple[RoomCode, ...]":
        """The codes under `data`, in the order given; `data` may be null."""
        data = body.get("data") or []
        if not isinstance(data, list) or not all(isinstance(item, Mapping) for item in data):
            raise AnswerError("data is not a list of room codes")
        return tuple(cls.read(item) for item in data)


@dataclass(frozen=True, slots=True)
class Template:
    """What rooms are made from: here, the roles that exist in them. Role names are case-sensitive."""

    id: str
    name: str
    roles: frozenset[str]

    @classmethod
    def read(cls, body: Body) -> "Template":
        """`roles` is a map keyed by role name."""
        return cls(id=_text(body, "id"), name=_text(body, "name"), roles=frozenset(_object(body, "roles")))


@dataclass(frozen=True, slots=True)
class ActiveRoom:
    """A room with people in it. The recorder bot counts as a peer."""

    session_id: str
    peer_ids: tuple[str, ...]

    @classmethod
    def read(cls, body: Body) -> "ActiveRoom":
        """`peers` is an array here and a map on other pages: either gives the ids."""
        session = _object(body, "session")
        return cls(session_id=_text(session, "id"), peer_ids=tuple(session.get("peers") or ()))


def nothing(_: Body) -> None:
    """For answers that only say that the work was accepted."""


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise AnswerError(f"{key} is missing")
    return value


def _object(body: Body, key: str) -> Body:
    value = body.get(key)
    if not isinstance(value, Mapping):
        raise AnswerError(f"{key} is missing")
    return value
