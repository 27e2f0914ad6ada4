"""The HTTP endpoints of a worker: what each of them reports, and how the worker records its progress."""

from collections.abc import AsyncIterator

import httpx
import pytest

from polling import eventually
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli.health_server import serving
from videobroker.concurrency.progress import Progress
from videobroker.concurrency.supervised import Backoff
from videobroker.errors import StartupFailed
from videobroker.settings import Settings
from videobroker.storage import jobs
from videobroker.web.worker_health import LIVE_SECONDS, READY_SECONDS, worker_app

NO_DATABASE = "postgresql://videobroker@127.0.0.1:1/videobroker"


class ManualClock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def client_of(broker: Broker, progress: Progress) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(worker_app(broker, progress))
    return httpx.AsyncClient(transport=transport, base_url="http://worker")


@pytest.fixture
async def broker_without_database(settings: Settings) -> AsyncIterator[Broker]:
    async with wiring.broker(settings, NO_DATABASE) as broker:
        yield broker


async def test_a_worker_that_does_nothing_is_not_live(broker: Broker) -> None:
    clock = ManualClock()
    async with client_of(broker, Progress(clock=clock)) as client:
        assert (await client.get("/healthz")).status_code == 200
        clock.now += LIVE_SECONDS + 1
        stuck = await client.get("/healthz")
        assert stuck.status_code == 503
        assert "Restart" in stuck.json()["detail"]


async def test_it_is_ready_while_its_queue_answers(broker: Broker) -> None:
    clock = ManualClock()
    progress = Progress(clock=clock)
    async with client_of(broker, progress) as client:
        assert (await client.get("/readyz")).status_code == 503
        progress.record_success()
        assert (await client.get("/readyz")).json() == {"status": "ok"}
        clock.now += READY_SECONDS + 1
        assert "job queue" in (await client.get("/readyz")).json()["detail"]


async def test_without_a_database_it_is_live_and_not_ready(broker_without_database: Broker) -> None:
    # A restart of the worker would not help.
    progress = Progress()
    progress.record_success()
    async with client_of(broker_without_database, progress) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert "videobroker_database_up 0.0" in (await client.get("/metrics")).text


async def test_without_a_database_a_worker_goes_on_trying(
    broker_without_database: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videobroker.worker.RESTART_BACKOFF", Backoff(first_seconds=0.01, max_seconds=0.01))
    clock = ManualClock()
    progress = Progress(clock=clock)
    async with wiring.background(broker_without_database, NO_DATABASE, progress):
        for _ in range(3):
            clock.now += LIVE_SECONDS + 1
            await eventually(lambda: progress.has_attempted_within(0))
    assert not progress.has_succeeded_within(1e9)


async def test_a_running_worker_records_each_heartbeat(
    broker: Broker, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.05)
    clock = ManualClock()
    progress = Progress(clock=clock)
    async with wiring.background(broker, database, progress):
        for _ in range(3):
            clock.now += READY_SECONDS + 1
            await eventually(lambda: progress.has_succeeded_within(0))


async def test_it_serves_while_the_block_runs_and_only_then(broker: Broker) -> None:
    async with serving(worker_app(broker, Progress()), "127.0.0.1", 0) as port, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port}/metrics"
        response = await client.get(url)
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "videobroker_background_task_restarts" in response.text
        assert "videobroker_database_up 1.0" in response.text
        with pytest.raises(StartupFailed, match="VIDEOBROKER_HEALTH_PORT"):
            async with serving(worker_app(broker, Progress()), "127.0.0.1", port):
                pass
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_other_paths_and_methods_are_refused(broker: Broker) -> None:
    async with client_of(broker, Progress()) as client:
        assert (await client.get("/v1/bookings")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405
