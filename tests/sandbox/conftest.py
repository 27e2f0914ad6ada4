"""A sandbox with its own clock for each test, and clients of it."""

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
    """A clock that only a test advances."""

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
    """Receives the webhooks that are sent to `http://receiver`."""
    return Receiver()


@pytest.fixture
async def app(config: SandboxConfig, state: SandboxState, receiver: Receiver) -> AsyncIterator[FastAPI]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=receiver)) as webhook_client:
        app = create_sandbox(config, state, webhook_client)
        async with app.router.lifespan_context(app):
            yield app


@pytest.fixture
def sign_token(workspace: Workspace, clock: Clock) -> Claims:
    """Signs a management token. Keyword arguments replace its claims; None removes a claim."""

    def sign(secret: str = workspace.secret, **claims: Any) -> str:
        now = int(clock().timestamp())
        defaults = {
            "access_key": workspace.access_key,
            "type": "management",
            "version": 2,
            "jti": str(uuid.uuid4()),
            "iat": now - 10,
            "nbf": now - 10,
            "exp": now + 3600,
        }
        payload = {name: value for name, value in (defaults | claims).items() if value is not None}
        return jwt.encode(payload, secret, algorithm="HS256")

    return sign


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        yield client


@pytest.fixture
async def vendor(app: FastAPI, sign_token: Claims) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a management token of the demo workspace."""
    headers = {"authorization": f"Bearer {sign_token(exp=2_000_000_000)}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        yield client


@pytest.fixture
async def room(vendor: httpx.AsyncClient) -> dict[str, Any]:
    response = await vendor.post("/v2/rooms", json={"name": "lesson-1"})
    created: dict[str, Any] = response.json()
    return created


@pytest.fixture
def join(anonymous: httpx.AsyncClient, sign_token: Claims, room: dict[str, Any]) -> Join:
    """Joins the room. Keyword arguments replace claims of the token."""

    async def join_room(name: str = "Asha", *, body: dict[str, Any] | None = None, **claims: Any) -> httpx.Response:
        app_claims = {"type": "app", "room_id": room["id"], "role": "teacher", "user_id": f"u-{name}"}
        token = sign_token(**app_claims | claims)
        return await anonymous.post(
            f"/_sandbox/rooms/{room['id']}/peers", json={"token": token, "name": name} | (body or {})
        )

    return join_room


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Serves an application on a port in a `with` block, which returns its URL."""
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
