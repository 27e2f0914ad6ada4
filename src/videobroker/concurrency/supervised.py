"""Supervision of background tasks: a task that ends is logged, counted, and started again.

An asyncio task that fails ends without a trace until someone awaits it, and for a task that runs as long as the
process, that is when the process stops. So everything that runs in the background for long is a `SupervisedTask`.

No failure of a task ends the process: requests are served without the background work, and the metric reports it. Only
`SystemExit` and `KeyboardInterrupt` do, because asyncio passes them on to its caller.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

RESTARTS = Counter(
    "videobroker_background_task_restarts", "Background tasks that ended and were started again.", ["task"]
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays before restarts: twice as long after each failure, up to a maximum."""

    first_seconds: float = 0.5
    max_seconds: float = 30.0

    def delay_seconds(self, failures: int) -> float:
        """The delay after so many failures in a row, at least one."""
        # Bounded, because a float has no power of two beyond 1023.
        doublings = min(failures - 1, 16)
        return min(self.first_seconds * 2.0**doublings, self.max_seconds)


DEFAULT_BACKOFF = Backoff()


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    backoff: Backoff = DEFAULT_BACKOFF,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run `run`, which is expected not to return, and run it again whenever it ends, until canceled.

    `name` is a label of metrics, so names are few and constant. `clock` returns monotonic seconds. A run that lasted
    longer than the maximum delay counts as a success, so that the next delay is short.
    """
    restarts = RESTARTS.labels(name)
    failures = 0
    while True:
        began = clock()
        error = await _run_once(name, run)
        failures = 1 if clock() - began > backoff.max_seconds else failures + 1
        delay = backoff.delay_seconds(failures)
        restarts.inc()
        log.warning(
            "background.task_failed",
            task=name,
            error="returned" if error is None else type(error).__name__,
            detail=None if error is None else str(error)[:200],
            restart_seconds=delay,
        )
        await asyncio.sleep(delay)


async def _run_once(name: str, run: Callable[[], Awaitable[None]]) -> BaseException | None:
    """The error with which it ended; None if it returned. Raises `CancelledError` if this task was canceled."""
    ended_with: BaseException | None = None
    try:
        await run()
    except asyncio.CancelledError as error:
        if _is_canceled():
            raise
        # Not this task was canceled, but something that it awaited.
        ended_with = error
    except Exception as error:  # noqa: BLE001  any error: the caller logs it, and runs the task again
        ended_with = error
    if not _is_canceled():
        return ended_with
    # An error while closing has replaced the cancellation, or the cancellation was swallowed.
    if ended_with is not None:
        log.warning("background.task_close_failed", task=name, error=type(ended_with).__name__)
    raise asyncio.CancelledError from ended_with


def _is_canceled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class SupervisedTask:
    """`supervise` in a task of its own, from `start` to `aclose`. For one event loop."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]], *, backoff: Backoff = DEFAULT_BACKOFF) -> None:
        self._name = name
        self._run = run
        self._backoff = backoff
        self._task: asyncio.Task[None] | None = None

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return self._task is not None

    def start(self) -> None:
        """Start in the running event loop."""
        self._task = asyncio.create_task(supervise(self._name, self._run, backoff=self._backoff), name=self._name)

    async def aclose(self) -> None:
        """Cancel, and wait until it has ended. An error meanwhile is logged, not raised."""
        if self._task is None:
            return
        self._task.cancel()
        # `wait` instead of `await`: it raises a cancellation of the caller, but not the one of the task.
        await asyncio.wait([self._task])
