"""Somebody who gets webhooks, and answers as a test wants."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    raw: bytes
    at: float

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.raw)
        return body


@dataclass
class Receiver:
    """An application that keeps what it gets. It answers 200 with `{}` when no other `statuses` are left."""

    statuses: list[int] = field(default_factory=list)
    content: bytes = b"{}"
    got: list[Received] = field(default_factory=list)
    before: Callable[[Received], Any] = lambda _: None
    """Is called, and awaited if it wants to be, before each answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        now = asyncio.get_running_loop().time()
        received = Received(request.url.path, dict(request.headers), await request.body(), now)
        self.got.append(received)
        waiting = self.before(received)
        if waiting is not None:
            await waiting
        status = self.statuses.pop(0) if self.statuses else 200
        await Response(self.content, status, media_type="application/json")(scope, receive, send)

    @property
    def types(self) -> list[str]:
        """The types of 100ms events, in the order in which they came."""
        return [received.body["type"] for received in self.got]

    def data(self, kind: str) -> dict[str, Any]:
        """What the only event of this type says."""
        [data] = [received.body["data"] for received in self.got if received.body["type"] == kind]
        told: dict[str, Any] = data
        return told
