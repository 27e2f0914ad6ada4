"""Pages of lists."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """Some items of a list, in its order."""

    items: Sequence[Item]
    next_cursor: str | None
    """Continues the list after these items. None at its end."""
