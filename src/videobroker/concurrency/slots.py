"""Limits concurrent tasks by key. A key whose tasks are slow gets fewer slots, so that it does not delay the others."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """How many tasks may run at the same time."""

    per_key: int
    per_slow_key: int
    """A few tasks find out whether the key is still slow."""
    all_slow_keys: int
    """Of all slow keys together."""
    slow_after_seconds: float
    """A key is slow while one of its tasks takes longer, and until the next one ends within this time."""


@dataclass(slots=True)
class _KeyState:
    running: dict[object, float] = field(default_factory=dict)
    """When each task was started."""
    was_slow: bool = False
    """Whether the last task that ended was slow."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced, when a task ends."""

    def first_is_slow_at(self, limits: SlotLimits) -> float | None:
        return min(self.running.values()) + limits.slow_after_seconds if self.running else None

    def is_slow(self, limits: SlotLimits, now: float) -> bool:
        at = self.first_is_slow_at(limits)
        return self.was_slow or (at is not None and at <= now)


class KeyedSlots(Generic[K]):
    """Gives slots to tasks of one event loop."""

    def __init__(self, limits: SlotLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._states: dict[K, _KeyState] = {}

    @asynccontextmanager
    async def acquire(self, key: K) -> AsyncIterator[bool]:
        """Hold a slot during the block. False, without a slot, if the key is slow and its slots are in use.

        Waits for a slot of a key that is not slow. The wait is short: it ends when the key becomes slow.
        """
        task = object()
        if not await self._take(key, task):
            yield False
            return
        try:
            yield True
        finally:
            self._release(key, task)

    async def _take(self, key: K, task: object) -> bool:
        while True:
            state = self._states.setdefault(key, _KeyState())
            now = self._clock()
            is_slow = state.is_slow(self._limits, now)
            if len(state.running) < (self._limits.per_slow_key if is_slow else self._limits.per_key):
                if is_slow and self._running_of_slow_keys(now) >= self._limits.all_slow_keys:
                    return False
                state.running[task] = now
                return True
            if is_slow:
                return False
            slow_at = state.first_is_slow_at(self._limits)
            with suppress(TimeoutError):
                await asyncio.wait_for(state.ended.wait(), None if slow_at is None else slow_at - now)

    def _running_of_slow_keys(self, now: float) -> int:
        return sum(len(state.running) for state in self._states.values() if state.is_slow(self._limits, now))

    def _release(self, key: K, task: object) -> None:
        state = self._states[key]
        state.was_slow = self._clock() - state.running.pop(task) >= self._limits.slow_after_seconds
        state.ended.set()
        state.ended = asyncio.Event()
        if not state.running and not state.was_slow:
            del self._states[key]
