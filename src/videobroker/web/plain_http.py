"""HTTP, with a way past ASGI for plain requests.

The server makes a dozen objects for a request before anybody looks at it, and checks every header of an answer. For a
join that is a tenth of all work. So the head of a plain request is kept until its body has come, and goes straight to
the short way. Whatever turns out to be less plain than it looked is told to the server then, as if it had just come.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from videobroker.web.fast_lane import Answer, Plain, ShortWay
from videobroker.web.http_protocol import HttpProtocol, response_bytes

FAILED = Answer(
    500, ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")), b"Internal Server Error"
)
"""uvicorn's own, for what nobody else answers."""
BODY_SECONDS = 5.0
"""A body that takes longer goes the ordinary way, which has a time limit and an answer for it."""


def plain_http(short_way: ShortWay) -> "type[PlainHttp]":
    """The protocol whose plain requests go this way: uvicorn makes one of it for every connection."""
    return type("PlainHttp", (PlainHttp,), {"short_way": short_way})


class _Kept:
    """A plain request whose body has not come yet."""

    __slots__ = ("body", "plain")

    def __init__(self, plain: Plain) -> None:
        self.plain = plain
        self.body = bytearray()


class _PlainCycle:
    """What uvicorn wants of the `RequestResponseCycle` of such a request. It refers to nothing that is large."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event = asyncio.Event()
    """uvicorn sets it when the client has gone. Nobody waits for it."""

    def __init__(self) -> None:
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    async def run_asgi(self, answer: "Callable[[_PlainCycle], Awaitable[None]]") -> None:
        """Answer: uvicorn makes a task of it."""
        await answer(self)


class PlainHttp(HttpProtocol):
    """uvicorn's HTTP, which looks for plain requests first."""

    short_way: ShortWay

    def __init__(self, *said: Any, **more: Any) -> None:
        super().__init__(*said, **more)
        self._kept: _Kept | None = None
        outermost = self.config.loaded_app
        self._trusted = outermost.trusted_hosts if isinstance(outermost, ProxyHeadersMiddleware) else None

    def data_received(self, data: bytes) -> None:
        """Parse input."""
        super().data_received(data)
        if self._kept is not None and not self.has_deadline():
            self.expect_within(BODY_SECONDS)

    def deadline_passed(self) -> None:
        """What was expected did not come in time."""
        if self._kept is None:
            super().deadline_passed()
        else:
            self._tell(self._kept)

    def begin_request(self) -> None:
        """The head is there."""
        plain = self._plain()
        if plain is None:
            super().begin_request()
        else:
            self._kept = _Kept(plain)
            self.cycle = cast("RequestResponseCycle", _PlainCycle())

    def on_body(self, body: bytes) -> None:
        """A part of the body is there."""
        kept = self._kept
        if kept is None:
            super().on_body(body)
            return
        self.note_progress()
        kept.body += body
        if len(kept.body) > kept.plain.longest:
            self._tell(kept)

    def complete_request(self) -> None:
        """The request is there."""
        kept = self._kept
        if kept is None:
            super().complete_request()
            return
        wish = kept.plain.wish(bytes(kept.body))
        if wish is None:
            self._tell(kept)
            super().complete_request()
        else:
            self._kept = None
            self._start_asgi_task(self.cycle, cast("Any", partial(self._answer, kept.plain, wish)))

    def abandon_request(self) -> None:
        """End the request whose body is broken."""
        if self._kept is not None:
            self._kept = None
            self.cycle = cast("RequestResponseCycle", None)
        super().abandon_request()

    def _tell(self, kept: _Kept) -> None:
        # It goes the ordinary way after all. What was before it has been answered.
        cycle = self.cycle
        self._kept = None
        self.cycle = cast("RequestResponseCycle", None)
        super().begin_request()
        self.cycle.keep_alive &= cycle.keep_alive
        if kept.body:
            super().on_body(bytes(kept.body))

    def _plain(self) -> Plain | None:
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or self.expect_100_continue
            or self.root_path
            or self.limit_concurrency is not None
            or self.access_log
            or self.is_busy()
        ):
            return None
        scope = self._scope()
        return None if scope is None else self.short_way.plain(self.url, scope)

    def _scope(self) -> Scope | None:
        # What lanes look at. None for chunks: behind the last one there may be more headers.
        passed_on = []
        for name, value in self.headers:
            if name == b"x-forwarded-for":
                passed_on.append(value)
            elif name == b"transfer-encoding":
                return None
        return {"headers": self.headers, "client": self._asking(passed_on) if passed_on else self.client}

    def _asking(self, passed_on: list[bytes]) -> tuple[str, int] | None:
        # As uvicorn's middleware has it.
        client, trusted = self.client, self._trusted
        if trusted is None or (client[0] if client else None) not in trusted:
            return client
        host, port = trusted.get_trusted_client_address(b", ".join(passed_on).decode("latin-1"))
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
        headers = [*self.server_state.default_headers, *answer.headers]
        if not keep_alive:
            headers.append((b"connection", b"close"))
        return response_bytes(answer.status, headers, answer.content)
