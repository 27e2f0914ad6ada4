"""Access log and request metrics: a log event and a histogram observation for every request."""

import time
from functools import lru_cache

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.current_request import CURRENT_REQUEST, CurrentRequest

REQUESTS = Histogram(
    "videobroker_request_seconds",
    "Time from the request to its response.",
    ["operation", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that disconnected before the response. It is not sent."""

_UNIDENTIFIED = CurrentRequest("", "", "", "")
"""For code that runs outside of a server."""

log = structlog.get_logger(__name__)


class RequestsLog:
    """ASGI middleware that logs and measures requests.

    It records the operation ID, never the path: a path contains references and user IDs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = CLIENT_CLOSED_REQUEST
        began = time.perf_counter()

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        except BaseException:
            status = 500 if status == CLIENT_CLOSED_REQUEST else status
            raise
        finally:
            observe(getattr(scope.get("route"), "unique_id", "none"), status, began)


def observe(operation: str, status: int, began: float) -> None:
    """Record the response to a request that began at `began`, by `time.perf_counter`."""
    took = time.perf_counter() - began
    _labeled(operation, status).observe(took)
    request = CURRENT_REQUEST.get() or _UNIDENTIFIED
    log.info(
        "request.completed",
        operation=operation,
        status=status,
        ms=round(took * 1000, 1),
        app=request.app,
        credential=request.credential,
        key_id=request.key_id,
        code=request.error_code,
    )


@lru_cache(maxsize=4096)
def _labeled(operation: str, status: int) -> Histogram:
    # The client library takes a lock for each lookup. The number of operations and statuses is bounded.
    return REQUESTS.labels(operation, status)
