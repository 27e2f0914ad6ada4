"""A sandbox for each test, with a clock that tests move, and clients who talk to it."""

import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from fastapi import FastAPI

from polling import eventually_blocking
from sandbox.receiver import Receiver
from videobroker.sandbox import SandboxConfig, SandboxState, Workspace, create_sandbox, demo_config, server_config


@dataclass
class Clock:
    """Shows the same moment until somebody moves it."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 3, 12, 21, 10, 10, 82_450, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **duration: float) -> None:
        self.moment += timedelta(**duration)


Claims = Callable[..., str]
Join = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def config() -> SandboxConfig:
    return demo_config()


@pytest.fixture
def workspace(config: SandboxConfig) -> Workspace:
    return config.workspaces[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(config: SandboxConfig, clock: Clock) -> SandboxState:
    return SandboxState(config, clock)


@pytest.fixture
def receiver() -> Receiver:
    """Gets webhooks when they are sent to `http://receiver`."""
    return Receiver()


@pytest.fixture
async def app(config: SandboxConfig, state: SandboxState, receiver: Receiver) -> AsyncIterator[FastAPI]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=receiver)) as webhook_client:
        app = create_sandbox(config, state, webhook_client)
        async with app.router.lifespan_context(app):
            yield app


@pytest.fixture
def signed(workspace: Workspace, clock: Clock) -> Claims:
    """Signs a management token; given claims replace its own, and a claim given as None is left out."""

    def sign(secret: str = workspace.secret, **claims: Any) -> str:
        now = int(clock().timestamp())
        usual = {
            "access_key": workspace.access_key,
            "type": "management",
            "version": 2,
            "jti": str(uuid.uuid4()),
            "iat": now - 10,
            "nbf": now - 10,
            "exp": now + 3600,
        }
        payload = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(payload, secret, algorithm="HS256")

    return sign


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        yield client


@pytest.fixture
async def vendor(app: FastAPI, signed: Claims) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a management token of the demo workspace."""
    headers = {"authorization": f"Bearer {signed(exp=2_000_000_000)}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        yield client


@pytest.fixture
async def room(vendor: httpx.AsyncClient) -> dict[str, Any]:
    response = await vendor.post("/v2/rooms", json={"name": "lesson-1"})
    created: dict[str, Any] = response.json()
    return created


@pytest.fixture
def join(stranger: httpx.AsyncClient, signed: Claims, room: dict[str, Any]) -> Join:
    """Lets somebody walk into the room; keyword arguments replace claims of their token."""

    async def walk_in(name: str = "Asha", *, body: dict[str, Any] | None = None, **claims: Any) -> httpx.Response:
        app_claims = {"type": "app", "room_id": room["id"], "role": "teacher", "user_id": f"u-{name}"}
        token = signed(**app_claims | claims)
        return await stranger.post(
            f"/_sandbox/rooms/{room['id']}/peers", json={"token": token, "name": name} | (body or {})
        )

    return walk_in


@pytest.fixture
def served() -> Callable[..., Any]:
    """Serves an application on a real port for the length of a `with`, and gives its address."""
    return _served


@contextmanager
def _served(app: FastAPI, http: str = "h11") -> Iterator[str]:
    server = uvicorn.Server(server_config(app, host="127.0.0.1", port=0, http=http, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually_blocking(lambda: server.started or not thread.is_alive())
        assert thread.is_alive(), "the server did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
