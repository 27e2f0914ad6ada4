"""Request counts per operation, and the latest requests."""

from collections import Counter, deque
from dataclasses import asdict, dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.sandbox.json_body import JsonObject

OPERATION = "sandbox.operation"
"""Key in the scope of a request with the name of its operation."""

MAX_REQUESTS = 200


class RequestCounters:
    """Number of requests to each operation, with any response."""

    def __init__(self) -> None:
        self._request_counts: Counter[str] = Counter()
        self._fault_counts: Counter[str] = Counter()

    def count_request(self, operation: str) -> None:
        self._request_counts[operation] += 1

    def count_fault(self, operation: str) -> None:
        """Count a request whose response was an injected fault."""
        self._fault_counts[operation] += 1

    def reset(self) -> None:
        self._request_counts.clear()
        self._fault_counts.clear()

    def as_json(self) -> JsonObject:
        """Counts by operation; `count_fault` has the number of responses by faults."""
        return {**self._request_counts, "faulted": dict(self._fault_counts)}


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request without secrets: no headers, no query, no body."""

    method: str
    path: str
    status: int | None
    """None if the connection was closed without a response."""
    operation: str | None

    def as_json(self) -> JsonObject:
        return asdict(self)


class RequestLog:
    """The latest requests, oldest first, without those to the control API."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=MAX_REQUESTS)

    def add(self, request: LoggedRequest) -> None:
        """Add a request, and drop the oldest one if there are too many."""
        self._requests.append(request)

    def latest(self) -> tuple[LoggedRequest, ...]:
        return tuple(self._requests)


class RequestLogMiddleware:
    """ASGI middleware that adds every vendor request to the request log."""

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._log.add(LoggedRequest(scope["method"], scope["path"], status, scope.get(OPERATION)))
