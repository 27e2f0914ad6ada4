"""What several want at the same moment is done once, and nobody who gives up spoils it for the others."""

import asyncio

import pytest

from videobroker.concurrency.singleflight import SingleFlight


class Work:
    """Something to do, which takes until it is let go on."""

    def __init__(self) -> None:
        self.begun = 0
        self.tidied = 0
        self.go_on = asyncio.Event()

    async def do(self) -> int:
        self.begun += 1
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.tidied += 1
            raise
        if self.begun > 5:
            raise ValueError("too often")
        return self.begun


async def crowd(together: SingleFlight, work: Work, size: int, what: str = "it") -> "list[asyncio.Task[int]]":
    tasks = [asyncio.create_task(together.do(what, work.do)) for _ in range(size)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_a_crowd_does_it_once_and_everybody_has_the_outcome() -> None:
    together, work = SingleFlight(), Work()
    tasks = await crowd(together, work, 20)
    work.go_on.set()
    assert await asyncio.gather(*tasks) == [1] * 20


async def test_other_things_are_done_beside_it() -> None:
    together, work = SingleFlight(), Work()
    tasks = [*await crowd(together, work, 2), *await crowd(together, work, 2, "something else")]
    assert work.begun == 2
    work.go_on.set()
    await asyncio.gather(*tasks)


async def test_who_comes_afterwards_has_it_done_anew() -> None:
    together, work = SingleFlight(), Work()
    work.go_on.set()
    assert [await together.do("it", work.do) for _ in range(3)] == [1, 2, 3]


async def test_everybody_who_waited_gets_the_error_and_the_next_one_tries_again() -> None:
    together, work = SingleFlight(), Work()
    work.begun = 5
    tasks = await crowd(together, work, 3)
    work.go_on.set()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [ValueError] * 3
    work.begun = 0
    assert await together.do("it", work.do) == 1


@pytest.mark.parametrize("leaving", [0, 1])
async def test_who_gives_up_leaves_it_to_the_others_also_the_one_who_began(leaving: int) -> None:
    together, work = SingleFlight(), Work()
    tasks = await crowd(together, work, 3)
    tasks[leaving].cancel()
    await asyncio.sleep(0)
    work.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results.pop(leaving), asyncio.CancelledError)
    assert results == [1, 1]
    assert work.tidied == 0


async def test_when_everybody_has_given_up_it_is_tidied_up_before_the_last_one_goes() -> None:
    together, work = SingleFlight(), Work()
    tasks = await crowd(together, work, 2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    assert work.tidied == 1
    work.go_on.set()
    assert await together.do("it", work.do) == 2


async def test_who_comes_while_it_is_being_given_up_has_it_done_anew() -> None:
    together, work = SingleFlight(), Work()
    (leaving,) = await crowd(together, work, 1)
    leaving.cancel()
    await asyncio.sleep(0)
    (coming,) = await crowd(together, work, 1)
    work.go_on.set()
    assert await coming == 2
    await asyncio.wait([leaving])
