"""Replicas behind the shipped nginx configuration restart one after the other under load, and no request fails."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.program import environment
from polling import eventually
from programs import Program, responds
from scaling.local_proxies import Proxy, needs_nginx, nginx
from tenants import LESSON, Tenant, free_port
from videobroker.domain.times import rfc3339
from videobroker.settings import Settings

pytestmark = [pytest.mark.long, needs_nginx]

CLIENTS = 6
THINK_SECONDS = 0.05
"""Leaves the machine time to start processes."""
PERSONS = [person["user_id"] for person in LESSON]


@dataclass(frozen=True)
class Replica:
    """A process of the service, and its own URL."""

    program: Program
    url: str

    async def restart(self) -> None:
        """Stop it like an orchestrator, and wait until a new process is ready."""
        await asyncio.to_thread(self.program.stop)
        process = self.program.process
        assert process is not None
        assert process.returncode == 0, self.program.log.read_text()
        await self.start()

    async def start(self) -> None:
        self.program.start()
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as direct:

            async def is_ready() -> bool:
                assert self.program.runs, self.program.log.read_text()
                return await responds(direct, "/readyz")

            await eventually(is_ready)


@dataclass(frozen=True)
class Replicas:
    """Two replicas, and nginx in front of them."""

    each: tuple[Replica, ...]
    proxy: Proxy


@pytest.fixture
async def replicas(database: str, settings: Settings, log_folder: Path, tmp_path: Path) -> AsyncIterator[Replicas]:
    """Replicas without background jobs."""
    ports = (free_port(), free_port())
    async with AsyncExitStack() as stack:
        started = []
        for port in ports:
            variables = environment(
                DATABASE_URL=database,
                PORT=str(port),
                VIDEOBROKER_SECRET_KEY=settings.secret_key[0].get_secret_value(),
            )
            program = Program(["serve", "--no-work"], variables, log_folder / f"rolling-{port}.log")
            stack.push_async_callback(asyncio.to_thread, program.stop)
            started.append(Replica(program, f"http://127.0.0.1:{port}"))
        await asyncio.gather(*(replica.start() for replica in started))
        with ExitStack() as proxies:
            yield Replicas(tuple(started), proxies.enter_context(nginx(tmp_path, ports)))


@dataclass
class Load:
    """What clients of the proxy do, and what they observe."""

    tenant: Tenant
    proxied: httpx.AsyncClient
    failures: list[str] = field(default_factory=list)
    succeeded: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rooms: dict[tuple[str, str], set[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(set))
    """What each person got, by reference and user ID."""

    async def request(self, method: str, path: str, body: Any = None, *, kind: str) -> Any:
        """A request that has to succeed. Its response, if it did."""
        headers = {"Authorization": f"Bearer {self.tenant.key}"}
        try:
            response = await self.proxied.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        if not response.is_success:
            self.failures.append(f"{method} {path}: {response.status_code} {response.text}")
            return None
        self.succeeded[kind] += 1
        return response.json()

    async def register(self, reference: str) -> None:
        starts_at = rfc3339(self.tenant.broker.now())
        body = {"starts_at": starts_at, "duration_minutes": 60, "participants": LESSON}
        await self.request("PUT", f"/v1/bookings/{reference}", body, kind="registration")

    async def join(self, reference: str, user_id: str) -> None:
        joined = await self.request("POST", f"/v1/bookings/{reference}/join", {"user_id": user_id}, kind="join")
        if joined is not None:
            credentials = (joined["room_id"], joined["user_id"], joined["role"], joined["call"]["id"])
            self.rooms[reference, user_id].add(credentials)

    async def create_link(self, reference: str) -> None:
        """A POST that nginx must not repeat."""
        await self.request("POST", f"/v1/bookings/{reference}/links", {"user_id": PERSONS[0]}, kind="link")

    async def read(self, reference: str) -> None:
        await self.request("GET", f"/v1/bookings/{reference}", kind="read")


@asynccontextmanager
async def running(load: Load) -> AsyncIterator[None]:
    """Registers sessions, and joins them repeatedly, while the block runs."""
    stopped = asyncio.Event()

    async def use(client: int) -> None:
        round_number = 0
        while not stopped.is_set():
            reference = f"lesson-{client}-{round_number // 10}"
            if round_number % 10 == 0:
                await load.register(reference)
            steps: list[Callable[[], Awaitable[None]]] = [
                lambda reference=reference: load.create_link(reference),  # type: ignore[misc]
                lambda reference=reference: load.read(reference),  # type: ignore[misc]
            ]
            await asyncio.gather(*(load.join(reference, person) for person in PERSONS), *(step() for step in steps))
            round_number += 1
            await asyncio.sleep(THINK_SECONDS)

    clients = [asyncio.create_task(use(client)) for client in range(CLIENTS)]
    try:
        yield
    finally:
        stopped.set()
        await asyncio.gather(*clients)


@pytest.mark.parametrize("rounds", [pytest.param(1, marks=pytest.mark.representative), 3])
async def test_no_request_fails_while_replicas_restart(tutoring: Tenant, replicas: Replicas, rounds: int) -> None:
    limits = httpx.Limits(max_connections=4 * CLIENTS)
    async with httpx.AsyncClient(base_url=replicas.proxy.url, timeout=60, limits=limits, trust_env=False) as proxied:
        load = Load(tutoring, proxied)
        async with running(load):
            for replica in replicas.each * rounds:
                before = dict(load.succeeded)
                await replica.restart()
                # The load went on meanwhile.
                assert set(before) <= set(load.succeeded)
                assert sum(load.succeeded.values()) > sum(before.values())
    assert load.failures == []
    assert {len(credentials) for credentials in load.rooms.values()} == {1}
    assert set(load.succeeded) == {"registration", "join", "link", "read"}
