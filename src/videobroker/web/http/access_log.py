"""One line in the log and one observation for every request."""

import time
from functools import lru_cache

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Histogram(
    "videobroker_request_seconds",
    "Time from the request to its answer.",
    ["operation", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that went away before the answer. It is not sent."""

log = structlog.get_logger(__name__)


class RequestsLog:
    """ASGI middleware that watches requests go by. The operation is named as in the
    OpenAPI document, never the path: a path holds references and user ids."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = CLIENT_CLOSED_REQUEST
        began = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except BaseException:
            status = 500 if status == CLIENT_CLOSED_REQUEST else status
            raise
        finally:
            observe(getattr(scope.get("route"), "unique_id", "none"), status, began)


def observe(operation: str, status: int, began: float) -> None:
    """Write that a request of this operation, which `began` then by the clock for durations, has been answered."""
    took = time.perf_counter() - began
    _watched(operation, status).observe(took)
    log.info("request.completed", operation=operation, status=status, ms=round(took * 1000, 1))


@lru_cache(maxsize=4096)
def _watched(operation: str, status: int) -> Histogram:
    # The client library takes a lock to find it. There are as many as there are operations and statuses.
    return REQUESTS.labels(operation, status)
