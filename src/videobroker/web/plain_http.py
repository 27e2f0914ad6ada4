"""HTTP, with a way past ASGI for plain requests.

The server makes a dozen objects for a request before anybody looks at it, and checks every header of an answer. For a
join that is a tenth of all work. So the head of a plain request is kept until its body has come, and goes straight to
the short way. Whatever turns out to be less plain than it looked is told to the server then, as if it had just come.
"""

import asyncio
from typing import Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from videobroker.web.fast_lane import Answer, Plain, ShortWay
from videobroker.web.one_piece import OnePieceProtocol


def plain_http(short_way: ShortWay) -> "type[PlainHttp]":
    """The protocol whose plain requests go this way: uvicorn makes one of it for every connection."""
    return type("PlainHttp", (PlainHttp,), {"short_way": short_way})


class PlainHttp(OnePieceProtocol):
    """uvicorn's HTTP, which looks for plain requests first."""

    short_way: ShortWay

    def __init__(self, *said: Any, **more: Any) -> None:
        super().__init__(*said, **more)
        self._kept: _PlainCycle | None = None
        outermost = self.config.loaded_app
        self._trusted = outermost.trusted_hosts if isinstance(outermost, ProxyHeadersMiddleware) else None

    def on_headers_complete(self) -> None:
        """The head is there."""
        plain = self._plain()
        if plain is None:
            super().on_headers_complete()
        else:
            self._kept = _PlainCycle(self, plain)
            self.cycle = cast("RequestResponseCycle", self._kept)

    def on_body(self, body: bytes) -> None:
        """A part of the body is there."""
        kept = self._kept
        if kept is None:
            super().on_body(body)
            return
        kept.body += body
        if len(kept.body) > kept.plain.longest:
            self._tell(kept)

    def on_message_complete(self) -> None:
        """The request is there."""
        kept = self._kept
        if kept is None:
            super().on_message_complete()
            return
        kept.wish = kept.plain.wish(kept.body)
        if kept.wish is None:
            self._tell(kept)
            super().on_message_complete()
        else:
            self._kept = None
            self._start_asgi_task(self.cycle, self.app)

    def _tell(self, kept: "_PlainCycle") -> None:
        # It goes the ordinary way after all. What was before it has been answered.
        self._kept = None
        self.cycle = cast("RequestResponseCycle", None)
        super().on_headers_complete()
        self.cycle.keep_alive &= kept.keep_alive
        if kept.body:
            super().on_body(kept.body)

    def _plain(self) -> Plain | None:
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or self.expect_100_continue
            or self.root_path
            or self.limit_concurrency is not None
            or self._is_busy()
        ):
            return None
        return self.short_way.plain(self.url, {"headers": self.headers, "client": self._asking()})

    def _is_busy(self) -> bool:
        # There is none at first, whatever its type says.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _asking(self) -> tuple[str, int] | None:
        # As uvicorn's middleware has it.
        client, trusted = self.client, self._trusted
        if client is None or trusted is None or client[0] not in trusted:
            return client
        passed_on = [value for name, value in self.headers if name == b"x-forwarded-for"]
        if not passed_on:
            return client
        host, port = trusted.get_trusted_client_address(b", ".join(passed_on).decode("latin-1"))
        return (host, port) if host else client


class _PlainCycle:
    """A plain request and its answer: what uvicorn wants of its own `RequestResponseCycle`, and no more."""

    message_event = asyncio.Event()
    """uvicorn sets it when the client has gone. Nobody waits for it."""

    def __init__(self, protocol: PlainHttp, plain: Plain) -> None:
        self._protocol = protocol
        self.plain = plain
        self.body = b""
        self.wish: Any = None
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    async def run_asgi(self, _: object) -> None:
        """Answer."""
        try:
            await self._send(await self._protocol.short_way.answer(self.plain, self.wish))
        finally:
            if not self.response_complete:
                self._protocol.transport.close()

    async def _send(self, answer: Answer) -> None:
        protocol = self._protocol
        if protocol.flow.write_paused:
            await protocol.flow.drain()
        self.response_complete = True
        if self.disconnected:
            return
        protocol.transport.write(self._written(answer))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    def _written(self, answer: Answer) -> bytes:
        headers = [*self._protocol.server_state.default_headers, *answer.headers]
        if not self.keep_alive:
            headers.append((b"connection", b"close"))
        lines = [b"%b: %b\r\n" % header for header in headers]
        return b"".join((STATUS_LINE[answer.status], *lines, b"\r\n", answer.content))
