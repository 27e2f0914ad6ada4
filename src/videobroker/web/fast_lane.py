"""The short way for the plainest requests, past the framework.

Nearly everything that comes at the full hour is of a few kinds, and says nothing unusual. What the framework does for
such a request takes longer than everything we do. Whatever is in the least different, or wrong in its form, goes the
ordinary way, with nothing done yet: there is one contract, and one text of every error.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, ClassVar, Protocol

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.broker import Broker
from videobroker.domain.struct import Struct
from videobroker.errors import BrokerError
from videobroker.web.http.access_log import observe
from videobroker.web.http.problems import log_failure, problem, unexpected
from videobroker.web.http.semantics import DEFAULT_HEADERS

Client = tuple[str, int] | None
BODY_SECONDS = 5.0
"""A body that takes longer is read by the ordinary way, which has a time limit and an answer for it."""


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


Lane = Callable[[bytes, Mapping[bytes, bytes], Client], Plain | None]
"""Of a POST without query to this path, with these headers, from this client: whether it is plain."""


class Answer(Struct):
    """What goes back."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    content: bytes
    hidden_from_repr = ("content",)


class ShortWay:
    """Takes plain requests, and answers them."""

    def __init__(self, broker: Callable[[], Broker], lanes: Sequence[Lane]) -> None:
        self._broker = broker
        self._lanes = lanes

    def plain(self, path: bytes, headers: Mapping[bytes, bytes], client: Client) -> Plain | None:
        """The request, a POST without query to this path, if it is plain."""
        for lane in self._lanes:
            plain = lane(path, headers, client)
            if plain is not None:
                return plain
        return None

    async def answer(self, plain: Plain, wish: Any) -> Answer:
        """The answer to it, whatever happens. It is in the log, and counted."""
        began = time.perf_counter()
        status = 500
        try:
            answer = await self._answer(plain, wish)
            status = answer.status
        finally:
            observe(plain.operation, status, began)
        return answer

    async def _answer(self, plain: Plain, wish: Any) -> Answer:
        try:
            content = msgspec.json.encode(await plain.answer(self._broker(), wish))
        except Exception as error:  # noqa: BLE001  the last resort is for all of them
            refusal = _refusal(error)
            return Answer(refusal.status_code, refusal.raw_headers, bytes(refusal.body))
        return Answer(200, _headers(len(content)), content)


class FastLane:
    """ASGI middleware that lets plain requests go the short way, and passes everything else on."""

    def __init__(self, app: ASGIApp, short_way: ShortWay) -> None:
        self.app = app
        self._short_way = short_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
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
        answer = await self._short_way.answer(plain, wish)
        await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.content})

    def _plain(self, scope: Scope) -> Plain | None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"] or scope.get("root_path"):
            return None
        headers = single_headers(scope["headers"])
        return (
            None if headers is None else self._short_way.plain(scope.get("raw_path") or b"", headers, scope["client"])
        )


def single_headers(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes] | None:
    """The headers by name; None if one comes twice. `X-Forwarded-For` may: each proxy may add a line of its own."""
    lines = list(headers)
    found = dict(lines)
    if len(found) == len(lines):
        return found
    forwarded_for = [value for name, value in lines if name == b"x-forwarded-for"]
    if len(found) + len(forwarded_for) - 1 != len(lines):
        return None
    return {**found, b"x-forwarded-for": b", ".join(forwarded_for)}


@lru_cache(maxsize=4096)
def _headers(length: int) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"content-type", b"application/json"), *DEFAULT_HEADERS, (b"content-length", b"%d" % length))


def _refusal(error: Exception) -> Response:
    if isinstance(error, BrokerError):
        log_failure(error)
        return problem(error)
    return problem(unexpected(error))


async def _received(receive: Receive, longest: int) -> list[Message]:
    """What comes of the body: all of it, unless it is too long."""
    messages: list[Message] = []
    length, more = 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            while more and length <= longest:
                message = await receive()
                messages.append(message)
                length += len(message.get("body", b""))
                more = message.get("more_body", False)
    return messages


def _whole(messages: Sequence[Message], longest: int) -> bytes | None:
    if not messages:
        return None
    last = messages[-1]
    body = b"".join([each.get("body", b"") for each in messages])
    return None if last["type"] != "http.request" or last.get("more_body") or len(body) > longest else body


def _again(messages: list[Message], receive: Receive) -> Receive:
    """What was received, once more, and then whatever comes."""
    left = messages[::-1]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again
