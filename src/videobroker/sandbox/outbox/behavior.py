"""Configured failures of the outbox."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject

_MAX_EVENTS = 10_000
_MAX_DELAY_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class DeliveryBehavior:
    """Switches of delivery. By default, every event is sent once and in order."""

    duplicates: int = 0
    """How many more times each event is sent."""
    new_ids: bool = False
    """Whether duplicates have their own IDs."""
    shuffle: bool = False
    """Whether delayed events are sent in random order."""
    hold: int = 0
    """How many events are collected before they are sent. With `shuffle`, zero means until a flush."""
    seed: int | None = None
    """Seed of the random order."""
    drop: int = 0
    """How many of the next events are never sent."""
    drop_types: tuple[str, ...] = ()
    """Events of these types are never sent, and do not count for `drop`."""
    delay_seconds: float = 0.0
    retry_scale: float = 1.0
    """Factor for the delays before retries."""
    in_order: bool = True
    """Whether an event waits until earlier events of its room are delivered or failed."""

    @property
    def is_collecting(self) -> bool:
        """Whether events are collected before they are sent."""
        return self.shuffle or self.hold > 0

    def as_json(self) -> JsonObject:
        return asdict(self)


def read_behavior(body: JsonObject, default: DeliveryBehavior) -> DeliveryBehavior:
    """The switches in a request to the control API; missing ones have the values of `default`."""
    unknown = body.keys() - _READERS.keys()
    if unknown:
        raise VendorError(400, f"unknown field {min(unknown)}")
    given = {name: _READERS[name](name, value) for name, value in body.items() if value is not None}
    return replace(default, **given)


def _count(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_EVENTS:
        raise VendorError(400, f"{name} must be a whole number from 0 to {_MAX_EVENTS}")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise VendorError(400, f"{name} must be true or false")
    return value


def _seconds(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MAX_DELAY_SECONDS:
        raise VendorError(400, f"{name} must be a number from 0 to {_MAX_DELAY_SECONDS}")
    return float(value)


def _types(name: str, value: Any) -> tuple[str, ...]:
    # Agora's types are numbers.
    if not isinstance(value, list) or not all(isinstance(each, str | int) for each in value):
        raise VendorError(400, f"{name} must be a list of event types")
    return tuple(str(each) for each in value)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "duplicates": _count,
    "new_ids": _flag,
    "shuffle": _flag,
    "hold": _count,
    "seed": _count,
    "drop": _count,
    "drop_types": _types,
    "delay_seconds": _seconds,
    "retry_scale": _seconds,
    "in_order": _flag,
}
