"""Background tasks of the sandbox: a failure is reported at once, and does not stop later work."""

import asyncio
from typing import Any

from videobroker.sandbox.background import BackgroundTasks


async def _fail() -> None:
    raise RuntimeError("a bug")


async def test_a_failure_is_reported_while_the_task_still_exists() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    background = BackgroundTasks()
    task = background.start(_fail())
    await asyncio.wait([task])
    # Callbacks of a task run in the next iteration of the loop.
    await asyncio.sleep(0)
    assert [repr(each["exception"]) for each in reported] == ["RuntimeError('a bug')"]


async def test_a_canceled_task_is_not_reported() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    background = BackgroundTasks()
    background.start(asyncio.sleep(3600))
    await background.stop()
    assert reported == []
