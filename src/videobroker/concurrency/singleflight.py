"""Single-flight: concurrent calls with the same key share one execution."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")


@dataclass(slots=True)
class _Call:
    task: "asyncio.Task[Any]"
    waiters: int = 0


@dataclass(frozen=True, slots=True)
class SingleFlight:
    """The running calls, by key. For one event loop; nothing is cached after a call."""

    _calls: dict[Hashable, _Call] = field(default_factory=dict)

    async def do(self, what: Hashable, work: Callable[[], Coroutine[Any, Any, Outcome]]) -> Outcome:
        """The result of `work`, or its error.

        If a call with the key `what` is running, its outcome is returned, and this `work` is not started. Cancelling
        one of several waiters does not affect the others. When the last one is cancelled, `work` is cancelled too, and
        has ended when the cancellation is raised here.
        """
        call = self._calls.get(what)
        if call is None:
            call = self._calls[what] = _Call(asyncio.create_task(work()))
            call.task.add_done_callback(lambda _: self._remove(what, call))
        call.waiters += 1
        try:
            outcome: Outcome = await asyncio.shield(call.task)
        except asyncio.CancelledError:
            if call.waiters == 1 and not call.task.done():
                self._remove(what, call)
                call.task.cancel()
                await asyncio.wait([call.task])
            raise
        finally:
            call.waiters -= 1
        return outcome

    def _remove(self, what: Hashable, call: _Call) -> None:
        if self._calls.get(what) is call:
            del self._calls[what]
