"""Batcher (dataloader): concurrent requests for single items share a round trip to the database.

Batching is natural: while a query runs, new items queue, and the next query takes them all. No timer delays anything.
A single item is queried at once, and batches grow with the load.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

import structlog
from prometheus_client import Counter

from videobroker import tracing
from videobroker.errors import StorageUnavailable

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
BatchQuery = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]
"""Queries all items in one round trip and returns one result per item, in order. Never called concurrently.

Raises `StorageUnavailable` if the outcome is unknown; after any other error, no item may have taken effect.
"""

MAX_BATCH_SIZE = 256
"""Larger batches save hardly anything, and every item waits for the slowest one."""
MAX_QUEUE_LENGTH = 4096
"""More items are rejected: their results would arrive after the clients' timeouts."""

QUERIES = Counter("videobroker_batch_queries", "Batched queries sent to the database.", ["batcher"])
ITEMS = Counter("videobroker_batch_items", "Items in the batched queries.", ["batcher"])
REJECTED_ITEMS = Counter("videobroker_batch_rejected_items", "Items rejected because the queue was full.", ["batcher"])

_Submission = tuple[Item, asyncio.Future[Result], object]
"""With the context of the caller's span."""


class Batcher(Generic[Item, Result]):
    """Queries submitted items in as few batches as possible, in the order of submission.

    For one event loop. It runs at most one batch per query function at a time.
    """

    def __init__(
        self,
        name: str,
        carriers: Sequence[BatchQuery[Item, Result]],
        *,
        max_batch_size: int = MAX_BATCH_SIZE,
        max_queue_length: int = MAX_QUEUE_LENGTH,
    ) -> None:
        """`name` is the metrics label. `carriers` are the query functions, one per concurrent batch."""
        self._idle = list(carriers)
        self._max_batch_size = max_batch_size
        self._max_queue_length = max_queue_length
        self._queue: deque[_Submission[Item, Result]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._span_name = f"batch {name}"
        self._queries = QUERIES.labels(name)
        self._items = ITEMS.labels(name)
        self._rejected = REJECTED_ITEMS.labels(name)

    async def submit(self, item: Item) -> Result:
        """The result for this item.

        Raises the error of the query for this item, and `StorageUnavailable` if the queue is full or the batcher is
        closed. Cancellation does not affect other items; a query that runs already is completed.
        """
        if self._closed:
            raise _closing_error()
        if len(self._queue) >= self._max_queue_length:
            self._rejected.inc()
            raise StorageUnavailable("Too many requests are waiting for the database. Try again.", retry_after=1)
        loop = self._loop
        if loop is None:
            # Cached: in Python 3.11, getting the running loop costs a system call.
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append((item, future, tracing.current_context()))
        if self._idle:
            self._start_task(loop)
        return await future

    async def aclose(self) -> None:
        """Cancel running queries. Pending and later submissions raise `StorageUnavailable`."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        _fail(self._queue, _closing_error())
        self._queue.clear()

    def _start_task(self, loop: asyncio.AbstractEventLoop) -> None:
        # The task starts in the next iteration of the event loop, so its first batch has all items of this one.
        task = loop.create_task(self._run_batches(self._idle.pop()), name="batch")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("background.task_failed", task="batch", error=type(error).__name__)
        # After a failure, or a cancellation of something that the query awaited, items may still wait.
        if self._queue and self._idle and not self._closed:
            self._start_task(task.get_loop())

    async def _run_batches(self, query: BatchQuery[Item, Result]) -> None:
        try:
            while batch := self._next_batch():
                await self._run(query, batch)
        finally:
            # No await between the check of the empty queue and this line, so no item is missed.
            self._idle.append(query)

    def _next_batch(self) -> list[_Submission[Item, Result]]:
        batch: list[_Submission[Item, Result]] = []
        while self._queue and not batch:
            candidates = list(islice(self._queue, self._max_batch_size))
            for _ in candidates:
                self._queue.popleft()
            batch = [submission for submission in candidates if not submission[1].done()]
        return batch

    async def _run(self, query: BatchQuery[Item, Result], batch: Sequence[_Submission[Item, Result]]) -> None:
        self._queries.inc()
        self._items.inc(len(batch))
        try:
            attributes: tracing.Attributes = {"videobroker.batch_items": len(batch)}
            with tracing.shared_span(self._span_name, [context for _, _, context in batch], attributes):
                results = await query([item for item, _, _ in batch])
            # A list, so that `strict` fails before any result is set: with one missing, all could be misassigned.
            for future, result in list(zip((future for _, future, _ in batch), results, strict=True)):
                if not future.done():
                    future.set_result(result)
        except asyncio.CancelledError:
            _fail(batch, _closing_error())
            raise
        except StorageUnavailable as error:
            # The outcome may be unknown, so nothing is sent again.
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001  every error is passed to the callers
            if len(batch) == 1:
                _fail(batch, error)
            else:
                # One item caused the error, and none took effect. Find it by running each one alone.
                await self._run_singly(query, batch)

    async def _run_singly(self, query: BatchQuery[Item, Result], batch: Sequence[_Submission[Item, Result]]) -> None:
        remaining = deque(batch)
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: _fail(remaining, _closing_error()))
            while remaining:
                submission = remaining.popleft()
                if not submission[1].done():
                    await self._run(query, [submission])


def _fail(
    submissions: Sequence[_Submission[Item, Result]] | deque[_Submission[Item, Result]], error: Exception
) -> None:
    for _, future, _ in submissions:
        if not future.done():
            future.set_exception(_copy_of(error) if len(submissions) > 1 else error)


def _copy_of(error: Exception) -> Exception:
    # Each caller gets its own exception, because raising one appends to its traceback.
    if not isinstance(error, StorageUnavailable):
        return error
    return StorageUnavailable(error.detail, retry_after=error.retry_after, **error.fields)


def _closing_error() -> StorageUnavailable:
    return StorageUnavailable("The service is about to stop. Nothing was changed; try again.", retry_after=1)
