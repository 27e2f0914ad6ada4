"""Which pages may ask from a browser (CORS): those of the deployment, and for its own users those of each app."""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.domain.apps import App
from videobroker.errors import StorageUnavailable
from videobroker.usecases.tenants import all_origins

KEPT_SECONDS = 5.0
"""An app's new origin may ask after so long at the latest."""
BROWSER_SECONDS = 600
"""A browser asks so seldom whether it may ask."""

log = structlog.get_logger(__name__)


def only_pages_of(request: Request, app: App | None) -> None:
    """From now on, only pages of this app may read the answer; None for a backend, whose key no page should have."""
    request.state.origins = frozenset() if app is None else frozenset(app.allowed_origins)


class Origins(CORSMiddleware):
    """ASGI middleware.

    A browser that asks whether it may ask says nothing of the app: there, the origins of all apps count. The answer to
    the request itself can only be read by a page of the caller's own app.
    """

    def __init__(self, app: ASGIApp, *, allowed: Sequence[str]) -> None:
        """`allowed` are the origins of the deployment, which may ask for anything."""
        super().__init__(
            app,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            # The origin decides. HTTP clients and tracing libraries add headers of their own (`traceparent`, `baggage`,
            # `X-Request-Id` ...): a preflight that refused one would stop the request.
            allow_headers=["*"],
            expose_headers=["Retry-After", "Idempotency-Replayed", "Videobroker-Code"],
            max_age=BROWSER_SECONDS,
        )
        self._allowed = frozenset(allowed)
        self._of_apps: frozenset[str] = frozenset()
        self._read_at: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer a browser that asks whether it may ask."""
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is None:
            await self.app(scope, receive, send)
        elif origin in self._allowed:
            await super().__call__(scope, receive, send)
        elif scope["path"].startswith("/v1/"):
            await self._look_up(scope)
            await super().__call__(scope, receive, send)
        elif self._allowed:
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether a page of this origin may ask at all."""
        return origin in self._allowed or origin in self._of_apps

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        """The answer, which the page may read if it is one of the caller's app."""
        origin = request_headers["origin"]
        # Here, because a route reads a copy of the scope: what it writes into this we see.
        scope.setdefault("state", {})

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start" and not self._may_read(scope, origin):
                await send(message)
            else:
                await self.send(message, send=send, request_headers=request_headers)

        await self.app(scope, receive, send_readable)

    def _may_read(self, scope: Scope, origin: str) -> bool:
        if origin in self._allowed:
            return True
        # Who is not known yet may read why.
        own: frozenset[str] | None = scope.get("state", {}).get("origins")
        return scope["path"].startswith("/v1/") and (origin in self._of_apps if own is None else origin in own)

    async def _look_up(self, scope: Scope) -> None:
        now = time.monotonic()
        if self._read_at is not None and now - self._read_at < KEPT_SECONDS:
            return
        # Before the question: others need not ask it meanwhile.
        self._read_at = now
        broker: Any = scope["app"].state.broker
        try:
            self._of_apps = frozenset(await all_origins(broker))
        except StorageUnavailable:
            log.warning("cors.refresh_failed")
