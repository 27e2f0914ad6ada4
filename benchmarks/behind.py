"""What the worker spends behind every join, beside what the service itself spends on it.

Each in processor time, of processes that are there for nothing else. Asking providers about open calls costs by the
minute and not by the join: no vendor is queried meanwhile.
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

from benchmarks import stage
from benchmarks.load import Shot, load
from benchmarks.stage import Served, Stage, connected
from videobroker import wiring
from videobroker.settings import Settings
from videobroker.usecases.context import RequestContext
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest

CONNECTIONS = 32
ALONE, WITH_ENDPOINT = "app without webhook endpoints", "app with an endpoint for every event"
IDLE_SECONDS = 3.0
LONGEST_SECONDS = 120.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time for one join, in microseconds."""

    name: str
    joins: int
    service: float
    worker: float


def run(few: Stage, ours: Served, folder: Path, seconds: float, report: Report) -> list[dict[str, Any]]:
    """Without an endpoint, and with one."""
    asyncio.run(_let_everything_else_rest(few))
    with stage.worker_of(few, folder) as worker:
        found = [_spent(ALONE, few, ours, worker, seconds, report)]
        with _backend() as url:
            asyncio.run(_tell(few, url))
            found.append(_spent(WITH_ENDPOINT, few, ours, worker, seconds, report))
    return [asdict(each) for each in found]


def _spent(name: str, few: Stage, ours: Served, worker: Served, seconds: float, report: Report) -> Spent:
    report(f"the worker behind joins: {name}")
    _until_done(few)
    idle = _idle(worker)
    began, before = time.monotonic(), (_processor_seconds(ours), _processor_seconds(worker))
    shots = [Shot(f"/v1/bookings/{reference}/join", '{"user_id":"tutor-1"}') for reference in few.references]
    headers = {"Authorization": f"Bearer {few.key}", "Content-Type": "application/json"}
    joins = load(ours.url, shots, headers, connections=CONNECTIONS, seconds=seconds).requests
    service = _processor_seconds(ours) - before[0]
    _until_done(few)
    # Its work without joins does not count.
    work = _processor_seconds(worker) - before[1] - idle * (time.monotonic() - began)
    return Spent(name, joins, service / joins * 1e6, max(work, 0.0) / joins * 1e6)


def _idle(worker: Served) -> float:
    """Processor seconds a second while nothing is to be done."""
    before = _processor_seconds(worker)
    time.sleep(IDLE_SECONDS)
    return (_processor_seconds(worker) - before) / IDLE_SECONDS


def _processor_seconds(served: Served) -> float:
    spent = psutil.Process(served.process.pid).cpu_times()
    return spent.user + spent.system


def _until_done(few: Stage) -> None:
    """Wait until everything is sealed, and everything that is to be delivered is."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while asyncio.run(_left(few)):
        if time.monotonic() > deadline:
            raise RuntimeError("the worker did not come to an end")
        time.sleep(0.2)


async def _left(few: Stage) -> int:
    async with connected(few.database) as connection:
        return int(
            await connection.fetchval(
                """
                select (select count(*) from journal where app_id = $1)
                     - (select count(*) from journal_leaves where app_id = $1)
                     + (select count(*) from deliveries where app_id = $1 and state = 'pending')
                """,
                few.app.id,
            )
        )


async def _let_everything_else_rest(few: Stage) -> None:
    """Query no vendor, and process no earlier webhook."""
    async with connected(few.database) as connection:
        await connection.execute("update inbox set state = 'ignored' where state = 'pending'")
        await connection.execute("delete from jobs.queue")
        await connection.execute("update calls set asked_at = now() + interval '1 day' where settled_at is null")
        await connection.execute("vacuum analyze calls")


async def _tell(few: Stage, url: str) -> None:
    """Give the app an endpoint."""
    settings = Settings(_env_file=None, secret_key=few.secret_key, webhooks_anywhere=True)
    async with wiring.broker(settings, few.database) as broker:
        await endpoints.create(RequestContext.for_system(broker, few.app, broker.now()), EndpointRequest(url))


class _Taker(BaseHTTPRequestHandler):
    """Accepts every webhook."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read it, and say thanks."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def _backend() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks"
    finally:
        server.shutdown()
        server.server_close()
