"""Out of rows, values: for those tables whose rows are read at every join."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from operator import itemgetter
from typing import Any, TypeVar

from videobroker.domain.apps import ProviderName

Word = TypeVar("Word", bound=StrEnum)


class Columns:
    """Some columns of a table, read at once: of one after the other, each costs as much as all of them."""

    def __init__(self, *names: str) -> None:
        """Two or more."""
        self.names = names
        self._readers: dict[str, Callable[[Any], tuple[Any, ...]]] = {}

    def of(self, row: Any, prefix: str = "") -> tuple[Any, ...]:
        """What stands in them, in their order. In a row of several tables, their names have a prefix."""
        reader = self._readers.get(prefix)
        if reader is None:
            reader = self._readers[prefix] = itemgetter(*(f"{prefix}{name}" for name in self.names))
        return reader(row)


def words(kind: type[Word]) -> Mapping[str, Word]:
    """The members of an enumeration, by what stands for them in a column. Calling it takes ten times as long."""
    return {word.value: word for word in kind}


PROVIDERS = words(ProviderName)
