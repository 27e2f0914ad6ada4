"""What several want at the same moment is done once, for all of them."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")


@dataclass(slots=True)
class _Work:
    task: "asyncio.Task[Any]"
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class SingleFlight:
    """Work of this process that is under way."""

    _under_way: dict[Hashable, _Work] = field(default_factory=dict)

    async def do(self, what: Hashable, work: Callable[[], Coroutine[Any, Any, Outcome]]) -> Outcome:
        """The outcome of `work`, or its error. Who comes with the same `what` while it is under way gets the same.

        Who is cancelled leaves it to the others; it is cancelled when nobody is left, and has ended before they go.
        """
        found = self._under_way.get(what)
        if found is None:
            found = self._under_way[what] = _Work(asyncio.create_task(work()))
            found.task.add_done_callback(lambda _: self._end(what, found))
        found.waiting += 1
        try:
            outcome: Outcome = await asyncio.shield(found.task)
        except asyncio.CancelledError:
            if found.waiting == 1 and not found.task.done():
                self._end(what, found)
                found.task.cancel()
                await asyncio.wait([found.task])
            raise
        finally:
            found.waiting -= 1
        return outcome

    def _end(self, what: Hashable, work: _Work) -> None:
        if self._under_way.get(what) is work:
            del self._under_way[what]
