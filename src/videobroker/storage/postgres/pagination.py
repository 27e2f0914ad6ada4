"""Pagination with opaque cursors, which are validated when a client sends them back."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from videobroker.domain.pages import Page
from videobroker.domain.times import utc
from videobroker.errors import InvalidCursor

Item = TypeVar("Item")


def page_of(found: Sequence[Item], limit: int, cursor_after: Callable[[Item], str]) -> Page[Item]:
    """A page of `limit` items. `found` has one item more if the list continues after the page."""
    return Page(found[:limit], cursor_after(found[limit - 1]) if len(found) > limit else None)


def write(position: Sequence[str | int]) -> str:
    """Encode a position in a list as a cursor: URL-safe text."""
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).rstrip(b"=").decode()


def read(cursor: str, *parsers: Callable[[str], Any]) -> list[Any]:
    """Decode a cursor; each part is validated by its parser. Raises `InvalidCursor`."""
    try:
        parts = _list(json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)))
        return [parser(part) for parser, part in zip(parsers, parts, strict=True)]
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise InvalidCursor(
            "Send `next` of the previous page unchanged, or leave `cursor` out to start over."
        ) from None


def list_id(*selection: object) -> str:
    """Identifies a list by its filters and its order, to be part of its cursors. Values must have a stable `repr`."""
    return base64.urlsafe_b64encode(hashlib.sha256(repr(selection).encode()).digest()[:9]).decode()


def read_of_list(cursor: str, expected: str, *parsers: Callable[[str], Any]) -> list[Any]:
    """`read` a cursor whose first part is the `list_id`. Raises `InvalidCursor`, also for a cursor of another list."""
    found, *position = read(cursor, text, *parsers)
    if found != expected:
        raise InvalidCursor(
            "This cursor is of a list with other filters or another order. Repeat the parameters of the first page, or "
            "leave `cursor` out to start over."
        )
    return position


def _list(parts: object) -> list[Any]:
    if not isinstance(parts, list):
        raise TypeError("not a position")
    return parts


def moment(part: object) -> datetime:
    """A parser of datetimes with a zone."""
    if not isinstance(part, str):
        raise TypeError("not a moment")
    return utc(datetime.fromisoformat(part))


def text(part: object) -> str:
    """A parser of texts that PostgreSQL can store: valid Unicode without NUL."""
    if not isinstance(part, str) or "\x00" in part:
        raise TypeError("not a text")
    part.encode()
    return part


def number(part: object) -> int:
    """A parser of non-negative 64-bit numbers."""
    if not isinstance(part, int) or isinstance(part, bool) or not 0 <= part < 1 << 63:
        raise TypeError("not a number")
    return part
