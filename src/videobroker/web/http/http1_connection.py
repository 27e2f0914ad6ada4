"""HTTP/1.1 connections of the service: a protocol for uvicorn's server.

`Http1Connection` parses requests with httptools, within limits, and runs the application for each of them. uvicorn
listens, and starts and stops the service: `uvicorn.Config(app, http=Http1Connection)`. uvicorn's own protocol has no
limits for heads, loses the body of a request that offers an upgrade, and takes more time (decision 28).

A request that is not valid or exceeds a limit never reaches the application: the client gets a problem document after
the responses to earlier requests, and the connection is closed. Offers of an upgrade are ignored (RFC 9110, section
7.8), and trailers are discarded. Time limits for bodies are enforced where bodies are read (`requests.BodyLimit`).
"""

import asyncio
import time
from collections import deque
from enum import Enum, auto
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import httptools
import uvicorn
from starlette.types import Scope
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from videobroker.current_request import CURRENT_REQUEST, CurrentRequest
from videobroker.errors import BrokerError, MalformedRequest, RequestHeadTooLarge, RequestTimeout
from videobroker.web.http.access_log import observe
from videobroker.web.http.http1_exchange import CONNECTION_CLOSE, Exchange, HeaderLines, status_line
from videobroker.web.http.problems import problem
from videobroker.web.http.request_ids import start_request

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
DRAIN_SECONDS = 2.0
"""How long connections stay open for another request when the service stops. A proxy may send one before it learns that
the service stops, and must not repeat a POST. The shipped configuration of nginx closes a connection that was idle for
one second, so none that is closed here gets a request."""

MAX_BUFFERED_BODY_BYTES = 64 * 1024
"""Of a body that the application has not received. Beyond it, reading from the socket pauses."""


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


class Http1Connection(asyncio.Protocol):
    """A connection. Its requests are processed one after the other, in their order."""

    max_head_bytes: ClassVar[int] = MAX_HEAD_BYTES
    max_headers: ClassVar[int] = MAX_HEADERS
    head_seconds: ClassVar[float] = HEAD_SECONDS
    drain_seconds: ClassVar[float] = DRAIN_SECONDS

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Called by uvicorn. Raises `ValueError` for options of uvicorn that are not supported."""
        if not config.loaded:
            config.load()
        if config.limit_concurrency is not None or config.access_log:
            raise ValueError("The options `limit_concurrency` and `access_log` of uvicorn are not supported.")
        self._config = config
        self._app = config.loaded_app
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._connection_scope: Scope = {}
        self._parser: httptools.HttpRequestParser | None = self._new_parser()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects_continue = False
        self._ignores_upgrade = False
        self._is_last_request = False
        self._input = _Input.NOTHING
        self._exchanges: deque[Exchange] = deque()
        """Requests without a complete response. The application is running for the first."""
        self._receiving: Exchange | None = None
        """The request whose body is incomplete."""
        self._is_read_paused = False
        self._resumed_writing: asyncio.Event | None = None
        """Set when writing can continue; None while it is not paused."""
        self._bytes_without_progress = 0
        self._segment_bytes = 0
        self._rejection: BrokerError | None = None
        self._rejected_request: CurrentRequest | None = None
        self._has_sent_rejection = False
        self._discarded_bytes = 0
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._linger_timer: asyncio.TimerHandle | None = None
        self._drain_timer: asyncio.TimerHandle | None = None
        self._is_draining = False

    # The transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        self._transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # typed for uvicorn's own protocols
        self._connection_scope = {
            "type": "http",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.3"},
            "scheme": "https" if is_ssl(self._transport) else "http",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": self._config.root_path,
        }
        self._expect_within(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """End. No reference cycle is left."""
        self._server_state.connections.discard(self)
        for timer in (self._timer, self._linger_timer, self._drain_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._linger_timer = self._drain_timer = self._parser = None
        for exchange in self._exchanges:
            exchange.disconnect()
        self._exchanges.clear()
        self._receiving = None
        self.resume_writing()
        # A client that has only closed its own direction does not close the other one.
        self._transport.close()

    def pause_writing(self) -> None:
        """Let the application wait for the client."""
        if self._resumed_writing is None:
            self._resumed_writing = asyncio.Event()

    def resume_writing(self) -> None:
        """Let the application continue."""
        resumed, self._resumed_writing = self._resumed_writing, None
        if resumed is not None:
            resumed.set()

    def data_received(self, data: bytes) -> None:
        """Parse input."""
        if self._rejection is not None or self._parser is None:
            self._discard(data)
            return
        self._segment_bytes = len(data)
        self._bytes_without_progress += self._segment_bytes
        try:
            self._parse(self._parser, data)
        except httptools.HttpParserCallbackError as error:
            self._finish_callback(error)
        except httptools.HttpParserError:
            self._reject(MalformedRequest("This is not a valid HTTP/1.1 request. Check its framing."))
        else:
            if self._bytes_without_progress > self.max_head_bytes:
                self._reject(self._head_too_large())
            elif self._input is not _Input.REQUEST:
                self._expect_rest()

    def _finish_callback(self, error: httptools.HttpParserCallbackError) -> None:
        if self._rejection is None:
            # A fault of a callback. The event loop logs it, and closes the connection.
            raise error
        self._finish_rejection()

    def shutdown(self) -> None:
        """Close the connection after the requests that have begun, or begin soon.

        uvicorn calls this when the service stops.
        """
        self._is_draining = True
        # The head of its response tells the client. If that has been sent, a client can use the connection once more.
        if self._exchanges and not self._exchanges[-1].has_written:
            self._exchanges[-1].keeps_alive = False
        self._drain_timer = self._loop.call_later(self.drain_seconds, self._end_draining)

    def _end_draining(self) -> None:
        if self._exchanges:
            self._exchanges[-1].keeps_alive = False
        else:
            self._transport.close()

    # The exchanges.

    @property
    def default_headers(self) -> HeaderLines:
        """Headers of every response."""
        return self._server_state.default_headers

    @property
    def is_write_paused(self) -> bool:
        """Whether the client reads more slowly than responses are written."""
        return self._resumed_writing is not None

    async def drain(self) -> None:
        """Wait until writing is not paused."""
        if self._resumed_writing is not None:
            await self._resumed_writing.wait()

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closing."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection when everything has been sent."""
        self._transport.close()

    def body_consumed(self) -> None:
        """The application has received the buffered part of the body."""
        if self._is_read_paused:
            self._pause_or_resume_reading()

    def response_completed(self, exchange: Exchange) -> None:
        """The response to the first request has been written."""
        self._server_state.total_requests += 1
        self._exchanges.popleft()
        if self._transport.is_closing():
            return
        if not exchange.keeps_alive:
            self._exchanges.clear()
            self._transport.close()
        elif self._exchanges:
            self._run(self._exchanges[0])
        elif self._rejection is not None:
            self._finish_rejection()
        elif self._input is _Input.REQUEST:
            self._become_idle()
        elif self._deadline is None:
            # The response was complete before the request.
            self._expect_within(self.head_seconds)
        if self._is_read_paused:
            self._pause_or_resume_reading()

    def _run(self, exchange: Exchange) -> None:
        task = self._loop.create_task(exchange.run(self._app))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    def _pause_or_resume_reading(self) -> None:
        receiving = self._receiving
        has_full_buffer = receiving is not None and receiving.buffered_bytes > MAX_BUFFERED_BODY_BYTES
        # A client can send more requests before it has the response to the first: no more than one segment of them is
        # parsed in advance.
        is_paused = self._rejection is None and (has_full_buffer or len(self._exchanges) > 1)
        if is_paused is self._is_read_paused or self._transport.is_closing():
            return
        self._is_read_paused = is_paused
        if is_paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._url = b""
        self._headers = []
        self._expects_continue = False
        if self._input is _Input.IDLE:
            self._deadline = None
        self._input = _Input.HEAD

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        lowercase = name.lower()
        if lowercase == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        self._headers.append((lowercase, value))

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
        self._begin_exchange(parser)

    def _begin_exchange(self, parser: httptools.HttpRequestParser) -> None:
        version = parser.get_http_version()
        exchange = self._receiving = Exchange(
            self,
            self._scope(parser, version),
            keeps_alive=version != "1.0" and parser.should_keep_alive() and not self._is_draining,
            expects_continue=self._expects_continue,
        )
        # What follows the last chunk of a body are trailers. They are not headers.
        self._headers = []
        self._exchanges.append(exchange)
        if len(self._exchanges) == 1:
            self._run(exchange)
        else:
            self._pause_or_resume_reading()

    def _scope(self, parser: httptools.HttpRequestParser, version: str) -> Scope:
        path, query = self._target()
        root_path = self._config.root_path
        return {
            **self._connection_scope,
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "path": root_path + (unquote(path.decode("ascii")) if b"%" in path else path.decode("ascii")),
            "raw_path": root_path.encode("ascii") + path,
            "query_string": query,
            "headers": self._headers,
            "state": self._app_state.copy(),
        }

    def _target(self) -> tuple[bytes, bytes]:
        """The path and the query of the request. Raises `_RejectedError`."""
        if not self._url.isascii():
            raise self._malformed_target()
        if self._url.startswith(b"/") and b"#" not in self._url:
            path, _, query = self._url.partition(b"?")
            return path, query
        try:
            url = httptools.parse_url(self._url)
        except httptools.HttpParserInvalidURLError:
            raise self._malformed_target() from None
        return url.path or b"/", url.query or b""

    def _malformed_target(self) -> _RejectedError:
        self._rejection = MalformedRequest("The target of the request is not a path or a URL in ASCII. Encode it.")
        return _RejectedError()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._bytes_without_progress = 0
        if self._receiving is not None:
            self._receiving.add_body(body)
            if self._receiving.buffered_bytes > MAX_BUFFERED_BODY_BYTES:
                self._pause_or_resume_reading()

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self._ignores_upgrade:
            return
        if self._receiving is not None:
            self._receiving.end_body()
            self._receiving = None
        self._bytes_without_progress = 0
        self._deadline = None
        self._input = _Input.REQUEST
        if not self._exchanges:
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
        self._expect_within(self._config.timeout_keep_alive)

    def _expect_rest(self) -> None:
        """Set a deadline for the rest of a request whose beginning has been received."""
        if self._deadline is None and (self._input is _Input.HEAD or not self._exchanges):
            self._expect_within(self.head_seconds)

    def _deadline_passed(self) -> None:
        if self._exchanges:
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

    def _finish_rejection(self) -> None:
        """Send the rejection, when the responses before it are complete."""
        rejected, self._receiving = self._receiving, None
        if self._rejected_request is None:
            self._rejected_request = start_request(self._headers if rejected is None else rejected.scope["headers"])
        has_response = False
        if rejected is not None:
            # It never gets the rest of its body. If its response has been written in part, there is no other.
            has_response = rejected.has_written
            rejected.disconnect()
            if rejected in self._exchanges:
                self._exchanges.remove(rejected)
        if self._is_read_paused:
            self._pause_or_resume_reading()
        if has_response:
            self._transport.close()
        elif not self._exchanges:
            self._send_rejection()

    def _send_rejection(self) -> None:
        request = self._rejected_request
        if self._has_sent_rejection or self._rejection is None or request is None or self._transport.is_closing():
            return
        self._has_sent_rejection = True
        # The context here is that of the connection, or of an earlier request.
        context = CURRENT_REQUEST.set(request)
        try:
            response = problem(self._rejection)
            observe("none", response.status_code, time.perf_counter())
        finally:
            CURRENT_REQUEST.reset(context)
        headers = [*self.default_headers, *response.raw_headers, *request.response_headers(), CONNECTION_CLOSE]
        lines = [b"%b: %b\r\n" % header for header in headers]
        self._transport.write(b"".join((status_line(response.status_code), *lines, b"\r\n", response.body)))
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._linger_timer = self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_LINGER_BYTES:
            self._transport.close()
