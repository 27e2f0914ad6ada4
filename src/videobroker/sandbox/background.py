"""Work that goes on after a request was answered."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """The tasks of one sandbox. They run in the event loop in which they were started."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work` beside everything else, until it is done or `stop` is called."""
        task = asyncio.get_running_loop().create_task(work)
        # The loop itself holds tasks weakly: without this, one could vanish half done.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
