"""A receiver of webhooks, with responses that the test chooses."""

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
    """A request."""

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
    """An application that stores the requests it gets. It responds with `statuses`, and then with 200."""

    statuses: list[int] = field(default_factory=list)
    content: bytes = b"{}"
    requests: list[Received] = field(default_factory=list)
    before: Callable[[Received], Any] = lambda _: None
    """Called before each response. An awaitable result is awaited."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        now = asyncio.get_running_loop().time()
        received = Received(request.url.path, dict(request.headers), await request.body(), now)
        self.requests.append(received)
        waiting = self.before(received)
        if waiting is not None:
            await waiting
        status = self.statuses.pop(0) if self.statuses else 200
        await Response(self.content, status, media_type="application/json")(scope, receive, send)

    @property
    def types(self) -> list[str]:
        """The types of 100ms events, in the order of arrival."""
        return [received.body["type"] for received in self.requests]

    def data(self, kind: str) -> dict[str, Any]:
        """The data of the only event of this type."""
        [data] = [received.body["data"] for received in self.requests if received.body["type"] == kind]
        event_data: dict[str, Any] = data
        return event_data
