"""Those who ask at the same time share a round trip, and notice nothing else of each other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from videobroker.concurrency.batcher import Batcher
from videobroker.errors import StorageUnavailable


class Spoilt(Exception):
    """One item is bad."""


@dataclass
class Road:
    """Where batches travel: it records them, and holds them up until it is told to let them pass."""

    spoilt: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    travelled: list[list[int]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most_under_way: int = 0

    async def carry(self, items: Sequence[int]) -> list[int]:
        self.travelled.append(list(items))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.open.wait()
        finally:
            self.under_way -= 1
        if self.lost & set(items):
            raise StorageUnavailable("The road is closed.", retry_after=3)
        if self.spoilt & set(items):
            raise Spoilt
        return [item * 10 for item in items]


async def turns(number: int = 5) -> None:
    """Let the event loop go round a few times."""
    for _ in range(number):
        await asyncio.sleep(0)


def ask(batcher: Batcher[int, int], *items: int) -> "list[asyncio.Task[int]]":
    return [asyncio.create_task(batcher.submit(item)) for item in items]


async def test_who_asks_alone_is_carried_at_once() -> None:
    road = Road()
    road.open.set()
    batcher = Batcher("test", [road.carry])
    assert await batcher.submit(7) == 70
    assert await batcher.submit(8) == 80
    assert road.travelled == [[7], [8]]


async def test_what_is_asked_while_a_query_is_under_way_goes_as_the_next_one_in_order() -> None:
    road = Road()
    batcher = Batcher("test", [road.carry])
    first = ask(batcher, 1)
    await turns()
    second = ask(batcher, 2, 3, 4)
    await turns()
    assert road.travelled == [[1]]
    road.open.set()
    assert await asyncio.gather(*first, *second) == [10, 20, 30, 40]
    assert road.travelled == [[1], [2, 3, 4]]


async def test_what_is_asked_in_the_same_moment_goes_together() -> None:
    road = Road()
    road.open.set()
    batcher = Batcher("test", [road.carry])
    assert await asyncio.gather(*ask(batcher, *range(20))) == [item * 10 for item in range(20)]
    assert road.travelled == [list(range(20))]


async def test_as_many_are_under_way_as_there_are_carriers() -> None:
    road = Road()
    batcher = Batcher("test", [road.carry, road.carry], max_batch_size=2)
    asked = ask(batcher, *range(7))
    await turns(10)
    assert road.most_under_way == 2
    road.open.set()
    assert await asyncio.gather(*asked) == [item * 10 for item in range(7)]
    assert road.most_under_way == 2
    assert sorted(item for batch in road.travelled for item in batch) == list(range(7))


async def test_no_batch_is_larger_than_the_bound() -> None:
    road = Road()
    road.open.set()
    batcher = Batcher("test", [road.carry], max_batch_size=3)
    await asyncio.gather(*ask(batcher, *range(8)))
    assert road.travelled == [[0, 1, 2], [3, 4, 5], [6, 7]]


async def test_who_finds_the_queue_full_is_told_to_come_again() -> None:
    road = Road()
    batcher = Batcher("test", [road.carry], max_queue_length=2)
    first = ask(batcher, 1)
    await turns()
    waiting = ask(batcher, 2, 3)
    await turns()
    with pytest.raises(StorageUnavailable) as full:
        await batcher.submit(4)
    assert full.value.retry_after == 1
    road.open.set()
    assert await asyncio.gather(*first, *waiting) == [10, 20, 30]
    assert await batcher.submit(4) == 40


async def test_an_error_reaches_exactly_the_one_who_caused_it() -> None:
    road = Road(spoilt=frozenset({2}))
    road.open.set()
    batcher = Batcher("test", [road.carry])
    results = await asyncio.gather(*ask(batcher, 1, 2, 3), return_exceptions=True)
    assert results[0] == 10
    assert isinstance(results[1], Spoilt)
    assert results[2] == 30
    assert road.travelled == [[1, 2, 3], [1], [2], [3]]


async def test_a_lost_database_is_told_to_all_of_a_batch_and_nothing_is_sent_twice() -> None:
    road = Road(lost=frozenset({2}))
    road.open.set()
    batcher = Batcher("test", [road.carry])
    results = await asyncio.gather(*ask(batcher, 1, 2, 3), return_exceptions=True)
    assert [type(each) for each in results] == [StorageUnavailable] * 3
    assert len({id(each) for each in results}) == 3
    assert {each.retry_after for each in results if isinstance(each, StorageUnavailable)} == {3}
    assert road.travelled == [[1, 2, 3]]
    assert await batcher.submit(4) == 40


async def test_a_carrier_that_forgets_somebody_is_an_error_and_leaves_nobody_waiting() -> None:
    async def forget(items: Sequence[int]) -> list[int]:
        return [0] * (len(items) - 1)

    batcher = Batcher("test", [forget])
    results = await asyncio.gather(*ask(batcher, 1, 2, 3), return_exceptions=True)
    assert [type(each) for each in results] == [ValueError] * 3


async def test_who_gives_up_before_the_departure_is_not_carried() -> None:
    road = Road()
    batcher = Batcher("test", [road.carry])
    first = ask(batcher, 1)
    await turns()
    leaving, staying = ask(batcher, 2, 3)
    await turns()
    leaving.cancel()
    await turns()
    road.open.set()
    assert await staying == 30
    assert await first[0] == 10
    assert leaving.cancelled()
    assert road.travelled == [[1], [3]]


async def test_who_gives_up_on_the_way_disturbs_nobody() -> None:
    road = Road()
    batcher = Batcher("test", [road.carry])
    leaving, staying = ask(batcher, 2, 3)
    await turns()
    assert road.travelled == [[2, 3]]
    leaving.cancel()
    road.open.set()
    assert await staying == 30
    assert leaving.cancelled()


async def test_closing_tells_everybody_who_waits() -> None:
    road = Road()
    batcher = Batcher("test", [road.carry])
    under_way = ask(batcher, 1)
    await turns()
    waiting = ask(batcher, 2, 3)
    await turns()
    await batcher.aclose()
    results = await asyncio.gather(*under_way, *waiting, return_exceptions=True)
    assert [type(each) for each in results] == [StorageUnavailable] * 3
    assert road.under_way == 0
    with pytest.raises(StorageUnavailable):
        await batcher.submit(4)


async def test_closing_in_the_middle_of_asking_singly_tells_everybody() -> None:
    road = Road(spoilt=frozenset({1}))
    road.open.set()
    calls = 0

    async def carry(items: Sequence[int]) -> list[int]:
        nonlocal calls
        calls += 1
        if calls == 2:
            road.open.clear()
        return await road.carry(items)

    batcher = Batcher("test", [carry])
    asked = ask(batcher, 1, 2, 3)
    await turns()
    assert calls == 2
    await batcher.aclose()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in results] == [StorageUnavailable] * 3


async def test_round_trips_and_what_travelled_in_them_are_counted() -> None:
    def counted(what: str) -> float:
        return REGISTRY.get_sample_value(f"videobroker_batch_{what}_total", {"batcher": "counted"}) or 0.0

    road = Road()
    road.open.set()
    batcher = Batcher("counted", [road.carry], max_batch_size=4)
    await asyncio.gather(*ask(batcher, *range(10)))
    assert (counted("queries"), counted("items"), counted("rejected_items")) == (3, 10, 0)


# One step of a story: somebody asks, somebody gives up, a query comes to its end, or time passes.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(1, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.just("arrive"), st.integers(0, 3)),
        st.tuples(st.just("turn"), st.integers(1, 3)),
    ),
    max_size=40,
)


@dataclass
class Toll:
    """Lets batches pass one by one, when it is told to."""

    spoilt: int
    seen: list[list[int]] = field(default_factory=list)
    held: "list[asyncio.Future[None]]" = field(default_factory=list)

    async def carry(self, items: Sequence[int]) -> list[int]:
        self.seen.append(list(items))
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.held.append(gate)
        await gate
        if any(item % self.spoilt == 0 for item in items):
            raise Spoilt
        return [item * 10 for item in items]

    def pass_on(self, which: int) -> None:
        waiting = [gate for gate in self.held if not gate.done()]
        if waiting:
            waiting[which % len(waiting)].set_result(None)


def story(play: Callable[[], Awaitable[None]]) -> None:
    """Hypothesis tells many in one test: each has an event loop of its own."""
    with asyncio.Runner() as runner:
        runner.run(play())  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, carriers=st.integers(1, 3), largest=st.integers(1, 4), spoilt=st.integers(2, 7))
def test_whatever_happens_in_whatever_order_everybody_gets_their_own_answer_or_their_own_error(
    steps: list[tuple[str, int]], carriers: int, largest: int, spoilt: int
) -> None:
    async def play() -> None:
        toll = Toll(spoilt)
        batcher = Batcher("story", [toll.carry] * carriers, max_batch_size=largest)
        asked: list[asyncio.Task[int]] = []
        for step, number in steps:
            if step == "ask":
                asked += ask(batcher, *range(len(asked) + 1, len(asked) + 1 + number))
            elif step == "cancel" and asked:
                asked[number % len(asked)].cancel()
            elif step == "arrive":
                toll.pass_on(number)
            else:
                await turns(number)
        while not all(each.done() for each in asked):
            toll.pass_on(0)
            await turns(1)
        for item, task in enumerate(asked, 1):
            if task.cancelled():
                continue
            if item % spoilt == 0:
                assert isinstance(task.exception(), Spoilt)
            else:
                assert task.result() == item * 10
        assert all(0 < len(batch) <= largest for batch in toll.seen)
        # First come, first served: apart from what had to be asked for singly, nobody overtakes.
        first_seen = list(dict.fromkeys(item for batch in toll.seen for item in batch))
        if carriers == 1:
            assert first_seen == sorted(first_seen)
        # Every carrier is free again: nobody who comes now is left behind.
        again = ask(batcher, *[spoilt * 1000 + 1] * (carriers * largest))
        while not all(each.done() for each in again):
            toll.pass_on(0)
            await turns(1)
        await batcher.aclose()

    story(play)


@settings(max_examples=50, deadline=None)
@given(steps=STEPS, carriers=st.integers(1, 2))
def test_closing_at_any_moment_leaves_nobody_waiting(steps: list[tuple[str, int]], carriers: int) -> None:
    async def play() -> None:
        toll = Toll(5)
        batcher = Batcher("story", [toll.carry] * carriers, max_batch_size=3)
        asked: list[asyncio.Task[int]] = []
        for step, number in steps:
            if step == "ask":
                asked += ask(batcher, *range(number))
            elif step == "cancel" and asked:
                asked[number % len(asked)].cancel()
            elif step == "arrive":
                toll.pass_on(number)
            else:
                await turns(number)
        await batcher.aclose()
        await turns()
        assert all(each.done() for each in asked)
        # Read, so that no error counts as overlooked.
        await asyncio.gather(*asked, return_exceptions=True)

    story(play)
