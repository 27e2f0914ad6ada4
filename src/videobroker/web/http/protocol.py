"""uvicorn's HTTP/1.1 protocol with bounded request heads, time limits, and offered upgrades ignored.

What is refused here never becomes a request: the client gets a problem document and the connection is closed. Time
limits for bodies are enforced where bodies are read (`reading.BodyLimit`).
"""

import asyncio
import time
from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from videobroker.errors import BrokerError
from videobroker.web.http.access_log import observe
from videobroker.web.http.problems import HeadTooLarge, MalformedRequest, RequestTimeout, problem
from videobroker.web.one_piece import OnePieceProtocol

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers, as in h11 and Envoy (60 KiB). Also the limit for everything between two parts of a body:
chunk extensions and trailers."""
MAX_HEADERS = 100
"""As in Apache (`LimitRequestFields`) and Envoy."""
HEAD_SECONDS = 20.0
"""From the first byte of a head, or from the connection, to the end of the head. As in Apache's mod_reqtimeout."""
LINGER_SECONDS = 2.0
"""The client may still be sending when it is refused. Closing with unread input resets the connection, and the client
might never read the answer: so input is discarded for this long, or up to `MAX_LINGER_BYTES`."""
MAX_LINGER_BYTES = 16 * 1024 * 1024

_CONNECTION_CLOSE = (b"connection", b"close")


class _RefusedError(Exception):
    """Makes the parser stop."""


class _Input(Enum):
    """What has come of the next request, or of the one that is being answered."""

    NOTHING = auto()
    """Of the first request of the connection."""
    IDLE = auto()
    """All requests are answered."""
    HEAD = auto()
    """The beginning of a head."""
    BODY = auto()
    """A head, and perhaps the beginning of its body."""
    REQUEST = auto()
    """A whole request."""


class HttpProtocol(OnePieceProtocol):
    """HTTP/1.1 with limits. There are no WebSockets: every offer of an upgrade is ignored."""

    max_head_bytes: ClassVar[int] = MAX_HEAD_BYTES
    max_headers: ClassVar[int] = MAX_HEADERS
    head_seconds: ClassVar[float] = HEAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ignores_upgrade = False
        self._is_last_request = False
        self._input = _Input.NOTHING
        self._bytes_without_progress = 0
        self._segment_bytes = 0
        self._refused: BrokerError | None = None
        self._has_sent_refusal = False
        self._discarded_bytes = 0
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """A client has connected."""
        super().connection_made(transport)
        self.expect_within(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        for timer in (self._timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._linger_timer = None

    def data_received(self, data: bytes) -> None:
        """Parse input."""
        if self._refused is not None:
            self._discard(data)
            return
        self._segment_bytes = len(data)
        self._bytes_without_progress += self._segment_bytes
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse_unparsed()
            return
        if self._bytes_without_progress > self.max_head_bytes:
            self._refuse(self._head_too_large())
        elif self._input is not _Input.REQUEST:
            self.expect_rest()

    def _parse(self, data: bytes) -> None:
        """Parse a request that offers an upgrade like the same request without the offer (RFC 9110, section 7.8).

        llhttp takes everything after the head of such a request for another protocol. Here, the head is parsed again
        without the offer, and then the rest. Raises `httptools.HttpParserError`.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Views: many requests in one segment must not copy the rest of it again and again.
            rest: memoryview | None = memoryview(data)[upgrade.args[0] :]
            while rest is not None:
                rest = self._parse_without_upgrade(rest)

    def _parse_without_upgrade(self, rest: memoryview) -> memoryview | None:
        """Parse the last head without `Upgrade`, and the rest; returns what is left after another offer."""
        try:
            head = self._head_without_upgrade()
            if self._is_last_request:
                # llhttp parses nothing after it.
                self.parser = self._new_parser()
            self.parser.feed_data(head)
            self.parser.feed_data(rest)
        except httptools.HttpParserUpgrade as upgrade:
            return rest[upgrade.args[0] :]
        return None

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        if self._input is _Input.IDLE:
            self._deadline = None
        self._input = _Input.HEAD

    def on_headers_complete(self) -> None:
        """The end of a head."""
        # The head may have begun behind another request of this segment.
        most = self._bytes_without_progress + self._segment_bytes
        if most > self.max_head_bytes and self._head_bytes() > self.max_head_bytes:
            self._refused = self._head_too_large()
        elif len(self.headers) > self.max_headers:
            self._refused = HeadTooLarge(f"A request has at most {self.max_headers} headers. Send fewer.")
        self._ignores_upgrade = self.parser.should_upgrade()
        if self._ignores_upgrade:
            self._is_last_request = not self.parser.should_keep_alive()
            if self.parser.get_method() == b"CONNECT":
                self._refused = MalformedRequest("This is not a proxy: CONNECT is not supported.")
        if self._refused is not None:
            raise _RefusedError
        if self._ignores_upgrade:
            return
        self._bytes_without_progress = 0
        self._input = _Input.BODY
        self._deadline = None
        self.begin_request()

    def begin_request(self) -> None:
        """Start processing the request whose head has been parsed."""
        url, headers, expects_100_continue = self.url, self.headers, self.expect_100_continue
        # Only now: it makes a scope, which not every request needs.
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects_100_continue
        self.headers.extend(headers)
        super().on_headers_complete()
        # The scope has the headers. What comes after the last chunk are trailers, which are discarded.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self.note_progress()
        super().on_body(body)

    def note_progress(self) -> None:
        """Restart the count of bytes between two parts of a body."""
        self._bytes_without_progress = 0

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self._ignores_upgrade:
            return
        self._bytes_without_progress = 0
        self._deadline = None
        self._input = _Input.REQUEST
        self.complete_request()

    def complete_request(self) -> None:
        """Process the end of the request."""
        super().on_message_complete()
        if not self.is_busy():
            # It was answered before.
            self._become_idle()

    def on_response_complete(self) -> None:
        """A response was sent."""
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._refused is not None:
            self._send_refusal()
            return
        self.flow.resume_reading()
        if self._input is _Input.REQUEST:
            self._become_idle()
        elif self._deadline is None:
            # It was answered before it was complete.
            self.expect_within(self.head_seconds)

    def _become_idle(self) -> None:
        self._input = _Input.IDLE
        self.expect_within(self.timeout_keep_alive)

    def _head_without_upgrade(self) -> bytes:
        """The head that has just been parsed, without `Upgrade`."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        return b"".join([b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version), *lines, b"\r\n"])

    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        # uvicorn's type leaves out that there is none at first.
        cycle: object | None = self.cycle
        return cycle is not None and not self.cycle.response_complete

    def expect_rest(self) -> None:
        """Set a deadline for the rest of a request that has begun to come."""
        if self._deadline is None and (self._input is _Input.HEAD or not self.is_busy()):
            self.expect_within(self.head_seconds)

    def deadline_passed(self) -> None:
        """What was expected did not come in time."""
        if self.is_busy():
            # The client may wait for the response before it sends more.
            if self._input is _Input.HEAD:
                self.expect_within(self.head_seconds)
        elif self._input is _Input.HEAD:
            self._refuse(
                RequestTimeout(
                    f"The head of the request was not complete within {self.head_seconds:g} seconds. Send it at once."
                )
            )
        else:
            self.transport.close()

    def has_deadline(self) -> bool:
        """Whether more input is expected within a time."""
        return self._deadline is not None

    def expect_within(self, seconds: float) -> None:
        """Call `deadline_passed` unless what is expected has come within this time."""
        # One timer per connection. A deadline that moves away leaves it as it is: it is set again when it fires.
        self._deadline = self.loop.time() + seconds
        if self._timer is not None:
            if self._timer_at <= self._deadline:
                return
            self._timer.cancel()
        self._set_timer(self._deadline)

    def _set_timer(self, at: float) -> None:
        self._timer_at = at
        self._timer = self.loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._deadline is None or self._refused is not None or self.transport.is_closing():
            return
        if self.loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._deadline = None
            self.deadline_passed()

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # As uvicorn does: what follows `Connection: close` is discarded.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _head_bytes(self) -> int:
        line = len(self.parser.get_method()) + len(self.url) + len(b"  HTTP/1.1\r\n")
        return line + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers) + len(b"\r\n")

    def _head_too_large(self) -> HeadTooLarge:
        return HeadTooLarge(
            f"Request line and headers have at most {self.max_head_bytes} bytes. Send fewer or shorter."
        )

    def _refuse_unparsed(self) -> None:
        self._refuse(self._refused or MalformedRequest("This is not a valid HTTP/1.1 request. Check its framing."))

    def _refuse(self, error: BrokerError) -> None:
        self._refused = error
        if self._input is not _Input.BODY:
            # Responses come in the order of the requests.
            if not self.is_busy():
                self._send_refusal()
        elif self.pipeline:
            # The broken request was not started yet.
            self.pipeline.popleft()
        else:
            self.abandon_request()

    def abandon_request(self) -> None:
        """End the request whose body is broken."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is not None and cycle.response_started:
            self.transport.close()
        else:
            self._send_refusal()

    def _send_refusal(self) -> None:
        if self._has_sent_refusal or self._refused is None or self.transport.is_closing():
            return
        self._has_sent_refusal = True
        refusal = problem(self._refused)
        observe("none", refusal.status_code, time.perf_counter())
        headers = [*refusal.raw_headers, _CONNECTION_CLOSE]
        defaults = self.server_state.default_headers
        self.transport.write(response_bytes(refusal.status_code, defaults, headers, body=bytes(refusal.body)))
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_LINGER_BYTES:
            self.transport.close()


def response_bytes(status: int, *headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """A whole response."""
    return b"".join((STATUS_LINE[status], *[_lines(tuple(each)) for each in headers], b"\r\n", body))


@lru_cache(maxsize=4096)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    # There are as many as there are kinds and lengths of answers, and the date.
    return b"".join([b"%b: %b\r\n" % header for header in headers])
