"""The connections of the job queue: they listen before a queue starts, and are closed when a worker stops."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer.errors import FailingListenerError
from pgqueuer.models import HealthCheckEvent
from pgqueuer.qm import QueueManager
from sqlalchemy import text
from structlog.testing import capture_logs

from polling import eventually
from videobroker.broker import Broker
from videobroker.storage.jobs import drivers
from videobroker.worker import work

LISTENING_TAKES_SECONDS = 0.3
PATIENCE = timedelta(seconds=20)


@pytest.fixture
def slow_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays LISTEN, as a busy machine does."""
    usual = asyncpg.Connection.add_listener

    async def add_listener(self: asyncpg.Connection, channel: str, callback: Callable[..., object]) -> None:
        if channel not in self._listeners:
            await asyncio.sleep(LISTENING_TAKES_SECONDS)
        await usual(self, channel, callback)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", add_listener)


@pytest.fixture
def health_checks(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[bool]":
    """The results of the health checks in which queues notify themselves."""
    answers: asyncio.Queue[bool] = asyncio.Queue()
    usual = QueueManager.listener_healthy

    async def listener_healthy(self: QueueManager, timeout: timedelta = PATIENCE) -> HealthCheckEvent:
        try:
            event = await usual(self, timeout=min(timeout, timedelta(seconds=3)))
        except FailingListenerError:
            answers.put_nowait(False)
            raise
        answers.put_nowait(True)
        return event

    monkeypatch.setattr(QueueManager, "listener_healthy", listener_healthy)
    return answers


@pytest.mark.usefixtures("slow_listening")
async def test_every_queue_of_a_worker_passes_its_first_health_check(
    broker: Broker, health_checks: "asyncio.Queue[bool]"
) -> None:
    with capture_logs() as logs:
        worker = asyncio.create_task(work(broker, lambda: drivers(broker.store.direct)))
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                answers = [await health_checks.get(), await health_checks.get()]
        finally:
            worker.cancel()
            with pytest.raises(asyncio.CancelledError):
                await worker
    assert answers == [True, True]
    assert [entry for entry in logs if entry["event"] == "worker.restarted"] == []


async def test_a_worker_whose_queues_fail_to_start_restarts(
    broker: Broker, health_checks: "asyncio.Queue[bool]", monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, failures = QueueManager.verify_structure, iter([RuntimeError("a table is missing")] * 2)

    async def verify_structure(self: QueueManager) -> None:
        for failure in failures:
            raise failure
        await usual(self)

    monkeypatch.setattr(QueueManager, "verify_structure", verify_structure)
    monkeypatch.setattr("videobroker.worker.RESTART_DELAY_SECONDS", 0.05)
    with capture_logs() as logs:
        worker = asyncio.create_task(work(broker, lambda: drivers(broker.store.direct)))
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                answers = [await health_checks.get(), await health_checks.get()]
        finally:
            worker.cancel()
            with pytest.raises(asyncio.CancelledError):
                await worker
    assert answers == [True, True]
    assert [(entry["error"], entry["detail"]) for entry in logs if entry["event"] == "worker.restarted"] == [
        ("RuntimeError", "a table is missing")
    ]


async def test_terminated_connections_are_released(broker: Broker) -> None:
    of_workers = "from pg_stat_activity where application_name = 'videobroker worker' and datname = current_database()"
    cut_off = text(f"select pg_terminate_backend(pid) {of_workers}")

    async def left() -> bool:
        # A new transaction each time: PostgreSQL shows the same processes for as long as one lasts.
        async with broker.store.transaction() as unit_of_work:
            return bool((await unit_of_work.execute(text(f"select 1 {of_workers}"))).all())

    async def lose() -> None:
        async with drivers(broker.store.direct), broker.store.transaction() as unit_of_work:
            assert len((await unit_of_work.execute(cut_off)).all()) >= 2

    async with asyncio.timeout(PATIENCE.total_seconds()):
        # The exception depends on when the driver notices the loss.
        with pytest.raises((asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError)):
            await lose()

        async def none_left() -> bool:
            return not await left()

        await eventually(none_left)
