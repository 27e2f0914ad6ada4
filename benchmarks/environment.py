"""The environment of the benchmarks: PostgreSQL, an emulated 100ms, an app with many sessions, and server processes."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import psutil

from videobroker import wiring
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import App, ProviderName
from videobroker.sandbox import demo_config
from videobroker.settings import ServerName, Settings
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.encryption import new_key
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
MAX_JOINED_SESSIONS = 10_000
"""Number of sessions that are joined, distributed evenly among all sessions."""
WEBHOOK_SECRET = "invented-hook-secret"  # noqa: S105
SESSIONS_PER_INSERT = 100_000
UNREACHABLE_LIMITS = {
    "VIDEOBROKER_RATE_LIMIT_API_KEY": "1000000/second",
    "VIDEOBROKER_RATE_LIMIT_USER": "1000000/second",
    "VIDEOBROKER_RATE_LIMIT_TICKET": "1000000/second",
    "VIDEOBROKER_RATE_LIMIT_ADDRESS": "1000000/second",
}
"""Rate limits that are counted, but that no benchmark exceeds."""

# Confirmed bookings in progress, each with a participant, a ready room, and an open call: everything for a warm join.
INSERT_SESSIONS = """
with added as (
    insert into sessions (app_id, id, kind, reference, title, status, video, starts_at, ends_at, providers, provider,
                          policy, metadata, version, created_at, updated_at)
    select $1, uuidv7(), 'booking', 'lesson-' || n, 'Algebra ' || n, 'confirmed', true,
           now() - interval '5 minutes', now() + interval '3 hours', '{}', '100ms', '{}', '{}', 1, now(), now()
    from generate_series($2::int, $3::int) as n
    returning id, reference
), added_participants as (
    insert into participants (app_id, session_id, user_id, role, display_name)
    select $1, id, 'tutor-1', 'tutor', 'Ada' from added
), added_rooms as (
    insert into rooms (app_id, id, session_id, provider, state, provider_room_id, codes, attempt, updated_at)
    select $1, uuidv7(), id, '100ms', 'ready', substr(replace(id::text, '-', ''), 1, 24), '{}', 1, now()
    from added
)
insert into calls (app_id, id, session_id, provider, started_at, started_by)
select $1, uuidv7(), id, '100ms', now() - interval '4 minutes', 'tutor-1' from added
"""


@dataclass(frozen=True)
class ServerProcess:
    """A server process that is ready."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    seconds_to_start: float

    @property
    def megabytes(self) -> float:
        """Unique set size of the process and its children."""
        process = psutil.Process(self.process.pid)
        processes = [process, *process.children(recursive=True)]
        return sum(each.memory_full_info().uss for each in processes) / 1e6


@dataclass(frozen=True)
class BenchmarkEnvironment:
    """A database, the URL of an emulated 100ms, and an app with sessions to join."""

    database: str
    sandbox: str
    app: App
    key: str = field(repr=False)
    secret_key: str = field(repr=False)
    sessions: int

    @property
    def references(self) -> Sequence[str]:
        """References of the sessions that are joined."""
        step = max(1, self.sessions // MAX_JOINED_SESSIONS)
        return [f"lesson-{n}" for n in range(1, self.sessions + 1, step)][:MAX_JOINED_SESSIONS]

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of a service process."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATABASE_URL": self.database,
            "VIDEOBROKER_SECRET_KEY": self.secret_key,
            **UNREACHABLE_LIMITS,
        }


@contextlib.contextmanager
def start_postgres(folder: Path) -> Iterator[str]:
    """PostgreSQL with default settings, except `shared_buffers`: a quarter of the memory, as its manual recommends."""
    with embedded_postgres(folder / "pg") as url:
        asyncio.run(_set_shared_buffers(url, megabytes=psutil.virtual_memory().total // 4 // 2**20))
    # The new size takes effect after a restart.
    with embedded_postgres(folder / "pg") as url:
        yield url


async def _set_shared_buffers(url: str, *, megabytes: int) -> None:
    async with connect(url) as connection:
        await connection.execute(f"alter system set shared_buffers = '{megabytes}MB'")


def free_port() -> int:
    """A TCP port of the loopback interface that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def start_server(
    name: str, command: Sequence[str], variables: Mapping[str, str], folder: Path, *, ready: str = "/healthz"
) -> Iterator[ServerProcess]:
    """Starts a server with a free port in PORT, and waits until `ready` responds. Logs to a file in `folder`."""
    port = free_port()
    started_at = time.perf_counter()
    with (folder / f"{name.replace(' ', '-')}-{port}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own commands
            command, env={**variables, "PORT": str(port)}, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url + ready, name)
        yield ServerProcess(name, url, process, time.perf_counter() - started_at)
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{name} exited with status {process.returncode} at start")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).is_success:
                return
        time.sleep(0.01)
    raise RuntimeError(f"{name} was not ready within {START_SECONDS:.0f} s")


def start_broker(
    environment: BenchmarkEnvironment, folder: Path, server: ServerName = ServerName.UVICORN
) -> contextlib.AbstractContextManager[ServerProcess]:
    """One process of the service, without background work."""
    command = [sys.executable, "-m", "videobroker", "serve", "--no-work", "--server", server]
    name = "videobroker" if server is ServerName.UVICORN else f"videobroker, {server}"
    return start_server(name, command, environment.variables, folder, ready="/readyz")


@contextlib.contextmanager
def start_worker(environment: BenchmarkEnvironment, folder: Path) -> Iterator[ServerProcess]:
    """A worker that may deliver to any address. It is ready when it is connected to the job queue."""
    with (folder / "work.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "videobroker", "work"],
            env={**environment.variables, "VIDEOBROKER_WEBHOOKS_ANYWHERE": "true"},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_worker_is_connected(environment)
        yield ServerProcess("work", "", process, 0.0)
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_worker_is_connected(environment: BenchmarkEnvironment) -> None:
    async def is_connected() -> bool:
        async with connect(environment.database) as connection:
            return bool(
                await connection.fetchval(
                    "select count(*) from pg_stat_activity where application_name = 'videobroker worker'"
                )
            )

    deadline = time.monotonic() + START_SECONDS
    while not asyncio.run(is_connected()):
        if time.monotonic() > deadline:
            raise RuntimeError("the worker did not start")
        time.sleep(0.1)


def start_sandbox(folder: Path) -> contextlib.AbstractContextManager[ServerProcess]:
    """An emulated 100ms."""
    port = free_port()
    command = [sys.executable, "-m", "videobroker", "sandbox", "--port", str(port)]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return _start_sandbox_process(command, variables, folder, port)


@contextlib.contextmanager
def _start_sandbox_process(
    command: Sequence[str], variables: Mapping[str, str], folder: Path, port: int
) -> Iterator[ServerProcess]:
    started_at = time.perf_counter()
    with (folder / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own commands
            command, env=variables, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, f"{url}/_sandbox/counters", "the sandbox")
        yield ServerProcess("sandbox", url, process, time.perf_counter() - started_at)
    finally:
        process.terminate()
        process.wait(30)


async def create_environment(
    database: str, sandbox: str, *, sessions: int, on_progress: Callable[[int], object] = lambda _: None
) -> BenchmarkEnvironment:
    """Migrates the database, and creates an app with so many sessions. `on_progress` gets the number created so far."""
    await wiring.migrate(database)
    settings = Settings(_env_file=None, secret_key=new_key())
    workspace = demo_config().workspaces[0]
    account = {
        "access_key": workspace.access_key,
        "secret": workspace.secret,
        "template_id": workspace.templates[0].id,
        "api_url": f"{sandbox}/v2",
        "webhook_secret": WEBHOOK_SECRET,
    }
    async with wiring.broker(settings, database) as broker:
        now = broker.now()
        roles = {ProviderName.HMS: {"tutor": "teacher", "student": "student", "guest": "student"}}
        app = await management.create_app(
            RequestContext.for_system(broker, tenants.SERVICE, now),
            f"bench-{uuid4()}",
            policy={"guests_allowed": True},
            role_maps=roles,
        )
        app = await management.set_account(RequestContext.for_system(broker, app, now), ProviderName.HMS, account)
        key, _ = await management.create_key(
            RequestContext.for_system(broker, app, now), "bench", scopes=Scope, expires_at=None
        )
    await insert_sessions(database, app, sessions, on_progress)
    return BenchmarkEnvironment(database, sandbox, app, key, settings.secret_key[0].get_secret_value(), sessions)


async def insert_sessions(database: str, app: App, sessions: int, on_progress: Callable[[int], object]) -> None:
    """Inserts sessions that are ready to join."""
    async with connect(database) as connection:
        # Skips foreign keys and triggers: the inserted rows are consistent.
        await connection.execute("set session_replication_role = replica")
        for first in range(1, sessions + 1, SESSIONS_PER_INSERT):
            last = min(sessions, first + SESSIONS_PER_INSERT - 1)
            await connection.execute(INSERT_SESSIONS, app.id, first, last)
            on_progress(last)
        await connection.execute("vacuum analyze sessions, participants, rooms, calls")


@contextlib.asynccontextmanager
async def connect(database: str) -> AsyncIterator[Any]:
    """A connection that is closed at the end."""
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()
