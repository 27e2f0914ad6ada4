"""Pagination: at most `limit` items, continued after the ID of the last one."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol, TypeVar

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rest.requests import HmsRequest
from videobroker.sandbox.times import as_stored


class _HasCreationTime(Protocol):
    @property
    def created_at(self) -> datetime: ...


T = TypeVar("T")
D = TypeVar("D", bound=_HasCreationTime)


def page(
    items: Iterable[T],
    request: HmsRequest,
    *,
    identity: Callable[[T], str],
    as_json: Callable[[T], JsonObject],
    matches: Callable[[T], bool] = lambda _: True,
    default_limit: int = 10,
) -> JsonObject:
    """One page of the sorted `items`.

    The item `start` may no longer match the filter: the page begins after its position among all items.
    """
    limit = min(max(request.number("limit", default_limit), 10), 100)
    after_start = _after(list(items), request.query.get("start"), identity)
    found = [item for item in after_start if matches(item)][:limit]
    # The vendor's older documentation has null for an empty list; the newer one does not describe it.
    data = [as_json(item) for item in found] or None
    return {"limit": limit, "data": data, "last": identity(found[-1]) if found else ""}


def is_created_in_range(item: _HasCreationTime, request: HmsRequest) -> bool:
    """Whether an item was created in the requested range, including both ends."""
    created = as_stored(item.created_at)
    after, before = request.moment("after"), request.moment("before")
    return (after is None or after <= created) and (before is None or created <= before)


def newest_first(items: Iterable[D], identity: Callable[[D], str]) -> list[D]:
    """Items in the order of the vendor's lists."""
    return sorted(items, key=lambda item: (item.created_at, identity(item)), reverse=True)


def _after(items: list[T], start: str | None, identity: Callable[[T], str]) -> list[T]:
    if not start:
        return items
    for meeting, item in enumerate(items):
        if identity(item) == start:
            return items[meeting + 1 :]
    raise VendorError(400, "Invalid query parameter", "Invalid query parameter: start")
