"""What the sandbox was asked: counts per operation, and the latest requests."""

from collections import Counter, deque
from dataclasses import asdict, dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.sandbox.json_body import JsonObject

OPERATION = "sandbox.operation"
"""Where a request's scope names the operation it reached."""

MAX_REQUESTS = 200


class Counters:
    """How often each operation was asked for, whatever the answer was."""

    def __init__(self) -> None:
        self._reached: Counter[str] = Counter()
        self._faulted: Counter[str] = Counter()

    def reached(self, operation: str) -> None:
        """A request reached this operation."""
        self._reached[operation] += 1

    def faulted(self, operation: str) -> None:
        """The request was answered by an injected fault."""
        self._faulted[operation] += 1

    def reset(self) -> None:
        """Forget all counts."""
        self._reached.clear()
        self._faulted.clear()

    def as_json(self) -> JsonObject:
        """The counts by operation, and under `faulted` those answered by a fault."""
        return {**self._reached, "faulted": dict(self._faulted)}


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request, without anything secret: no headers, no query, no body."""

    method: str
    path: str
    status: int | None
    """None when the connection was closed without an answer."""
    operation: str | None

    def as_json(self) -> JsonObject:
        """The form in which the control API shows it."""
        return asdict(self)


class RequestLog:
    """The latest requests, oldest first; requests to the control API are left out."""

    def __init__(self) -> None:
        self._seen: deque[SeenRequest] = deque(maxlen=MAX_REQUESTS)

    def add(self, request: SeenRequest) -> None:
        """Remember a request, and forget the oldest one when there are too many."""
        self._seen.append(request)

    def latest(self) -> tuple[SeenRequest, ...]:
        """The remembered requests."""
        return tuple(self._seen)


class Listening:
    """A middleware which writes every vendor request into a log."""

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it ended."""
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
            self._log.add(SeenRequest(scope["method"], scope["path"], status, scope.get(OPERATION)))
