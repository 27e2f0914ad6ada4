"""Where the joining benchmarks play: PostgreSQL, a pretend 100ms, an app with many sessions, and who serves them."""

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
from videobroker.usecases import tenants

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
JOINED_SESSIONS = 10_000
"""So many lessons begin at the full hour; they lie evenly among all others."""
HOOK_SECRET = "invented-hook-secret"  # noqa: S105
FILLED_AT_ONCE = 100_000

# Confirmed bookings that run now, with a participant, a room that is ready and an open call: a join finds all of it.
FILL = """
with added as (
    insert into sessions (app_id, id, kind, reference, title, status, video, starts_at, ends_at, providers, provider,
                          policy, metadata, version, created_at, updated_at)
    select $1, uuidv7(), 'booking', 'lesson-' || n, 'Algebra ' || n, 'confirmed', true,
           now() - interval '5 minutes', now() + interval '3 hours', '{}', '100ms', '{}', '{}', 1, now(), now()
    from generate_series($2::int, $3::int) as n
    returning id, reference
), people as (
    insert into participants (app_id, session_id, user_id, role, display_name)
    select $1, id, 'tutor-1', 'tutor', 'Ada' from added
), places as (
    insert into rooms (app_id, id, session_id, provider, state, provider_room_id, codes, attempt, updated_at)
    select $1, uuidv7(), id, '100ms', 'ready', substr(replace(id::text, '-', ''), 1, 24), '{}', 1, now()
    from added
)
insert into calls (app_id, id, session_id, provider, started_at, started_by)
select $1, uuidv7(), id, '100ms', now() - interval '4 minutes', 'tutor-1' from added
"""


@dataclass(frozen=True)
class Served:
    """A server process that answers."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    seconds_to_start: float

    @property
    def megabytes(self) -> float:
        """What it holds in memory that is its own, with its children."""
        process = psutil.Process(self.process.pid)
        family = [process, *process.children(recursive=True)]
        return sum(each.memory_full_info().uss for each in family) / 1e6


@dataclass(frozen=True)
class Stage:
    """The database, the pretend 100ms, and an app whose sessions are joined."""

    database: str
    sandbox: str
    app: App
    key: str = field(repr=False)
    secret_key: str = field(repr=False)
    sessions: int

    @property
    def references(self) -> Sequence[str]:
        """The sessions that are joined."""
        step = max(1, self.sessions // JOINED_SESSIONS)
        return [f"lesson-{n}" for n in range(1, self.sessions + 1, step)][:JOINED_SESSIONS]

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a broker."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATABASE_URL": self.database,
            "VIDEOBROKER_SECRET_KEY": self.secret_key,
        }


@contextlib.contextmanager
def database_in(folder: Path) -> Iterator[str]:
    """PostgreSQL as it is shipped, but for its buffers: a quarter of the memory, as its manual begins with on a server.

    The 128 MB that it is shipped with are meant for any machine at all.
    """
    with embedded_postgres(folder / "pg") as url:
        asyncio.run(_give(url, megabytes=psutil.virtual_memory().total // 4 // 2**20))
    # That takes a new start.
    with embedded_postgres(folder / "pg") as url:
        yield url


async def _give(url: str, *, megabytes: int) -> None:
    async with connected(url) as connection:
        await connection.execute(f"alter system set shared_buffers = '{megabytes}MB'")


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, ready: str = "/healthz"
) -> Iterator[Served]:
    """A server on a free port, which it gets as PORT; its output goes to a file in `folder`."""
    port = free_port()
    began = time.perf_counter()
    with (folder / f"{name.replace(' ', '-')}-{port}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own commands
            command, env={**environment, "PORT": str(port)}, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await_answer(process, url + ready, name)
        yield Served(name, url, process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


def _await_answer(process: subprocess.Popen[bytes], url: str, name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{name} did not start: it ended with {process.returncode}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).is_success:
                return
        time.sleep(0.01)
    raise RuntimeError(f"{name} was not ready within {START_SECONDS:.0f} s")


def broker_of(
    stage: Stage, folder: Path, server: ServerName = ServerName.UVICORN
) -> contextlib.AbstractContextManager[Served]:
    """One process of the service, as it is run; the background work is done elsewhere."""
    command = [sys.executable, "-m", "videobroker", "serve", "--no-work", "--server", server]
    name = "videobroker" if server is ServerName.UVICORN else f"videobroker, {server}"
    return served(name, command, stage.environment, folder, ready="/readyz")


@contextlib.contextmanager
def worker_of(stage: Stage, folder: Path) -> Iterator[Served]:
    """A worker, which may deliver anywhere. It listens nowhere: it is there when it has asked for jobs."""
    with (folder / "work.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "videobroker", "work"],
            env={**stage.environment, "VIDEOBROKER_WEBHOOKS_ANYWHERE": "true"},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_worker(stage)
        yield Served("work", "", process, 0.0)
    finally:
        process.terminate()
        process.wait(30)


def _await_worker(stage: Stage) -> None:
    async def there() -> bool:
        async with connected(stage.database) as connection:
            return bool(
                await connection.fetchval(
                    "select count(*) from pg_stat_activity where application_name = 'videobroker worker'"
                )
            )

    deadline = time.monotonic() + START_SECONDS
    while not asyncio.run(there()):
        if time.monotonic() > deadline:
            raise RuntimeError("the worker did not start")
        time.sleep(0.1)


def sandbox_in(folder: Path) -> contextlib.AbstractContextManager[Served]:
    """A pretend 100ms."""
    port = free_port()
    command = [sys.executable, "-m", "videobroker", "sandbox", "--port", str(port)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return _at_its_port(command, environment, folder, port)


@contextlib.contextmanager
def _at_its_port(command: Sequence[str], environment: Mapping[str, str], folder: Path, port: int) -> Iterator[Served]:
    began = time.perf_counter()
    with (folder / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own commands
            command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await_answer(process, f"{url}/_sandbox/counters", "the sandbox")
        yield Served("sandbox", url, process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


async def prepared(
    database: str, sandbox: str, *, sessions: int, filled: Callable[[int], object] = lambda _: None
) -> Stage:
    """An app with so many sessions on a migrated database. `filled` is called with the number so far."""
    await wiring.migrate(database)
    settings = Settings(_env_file=None, secret_key=new_key())
    workspace = demo_config().workspaces[0]
    account = {
        "access_key": workspace.access_key,
        "secret": workspace.secret,
        "template_id": workspace.templates[0].id,
        "api_url": f"{sandbox}/v2",
        "webhook_secret": HOOK_SECRET,
    }
    async with wiring.broker(settings, database) as broker:
        now = broker.now()
        roles = {ProviderName.HMS: {"tutor": "teacher", "student": "student", "guest": "student"}}
        app = await tenants.create_app(
            broker, f"bench-{uuid4()}", policy={"guests_allowed": True}, role_maps=roles, now=now
        )
        app = await tenants.set_account(broker, app, ProviderName.HMS, account, now=now)
        key, _ = await tenants.create_key(broker, app, "bench", scopes=Scope, expires_at=None, now=now)
    await fill(database, app, sessions, filled)
    return Stage(database, sandbox, app, key, settings.secret_key[0].get_secret_value(), sessions)


async def fill(database: str, app: App, sessions: int, filled: Callable[[int], object]) -> None:
    """Give the app so many sessions that can be joined at once."""
    async with connected(database) as connection:
        # Only what the rows say about each other is not checked again: they are made to fit.
        await connection.execute("set session_replication_role = replica")
        for first in range(1, sessions + 1, FILLED_AT_ONCE):
            last = min(sessions, first + FILLED_AT_ONCE - 1)
            await connection.execute(FILL, app.id, first, last)
            filled(last)
        await connection.execute("vacuum analyze sessions, participants, rooms, calls")


@contextlib.asynccontextmanager
async def connected(database: str) -> AsyncIterator[Any]:
    """A connection of one's own."""
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()
