"""CORS: the origins of the deployment, and for the users of each app, the origins of the app."""

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
from videobroker.web.http.headers import EXPOSED

ORIGINS_TTL_SECONDS = 5.0
"""How long the origins of all apps are cached: a new origin is allowed after this time at the latest."""
PREFLIGHT_TTL_SECONDS = 600
"""How long browsers cache the response to a preflight request."""

log = structlog.get_logger(__name__)


def only_pages_of(request: Request, app: App | None) -> None:
    """Allow only pages of this app to read the response; None for a backend, whose key no page should have."""
    request.state.origins = frozenset() if app is None else frozenset(app.allowed_origins)


class Origins(CORSMiddleware):
    """ASGI middleware for CORS with origins per app.

    A preflight request does not identify the app, so that the origins of all apps are allowed. The response to the
    actual request can only be read by a page of the caller's own app.
    """

    def __init__(self, app: ASGIApp, *, allowed: Sequence[str]) -> None:
        """`allowed` are the origins of the deployment: allowed for all apps and paths."""
        super().__init__(
            app,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            # Only the origin matters. HTTP clients and tracing libraries add headers (`traceparent`, `baggage`,
            # `X-Request-Id`); if a preflight rejected one of them, the browser would not send the request.
            allow_headers=["*"],
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_TTL_SECONDS,
        )
        self._allowed = frozenset(allowed)
        self._of_apps: frozenset[str] = frozenset()
        self._read_at: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is None:
            await self.app(scope, receive, send)
        elif origin in self._allowed:
            await super().__call__(scope, receive, send)
        elif scope["path"].startswith("/v1/"):
            await self._refresh(scope)
            await super().__call__(scope, receive, send)
        elif self._allowed:
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether pages of this origin can send requests."""
        return origin in self._allowed or origin in self._of_apps

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        """Serve an actual request. The page can read the response only if its origin belongs to the caller's app."""
        origin = request_headers["origin"]
        # A route gets a copy of the scope, but the same state: `only_pages_of` writes to it.
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
        # Without a known caller, the response is an error: it can be read by pages of all apps.
        own: frozenset[str] | None = scope.get("state", {}).get("origins")
        return scope["path"].startswith("/v1/") and (origin in self._of_apps if own is None else origin in own)

    async def _refresh(self, scope: Scope) -> None:
        now = time.monotonic()
        if self._read_at is not None and now - self._read_at < ORIGINS_TTL_SECONDS:
            return
        # Set before the query, so that concurrent requests do not repeat it.
        self._read_at = now
        broker: Any = scope["app"].state.broker
        try:
            self._of_apps = frozenset(await all_origins(broker))
        except StorageUnavailable:
            log.warning("cors.refresh_failed")
