"""Tasks that continue after the response to a request."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class BackgroundTasks:
    """The tasks of one sandbox. They run in the event loop in which they were started."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in a task until it is done, or until `stop` is called."""
        task = asyncio.get_running_loop().create_task(work)
        # The event loop has only weak references to tasks.
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Logged by asyncio. On its own, it logs the error only once the task is deleted.
            task.get_loop().call_exception_handler({"message": "A task failed", "exception": error, "task": task})

    async def stop(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
