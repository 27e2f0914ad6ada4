"""Background tasks that end are logged, counted, and started again, until they are canceled."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from polling import eventually
from videobroker.concurrency.supervised import Backoff, SupervisedTask, supervise

NO_DELAY = Backoff(first_seconds=0, max_seconds=0)


def restarts(task: str) -> float:
    return REGISTRY.get_sample_value("videobroker_background_task_restarts_total", {"task": task}) or 0


def failing_first(*failures: BaseException | None, until: asyncio.Event) -> Callable[[], Awaitable[None]]:
    """A run that raises each failure once, or returns, and sets `until` in the run after those, which does not end."""
    remaining = list(failures)

    async def run() -> None:
        if remaining:
            failure = remaining.pop(0)
            if failure is None:
                return
            raise failure
        until.set()
        await asyncio.Event().wait()

    return run


async def test_a_failure_is_logged_and_counted_and_the_task_runs_again() -> None:
    runs_on = asyncio.Event()
    before = restarts("test failure")
    task = SupervisedTask(
        "test failure", failing_first(OSError("no route"), ValueError("odd"), until=runs_on), backoff=NO_DELAY
    )
    with capture_logs() as logs:
        task.start()
        await runs_on.wait()
        await task.aclose()
    assert [(each["event"], each["task"], each["error"], each["detail"]) for each in logs] == [
        ("background.task_failed", "test failure", "OSError", "no route"),
        ("background.task_failed", "test failure", "ValueError", "odd"),
    ]
    assert restarts("test failure") - before == 2


async def test_a_run_that_returns_runs_again() -> None:
    runs_on = asyncio.Event()
    task = SupervisedTask("test return", failing_first(None, until=runs_on), backoff=NO_DELAY)
    with capture_logs() as logs:
        task.start()
        await runs_on.wait()
        await task.aclose()
    assert [each["error"] for each in logs] == ["returned"]


async def test_a_cancellation_from_inside_is_a_failure() -> None:
    runs_on = asyncio.Event()
    task = SupervisedTask("test inside", failing_first(asyncio.CancelledError(), until=runs_on), backoff=NO_DELAY)
    with capture_logs() as logs:
        task.start()
        await runs_on.wait()
        await task.aclose()
    assert [each["error"] for each in logs] == ["CancelledError"]


async def test_it_ends_when_it_is_canceled_and_logs_nothing() -> None:
    runs_on, before = asyncio.Event(), restarts("test cancel")
    with capture_logs() as logs:
        task = asyncio.create_task(supervise("test cancel", failing_first(until=runs_on)))
        await runs_on.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert logs == []
    assert restarts("test cancel") == before


@pytest.mark.parametrize("error", [OSError("the server is gone"), None], ids=["fails", "swallows the cancellation"])
async def test_it_ends_when_closing_fails_and_says_so(error: Exception | None) -> None:
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if error is not None:
                raise error from None

    with capture_logs() as logs:
        task = asyncio.create_task(supervise("test closing", run))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    expected = [] if error is None else [("background.task_close_failed", "OSError")]
    assert [(each["event"], each["error"]) for each in logs] == expected


async def test_it_can_be_canceled_while_it_waits_for_a_restart() -> None:
    task = SupervisedTask(
        "test waiting", failing_first(OSError(), until=asyncio.Event()), backoff=Backoff(3600, max_seconds=3600)
    )
    before = restarts("test waiting")
    task.start()
    await eventually(lambda: restarts("test waiting") > before)
    await task.aclose()


async def test_a_task_that_was_not_started_can_be_closed() -> None:
    task = SupervisedTask("test unused", failing_first(until=asyncio.Event()))
    assert not task.is_started
    await task.aclose()


def test_delays_grow_up_to_the_maximum() -> None:
    backoff = Backoff(first_seconds=0.5, max_seconds=30)
    assert [backoff.delay_seconds(failures) for failures in (1, 2, 3, 6, 7, 8, 5000)] == [0.5, 1, 2, 16, 30, 30, 30]


async def test_the_delay_is_short_again_after_a_long_run() -> None:
    times = iter([0.0, 1.0, 10.0, 11.0, 20.0, 1000.0, 1001.0])
    runs_on = asyncio.Event()
    backoff = Backoff(first_seconds=0.001, max_seconds=30)
    run = failing_first(OSError(), OSError(), OSError(), until=runs_on)
    with capture_logs() as logs:
        task = asyncio.create_task(supervise("test long", run, backoff=backoff, clock=lambda: next(times)))
        await runs_on.wait()
        task.cancel()
        await asyncio.wait([task])
    assert [each["restart_seconds"] for each in logs] == [0.001, 0.002, 0.001]
