"""A request as a value: what a method of a resource asks the transport to send."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeGuard, cast
from urllib.parse import quote


class Omit(Enum):
    """The type of `OMIT`."""

    OMIT = "OMIT"

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = Omit.OMIT
"""An argument that is not sent. Unlike None, which sets a field to null."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request, apart from its credential and the address of the service."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    takes_idempotency_key: bool = False
    if_match: str | None = None
    if_none_match: str | None = None
    is_repeatable: bool = False
    """Whether two equal requests have the effect of one."""

    def headers(self) -> dict[str, str]:
        """The headers of this request. A new idempotency key is chosen here, once for all attempts."""
        key = self.idempotency_key
        if key is None and self.takes_idempotency_key:
            key = str(uuid.uuid4())
        values = {"Idempotency-Key": key, "If-Match": self.if_match, "If-None-Match": self.if_none_match}
        return {name: value for name, value in values.items() if value is not None}


def given(**values: Any) -> dict[str, Any]:
    """The values that are not omitted, as JSON. Raises `ValueError` for a time without a time zone."""
    return {name: to_json(value) for name, value in values.items() if value is not OMIT}


def to_json(value: Any) -> Any:
    """The value with times as RFC 3339 strings."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a datetime needs a time zone, such as datetime.now(timezone.utc)")
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: to_json(each) for name, each in cast("Mapping[str, Any]", value).items()}
    return [to_json(each) for each in value] if _is_list(value) else value


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def segment(text: str) -> str:
    """The text as one segment of a path. Raises `ValueError` for a text that cannot be one."""
    if text in {"", ".", ".."}:
        raise ValueError(f"{text!r} cannot be an ID")
    return quote(text, safe="")
