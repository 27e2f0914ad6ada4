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
from videobroker.concurrency.supervised import Backoff
from videobroker.storage.jobs import drivers
from videobroker.worker import work

LISTEN_DELAY_SECONDS = 0.3
TIMEOUT = timedelta(seconds=20)
QUEUES = 3


@pytest.fixture
def slow_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays LISTEN, like a busy machine."""
    usual = asyncpg.Connection.add_listener

    async def add_listener(self: asyncpg.Connection, channel: str, callback: Callable[..., object]) -> None:
        if channel not in self._listeners:
            await asyncio.sleep(LISTEN_DELAY_SECONDS)
        await usual(self, channel, callback)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", add_listener)


@pytest.fixture
def health_checks(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[bool]":
    """The results of the health checks in which queues notify themselves."""
    results: asyncio.Queue[bool] = asyncio.Queue()
    usual = QueueManager.listener_healthy

    async def listener_healthy(self: QueueManager, timeout: timedelta = TIMEOUT) -> HealthCheckEvent:
        try:
            event = await usual(self, timeout=min(timeout, timedelta(seconds=3)))
        except FailingListenerError:
            results.put_nowait(False)
            raise
        results.put_nowait(True)
        return event

    monkeypatch.setattr(QueueManager, "listener_healthy", listener_healthy)
    return results


@pytest.mark.usefixtures("slow_listening")
async def test_every_queue_of_a_worker_passes_its_first_health_check(
    broker: Broker, health_checks: "asyncio.Queue[bool]"
) -> None:
    with capture_logs() as logs:
        worker = asyncio.create_task(work(broker, lambda: drivers(broker.store.direct)))
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                results = [await health_checks.get() for _ in range(QUEUES)]
        finally:
            worker.cancel()
            with pytest.raises(asyncio.CancelledError):
                await worker
    assert results == [True] * QUEUES
    assert [entry for entry in logs if entry["event"] == "background.task_failed"] == []


async def test_a_worker_whose_queues_fail_to_start_restarts(
    broker: Broker, health_checks: "asyncio.Queue[bool]", monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, failures = QueueManager.verify_structure, iter([RuntimeError("a table is missing")] * QUEUES)

    async def verify_structure(self: QueueManager) -> None:
        for failure in failures:
            raise failure
        await usual(self)

    monkeypatch.setattr(QueueManager, "verify_structure", verify_structure)
    monkeypatch.setattr("videobroker.worker.RESTART_BACKOFF", Backoff(first_seconds=0.05, max_seconds=0.05))
    with capture_logs() as logs:
        worker = asyncio.create_task(work(broker, lambda: drivers(broker.store.direct)))
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                results = [await health_checks.get() for _ in range(QUEUES)]
        finally:
            worker.cancel()
            with pytest.raises(asyncio.CancelledError):
                await worker
    assert results == [True] * QUEUES
    assert [
        (entry["task"], entry["error"], entry["detail"]) for entry in logs if entry["event"] == "background.task_failed"
    ] == [("worker", "RuntimeError", "a table is missing")]


async def test_terminated_connections_are_released(broker: Broker) -> None:
    of_workers = "from pg_stat_activity where application_name = 'videobroker worker' and datname = current_database()"
    terminate = text(f"select pg_terminate_backend(pid) {of_workers}")

    async def are_connected() -> bool:
        # A new transaction each time: PostgreSQL shows the same processes for as long as one lasts.
        async with broker.store.cross_app_transaction() as unit_of_work:
            return bool((await unit_of_work.execute(text(f"select 1 {of_workers}"))).all())

    async def terminate_connections() -> None:
        async with drivers(broker.store.direct), broker.store.cross_app_transaction() as unit_of_work:
            assert len((await unit_of_work.execute(terminate)).all()) >= 2

    async with asyncio.timeout(TIMEOUT.total_seconds()):
        # The exception depends on when the driver notices the loss.
        with pytest.raises((asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError)):
            await terminate_connections()

        async def all_released() -> bool:
            return not await are_connected()

        await eventually(all_released)
