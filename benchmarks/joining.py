"""What a join costs beside other ways to write such a service, what else is asked as often, and how it grows.

Every server does the same durable work per request: an indexed read, an insert that is on disk before the answer, an
HS256 signature. We do all our checks beside it; the others do none.
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

from benchmarks import behind, gun, stage
from benchmarks.contenders import servers
from benchmarks.load import Measured, Shot, generator, load
from benchmarks.stage import Served, Stage, connected
from videobroker.providers.contract import CredentialRequest
from videobroker.providers.hms.provider import HmsProvider
from videobroker.sandbox import demo_config
from videobroker.settings import ServerName

OURS = "videobroker, all checks"
OURS_ON_GRANIAN = "videobroker on granian, all checks"
FLOOR = servers.PYTHON[0].name
CONNECTIONS = (1, 32, 128)
STORM = 200
VENDOR_MILLISECONDS = 300
SIGNATURES = 20_000
BYTES_PER_SESSION = 1_600
"""On disk, with its people, room, call and indexes."""

Report = Callable[[str], None]


class NoRoom(Exception):
    """The disk is too small."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    rounds: int
    seconds: float
    storms: int
    many_sessions: tuple[int, ...]
    few_sessions: int = 10_000


WHOLE = Size(rounds=3, seconds=4.0, storms=5, many_sessions=(1_000_000, 10_000_000))
QUICK = Size(rounds=2, seconds=1.0, storms=2, many_sessions=(100_000,))


@dataclass(frozen=True, slots=True)
class Line:
    """What one server did at one number of connections, in all rounds."""

    name: str
    connections: int
    rounds: list[Measured] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests a second: the median of the rounds."""
        return statistics.median(each.per_second for each in self.rounds)

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return statistics.median(each.p50 for each in self.rounds)

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return statistics.median(each.p99 for each in self.rounds)

    @property
    def errors(self) -> int:
        """In all rounds."""
        return sum(each.errors for each in self.rounds)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
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
class Target:
    """A server with what is fired at it."""

    name: str
    url: str
    shots: Sequence[Shot]
    headers: dict[str, str]


def run(size: Size, brought: Sequence[servers.Contender], report: Report) -> dict[str, Any]:
    """Everything, with those that were brought among the contenders. `report` is called with the progress.

    Raises `NoRoom` when there is none on the disk for so many sessions.
    """
    with tempfile.TemporaryDirectory(prefix="videobroker-bench-") as name:
        folder = Path(name)
        _require_room(folder, sum(size.many_sessions) * BYTES_PER_SESSION)
        with stage.database_in(folder) as database, stage.sandbox_in(folder) as sandbox:
            report("filling the database")
            few = asyncio.run(stage.prepared(database, sandbox.url, sessions=size.few_sessions))
            result: dict[str, Any] = {"machine": machine(database), "size": asdict(size)}
            with _all_servers(few, brought, folder) as (ours, on_granian, others):
                processes = (ours, on_granian, *others)
                result["start_seconds"] = {each.name: each.seconds_to_start for each in processes}
                result["idle_megabytes"] = {each.name: each.megabytes for each in processes}
                result |= _compared(few, ours, on_granian, others, size, report)
                result["megabytes"] = {each.name: each.megabytes for each in processes}
                result["beside"] = _beside(few, ours, size, report)
                result["storm"] = _storms(few, ours, sandbox, size, report)
                result["behind"] = behind.run(few, ours, folder, size.seconds, report)
            result["signatures_per_second"] = _signatures()
            result["growth"] = _growth(few, folder, size, report)
    return result


def _require_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise NoRoom(
            f"The large tables take {wanted / 1e9:.0f} GB in {folder.parent}, where {free / 1e9:.0f} are free. "
            "Make fewer with --sessions, or set TMPDIR."
        )


@contextlib.contextmanager
def _all_servers(
    few: Stage, brought: Sequence[servers.Contender], folder: Path
) -> Iterator[tuple[Served, Served, list[Served]]]:
    asyncio.run(servers.furnish(few.database, list(few.references)))
    contenders = servers.available()
    if len(contenders) > len(servers.PYTHON):
        servers.install()
    contenders += tuple(brought)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(stage.broker_of(few, folder))
        on_granian = stack.enter_context(stage.broker_of(few, folder, ServerName.GRANIAN))
        yield (
            ours,
            on_granian,
            [stack.enter_context(servers.started(each, few.database, folder)) for each in contenders],
        )


def machine(database: str) -> dict[str, Any]:
    """Where it was measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "postgresql": asyncio.run(_version(database)),
        "node": _output_of("node", "--version"),
        "load_generator": generator(),
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


async def _version(database: str) -> str:
    async with connected(database) as connection:
        return str(await connection.fetchval("show server_version"))


def ours_of(few: Stage, ours: Served, name: str = OURS) -> Target:
    """Warm joins, measured at the service."""
    shots = [Shot(f"/v1/bookings/{reference}/join", '{"user_id":"tutor-1"}') for reference in few.references]
    return Target(name, ours.url, shots, headers_of(few))


def headers_of(few: Stage) -> dict[str, str]:
    """What a backend sends."""
    return {"Authorization": f"Bearer {few.key}", "Content-Type": "application/json"}


def _theirs(few: Stage, server: Served) -> Target:
    asked = [json.dumps({"reference": reference, "user_id": "tutor-1"}) for reference in few.references]
    return Target(server.name, server.url, [Shot("/join", each) for each in asked], headers_of(few))


def _compared(
    few: Stage, ours: Served, on_granian: Served, others: Sequence[Served], size: Size, report: Report
) -> dict[str, Any]:
    targets = [
        ours_of(few, ours),
        ours_of(few, on_granian, OURS_ON_GRANIAN),
        *(_theirs(few, each) for each in others),
    ]
    for target in targets:
        report(f"warming up: {target.name}")
        _fire(target, 32, 1.0)
    trips: dict[str, float] = {}
    lines = []
    for connections in CONNECTIONS:
        before = _counted(ours.url)
        found = _interleaved(targets, connections, size, report)
        lines += found
        joins = sum(each.requests for each in found[0].rounds)
        trips[str(connections)] = (_counted(ours.url) - before) / joins
    return {"joins": [line.to_json() for line in lines], "round_trips_per_join": trips}


def _interleaved(targets: Sequence[Target], connections: int, size: Size, report: Report) -> list[Line]:
    lines = [Line(target.name, connections) for target in targets]
    for number in range(size.rounds):
        # The order rotates.
        for place in range(len(targets)):
            index = (place + number) % len(targets)
            report(f"{connections} connections, round {number + 1} of {size.rounds}: {targets[index].name}")
            lines[index].rounds.append(_fire(targets[index], connections, size.seconds, seed=number * 3989))
    for line in lines:
        requests = sum(each.requests for each in line.rounds)
        # One that was cut off at the end of a round is no reason to throw everything away.
        if line.errors > requests / 1000 + connections:
            raise RuntimeError(f"{line.name} answered {line.errors} of {requests} requests with an error")
    return lines


def _fire(target: Target, connections: int, seconds: float, seed: int = 0) -> Measured:
    return load(target.url, target.shots, target.headers, connections=connections, seconds=seconds, seed=seed)


def _counted(url: str) -> float:
    """Round trips of the process so far, as it tells them itself."""
    total = 0.0
    for line in httpx.get(f"{url}/metrics").text.splitlines():
        if line.startswith(("videobroker_batch_queries_total", "videobroker_tenant_cache_queries_total")):
            total += float(line.rpartition(" ")[2])
    return total


def _beside(few: Stage, ours: Served, size: Size, report: Report) -> list[dict[str, Any]]:
    """What else is asked often."""
    headers = headers_of(few)
    paths = [f"/v1/bookings/{reference}" for reference in few.references]
    rooms = asyncio.run(_rooms(few))
    hooks = [_webhook(rooms[number % len(rooms)]) for number in range(20_000)]
    hook_headers = {"Videobroker-Hook-Secret": stage.HOOK_SECRET, "Content-Type": "application/json"}
    targets = [
        ours_of(few, ours, "join"),
        Target("join of a guest", ours.url, [Shot(f"{path}/guests", '{"name":"Eva"}') for path in paths], headers),
        Target("access check", ours.url, [Shot(f"{path}/access", '{"user_id":"tutor-1"}') for path in paths], headers),
        Target("webhook", ours.url, [Shot(f"/hooks/100ms/{few.app.name}", each) for each in hooks], hook_headers),
    ]
    return [line.to_json() for line in _interleaved(targets, 32, size, report)]


async def _rooms(few: Stage) -> list[str]:
    async with connected(few.database) as connection:
        found = await connection.fetch("select provider_room_id from rooms where app_id = $1 limit 1000", few.app.id)
        return [row[0] for row in found]


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


def _storms(few: Stage, ours: Served, sandbox: Served, size: Size, report: Report) -> dict[str, Any]:
    """Many first joins of one session, at the same moment, while the vendor takes its time."""
    calls, seconds = [], []
    fault = {"kind": "latency", "operation": "create_room", "milliseconds": VENDOR_MILLISECONDS}
    with httpx.Client(base_url=sandbox.url) as vendor, httpx.Client(base_url=ours.url, headers=headers_of(few)) as api:
        vendor.post("/_sandbox/faults", json=fault).raise_for_status()
        for number in range(size.storms):
            report(f"cold storm {number + 1} of {size.storms}")
            starts_at = datetime.now(UTC) + timedelta(minutes=5)
            booking = {
                "starts_at": starts_at.isoformat().replace("+00:00", "Z"),
                "duration_minutes": 60,
                "participants": [{"user_id": "tutor-1", "role": "tutor"}],
            }
            reference = f"storm-{uuid4()}"
            api.put(f"/v1/bookings/{reference}", json=booking).raise_for_status()
            vendor.post("/_sandbox/counters/reset")
            shots = [Shot(f"/v1/bookings/{reference}/join", '{"user_id":"tutor-1"}')]
            # Each connection fires once.
            measured = gun.fire(ours.url, shots, headers_of(few), connections=STORM, seconds=0)
            if measured.errors or measured.requests != STORM:
                raise RuntimeError(f"{measured.errors} of {measured.requests} first joins failed")
            calls.append(vendor.get("/_sandbox/counters").json().get("create_room", 0))
            seconds.append(measured.seconds)
        vendor.delete("/_sandbox/faults")
    return {
        "joins": STORM,
        "vendor_milliseconds": VENDOR_MILLISECONDS,
        "vendor_calls": calls,
        "last_answer_seconds": statistics.median(seconds),
        "allowed_seconds": 1.5 * VENDOR_MILLISECONDS / 1000 + 0.2,
    }


def _signatures() -> float:
    """Tokens that one process signs in a second, when it does nothing else."""
    workspace = demo_config().workspaces[0]
    settings: Mapping[str, str] = {"access_key": workspace.access_key, "secret": workspace.secret}
    provider = HmsProvider.from_settings(settings, clock=lambda: datetime.now(UTC))
    now = datetime.now(UTC)
    seat = CredentialRequest("tutor-1", "teacher", "Ada", now, now + timedelta(hours=1))
    began = time.perf_counter()
    for _ in range(SIGNATURES):
        provider.sign("65f0c1a2b3d4e5f60718293a", seat)
    took = time.perf_counter() - began
    asyncio.run(provider.aclose())
    return SIGNATURES / took


def _growth(few: Stage, folder: Path, size: Size, report: Report) -> dict[str, Any]:
    """The same joins where the tables hold more: databases on one server, in turns."""
    stages, seconds = [few], []
    for sessions in size.many_sessions:
        began = time.perf_counter()
        stages.append(_larger(few, sessions, report))
        seconds.append(time.perf_counter() - began)
    with contextlib.ExitStack() as stack:
        served = [stack.enter_context(stage.broker_of(each, folder)) for each in stages]
        targets = [
            ours_of(each, broker, f"{each.sessions:,} sessions") for each, broker in zip(stages, served, strict=True)
        ]
        for target in targets:
            report(f"warming up: {target.name}")
            # Every session that is joined has to be in memory once.
            _fire(target, 32, 4.0)
        lines = [line for connections in (1, 32) for line in _interleaved(targets, connections, size, report)]
    return {
        "sessions": [each.sessions for each in stages],
        "fill_seconds": seconds,
        "joins": [line.to_json() for line in lines],
    }


def _larger(few: Stage, sessions: int, report: Report) -> Stage:
    def filled(done: int) -> None:
        report(f"filling a database with {sessions:,} sessions: {done:,}")

    filled(0)
    database = asyncio.run(_another_database(few.database, f"of_{sessions}"))
    return asyncio.run(stage.prepared(database, few.sandbox, sessions=sessions, filled=filled))


async def _another_database(database: str, name: str) -> str:
    async with connected(database) as connection:
        await connection.execute(f"create database {name}")
    head, _, query = database.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
