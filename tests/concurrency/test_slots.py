"""Slots are limited for each key, and more for a key whose tasks are slow."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from videobroker.concurrency.slots import KeyedSlots, SlotLimits

SLOW_AFTER = 3.0
LIMITS = SlotLimits(per_key=3, per_slow_key=2, all_slow_keys=3, slow_after_seconds=SLOW_AFTER)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Tasks that hold slots until they end."""

    def __init__(self, clock: Clock, limits: SlotLimits = LIMITS) -> None:
        self.slots = KeyedSlots[str](limits, clock)
        self._acquired: dict[str, list[AsyncExitStack]] = {}

    async def start(self, key: str) -> bool:
        stack = AsyncExitStack()
        if not await stack.enter_async_context(self.slots.acquire(key)):
            await stack.aclose()
            return False
        self._acquired.setdefault(key, []).append(stack)
        return True

    async def end(self, key: str) -> None:
        await self._acquired[key].pop(0).aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(clock: Clock) -> Work:
    return Work(clock)


async def run_loop() -> None:
    """Run every task of the event loop that is ready."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_task_waits_for_a_slot_of_its_key(work: Work) -> None:
    assert [await work.start("a") for _ in range(3)] == [True] * 3
    waiting = asyncio.create_task(work.start("a"))
    assert await work.start("b")
    await run_loop()
    assert not waiting.done()
    await work.end("a")
    assert await waiting


async def test_waiting_ends_when_the_key_becomes_slow(clock: Clock) -> None:
    work = Work(clock, SlotLimits(per_key=1, per_slow_key=1, all_slow_keys=1, slow_after_seconds=0.01))
    assert await work.start("a")
    waiting = asyncio.create_task(work.start("a"))
    await run_loop()
    assert not waiting.done()
    clock.now += 0.01
    assert not await waiting


async def test_a_slow_key_gets_no_more_slots_than_allowed(work: Work, clock: Clock) -> None:
    for _ in range(2):
        assert await work.start("a")
    clock.now += SLOW_AFTER
    assert not await work.start("a")
    assert [await work.start("b") for _ in range(3)] == [True] * 3


async def test_a_key_is_slow_until_a_task_ends_in_time(work: Work, clock: Clock) -> None:
    assert await work.start("a")
    clock.now += SLOW_AFTER
    await work.end("a")
    assert [await work.start("a") for _ in range(3)] == [True, True, False]
    await work.end("a")
    assert [await work.start("a") for _ in range(2)] == [True, True]


async def test_slow_keys_share_a_limit(work: Work, clock: Clock) -> None:
    for key in ("a", "b"):
        assert await work.start(key)
    clock.now += SLOW_AFTER
    assert await work.start("a")
    assert not await work.start("b")
    await work.end("a")
    assert await work.start("b")


async def test_a_task_that_fails_releases_its_slot(work: Work) -> None:
    for _ in range(LIMITS.per_key + 1):
        with pytest.raises(LookupError):
            async with work.slots.acquire("a"):
                raise LookupError


async def test_a_canceled_wait_takes_no_slot(work: Work) -> None:
    for _ in range(3):
        assert await work.start("a")
    waiting = asyncio.create_task(work.start("a"))
    await run_loop()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await work.end("a")
    assert await work.start("a")
