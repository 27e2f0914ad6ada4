"""uvicorn's HTTP/1.1 protocol with bounded request heads, time limits, and offered upgrades ignored.

What is refused here never becomes a request: the client gets a problem document and the connection is closed. Time
limits for bodies are enforced where bodies are read (`reading.BodyLimit`).
"""

import asyncio
import time
from array import array
from collections.abc import Iterable
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from videobroker.errors import BrokerError
from videobroker.web.one_piece import OnePieceProtocol
from videobroker.web.problems import HeadTooLarge, MalformedRequest, RequestTimeout, problem
from videobroker.web.requests_log import observe

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
    """Makes the parser stop. uvicorn calls `send_400_response` then."""


class RequestParser(httptools.HttpRequestParser):
    """Parses a request that offers an upgrade like the same request without the offer (RFC 9110, section 7.8).

    llhttp takes everything after the head of such a request for another protocol. Here, the head is parsed again
    without the offer, and then the rest.
    """

    def __init__(self, protocol: "HttpProtocol") -> None:
        super().__init__(protocol)
        self._protocol = protocol

    def feed_data(self, data: "bytes | bytearray | memoryview | array[int]") -> None:
        """Parse. Raises `httptools.HttpParserError`."""
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Views: many requests in one segment must not copy the rest of it again and again.
            self._feed_again(memoryview(data)[upgrade.args[0] :])

    def _feed_again(self, rest: memoryview) -> None:
        while True:
            try:
                head = self._protocol.head_without_upgrade()
                parser = self._protocol.parser_of_last_request()
                if parser is not None:
                    parser.feed_data(head)
                    parser.feed_data(rest)
                    return
                super().feed_data(head)
                super().feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            else:
                return


class HttpProtocol(OnePieceProtocol):
    """HTTP/1.1 with limits. There are no WebSockets: every offer of an upgrade is ignored."""

    max_head_bytes: ClassVar[int] = MAX_HEAD_BYTES
    max_headers: ClassVar[int] = MAX_HEADERS
    head_seconds: ClassVar[float] = HEAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser = self._new_parser()
        self._ignores_upgrade = False
        self._is_last_request = False
        self._awaits_head = True
        self._has_begun_head = False
        self._bytes_without_progress = 0
        self._segment_bytes = 0
        self._refused: BrokerError | None = None
        self._has_sent_refusal = False
        self._discarded_bytes = 0
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
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
        self._bytes_without_progress += len(data)
        self._segment_bytes = len(data)
        super().data_received(data)
        if self._bytes_without_progress > self.max_head_bytes:
            self._refuse(self._head_too_large())
        elif self._deadline is None and (self._has_begun_head or not self.is_busy()):
            # A head, or the rest of a body that was answered before it was complete.
            self.expect_within(self.head_seconds)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._has_begun_head = True

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
        self._awaits_head = self._has_begun_head = False
        self._deadline = None
        self.begin_request()
        # The scope has the headers. What comes after the last chunk are trailers, which are discarded.
        self.headers = []

    def begin_request(self) -> None:
        """Start processing the request whose head has been parsed."""
        super().on_headers_complete()

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
        self._awaits_head = True
        self.complete_request()

    def complete_request(self) -> None:
        """Process the end of the request."""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A response was sent."""
        is_last = not self.pipeline
        super().on_response_complete()
        if self._refused is not None and is_last:
            self._send_refusal()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP. `msg` is uvicorn's."""
        self._refuse(self._refused or MalformedRequest("This is not a valid HTTP/1.1 request. Check its framing."))

    def head_without_upgrade(self) -> bytes:
        """The head that has just been parsed, without `Upgrade`."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        return b"".join([b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version), *lines, b"\r\n"])

    def parser_of_last_request(self) -> RequestParser | None:
        """A new parser if this is the last request of the connection: llhttp parses nothing after it."""
        if not self._is_last_request:
            return None
        self.parser = parser = self._new_parser()
        return parser

    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        # uvicorn's type leaves out that there is none at first.
        cycle: object | None = self.cycle
        return cycle is not None and not self.cycle.response_complete

    def deadline_passed(self) -> None:
        """What was expected did not come in time."""
        if self.is_busy():
            # The client may wait for the response before it sends more.
            if self._has_begun_head:
                self.expect_within(self.head_seconds)
        elif self._has_begun_head:
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
        """Call `deadline_passed` unless the head of a request is complete within this time."""
        # One timer per connection, set again when it fires: most requests come whole, and need none.
        self._deadline = self.loop.time() + seconds
        if self._timer is None:
            self._timer = self.loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._deadline is None or self._refused is not None or self.transport.is_closing():
            return
        if self.loop.time() < self._deadline:
            self._timer = self.loop.call_at(self._deadline, self._on_timer)
        else:
            self._deadline = None
            self.deadline_passed()

    def _new_parser(self) -> RequestParser:
        parser = RequestParser(self)
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

    def _refuse(self, error: BrokerError) -> None:
        self._refused = error
        if self._awaits_head:
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
        headers = [*self.server_state.default_headers, *refusal.raw_headers, _CONNECTION_CLOSE]
        self.transport.write(response_bytes(refusal.status_code, headers, bytes(refusal.body)))
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_LINGER_BYTES:
            self.transport.close()


def response_bytes(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """A whole response."""
    return b"".join((STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n", body))
