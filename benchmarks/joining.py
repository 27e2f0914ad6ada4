"""Benchmarks of joins: against the contenders, against other frequent requests, and with growing tables.

For each request, every server reads by an index, inserts a row that is on disk before the response, and signs HS256.
Only videobroker also makes all checks.
"""

import asyncio
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from benchmarks import background_work, builtin_load_generator
from benchmarks.contenders import servers
from benchmarks.environment import (
    WEBHOOK_SECRET,
    BenchmarkEnvironment,
    ServerProcess,
    connect,
    create_environment,
    start_broker,
    start_postgres,
    start_sandbox,
)
from benchmarks.load_generator import LoadResult, RequestTemplate, generator_name, run_load
from videobroker.providers.contract import CredentialRequest
from videobroker.providers.hms.provider import HmsProvider
from videobroker.sandbox import demo_config
from videobroker.settings import ServerName

VIDEOBROKER = "videobroker, all checks"
VIDEOBROKER_ON_GRANIAN = "videobroker on granian, all checks"
FLOOR = servers.PYTHON[0].name
CONNECTIONS = (1, 32, 128)
FIRST_JOINS = 200
VENDOR_LATENCY_MS = 300
SIGNATURE_COUNT = 20_000
BYTES_PER_SESSION = 1_600
"""On disk, with participants, room, call, and indexes."""

Report = Callable[[str], None]


class InsufficientDiskSpace(Exception):
    """The disk has too little free space for the large tables."""


@dataclass(frozen=True, slots=True)
class Size:
    """Number and length of the measurements, and sizes of the tables."""

    rounds: int
    seconds: float
    first_join_rounds: int
    many_sessions: tuple[int, ...]
    few_sessions: int = 10_000


DEFAULT = Size(rounds=3, seconds=4.0, first_join_rounds=5, many_sessions=(1_000_000, 10_000_000))
QUICK = Size(rounds=2, seconds=1.0, first_join_rounds=2, many_sessions=(100_000,))


@dataclass(frozen=True, slots=True)
class ServerResult:
    """The results of all rounds of one server with one number of connections."""

    name: str
    connections: int
    rounds: list[LoadResult] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests per second: the median of the rounds."""
        return statistics.median(each.per_second for each in self.rounds)

    @property
    def p50(self) -> float:
        """Milliseconds: the median of the rounds."""
        return statistics.median(each.p50 for each in self.rounds)

    @property
    def p99(self) -> float:
        """Milliseconds: the median of the rounds."""
        return statistics.median(each.p99 for each in self.rounds)

    @property
    def errors(self) -> int:
        """The sum of the rounds."""
        return sum(each.errors for each in self.rounds)

    def to_json(self) -> dict[str, Any]:
        """A JSON object, with the results of each round."""
        return {
            "name": self.name,
            "connections": self.connections,
            "per_second": self.per_second,
            "p50": self.p50,
            "p99": self.p99,
            "errors": self.errors,
            "rounds": [asdict(each) for each in self.rounds],
        }


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """A server, and the requests to send to it."""

    name: str
    url: str
    templates: Sequence[RequestTemplate]
    headers: dict[str, str]


def run(size: Size, additional_contenders: Sequence[servers.Contender], report: Report) -> dict[str, Any]:
    """Runs all benchmarks of joins, with additional contenders. `report` gets the progress.

    Raises `InsufficientDiskSpace` if the large tables do not fit on the disk.
    """
    with tempfile.TemporaryDirectory(prefix="videobroker-bench-") as name:
        folder = Path(name)
        _require_disk_space(folder, sum(size.many_sessions) * BYTES_PER_SESSION)
        with start_postgres(folder) as database, start_sandbox(folder) as sandbox:
            report("filling the database")
            environment = asyncio.run(create_environment(database, sandbox.url, sessions=size.few_sessions))
            result: dict[str, Any] = {"machine": machine(database), "size": asdict(size)}
            with _all_servers(environment, additional_contenders, folder) as (broker, broker_on_granian, contenders):
                processes = (broker, broker_on_granian, *contenders)
                result["start_seconds"] = {each.name: each.seconds_to_start for each in processes}
                result["idle_megabytes"] = {each.name: each.megabytes for each in processes}
                result |= _compare(environment, broker, broker_on_granian, contenders, size, report)
                result["megabytes"] = {each.name: each.megabytes for each in processes}
                result["other_requests"] = _other_requests(environment, broker, size, report)
                result["first_joins"] = _first_joins(environment, broker, sandbox, size, report)
                result["background_work"] = background_work.run(environment, broker, folder, size.seconds, report)
            result["signatures_per_second"] = _signatures_per_second()
            result["growth"] = _growth(environment, folder, size, report)
    return result


def _require_disk_space(folder: Path, required_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < required_bytes:
        raise InsufficientDiskSpace(
            f"The large tables need {required_bytes / 1e9:.0f} GB in {folder.parent}, "
            f"but only {free_bytes / 1e9:.0f} GB are free. "
            "Reduce the number of sessions with --sessions, or set TMPDIR."
        )


@contextlib.contextmanager
def _all_servers(
    environment: BenchmarkEnvironment, additional_contenders: Sequence[servers.Contender], folder: Path
) -> Iterator[tuple[ServerProcess, ServerProcess, list[ServerProcess]]]:
    asyncio.run(servers.create_tables(environment.database, list(environment.references)))
    contenders = servers.available_contenders()
    if len(contenders) > len(servers.PYTHON):
        servers.install_node_packages()
    contenders += tuple(additional_contenders)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(start_broker(environment, folder))
        broker_on_granian = stack.enter_context(start_broker(environment, folder, ServerName.GRANIAN))
        yield (
            broker,
            broker_on_granian,
            [stack.enter_context(servers.start_contender(each, environment.database, folder)) for each in contenders],
        )


def machine(database: str) -> dict[str, Any]:
    """The conditions of the measurement."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "postgresql": asyncio.run(_postgresql_version(database)),
        "node": _output_of("node", "--version"),
        "load_generator": generator_name(),
        "load_average_before": os.getloadavg()[0],
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _output_of(*command: str) -> str | None:
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    return None


async def _postgresql_version(database: str) -> str:
    async with connect(database) as connection:
        return str(await connection.fetchval("show server_version"))


def join_target(environment: BenchmarkEnvironment, broker: ServerProcess, name: str = VIDEOBROKER) -> LoadTarget:
    """Warm joins at videobroker."""
    templates = [
        RequestTemplate(f"/v1/bookings/{reference}/join", '{"user_id":"tutor-1"}')
        for reference in environment.references
    ]
    return LoadTarget(name, broker.url, templates, request_headers(environment))


def request_headers(environment: BenchmarkEnvironment) -> dict[str, str]:
    """Headers of requests from a backend."""
    return {"Authorization": f"Bearer {environment.key}", "Content-Type": "application/json"}


def _contender_target(environment: BenchmarkEnvironment, server: ServerProcess) -> LoadTarget:
    bodies = [json.dumps({"reference": reference, "user_id": "tutor-1"}) for reference in environment.references]
    return LoadTarget(
        server.name, server.url, [RequestTemplate("/join", each) for each in bodies], request_headers(environment)
    )


def _compare(
    environment: BenchmarkEnvironment,
    broker: ServerProcess,
    broker_on_granian: ServerProcess,
    contenders: Sequence[ServerProcess],
    size: Size,
    report: Report,
) -> dict[str, Any]:
    targets = [
        join_target(environment, broker),
        join_target(environment, broker_on_granian, VIDEOBROKER_ON_GRANIAN),
        *(_contender_target(environment, each) for each in contenders),
    ]
    for target in targets:
        report(f"warming up: {target.name}")
        _run_load(target, 32, 1.0)
    round_trips: dict[str, float] = {}
    all_results = []
    for connections in CONNECTIONS:
        queries_before = _query_count(broker.url)
        results = _run_interleaved(targets, connections, size, report)
        all_results += results
        joins = sum(each.requests for each in results[0].rounds)
        round_trips[str(connections)] = (_query_count(broker.url) - queries_before) / joins
    return {"joins": [each.to_json() for each in all_results], "round_trips_per_join": round_trips}


def _run_interleaved(targets: Sequence[LoadTarget], connections: int, size: Size, report: Report) -> list[ServerResult]:
    lines = [ServerResult(target.name, connections) for target in targets]
    for number in range(size.rounds):
        # The order rotates.
        for place in range(len(targets)):
            index = (place + number) % len(targets)
            report(f"{connections} connections, round {number + 1} of {size.rounds}: {targets[index].name}")
            lines[index].rounds.append(_run_load(targets[index], connections, size.seconds, seed=number * 3989))
    for line in lines:
        requests = sum(each.requests for each in line.rounds)
        # Tolerates a few errors: requests may be cut off at the end of a round.
        if line.errors > requests / 1000 + connections:
            raise RuntimeError(f"{line.name}: {line.errors} of {requests} requests failed")
    return lines


def _run_load(target: LoadTarget, connections: int, seconds: float, seed: int = 0) -> LoadResult:
    return run_load(target.url, target.templates, target.headers, connections=connections, seconds=seconds, seed=seed)


def _query_count(url: str) -> float:
    """Round trips of the process since its start, from its metrics."""
    total = 0.0
    for line in httpx.get(f"{url}/metrics").text.splitlines():
        if line.startswith(("videobroker_batch_queries_total", "videobroker_tenant_cache_queries_total")):
            total += float(line.rpartition(" ")[2])
    return total


def _other_requests(
    environment: BenchmarkEnvironment, broker: ServerProcess, size: Size, report: Report
) -> list[dict[str, Any]]:
    """Other frequent requests."""
    headers = request_headers(environment)
    paths = [f"/v1/bookings/{reference}" for reference in environment.references]
    room_ids = asyncio.run(_room_ids(environment))
    webhooks = [_webhook(room_ids[number % len(room_ids)]) for number in range(20_000)]
    webhook_headers = {"Videobroker-Hook-Secret": WEBHOOK_SECRET, "Content-Type": "application/json"}
    targets = [
        join_target(environment, broker, "join"),
        LoadTarget(
            "join of a guest",
            broker.url,
            [RequestTemplate(f"{path}/guests", '{"name":"Eva"}') for path in paths],
            headers,
        ),
        LoadTarget(
            "access check",
            broker.url,
            [RequestTemplate(f"{path}/access", '{"user_id":"tutor-1"}') for path in paths],
            headers,
        ),
        LoadTarget(
            "webhook",
            broker.url,
            [RequestTemplate(f"/hooks/100ms/{environment.app.name}", each) for each in webhooks],
            webhook_headers,
        ),
    ]
    return [line.to_json() for line in _run_interleaved(targets, 32, size, report)]


async def _room_ids(environment: BenchmarkEnvironment) -> list[str]:
    async with connect(environment.database) as connection:
        rows = await connection.fetch(
            "select provider_room_id from rooms where app_id = $1 limit 1000", environment.app.id
        )
        return [row[0] for row in rows]


def _webhook(room_id: str) -> str:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    data = {
        "room_id": room_id,
        "session_id": str(uuid4()),
        "peer_id": str(uuid4()),
        "user_id": "tutor-1",
        "user_name": "Ada",
        "role": "teacher",
        "joined_at": now,
    }
    return json.dumps(
        {"version": "2.0", "id": str(uuid4()), "timestamp": now, "type": "peer.join.success", "data": data}
    )


def _first_joins(
    environment: BenchmarkEnvironment, broker: ServerProcess, sandbox: ServerProcess, size: Size, report: Report
) -> dict[str, Any]:
    """Concurrent first joins of one session, with a slow vendor."""
    calls, seconds = [], []
    fault = {"kind": "latency", "operation": "create_room", "milliseconds": VENDOR_LATENCY_MS}
    with (
        httpx.Client(base_url=sandbox.url) as vendor,
        httpx.Client(base_url=broker.url, headers=request_headers(environment)) as api,
    ):
        vendor.post("/_sandbox/faults", json=fault).raise_for_status()
        for number in range(size.first_join_rounds):
            report(f"concurrent first joins, {number + 1} of {size.first_join_rounds}")
            starts_at = datetime.now(UTC) + timedelta(minutes=5)
            booking = {
                "starts_at": starts_at.isoformat().replace("+00:00", "Z"),
                "duration_minutes": 60,
                "participants": [{"user_id": "tutor-1", "role": "tutor"}],
            }
            reference = f"first-joins-{uuid4()}"
            api.put(f"/v1/bookings/{reference}", json=booking).raise_for_status()
            vendor.post("/_sandbox/counters/reset")
            templates = [RequestTemplate(f"/v1/bookings/{reference}/join", '{"user_id":"tutor-1"}')]
            # Each connection sends one request.
            load_result = builtin_load_generator.run_load(
                broker.url, templates, request_headers(environment), connections=FIRST_JOINS, seconds=0
            )
            if load_result.errors or load_result.requests != FIRST_JOINS:
                raise RuntimeError(f"{load_result.errors} of {load_result.requests} first joins failed")
            calls.append(vendor.get("/_sandbox/counters").json().get("create_room", 0))
            seconds.append(load_result.seconds)
        vendor.delete("/_sandbox/faults")
    return {
        "joins": FIRST_JOINS,
        "vendor_latency_ms": VENDOR_LATENCY_MS,
        "vendor_calls": calls,
        "last_response_seconds": statistics.median(seconds),
        "allowed_seconds": 1.5 * VENDOR_LATENCY_MS / 1000 + 0.2,
    }


def _signatures_per_second() -> float:
    """Tokens that one process signs per second, without requests."""
    workspace = demo_config().workspaces[0]
    settings: Mapping[str, str] = {"access_key": workspace.access_key, "secret": workspace.secret}
    provider = HmsProvider.from_settings(settings, clock=lambda: datetime.now(UTC))
    now = datetime.now(UTC)
    request = CredentialRequest("tutor-1", "teacher", "Ada", now, now + timedelta(hours=1))
    started_at = time.perf_counter()
    for _ in range(SIGNATURE_COUNT):
        provider.sign("65f0c1a2b3d4e5f60718293a", request)
    seconds = time.perf_counter() - started_at
    asyncio.run(provider.aclose())
    return SIGNATURE_COUNT / seconds


def _growth(environment: BenchmarkEnvironment, folder: Path, size: Size, report: Report) -> dict[str, Any]:
    """Joins with larger tables. The databases are on one server, and are measured in turns."""
    environments, fill_seconds = [environment], []
    for sessions in size.many_sessions:
        started_at = time.perf_counter()
        environments.append(_create_larger_environment(environment, sessions, report))
        fill_seconds.append(time.perf_counter() - started_at)
    with contextlib.ExitStack() as stack:
        brokers = [stack.enter_context(start_broker(each, folder)) for each in environments]
        targets = [
            join_target(each, broker, f"{each.sessions:,} sessions")
            for each, broker in zip(environments, brokers, strict=True)
        ]
        for target in targets:
            report(f"warming up: {target.name}")
            # Loads the rows of all joined sessions into the buffers.
            _run_load(target, 32, 4.0)
        lines = [line for connections in (1, 32) for line in _run_interleaved(targets, connections, size, report)]
    return {
        "sessions": [each.sessions for each in environments],
        "fill_seconds": fill_seconds,
        "joins": [line.to_json() for line in lines],
    }


def _create_larger_environment(
    environment: BenchmarkEnvironment, sessions: int, report: Report
) -> BenchmarkEnvironment:
    def on_progress(done: int) -> None:
        report(f"filling a database with {sessions:,} sessions: {done:,}")

    on_progress(0)
    database = asyncio.run(_create_database(environment.database, f"of_{sessions}"))
    return asyncio.run(create_environment(database, environment.sandbox, sessions=sessions, on_progress=on_progress))


async def _create_database(database: str, name: str) -> str:
    async with connect(database) as connection:
        await connection.execute(f"create database {name}")
    head, _, query = database.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
