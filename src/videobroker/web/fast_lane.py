"""The short way for the plainest requests, past the framework.

Nearly everything that comes at the full hour is of a few kinds, and says nothing unusual. What the framework does for
such a request takes longer than everything we do. Whatever is in the least different, or wrong in its form, goes the
ordinary way, with nothing done yet: there is one contract, and one text of every error.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.broker import Broker
from videobroker.errors import BrokerError
from videobroker.web.problems import log_failure, problem, unexpected
from videobroker.web.requests_log import observe


class Plain(Protocol):
    """A request without peculiarities, as far as its head goes."""

    longest: ClassVar[int]
    """Bytes. What has a longer body goes the ordinary way."""

    @property
    def operation(self) -> str:
        """As in the contract."""

    def wish(self, body: bytes) -> Any | None:
        """What is wanted; None when the body is not plain, or not right."""

    async def answer(self, broker: Broker, wish: Any) -> dict[str, Any]:
        """What the operation answers: UUIDs, moments and enumerations may stand in it. Raises its `BrokerError`s."""


Lane = Callable[[bytes, Scope], Plain | None]
"""Of a POST without query to this path: whether it is plain."""


class FastLane:
    """ASGI middleware that answers what its lanes take, and passes everything else on."""

    def __init__(self, app: ASGIApp, broker: Callable[[], Broker], lanes: Sequence[Lane]) -> None:
        self.app = app
        self._broker = broker
        self._lanes = lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        began = time.perf_counter()
        plain = self._plain(scope)
        if plain is None:
            await self.app(scope, receive, send)
            return
        messages = await _received(receive, plain.longest)
        body = _whole(messages, plain.longest)
        wish = None if body is None else plain.wish(body)
        if wish is None:
            await self.app(scope, _again(messages, receive), send)
            return
        status = 500
        try:
            try:
                content = msgspec.json.encode(await plain.answer(self._broker(), wish))
            except Exception as error:  # noqa: BLE001  the last resort is for all of them
                refusal = _refusal(error)
                status = refusal.status_code
                await refusal(scope, receive, send)
            else:
                status = 200
                await _respond(send, content)
        finally:
            observe(plain.operation, status, began)

    def _plain(self, scope: Scope) -> Plain | None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"] or scope.get("root_path"):
            return None
        path = scope.get("raw_path") or b""
        for lane in self._lanes:
            plain = lane(path, scope)
            if plain is not None:
                return plain
        return None


def _refusal(error: Exception) -> Response:
    if isinstance(error, BrokerError):
        log_failure(error)
        return problem(error)
    return problem(unexpected(error))


async def _received(receive: Receive, longest: int) -> list[Message]:
    """What comes of the body: all of it, unless it is too long."""
    messages: list[Message] = []
    length, more = 0, True
    while more and length <= longest:
        message = await receive()
        messages.append(message)
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    return messages


def _whole(messages: Sequence[Message], longest: int) -> bytes | None:
    last = messages[-1]
    body = b"".join([each.get("body", b"") for each in messages])
    return None if last["type"] != "http.request" or last.get("more_body") or len(body) > longest else body


def _again(messages: list[Message], receive: Receive) -> Receive:
    """What was received, once more, and then whatever comes."""
    left = messages[::-1]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again


async def _respond(send: Send, content: bytes) -> None:
    headers = [
        (b"cache-control", b"no-store"),
        (b"content-length", str(len(content)).encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
