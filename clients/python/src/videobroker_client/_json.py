"""Converts JSON to typed values. Unknown members of objects are preserved in `raw`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Base class of everything that the service responds with."""

    raw: Mapping[str, Any] = field(repr=False, compare=False)
    """The JSON object, also with fields that this version of the client does not know."""
    etag: str | None = field(default=None, repr=False, compare=False)
    """The version, for `if_match`. None if the response has none: items of lists, and values inside of others."""


def parse_time(value: str) -> datetime:
    """An aware datetime in UTC."""
    return datetime.fromisoformat(value)


def list_of(decode: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    """A decoder of lists."""
    return lambda values: [decode(each) for each in values]


def map_of(decode: Callable[[Any], T]) -> Callable[[Any], dict[str, T]]:
    """A decoder of objects with any member names."""
    return lambda values: {name: decode(each) for name, each in values.items()}


def nullable(decode: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """A decoder of values that can be null."""
    return lambda value: None if value is None else decode(value)
