"""Concurrent queries share a round trip, and are otherwise isolated from each other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from videobroker.concurrency.batcher import Batcher
from videobroker.errors import StorageUnavailable


class BadItem(Exception):
    """The query rejects one of its items."""


@dataclass
class RecordingQuery:
    """A query that records its batches, and returns once `open` is set."""

    bad_items: frozenset[int] = frozenset()
    disconnecting: frozenset[int] = frozenset()
    batches: list[list[int]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    max_running: int = 0

    async def run(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        if self.disconnecting & set(items):
            raise StorageUnavailable("The database is gone.", retry_after=3)
        if self.bad_items & set(items):
            raise BadItem
        return [item * 10 for item in items]


async def run_loop(count: int = 5) -> None:
    """Run a few iterations of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


def submit_all(batcher: Batcher[int, int], *items: int) -> "list[asyncio.Task[int]]":
    return [asyncio.create_task(batcher.submit(item)) for item in items]


async def test_a_single_item_is_queried_immediately() -> None:
    query = RecordingQuery()
    query.open.set()
    batcher = Batcher("test", [query.run])
    assert await batcher.submit(7) == 70
    assert await batcher.submit(8) == 80
    assert query.batches == [[7], [8]]


async def test_items_submitted_during_a_query_form_the_next_batch_in_order() -> None:
    query = RecordingQuery()
    batcher = Batcher("test", [query.run])
    first = submit_all(batcher, 1)
    await run_loop()
    second = submit_all(batcher, 2, 3, 4)
    await run_loop()
    assert query.batches == [[1]]
    query.open.set()
    assert await asyncio.gather(*first, *second) == [10, 20, 30, 40]
    assert query.batches == [[1], [2, 3, 4]]


async def test_simultaneous_items_form_one_batch() -> None:
    query = RecordingQuery()
    query.open.set()
    batcher = Batcher("test", [query.run])
    assert await asyncio.gather(*submit_all(batcher, *range(20))) == [item * 10 for item in range(20)]
    assert query.batches == [list(range(20))]


async def test_the_number_of_concurrent_queries_is_that_of_the_query_functions() -> None:
    query = RecordingQuery()
    batcher = Batcher("test", [query.run, query.run], max_batch_size=2)
    tasks = submit_all(batcher, *range(7))
    await run_loop(10)
    assert query.max_running == 2
    query.open.set()
    assert await asyncio.gather(*tasks) == [item * 10 for item in range(7)]
    assert query.max_running == 2
    assert sorted(item for batch in query.batches for item in batch) == list(range(7))


async def test_the_batch_size_is_limited() -> None:
    query = RecordingQuery()
    query.open.set()
    batcher = Batcher("test", [query.run], max_batch_size=3)
    await asyncio.gather(*submit_all(batcher, *range(8)))
    assert query.batches == [[0, 1, 2], [3, 4, 5], [6, 7]]


async def test_a_full_queue_rejects_items_with_retry_after() -> None:
    query = RecordingQuery()
    batcher = Batcher("test", [query.run], max_queue_length=2)
    first = submit_all(batcher, 1)
    await run_loop()
    waiting = submit_all(batcher, 2, 3)
    await run_loop()
    with pytest.raises(StorageUnavailable) as full:
        await batcher.submit(4)
    assert full.value.retry_after == 1
    query.open.set()
    assert await asyncio.gather(*first, *waiting) == [10, 20, 30]
    assert await batcher.submit(4) == 40


async def test_a_bad_item_fails_alone() -> None:
    query = RecordingQuery(bad_items=frozenset({2}))
    query.open.set()
    batcher = Batcher("test", [query.run])
    results = await asyncio.gather(*submit_all(batcher, 1, 2, 3), return_exceptions=True)
    assert results[0] == 10
    assert isinstance(results[1], BadItem)
    assert results[2] == 30
    assert query.batches == [[1, 2, 3], [1], [2], [3]]


async def test_a_lost_connection_fails_the_whole_batch_without_a_repetition() -> None:
    query = RecordingQuery(disconnecting=frozenset({2}))
    query.open.set()
    batcher = Batcher("test", [query.run])
    results = await asyncio.gather(*submit_all(batcher, 1, 2, 3), return_exceptions=True)
    assert [type(each) for each in results] == [StorageUnavailable] * 3
    assert len({id(each) for each in results}) == 3
    assert {each.retry_after for each in results if isinstance(each, StorageUnavailable)} == {3}
    assert query.batches == [[1, 2, 3]]
    assert await batcher.submit(4) == 40


async def test_too_few_results_are_an_error_for_the_whole_batch() -> None:
    async def return_too_few(items: Sequence[int]) -> list[int]:
        return [0] * (len(items) - 1)

    batcher = Batcher("test", [return_too_few])
    results = await asyncio.gather(*submit_all(batcher, 1, 2, 3), return_exceptions=True)
    assert [type(each) for each in results] == [ValueError] * 3


async def test_an_item_cancelled_in_the_queue_is_not_queried() -> None:
    query = RecordingQuery()
    batcher = Batcher("test", [query.run])
    first = submit_all(batcher, 1)
    await run_loop()
    cancelled, other = submit_all(batcher, 2, 3)
    await run_loop()
    cancelled.cancel()
    await run_loop()
    query.open.set()
    assert await other == 30
    assert await first[0] == 10
    assert cancelled.cancelled()
    assert query.batches == [[1], [3]]


async def test_cancelling_an_item_during_the_query_does_not_affect_others() -> None:
    query = RecordingQuery()
    batcher = Batcher("test", [query.run])
    cancelled, other = submit_all(batcher, 2, 3)
    await run_loop()
    assert query.batches == [[2, 3]]
    cancelled.cancel()
    query.open.set()
    assert await other == 30
    assert cancelled.cancelled()


async def test_closing_fails_all_waiting_items() -> None:
    query = RecordingQuery()
    batcher = Batcher("test", [query.run])
    running = submit_all(batcher, 1)
    await run_loop()
    waiting = submit_all(batcher, 2, 3)
    await run_loop()
    await batcher.aclose()
    results = await asyncio.gather(*running, *waiting, return_exceptions=True)
    assert [type(each) for each in results] == [StorageUnavailable] * 3
    assert query.running == 0
    with pytest.raises(StorageUnavailable):
        await batcher.submit(4)


async def test_closing_while_items_are_repeated_individually_fails_all_of_them() -> None:
    query = RecordingQuery(bad_items=frozenset({1}))
    query.open.set()
    calls = 0

    async def run(items: Sequence[int]) -> list[int]:
        nonlocal calls
        calls += 1
        if calls == 2:
            query.open.clear()
        return await query.run(items)

    batcher = Batcher("test", [run])
    tasks = submit_all(batcher, 1, 2, 3)
    await run_loop()
    assert calls == 2
    await batcher.aclose()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in results] == [StorageUnavailable] * 3


async def test_metrics_count_queries_and_items() -> None:
    def counted(what: str) -> float:
        return REGISTRY.get_sample_value(f"videobroker_batch_{what}_total", {"batcher": "counted"}) or 0.0

    query = RecordingQuery()
    query.open.set()
    batcher = Batcher("counted", [query.run], max_batch_size=4)
    await asyncio.gather(*submit_all(batcher, *range(10)))
    assert (counted("queries"), counted("items"), counted("rejected_items")) == (3, 10, 0)


# One step: new callers, a cancelled caller, a finished query, or iterations of the event loop.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(1, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.just("finish"), st.integers(0, 3)),
        st.tuples(st.just("turn"), st.integers(1, 3)),
    ),
    max_size=40,
)


@dataclass
class SteppedQuery:
    """A query whose batches return one by one, on command."""

    bad_items: int
    batches: list[list[int]] = field(default_factory=list)
    gates: "list[asyncio.Future[None]]" = field(default_factory=list)

    async def run(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate
        if any(item % self.bad_items == 0 for item in items):
            raise BadItem
        return [item * 10 for item in items]

    def finish(self, which: int) -> None:
        waiting = [gate for gate in self.gates if not gate.done()]
        if waiting:
            waiting[which % len(waiting)].set_result(None)


def run_example(example: Callable[[], Awaitable[None]]) -> None:
    """Run one Hypothesis example in its own event loop."""
    with asyncio.Runner() as runner:
        runner.run(example())  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, query_count=st.integers(1, 3), max_batch_size=st.integers(1, 4), bad_items=st.integers(2, 7))
def test_every_item_gets_its_own_result_or_error_in_any_order_of_events(
    steps: list[tuple[str, int]], query_count: int, max_batch_size: int, bad_items: int
) -> None:
    async def example() -> None:
        query = SteppedQuery(bad_items)
        batcher = Batcher("example", [query.run] * query_count, max_batch_size=max_batch_size)
        tasks: list[asyncio.Task[int]] = []
        for step, count in steps:
            if step == "submit":
                tasks += submit_all(batcher, *range(len(tasks) + 1, len(tasks) + 1 + count))
            elif step == "cancel" and tasks:
                tasks[count % len(tasks)].cancel()
            elif step == "finish":
                query.finish(count)
            else:
                await run_loop(count)
        while not all(each.done() for each in tasks):
            query.finish(0)
            await run_loop(1)
        for item, task in enumerate(tasks, 1):
            if task.cancelled():
                continue
            if item % bad_items == 0:
                assert isinstance(task.exception(), BadItem)
            else:
                assert task.result() == item * 10
        assert all(0 < len(batch) <= max_batch_size for batch in query.batches)
        # Items are queried in order, except for those that were repeated individually.
        first_queried = list(dict.fromkeys(item for batch in query.batches for item in batch))
        if query_count == 1:
            assert first_queried == sorted(first_queried)
        # All queries are idle again: new items are queried.
        again = submit_all(batcher, *[bad_items * 1000 + 1] * (query_count * max_batch_size))
        while not all(each.done() for each in again):
            query.finish(0)
            await run_loop(1)
        await batcher.aclose()

    run_example(example)


@settings(max_examples=50, deadline=None)
@given(steps=STEPS, query_count=st.integers(1, 2))
def test_closing_at_any_time_completes_all_items(steps: list[tuple[str, int]], query_count: int) -> None:
    async def example() -> None:
        query = SteppedQuery(5)
        batcher = Batcher("example", [query.run] * query_count, max_batch_size=3)
        tasks: list[asyncio.Task[int]] = []
        for step, count in steps:
            if step == "submit":
                tasks += submit_all(batcher, *range(count))
            elif step == "cancel" and tasks:
                tasks[count % len(tasks)].cancel()
            elif step == "finish":
                query.finish(count)
            else:
                await run_loop(count)
        await batcher.aclose()
        await run_loop()
        assert all(each.done() for each in tasks)
        # Retrieve the errors: otherwise, asyncio logs them.
        await asyncio.gather(*tasks, return_exceptions=True)

    run_example(example)


async def test_a_query_that_is_canceled_from_inside_does_not_leave_items_waiting() -> None:
    usual, canceled = RecordingQuery(), [True]
    usual.open.set()

    async def run(items: Sequence[int]) -> list[int]:
        if canceled:
            canceled.clear()
            raise asyncio.CancelledError
        return await usual.run(items)

    batcher = Batcher("test", [run], max_batch_size=1)
    first, second = submit_all(batcher, 1, 2)
    with pytest.raises(StorageUnavailable):
        await first
    assert await second == 20
