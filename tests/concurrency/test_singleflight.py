"""Concurrent calls with one key share one execution, and a cancelled caller does not affect the others."""

import asyncio

import pytest

from videobroker.concurrency.singleflight import SingleFlight


class Work:
    """A task that runs until `release` is set."""

    def __init__(self) -> None:
        self.started = 0
        self.cleaned_up = 0
        self.release = asyncio.Event()

    async def do(self) -> int:
        self.started += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.cleaned_up += 1
            raise
        if self.started > 5:
            raise ValueError("too often")
        return self.started


async def start_callers(
    single_flight: SingleFlight, work: Work, size: int, key: str = "it"
) -> "list[asyncio.Task[int]]":
    tasks = [asyncio.create_task(single_flight.do(key, work.do)) for _ in range(size)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_concurrent_calls_run_once_and_share_the_result() -> None:
    single_flight, work = SingleFlight(), Work()
    tasks = await start_callers(single_flight, work, 20)
    work.release.set()
    assert await asyncio.gather(*tasks) == [1] * 20


async def test_calls_with_other_keys_run_concurrently() -> None:
    single_flight, work = SingleFlight(), Work()
    tasks = [
        *await start_callers(single_flight, work, 2),
        *await start_callers(single_flight, work, 2, "something else"),
    ]
    assert work.started == 2
    work.release.set()
    await asyncio.gather(*tasks)


async def test_later_calls_run_again() -> None:
    single_flight, work = SingleFlight(), Work()
    work.release.set()
    assert [await single_flight.do("it", work.do) for _ in range(3)] == [1, 2, 3]


async def test_all_callers_get_the_error_and_the_next_call_runs_again() -> None:
    single_flight, work = SingleFlight(), Work()
    work.started = 5
    tasks = await start_callers(single_flight, work, 3)
    work.release.set()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [ValueError] * 3
    work.started = 0
    assert await single_flight.do("it", work.do) == 1


@pytest.mark.parametrize("cancelled_caller", [0, 1])
async def test_a_cancelled_caller_does_not_cancel_the_execution_even_the_first_one(cancelled_caller: int) -> None:
    single_flight, work = SingleFlight(), Work()
    tasks = await start_callers(single_flight, work, 3)
    tasks[cancelled_caller].cancel()
    await asyncio.sleep(0)
    work.release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results.pop(cancelled_caller), asyncio.CancelledError)
    assert results == [1, 1]
    assert work.cleaned_up == 0


async def test_if_all_callers_are_cancelled_the_execution_is_cancelled_and_cleaned_up() -> None:
    single_flight, work = SingleFlight(), Work()
    tasks = await start_callers(single_flight, work, 2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    assert work.cleaned_up == 1
    work.release.set()
    assert await single_flight.do("it", work.do) == 2


async def test_a_call_during_cancellation_runs_again() -> None:
    single_flight, work = SingleFlight(), Work()
    (cancelled_caller,) = await start_callers(single_flight, work, 1)
    cancelled_caller.cancel()
    await asyncio.sleep(0)
    (late,) = await start_callers(single_flight, work, 1)
    work.release.set()
    assert await late == 2
    await asyncio.wait([cancelled_caller])
