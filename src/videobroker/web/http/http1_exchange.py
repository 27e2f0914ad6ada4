"""The ASGI side of one HTTP/1.1 request and its response (ASGI HTTP specification 2.3)."""

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope

from videobroker.current_request import CURRENT_REQUEST
from videobroker.web.http.problems import log_crash
from videobroker.web.http.request_ids import start_request

HeaderLines = Iterable[tuple[bytes, bytes]]

CONNECTION_CLOSE = (b"connection", b"close")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FRAMING_HEADERS = frozenset({b"content-length", b"connection", b"transfer-encoding"})
_BODILESS_STATUSES = frozenset({204, 304})
"""Responses without a body (RFC 9110, section 6.4.1)."""
_LINE_BREAKS = b"\r\n\0"
"""Bytes that must not be in a header: with them, it would end early for some recipients (RFC 9110, section 5.5)."""
_FAILURE_BODY = b"Internal Server Error"


class Connection(Protocol):
    """What an exchange needs of its connection."""

    @property
    def default_headers(self) -> HeaderLines:
        """Headers of every response."""

    @property
    def is_write_paused(self) -> bool:
        """Whether the client reads more slowly than responses are written."""

    async def drain(self) -> None:
        """Wait until writing is not paused."""

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closing."""

    def close(self) -> None:
        """Close the connection when everything has been sent."""

    def body_consumed(self) -> None:
        """The application has received the buffered part of the body."""

    def response_completed(self, exchange: "Exchange") -> None:
        """The response has been written."""


class Exchange:
    """A request and its response. `receive` and `send` are those of the application."""

    __slots__ = (
        "_body",
        "_body_left",
        "_connection",
        "_delayed_head",
        "_event",
        "_expects_continue",
        "_has_delivered_body",
        "_has_whole_body",
        "_is_bodiless",
        "_is_started",
        "_is_stream",
        "has_written",
        "is_complete",
        "is_disconnected",
        "keeps_alive",
        "scope",
    )

    def __init__(self, connection: Connection, scope: Scope, *, keeps_alive: bool, expects_continue: bool) -> None:
        self.scope = scope
        self.keeps_alive = keeps_alive
        """Whether the connection can be used again after the response."""
        self.is_disconnected = False
        self.is_complete = False
        """Whether the response has been written."""
        self.has_written = False
        """Whether a part of the response has been written."""
        self._connection = connection
        self._expects_continue = expects_continue
        self._body = bytearray()
        self._has_whole_body = False
        self._has_delivered_body = False
        self._event: asyncio.Event | None = None
        self._is_started = False
        self._delayed_head = b""
        self._is_stream = False
        """Whether the response has a body without a known length."""
        self._is_bodiless = False
        self._body_left = 0

    # The request, from the connection.

    @property
    def buffered_bytes(self) -> int:
        """The size of the received part of the body that the application has not consumed."""
        return len(self._body)

    def add_body(self, data: bytes) -> None:
        """Buffer a part of the body. It is discarded if the response is complete."""
        if not self.is_complete:
            self._body += data
            self._wake()

    def end_body(self) -> None:
        """Note that the body is complete."""
        self._has_whole_body = True
        self._wake()

    def disconnect(self) -> None:
        """Tell the application that the client is disconnected, and ignore what it sends."""
        self.is_disconnected = True
        self._wake()

    def _wake(self) -> None:
        event, self._event = self._event, None
        if event is not None:
            event.set()

    # The application.

    async def run(self, app: ASGIApp) -> None:
        """Run the application. If it fails before its response begins, the response is a plain 500."""
        try:
            await app(self.scope, self.receive, self.send)
            self._require_complete()
        except asyncio.CancelledError:
            self._fail()
            raise
        except Exception as error:  # noqa: BLE001  the outermost handler
            log_crash(error)
            self._fail()

    def _require_complete(self) -> None:
        if not (self.is_complete or self.is_disconnected):
            raise RuntimeError("The application returned before its response was complete.")

    async def receive(self) -> Message:
        """The next part of the body; `http.disconnect` after the response, or if the client has disconnected."""
        if self._expects_continue:
            self._expects_continue = False
            if not self.is_disconnected:
                self._connection.write(_CONTINUE)
        while True:
            if self.is_disconnected or self.is_complete:
                return {"type": "http.disconnect"}
            if self._body or (self._has_whole_body and not self._has_delivered_body):
                return self._next_part()
            if self._event is None:
                self._event = asyncio.Event()
            await self._event.wait()

    def _next_part(self) -> Message:
        body = bytes(self._body)
        self._body.clear()
        self._has_delivered_body = self._has_whole_body
        self._connection.body_consumed()
        return {"type": "http.request", "body": body, "more_body": not self._has_whole_body}

    async def send(self, message: Message) -> None:
        """Write a part of the response. Raises `RuntimeError` for messages that ASGI does not allow."""
        while self._connection.is_write_paused and not self.is_disconnected:
            await self._connection.drain()
        if self.is_disconnected:
            return
        expected = "http.response.body" if self._is_started else "http.response.start"
        if self.is_complete or message["type"] != expected:
            raise RuntimeError(f"The application sent {message['type']!r} at the wrong time.")
        if self._is_started:
            self._write_body(message.get("body", b""), has_more=message.get("more_body", False))
        else:
            self._start(message["status"], message.get("headers", ()))

    # The response.

    def _start(self, status: int, headers: HeaderLines) -> None:
        """Begin the response. The names of headers are in lower case, as ASGI requires."""
        lines = [status_line(status)]
        length: int | None = None
        is_closing = False
        for name, value in (*self._connection.default_headers, *headers):
            if name in _FRAMING_HEADERS:
                if name == b"content-length":
                    length = int(value)
                elif name == b"connection":
                    is_closing = b"close" in {token.strip().lower() for token in value.split(b",")}
                else:
                    # The server chooses the framing (ASGI, "Response Start").
                    continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if is_closing:
            self.keeps_alive = False
        elif not self.keeps_alive:
            lines.append(b"connection: close\r\n")
        self._is_bodiless = self.scope["method"] == "HEAD" or status in _BODILESS_STATUSES
        self._is_stream = length is None and not self._is_bodiless
        self._body_left = 0 if length is None or self._is_bodiless else length
        if self._is_stream and self._can_chunk:
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if len(head.translate(None, _LINE_BREAKS)) != len(head) - len(b"\r\n") * len(lines):
            raise RuntimeError("A header of the response has a line break or a null character.")
        self._is_started = True
        self._expects_continue = False
        self._delayed_head = head + b"\r\n"
        if self._is_stream:
            # The first part of a stream may follow much later. Every other body follows at once: one write.
            self._write(b"")

    @property
    def _can_chunk(self) -> bool:
        # A client of HTTP/1.0 does not know chunks: for it, the end of the connection is the end of the body.
        return bool(self.scope["http_version"] != "1.0")

    def _write_body(self, body: bytes, *, has_more: bool) -> None:
        if self._is_bodiless:
            body = b""
        elif not self._is_stream:
            self._body_left -= len(body)
            if self._body_left < 0 or (self._body_left > 0 and not has_more):
                raise RuntimeError("The body of the response does not have the length that its header states.")
        elif self._can_chunk:
            body = _chunk(body, is_last=not has_more)
        self.is_complete = not has_more
        self._write(body)
        if self.is_complete:
            self._wake()
            self._connection.response_completed(self)

    def _write(self, data: bytes) -> None:
        head, self._delayed_head = self._delayed_head, b""
        if head or data:
            self.has_written = True
            self._connection.write(head + data)

    def _fail(self) -> None:
        if self.is_disconnected or self.is_complete:
            return
        if self.has_written:
            # The client must not take a part of the response for all of it.
            self._connection.close()
            return
        self._delayed_head = b""
        request = CURRENT_REQUEST.get() or start_request(self.scope["headers"])
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(_FAILURE_BODY)),
            CONNECTION_CLOSE,
            *request.response_headers(),
        ]
        self._start(500, headers)
        self._write_body(_FAILURE_BODY, has_more=False)


def _chunk(data: bytes, *, is_last: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return chunk + b"0\r\n\r\n" if is_last else chunk


@lru_cache(maxsize=128)
def status_line(status: int) -> bytes:
    """The first line of a response."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
