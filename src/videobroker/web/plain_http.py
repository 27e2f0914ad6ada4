"""HTTP, with a way past ASGI for plain requests.

The server makes a dozen objects for a request before anybody looks at it, and checks every header of an answer. For a
join that is a tenth of all work. So the head of a plain request is kept until its body has come, and goes straight to
the short way. Whatever turns out to be less plain than it looked is told to the server then, as if it had just come.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from videobroker.web.fast_lane import Answer, Plain, ShortWay, single_headers
from videobroker.web.http.protocol import HttpProtocol, response_bytes

FAILED = Answer(
    500, ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")), b"Internal Server Error"
)
"""uvicorn's own, for what nobody else answers."""
BODY_SECONDS = 5.0
"""A body that takes longer goes the ordinary way, which has a time limit and an answer for it."""


def plain_http(short_way: ShortWay) -> "type[PlainHttp]":
    """The protocol whose plain requests go this way: uvicorn makes one of it for every connection."""
    return type("PlainHttp", (PlainHttp,), {"short_way": short_way})


class _PlainCycle:
    """What uvicorn wants of the `RequestResponseCycle` of a plain request. It refers to nothing that is large."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event = asyncio.Event()
    """uvicorn sets it when the client has gone. Nobody waits for it."""

    def __init__(self) -> None:
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    def run_asgi(self, answer: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        """Answer: uvicorn makes a task of it."""
        return answer


class PlainHttp(HttpProtocol):
    """uvicorn's HTTP, which looks for plain requests first."""

    short_way: ShortWay

    def __init__(self, *said: Any, **more: Any) -> None:
        super().__init__(*said, **more)
        self._kept: Plain | None = None
        self._kept_body = bytearray()
        outermost = self.config.loaded_app
        self._trusted = outermost.trusted_hosts if isinstance(outermost, ProxyHeadersMiddleware) else None
        self._may_be_plain = not (self.root_path or self.limit_concurrency is not None or self.access_log)

    def expect_rest(self) -> None:
        """Set a deadline for the rest of a request that has begun to come."""
        if self._kept is None:
            super().expect_rest()
        elif not self.has_deadline():
            self.expect_within(BODY_SECONDS)

    def deadline_passed(self) -> None:
        """What was expected did not come in time."""
        if self._kept is None:
            super().deadline_passed()
        else:
            self._tell()

    def begin_request(self) -> None:
        """The head is there."""
        self._kept = self._plain()
        if self._kept is None:
            super().begin_request()
        else:
            self._kept_body = bytearray()
            self.cycle = cast("RequestResponseCycle", _PlainCycle())

    def on_body(self, body: bytes) -> None:
        """A part of the body is there."""
        kept = self._kept
        if kept is None:
            super().on_body(body)
            return
        self.note_progress()
        self._kept_body += body
        if len(self._kept_body) > kept.longest:
            self._tell()

    def complete_request(self) -> None:
        """The request is there."""
        kept = self._kept
        if kept is None:
            super().complete_request()
            return
        wish = kept.wish(bytes(self._kept_body))
        if wish is None:
            self._tell()
            super().complete_request()
        else:
            self._kept = None
            answer = self._answer(kept, wish, cast("_PlainCycle", self.cycle))
            self._start_asgi_task(self.cycle, cast("Any", answer))

    def abandon_request(self) -> None:
        """End the request whose body is broken."""
        if self._kept is not None:
            self._kept = None
            self.cycle = cast("RequestResponseCycle", None)
        super().abandon_request()

    def _tell(self) -> None:
        # It goes the ordinary way after all. What was before it has been answered.
        cycle = self.cycle
        self._kept = None
        self.cycle = cast("RequestResponseCycle", None)
        super().begin_request()
        self.cycle.keep_alive &= cycle.keep_alive
        if self._kept_body:
            super().on_body(bytes(self._kept_body))

    def _plain(self) -> Plain | None:
        parser = self.parser
        if (
            not self._may_be_plain
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or self.expect_100_continue
            or self.is_busy()
        ):
            return None
        headers = single_headers(self.headers)
        # Behind the last chunk there may be more headers.
        if headers is None or b"transfer-encoding" in headers:
            return None
        return self.short_way.plain(self.url, headers, self._client_of(headers.get(b"x-forwarded-for")))

    def _client_of(self, forwarded_for: bytes | None) -> tuple[str, int] | None:
        # As uvicorn's middleware has it.
        client, trusted = self.client, self._trusted
        if forwarded_for is None or trusted is None or (client[0] if client else None) not in trusted:
            return client
        host, port = trusted.get_trusted_client_address(forwarded_for.decode("latin-1"))
        return (host, port) if host else client

    async def _answer(self, plain: Plain, wish: Any, cycle: _PlainCycle) -> None:
        try:
            answer = await self.short_way.answer(plain, wish)
        except BaseException:
            self.logger.exception("A plain request was not answered.")
            answer = FAILED
            cycle.keep_alive = False
        if self.flow.write_paused:
            await self.flow.drain()
        if self.transport.is_closing():
            return  # nobody reads it
        self.transport.write(self._written(answer, keep_alive=cycle.keep_alive))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _written(self, answer: Answer, *, keep_alive: bool) -> bytes:
        headers = answer.headers if keep_alive else (*answer.headers, (b"connection", b"close"))
        return response_bytes(answer.status, self.server_state.default_headers, headers, body=answer.content)
