"""Limits for HTTP/1.1 connections, in front of the server's own protocol.

`ConnectionGuard` is an `asyncio.Protocol` between the socket and the protocol of a server. It parses every request with
httptools, and passes it on in a normalized form: a complete head within limits, without `Upgrade`, and a body without
chunk extensions and trailers. What it rejects never reaches the server: the client gets a problem document, and the
connection is closed. It uses the interface of `asyncio.Protocol` only, and learns from `ReportResponses` when the
application has responded.

Time limits for bodies are enforced where bodies are read (`requests.BodyLimit`).
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, ClassVar, cast

import httptools
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from videobroker.errors import BrokerError, MalformedRequest, RequestHeadTooLarge, RequestTimeout
from videobroker.web.http.access_log import observe
from videobroker.web.http.joined_writes import JoinedWrites
from videobroker.web.http.problems import problem

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers, as in h11 and Envoy (60 KiB). Also the limit for everything between two parts of a body:
chunk extensions and trailers."""
MAX_HEADERS = 100
"""As in Apache (`LimitRequestFields`) and Envoy."""
HEAD_SECONDS = 20.0
"""From the first byte of a head, or from the connection, to the end of the head. As in Apache's mod_reqtimeout."""
LINGER_SECONDS = 2.0
"""The client may still be sending when it is rejected. Closing with unread input resets the connection, and the client
might never read the response: so input is discarded for this long, or up to `MAX_LINGER_BYTES`."""
MAX_LINGER_BYTES = 16 * 1024 * 1024

HeaderLines = Iterable[tuple[bytes, bytes]]

_STATE_KEY = "videobroker.connection"
_CONNECTION_CLOSE = (b"connection", b"close")


class ReportResponses:
    """ASGI middleware: tells the connection of a request that the application has responded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        try:
            await self._app(scope, receive, send)
        finally:
            connection = scope.get("state", {}).get(_STATE_KEY)
            if connection is not None:
                connection.response_completed()


class _RejectedError(Exception):
    """Stops the parser."""


class _Input(Enum):
    """How much of the latest request has been received."""

    NOTHING = auto()
    """Nothing since the connection was made."""
    IDLE = auto()
    """All requests are complete, and have responses."""
    HEAD = auto()
    """The beginning of a head."""
    BODY = auto()
    """A head, and perhaps the beginning of its body."""
    REQUEST = auto()
    """A whole request."""


class ConnectionGuard(asyncio.Protocol):
    """HTTP/1.1 with limits, in front of `server`. There are no WebSockets: every offer of an upgrade is ignored."""

    max_head_bytes: ClassVar[int] = MAX_HEAD_BYTES
    max_headers: ClassVar[int] = MAX_HEADERS
    head_seconds: ClassVar[float] = HEAD_SECONDS

    def __init__(
        self,
        make_server: Callable[[dict[str, Any]], asyncio.Protocol],
        *,
        idle_seconds: float,
        default_headers: Callable[[], HeaderLines],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """`make_server` makes the server's protocol; it gets the state that has to be in the scope of requests."""
        self._server: asyncio.Protocol | None = make_server({_STATE_KEY: self})
        self._idle_seconds = idle_seconds
        self._default_headers = default_headers
        self._loop = loop or asyncio.get_running_loop()
        self._parser: httptools.HttpRequestParser | None = self._new_parser()
        self._output: list[bytes] = []
        """Normalized input for the server."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_chunked = False
        self._ignores_upgrade = False
        self._is_last_request = False
        self._input = _Input.NOTHING
        self._unanswered = 0
        """Requests whose head was passed on, and which have no complete response."""
        self._bytes_without_progress = 0
        self._segment_bytes = 0
        self._rejection: BrokerError | None = None
        self._has_sent_rejection = False
        self._discarded_bytes = 0
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        self._transport = cast("asyncio.Transport", transport)
        self._responses = JoinedWrites(self._transport)
        self._attached().connection_made(cast("asyncio.Transport", self._responses))
        self._expect_within(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """End. No reference cycle is left."""
        for timer in (self._timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._linger_timer = self._parser = None
        self._detach_server(exc)

    def pause_writing(self) -> None:
        """Let the server wait for the client."""
        if self._server is not None:
            self._server.pause_writing()

    def resume_writing(self) -> None:
        """Let the server continue."""
        if self._server is not None:
            self._server.resume_writing()

    def eof_received(self) -> bool | None:
        """The client will send nothing more."""
        return None if self._server is None else self._server.eof_received()

    def data_received(self, data: bytes) -> None:
        """Parse input, and pass it on."""
        if self._rejection is not None or self._parser is None:
            self._discard(data)
            return
        self._segment_bytes = len(data)
        self._bytes_without_progress += self._segment_bytes
        is_valid = True
        try:
            self._parse(self._parser, data)
        except httptools.HttpParserError:
            is_valid = False
        if self._output:
            passed_on = b"".join(self._output)
            self._output.clear()
            self._attached().data_received(passed_on)
        if not is_valid:
            self._reject(self._parser_error())
        elif self._bytes_without_progress > self.max_head_bytes:
            self._reject(self._head_too_large())
        elif self._input is not _Input.REQUEST:
            self._expect_rest()

    def response_completed(self) -> None:
        """The application has responded to the oldest request without a response."""
        self._unanswered -= 1
        self._responses.has_written = False
        if self._server is None or self._transport.is_closing():
            return
        if self._rejection is not None:
            self._finish_rejection()
        elif self._unanswered == 0:
            if self._input is _Input.REQUEST:
                self._become_idle()
            elif self._deadline is None:
                # The response was complete before the request.
                self._expect_within(self.head_seconds)

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._url = b""
        self._headers = []
        if self._input is _Input.IDLE:
            self._deadline = None
        self._input = _Input.HEAD

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The end of a head."""
        parser = cast("httptools.HttpRequestParser", self._parser)
        # The head may have begun behind another request of this segment.
        most = self._bytes_without_progress + self._segment_bytes
        if most > self.max_head_bytes and self._head_bytes(parser) > self.max_head_bytes:
            self._rejection = self._head_too_large()
        elif len(self._headers) > self.max_headers:
            self._rejection = RequestHeadTooLarge(f"A request has at most {self.max_headers} headers. Send fewer.")
        self._ignores_upgrade = parser.should_upgrade()
        if self._ignores_upgrade:
            self._is_last_request = not parser.should_keep_alive()
            if parser.get_method() == b"CONNECT":
                self._rejection = MalformedRequest("This is not a proxy: CONNECT is not supported.")
        if self._rejection is not None:
            raise _RejectedError
        if self._ignores_upgrade:
            return
        self._bytes_without_progress = 0
        self._input = _Input.BODY
        self._deadline = None
        self._unanswered += 1
        self._is_chunked = any(name == b"transfer-encoding" for name, _ in self._headers)
        self._output.append(self._normalized_head(parser))
        # What follows the last chunk are trailers, which are discarded.
        self._headers = []

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._bytes_without_progress = 0
        self._output.append(b"%x\r\n%b\r\n" % (len(body), body) if self._is_chunked else body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self._ignores_upgrade:
            return
        if self._is_chunked:
            self._output.append(b"0\r\n\r\n")
        self._bytes_without_progress = 0
        self._deadline = None
        self._input = _Input.REQUEST
        if self._unanswered == 0:
            self._become_idle()

    # Parsing.

    def _parse(self, parser: httptools.HttpRequestParser, data: bytes) -> None:
        """Parse a request that offers an upgrade like the same request without the offer (RFC 9110, section 7.8).

        llhttp takes everything after the head of such a request for another protocol. Here, the head is parsed again
        without the offer, and then the rest. Raises `httptools.HttpParserError`.
        """
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Views: many requests in one segment must not copy the rest of it again and again.
            rest: memoryview | None = memoryview(data)[upgrade.args[0] :]
            while rest is not None:
                rest = self._parse_without_upgrade(rest)

    def _parse_without_upgrade(self, rest: memoryview) -> memoryview | None:
        """Parse the last head without `Upgrade`, and the rest; returns what is left after another offer."""
        parser = cast("httptools.HttpRequestParser", self._parser)
        try:
            head = self._normalized_head(parser)
            if self._is_last_request:
                # llhttp parses nothing after it.
                parser = self._parser = self._new_parser()
            parser.feed_data(head)
            parser.feed_data(rest)
        except httptools.HttpParserUpgrade as upgrade:
            return rest[upgrade.args[0] :]
        return None

    def _normalized_head(self, parser: httptools.HttpRequestParser) -> bytes:
        """The head that has just been parsed, without `Upgrade`."""
        line = b"%b %b HTTP/%b\r\n" % (parser.get_method(), self._url, parser.get_http_version().encode())
        lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != b"upgrade"]
        return b"".join((line, *lines, b"\r\n"))

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows `Connection: close` is discarded.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _head_bytes(self, parser: httptools.HttpRequestParser) -> int:
        line = len(parser.get_method()) + len(self._url) + len(b"  HTTP/1.1\r\n")
        return line + sum(len(name) + len(value) + len(b": \r\n") for name, value in self._headers) + len(b"\r\n")

    def _head_too_large(self) -> RequestHeadTooLarge:
        return RequestHeadTooLarge(
            f"Request line and headers have at most {self.max_head_bytes} bytes. Send fewer or shorter."
        )

    # Time.

    def _become_idle(self) -> None:
        self._input = _Input.IDLE
        self._expect_within(self._idle_seconds)

    def _expect_rest(self) -> None:
        """Set a deadline for the rest of a request whose beginning has been received."""
        if self._deadline is None and (self._input is _Input.HEAD or self._unanswered == 0):
            self._expect_within(self.head_seconds)

    def _deadline_passed(self) -> None:
        if self._unanswered:
            # The client may wait for the response before it sends more.
            if self._input is _Input.HEAD:
                self._expect_within(self.head_seconds)
        elif self._input is _Input.HEAD:
            self._reject(
                RequestTimeout(
                    f"The head of the request was not complete within {self.head_seconds:g} seconds. Send it at once."
                )
            )
        else:
            self._transport.close()

    def _expect_within(self, seconds: float) -> None:
        """Call `_deadline_passed` unless what is expected is received within this time."""
        # One timer per connection. A deadline that moves away leaves it as it is: it is set again when it fires.
        self._deadline = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer_at <= self._deadline:
                return
            self._timer.cancel()
        self._set_timer(self._deadline)

    def _set_timer(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._deadline is None or self._rejection is not None or self._transport.is_closing():
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._deadline = None
            self._deadline_passed()

    # Rejection.

    def _reject(self, error: BrokerError) -> None:
        self._rejection = error
        self._finish_rejection()

    def _parser_error(self) -> BrokerError:
        """Why a callback has stopped the parser, or that the input is not HTTP."""
        return self._rejection or MalformedRequest("This is not a valid HTTP/1.1 request. Check its framing.")

    def _finish_rejection(self) -> None:
        """Send the rejection, when the responses before it are complete."""
        if self._input is not _Input.BODY:
            if self._unanswered == 0:
                self._send_rejection()
        elif self._unanswered <= 1:
            # The server has received the head of the rejected request, and never receives the rest.
            has_response = self._unanswered == 0 or self._responses.has_written
            self._responses.detach()
            self._detach_server(None)
            if has_response:
                self._transport.close()
            else:
                self._send_rejection()

    def _attached(self) -> asyncio.Protocol:
        assert self._server is not None  # noqa: S101  input is discarded afterwards
        return self._server

    def _detach_server(self, exc: Exception | None) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.connection_lost(exc)

    def _send_rejection(self) -> None:
        if self._has_sent_rejection or self._rejection is None or self._transport.is_closing():
            return
        self._has_sent_rejection = True
        response = problem(self._rejection)
        observe("none", response.status_code, time.perf_counter())
        headers = [*self._default_headers(), *response.raw_headers, _CONNECTION_CLOSE]
        self._transport.write(_response_bytes(response.status_code, headers, bytes(response.body)))
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._linger_timer = self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_LINGER_BYTES:
            self._transport.close()


def _response_bytes(status: int, headers: HeaderLines, body: bytes) -> bytes:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return b"".join((line, *[b"%b: %b\r\n" % header for header in headers], b"\r\n", body))


class GuardedUvicornProtocol(ConnectionGuard):
    """uvicorn's HTTP/1.1 protocol behind a guard: for `uvicorn.Config(ReportResponses(app), http=...)`."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(
            lambda state: HttpToolsProtocol(config, server_state, {**app_state, **state}, _loop),
            idle_seconds=config.timeout_keep_alive,
            default_headers=lambda: server_state.default_headers,
            loop=_loop,
        )
