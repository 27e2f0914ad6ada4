"""Lists in pieces: `limit` items at most, continued after the id of the last one."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol, TypeVar

from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.problems import Problem
from videobroker.sandbox.rest.ask import Ask
from videobroker.sandbox.times import as_stored


class _Dated(Protocol):
    @property
    def created_at(self) -> datetime: ...


T = TypeVar("T")
D = TypeVar("D", bound=_Dated)


def page(
    items: Iterable[T],
    ask: Ask,
    *,
    identity: Callable[[T], str],
    as_json: Callable[[T], JsonObject],
    matches: Callable[[T], bool] = lambda _: True,
    default_limit: int = 10,
) -> JsonObject:
    """One piece of `items`, which come in the order to show them.

    The item named by `start` may itself have stopped to match: the piece begins after its place in all items.
    """
    limit = min(max(ask.number("limit", default_limit), 10), 100)
    after_start = _after(list(items), ask.query.get("start"), identity)
    found = [item for item in after_start if matches(item)][:limit]
    # The vendor's older pages write null for "nothing", and promise nothing for the newer ones.
    data = [as_json(item) for item in found] or None
    return {"limit": limit, "data": data, "last": identity(found[-1]) if found else ""}


def within(item: _Dated, ask: Ask) -> bool:
    """Whether an item was created in the asked range; both ends belong to it."""
    created = as_stored(item.created_at)
    after, before = ask.moment("after"), ask.moment("before")
    return (after is None or after <= created) and (before is None or created <= before)


def newest_first(items: Iterable[D], identity: Callable[[D], str]) -> list[D]:
    """Items in the order of the vendor's lists."""
    return sorted(items, key=lambda item: (item.created_at, identity(item)), reverse=True)


def _after(items: list[T], start: str | None, identity: Callable[[T], str]) -> list[T]:
    if not start:
        return items
    for place, item in enumerate(items):
        if identity(item) == start:
            return items[place + 1 :]
    raise Problem(400, "Invalid query parameter", "Invalid query parameter: start")
