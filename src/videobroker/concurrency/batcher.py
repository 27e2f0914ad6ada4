"""Lets those who ask at the same time share a round trip to the database.

While one query is under way, whatever is asked meanwhile gathers, and goes as the next one. Nothing waits for a timer:
who asks alone is carried at once, and the busier it is, the more travel together.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from prometheus_client import Counter

from videobroker.errors import StorageUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
BatchQuery = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]
"""Asks for all these items in one round trip; the results in the same order. Never called twice at a time."""

MAX_BATCH_SIZE = 256
"""More in one query make every one of them wait for the slowest, and save hardly anything."""
MAX_QUEUE_LENGTH = 4096
"""Who would be behind so many is told to come again: the answer would be too late anyway."""

QUERIES = Counter("videobroker_batch_queries", "Round trips to the database that were shared.", ["batcher"])
ITEMS = Counter("videobroker_batch_items", "What was asked for in them.", ["batcher"])
REJECTED_ITEMS = Counter("videobroker_batch_turned_away", "What found the queue full.", ["batcher"])

_Asked = tuple[Item, asyncio.Future[Result]]


class Batcher(Generic[Item, Result]):
    """Carries what is asked, first come first served, in as few round trips as there is time for."""

    def __init__(
        self,
        name: str,
        carriers: Sequence[BatchQuery[Item, Result]],
        *,
        max_batch_size: int = MAX_BATCH_SIZE,
        max_queue_length: int = MAX_QUEUE_LENGTH,
    ) -> None:
        """`name` is for the metrics. As many batches are under way at a time as there are carriers."""
        self._idle = list(carriers)
        self._largest = max_batch_size
        self._longest_queue = max_queue_length
        self._queue: deque[_Asked[Item, Result]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queries = QUERIES.labels(name)
        self._items = ITEMS.labels(name)
        self._turned_away = REJECTED_ITEMS.labels(name)

    async def submit(self, item: Item) -> Result:
        """The result for this item. Raises what asking for it raised, and `StorageUnavailable` when too many wait.

        Who is cancelled meanwhile disturbs nobody; what is under way for them already is still done.
        """
        if self._closed:
            raise _closing()
        if len(self._queue) >= self._longest_queue:
            self._turned_away.inc()
            raise StorageUnavailable("Too many requests wait for the database. Try again.", retry_after=1)
        loop = self._loop
        if loop is None:
            # Kept: in Python 3.11 looking for it is a call of the system.
            loop = self._loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._queue.append((item, answer))
        if self._idle:
            self._take_off(loop)
        return await answer

    async def aclose(self) -> None:
        """Carry nothing any more. Who still waits gets `StorageUnavailable`."""
        self._closed = True
        for flight in self._flights:
            flight.cancel()
        if self._flights:
            await asyncio.wait(self._flights)
        _refuse(self._queue, _closing())
        self._queue.clear()

    def _take_off(self, loop: asyncio.AbstractEventLoop) -> None:
        # The task begins in the next turn of the event loop: what is asked in this one goes with it.
        flight = loop.create_task(self._fly(self._idle.pop()), name="batch")
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)

    async def _fly(self, carry: BatchQuery[Item, Result]) -> None:
        try:
            while batch := self._boarded():
                await self._serve(carry, batch)
        finally:
            # Between finding the queue empty and being idle nothing is awaited: nobody is left behind.
            self._idle.append(carry)

    def _boarded(self) -> list[_Asked[Item, Result]]:
        batch: list[_Asked[Item, Result]] = []
        while self._queue and not batch:
            some = list(islice(self._queue, self._largest))
            for _ in some:
                self._queue.popleft()
            batch = [asked for asked in some if not asked[1].done()]
        return batch

    async def _serve(self, carry: BatchQuery[Item, Result], batch: Sequence[_Asked[Item, Result]]) -> None:
        self._queries.inc()
        self._items.inc(len(batch))
        try:
            results = await carry([item for item, _ in batch])
            # Matched first: a carrier that lost one must not have its other results given to the wrong ones.
            for answer, result in list(zip((answer for _, answer in batch), results, strict=True)):
                if not answer.done():
                    answer.set_result(result)
        except asyncio.CancelledError:
            _refuse(batch, _closing())
            raise
        except StorageUnavailable as error:
            # Nobody got through; and what may have got through must not be sent twice.
            _refuse(batch, error)
        except Exception as error:  # noqa: BLE001  whoever asked gets it, whatever it is
            if len(batch) == 1:
                _refuse(batch, error)
            else:
                # One of them spoilt it, and nothing was done for any: each is asked for alone.
                await self._serve_singly(carry, batch)

    async def _serve_singly(self, carry: BatchQuery[Item, Result], batch: Sequence[_Asked[Item, Result]]) -> None:
        left = deque(batch)
        with contextlib.ExitStack() as whatever_happens:
            whatever_happens.callback(lambda: _refuse(left, _closing()))
            while left:
                asked = left.popleft()
                if not asked[1].done():
                    await self._serve(carry, [asked])


def _refuse(asked: Sequence[_Asked[Item, Result]] | deque[_Asked[Item, Result]], error: Exception) -> None:
    for _, answer in asked:
        if not answer.done():
            answer.set_exception(_another(error) if len(asked) > 1 else error)


def _another(error: Exception) -> Exception:
    # An exception collects the way it took: everybody gets one of their own.
    if not isinstance(error, StorageUnavailable):
        return error
    return StorageUnavailable(error.detail, retry_after=error.retry_after, **error.fields)


def _closing() -> StorageUnavailable:
    return StorageUnavailable("The service is about to stop. Nothing was changed; try again.", retry_after=1)
