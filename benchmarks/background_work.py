"""Compares the processor time of the worker per join with that of the service.

Both processes do nothing else. Reconciliation is excluded, because it costs by time and not by join.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from benchmarks.environment import BenchmarkEnvironment, ServerProcess, connect, start_worker
from benchmarks.load_generator import RequestTemplate, run_load
from videobroker import wiring
from videobroker.settings import Settings
from videobroker.usecases.context import RequestContext
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest

CONNECTIONS = 32
WITHOUT_ENDPOINT, WITH_ENDPOINT = "app without webhook endpoints", "app with an endpoint for every event"
IDLE_SECONDS = 3.0
DRAIN_TIMEOUT_SECONDS = 120.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Processor time per join, in microseconds."""

    name: str
    joins: int
    service: float
    worker: float


def run(
    environment: BenchmarkEnvironment, service_process: ServerProcess, folder: Path, seconds: float, report: Report
) -> list[dict[str, Any]]:
    """Measures an app without a webhook endpoint, and then with one."""
    asyncio.run(_suspend_other_work(environment))
    with start_worker(environment, folder) as worker:
        results = [_measure(WITHOUT_ENDPOINT, environment, service_process, worker, seconds, report)]
        with _webhook_receiver() as url:
            asyncio.run(_create_endpoint(environment, url))
            results.append(_measure(WITH_ENDPOINT, environment, service_process, worker, seconds, report))
    return [asdict(each) for each in results]


def _measure(
    name: str,
    environment: BenchmarkEnvironment,
    service_process: ServerProcess,
    worker: ServerProcess,
    seconds: float,
    report: Report,
) -> ProcessorTime:
    report(f"background work: {name}")
    _wait_until_drained(environment)
    idle_share = _idle_share(worker)
    started_at, before = time.monotonic(), (_processor_seconds(service_process), _processor_seconds(worker))
    templates = [
        RequestTemplate(f"/v1/bookings/{reference}/join", '{"user_id":"tutor-1"}')
        for reference in environment.references
    ]
    headers = {"Authorization": f"Bearer {environment.key}", "Content-Type": "application/json"}
    joins = run_load(service_process.url, templates, headers, connections=CONNECTIONS, seconds=seconds).requests
    service_seconds = _processor_seconds(service_process) - before[0]
    _wait_until_drained(environment)
    # Subtract what the worker uses when it is idle.
    worker_seconds = _processor_seconds(worker) - before[1] - idle_share * (time.monotonic() - started_at)
    return ProcessorTime(name, joins, service_seconds / joins * 1e6, max(worker_seconds, 0.0) / joins * 1e6)


def _idle_share(worker: ServerProcess) -> float:
    """Processor seconds per second of an idle worker."""
    before = _processor_seconds(worker)
    time.sleep(IDLE_SECONDS)
    return (_processor_seconds(worker) - before) / IDLE_SECONDS


def _processor_seconds(server: ServerProcess) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


def _wait_until_drained(environment: BenchmarkEnvironment) -> None:
    """Waits until all events are sealed and delivered."""
    deadline = time.monotonic() + DRAIN_TIMEOUT_SECONDS
    while asyncio.run(_pending_count(environment)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the worker did not finish within {DRAIN_TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.2)


async def _pending_count(environment: BenchmarkEnvironment) -> int:
    async with connect(environment.database) as connection:
        return int(
            await connection.fetchval(
                """
                select (select count(*) from journal where app_id = $1)
                     - (select count(*) from journal_leaves where app_id = $1)
                     + (select count(*) from deliveries where app_id = $1 and state = 'pending')
                """,
                environment.app.id,
            )
        )


async def _suspend_other_work(environment: BenchmarkEnvironment) -> None:
    """Prevents reconciliation, and the processing of earlier webhooks."""
    async with connect(environment.database) as connection:
        await connection.execute("update inbox set state = 'ignored' where state = 'pending'")
        await connection.execute("delete from jobs.queue")
        await connection.execute("update calls set asked_at = now() + interval '1 day' where settled_at is null")
        await connection.execute("vacuum analyze calls")


async def _create_endpoint(environment: BenchmarkEnvironment, url: str) -> None:
    settings = Settings(_env_file=None, secret_key=environment.secret_key, webhooks_anywhere=True)
    async with wiring.broker(settings, environment.database) as broker:
        await endpoints.create(RequestContext.for_system(broker, environment.app, broker.now()), EndpointRequest(url))


class _WebhookReceiver(BaseHTTPRequestHandler):
    """Accepts every webhook."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Disables the access log."""


@contextlib.contextmanager
def _webhook_receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _WebhookReceiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks"
    finally:
        server.shutdown()
        server.server_close()
