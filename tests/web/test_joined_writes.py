"""A response is one write, and nothing that was written is late, lost, or out of order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast
from unittest.mock import Mock

import uvicorn
from uvicorn.server import ServerState

from videobroker.web.http.connection_guard import GuardedUvicornProtocol, ReportResponses
from videobroker.web.http.joined_writes import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Pipe:
    """Where the pieces arrive."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.is_closed = False
        self.pause_reading = self.resume_reading = Mock()

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 7


def piped() -> tuple[JoinedWrites, Pipe]:
    pipe = Pipe()
    return JoinedWrites(cast("asyncio.Transport", pipe)), pipe


async def answered(application: Callable[..., Awaitable[None]], requests: bytes, *, enough: int) -> Pipe:
    """What the server sends for these requests, when it has sent so many pieces."""
    config = uvicorn.Config(ReportResponses(application), http=GuardedUvicornProtocol, log_config=None, lifespan="off")
    config.load()
    protocol = GuardedUvicornProtocol(config=config, server_state=ServerState(), app_state={})
    pipe = Pipe()
    protocol.connection_made(cast("asyncio.Transport", pipe))
    protocol.data_received(requests)
    async with asyncio.timeout(20):
        while len(pipe.pieces) < enough:
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    return pipe


class TestTransport:
    async def test_a_body_goes_with_its_head(self) -> None:
        transport, pipe = piped()
        transport.write(HEAD)
        transport.write(b"{}")
        await asyncio.sleep(0)
        assert pipe.pieces == [HEAD + b"{}"]

    async def test_a_head_whose_body_is_slow_is_sent_in_this_turn(self) -> None:
        transport, pipe = piped()
        transport.write(HEAD)
        assert pipe.pieces == []
        await asyncio.sleep(0)
        assert pipe.pieces == [HEAD]
        transport.write(b"data: 1\n\n")
        assert pipe.pieces == [HEAD, b"data: 1\n\n"]

    async def test_two_answers_in_one_turn_keep_their_order(self) -> None:
        transport, pipe = piped()
        for body in (b"{}", b"[]"):
            transport.write(HEAD)
            transport.write(body)
        transport.write(b"chunk")
        await asyncio.sleep(0)
        assert pipe.pieces == [HEAD + b"{}", HEAD + b"[]", b"chunk"]

    async def test_a_delayed_head_is_sent_before_the_end(self) -> None:
        transport, pipe = piped()
        transport.write(HEAD)
        transport.close()
        await asyncio.sleep(0)
        assert pipe.pieces == [HEAD]
        assert transport.is_closing()

    async def test_a_delayed_head_is_not_sent_to_a_closed_connection(self) -> None:
        transport, pipe = piped()
        transport.write(HEAD)
        pipe.close()
        await asyncio.sleep(0)
        assert pipe.pieces == []

    async def test_everything_else_is_the_transports_own(self) -> None:
        transport, _ = piped()
        assert transport.get_write_buffer_size() == 7

    async def test_nothing_is_written_after_it_was_detached(self) -> None:
        transport, pipe = piped()
        transport.write(HEAD)
        transport.detach()
        transport.write(b"{}")
        transport.close()
        await asyncio.sleep(0)
        assert transport.is_closing()
        assert (pipe.pieces, pipe.is_closed) == ([], False)


class TestServer:
    async def test_each_answer_is_one_write(self) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"{}"})

        pipe = await answered(application, REQUEST * 3, enough=3)
        assert len(pipe.pieces) == 3
        assert all(piece.startswith(b"HTTP/1.1 200 OK\r\n") and piece.endswith(b"\r\n\r\n{}") for piece in pipe.pieces)

    async def test_a_stream_begins_before_its_first_event(self) -> None:
        begun = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
            begun.set()
            await asyncio.Event().wait()

        pipe = await answered(application, REQUEST, enough=1)
        assert begun.is_set()
        assert pipe.pieces[0].startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_an_answer_without_a_body_is_whole(self) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

        pipe = await answered(application, REQUEST, enough=1)
        assert b"".join(pipe.pieces).startswith(b"HTTP/1.1 204 No Content\r\n")
