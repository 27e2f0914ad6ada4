"""The queue of jobs hears itself from the start, however long PostgreSQL takes to let it listen."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer.errors import FailingListenerError
from pgqueuer.models import HealthCheckEvent
from pgqueuer.qm import QueueManager
from structlog.testing import capture_logs

from videobroker.broker import Broker
from videobroker.storage.jobs import drivers
from videobroker.worker import work

LISTENING_TAKES_SECONDS = 0.3
PATIENCE = timedelta(seconds=20)


@pytest.fixture
def slow_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that begins to listen does so late, as on a busy machine."""
    usual = asyncpg.Connection.add_listener

    async def add_listener(self: asyncpg.Connection, channel: str, callback: Callable[..., object]) -> None:
        if channel not in self._listeners:
            await asyncio.sleep(LISTENING_TAKES_SECONDS)
        await usual(self, channel, callback)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", add_listener)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[bool]":
    """For each question of a queue whether it hears itself: the answer."""
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
async def test_every_queue_of_a_worker_hears_its_first_question(broker: Broker, heard: "asyncio.Queue[bool]") -> None:
    with capture_logs() as logs:
        worker = asyncio.create_task(work(broker, lambda: drivers(broker.store.direct)))
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                answers = [await heard.get(), await heard.get()]
        finally:
            worker.cancel()
            with pytest.raises(asyncio.CancelledError):
                await worker
    assert answers == [True, True]
    assert [entry for entry in logs if "stumbled" in entry["event"]] == []
