"""Values that every join makes a good number of.

A frozen dataclass sets its fields one by one, past the method that refuses to set them; with twenty values, that took
a sixth of a join. These are used in the same way (`dataclasses.replace` and `fields` know them), and made in a tenth
of the time. Nothing that they refer to refers to them, so the collector of garbage need not look at them.
"""

from collections.abc import Mapping
from dataclasses import make_dataclass
from functools import cache
from typing import Any, ClassVar, dataclass_transform

import msgspec

field = msgspec.field


class _Fields:
    """As `dataclasses` looks for them."""

    def __get__(self, _: object, kind: "type[Struct]") -> Mapping[str, Any]:
        return _fields_of(kind)


@cache
def _fields_of(kind: "type[Struct]") -> Mapping[str, Any]:
    twin: Any = make_dataclass(kind.__name__, kind.__struct_fields__)
    return {each: twin.__dataclass_fields__[each] for each in kind.__struct_fields__}


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Struct(msgspec.Struct, frozen=True, gc=False):
    """Frozen; equal by class and fields, and hashable where they are. What changes is a copy: `replace`."""

    hidden_from_repr: ClassVar[tuple[str, ...]] = ()
    """Fields that its `repr` does not show."""
    __dataclass_fields__: ClassVar[Any] = _Fields()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.hidden_from_repr]

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({told})"
