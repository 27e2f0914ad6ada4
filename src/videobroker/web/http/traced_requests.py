"""Spans of requests."""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker import tracing
from videobroker.current_request import CURRENT_REQUEST

UNTRACED_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Requests of probes and scrapers would be most of the traces."""

EVENT_STREAM = b"text/event-stream"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TracedRequests:
    """ASGI middleware around all others: a span for each request, named after its route.

    It records the route, never the path or the query: they contain references, user IDs, and tickets.
    """

    def __init__(self, app: ASGIApp, paths: Mapping[str, str]) -> None:
        """`paths` are those of the routes, by operation."""
        self.app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] != "http" or scope["path"] in UNTRACED_PATHS or _is_for_stream(scope):
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes: tracing.Attributes = {
            "http.request.method": method,
            "url.scheme": scope.get("scheme"),
            "network.protocol.version": scope.get("http_version"),
        }
        # As in semantic conventions: without a route, the name is the method, or HTTP for an unknown one.
        name = "HTTP" if method == "_OTHER" else method
        with tracing.server_span(name, attributes, _traceparent(scope)) as span:

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _record_status(span, message["status"])
                await send(message)

            try:
                await self.app(scope, receive, send_traced)
            finally:
                operation = str(getattr(scope.get("route"), "unique_id", None))
                if (path := self._paths.get(operation)) is not None:
                    span.rename(f"{name} {path}")
                    span.set({"http.route": path, "videobroker.operation": operation})


def route_paths(app: FastAPI) -> dict[str, str]:
    """The paths of an application's operations, with the names of parameters in braces.

    A route itself only knows the part after the prefix of its router.
    """
    routes = ((getattr(each.original_route, "unique_id", None), each.path) for each in iter_route_contexts(app.routes))
    return {operation: str(path) for operation, path in routes if operation is not None}


def _is_for_stream(scope: Scope) -> bool:
    # An event stream lasts for hours, and reads all the time: its trace would never end.
    return any(header == b"accept" and EVENT_STREAM in value for header, value in scope["headers"])


def _traceparent(scope: Scope) -> str | None:
    values = [value for header, value in scope["headers"] if header == b"traceparent"]
    # A header that is repeated is ignored.
    return values[0].decode("latin-1") if len(values) == 1 else None


def _record_status(span: tracing.TraceSpan, status: int) -> None:
    request = CURRENT_REQUEST.get()
    code = None if request is None else request.error_code
    span.set({"http.response.status_code": status, "videobroker.error_code": code})
    if status >= 500:
        span.fail(str(status))
