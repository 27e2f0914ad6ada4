"""The ASGI interface of a request: messages in any order, failures of the application, and the bytes of responses."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast
from unittest.mock import Mock

import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from polling import eventually
from videobroker.web.http import http1_connection
from videobroker.web.http.http1_connection import Http1Connection

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
FAILURE = b"HTTP/1.1 500 Internal Server Error\r\n"

Application = Callable[..., Awaitable[None]]


class Pipe:
    """A transport that records what is written."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.is_closed = False
        self.pause_reading = Mock()
        self.resume_reading = Mock()

    @property
    def sent(self) -> bytes:
        return b"".join(self.pieces)

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def can_write_eof(self) -> bool:
        return False

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default


def connected(application: Application, **options: Any) -> tuple[Http1Connection, Pipe, ServerState]:
    config = uvicorn.Config(application, log_config=None, lifespan="off", **{"access_log": False, **options})
    state = ServerState()
    connection = Http1Connection(config=config, server_state=state, app_state={"name": "service"})
    pipe = Pipe()
    connection.connection_made(cast("asyncio.Transport", pipe))
    return connection, pipe, state


async def respond(application: Application, *segments: bytes, **options: Any) -> Pipe:
    """What is written for these segments until the application has returned for each request."""
    connection, pipe, state = connected(application, **options)
    for segment in segments:
        connection.data_received(segment)
        await asyncio.sleep(0)
    await eventually(lambda: not state.tasks)
    connection.connection_lost(None)
    return pipe


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sending(*messages: dict[str, Any]) -> Application:
    """An application that sends these messages."""

    async def application(_: Any, __: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return application


LENGTH_2 = (b"content-length", b"2")


class TestResponses:
    async def test_a_response_is_one_write(self) -> None:
        pipe = await respond(sending(start(LENGTH_2), body(b"{}")), REQUEST * 3)
        assert pipe.pieces == [OK + b"content-length: 2\r\n\r\n{}"] * 3

    async def test_a_response_without_a_length_is_sent_in_chunks_at_once(self) -> None:
        messages = start(), body(b"one", more=True), body(more=True), body(b"two")
        pipe = await respond(sending(*messages), REQUEST)
        head = OK + b"transfer-encoding: chunked\r\n\r\n"
        assert pipe.pieces == [head, b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"]

    async def test_a_stream_begins_before_its_first_part(self) -> None:
        is_started = asyncio.Event()

        async def application(_: Any, receive: Any, send: Any) -> None:
            await send(start())
            is_started.set()
            await receive()
            await receive()

        connection, pipe, state = connected(application)
        connection.data_received(REQUEST)
        await is_started.wait()
        assert pipe.sent.startswith(OK)
        connection.connection_lost(None)
        await eventually(lambda: not state.tasks)

    async def test_a_client_of_http_1_0_gets_a_stream_until_the_connection_closes(self) -> None:
        pipe = await respond(sending(start(), body(b"one", more=True), body(b"two")), b"GET / HTTP/1.0\r\n\r\n")
        assert pipe.sent == OK + b"connection: close\r\n\r\nonetwo"
        assert pipe.is_closed

    @pytest.mark.parametrize("status", [204, 304])
    async def test_a_status_without_a_body_has_none(self, status: int) -> None:
        pipe = await respond(sending(start(status=status), body(b"ignored")), REQUEST)
        assert pipe.sent.partition(b"\r\n\r\n")[2] == b""
        assert b"chunked" not in pipe.sent

    async def test_a_response_to_head_has_no_body(self) -> None:
        pipe = await respond(sending(start(LENGTH_2), body(b"{}")), REQUEST.replace(b"GET", b"HEAD"))
        assert pipe.pieces == [OK + b"content-length: 2\r\n\r\n"]

    async def test_the_application_can_close_the_connection(self) -> None:
        application = sending(start(LENGTH_2, (b"connection", b"Close")), body(b"{}"))
        pipe = await respond(application, REQUEST * 2)
        assert pipe.sent.count(OK) == 1
        assert pipe.is_closed

    async def test_the_framing_is_that_of_the_connection(self) -> None:
        pipe = await respond(sending(start((b"transfer-encoding", b"gzip")), body(b"a")), REQUEST)
        assert pipe.sent == OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"


class TestFailures:
    @pytest.mark.parametrize(
        "messages",
        [
            (),
            (body(b"{}"),),
            (start(), start()),
            (start(LENGTH_2),),
            (start(LENGTH_2), body(b"{}...")),
            (start((b"location", b"/a\r\nset-cookie: a=b")),),
            (start((b"location", b"/a\nb")),),
            (start((b"location", b"/a\0b")),),
        ],
        ids=["nothing", "body first", "two heads", "no body", "long body", "line break", "line feed", "null"],
    )
    async def test_a_wrong_response_is_a_500_if_nothing_was_sent(self, messages: tuple[dict[str, Any], ...]) -> None:
        with capture_logs() as lines:
            pipe = await respond(sending(*messages), REQUEST)
        # A stream has begun when its head was sent.
        is_stream = messages[:1] == (start(),)
        assert pipe.sent.startswith(OK if is_stream else FAILURE)
        assert pipe.sent.endswith(b"\r\n\r\n" if is_stream else b"Internal Server Error")
        assert pipe.is_closed
        assert [line["event"] for line in lines] == ["request.crashed"]

    async def test_a_response_that_breaks_off_is_not_completed(self) -> None:
        async def application(_: Any, __: Any, send: Any) -> None:
            await send(start((b"content-length", b"4")))
            await send(body(b"{}", more=True))
            raise ValueError(detail)

        detail = "a secret"
        with capture_logs() as lines:
            pipe = await respond(application, REQUEST)
        assert pipe.sent == OK + b"content-length: 4\r\n\r\n{}"
        assert pipe.is_closed
        assert "secret" not in str(lines)

    async def test_a_message_after_the_response_is_an_error(self) -> None:
        with capture_logs() as lines:
            pipe = await respond(sending(start(LENGTH_2), body(b"{}"), body(b"{}")), REQUEST)
        assert pipe.sent == OK + b"content-length: 2\r\n\r\n{}"
        assert [line["event"] for line in lines] == ["request.crashed"]

    @pytest.mark.parametrize("options", [{"limit_concurrency": 5}, {"access_log": True}], ids=str)
    def test_options_that_would_have_no_effect_are_an_error(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(options))):
            connected(sending(), **options)


class TestRequests:
    async def test_the_scope_describes_the_request(self) -> None:
        scopes: list[dict[str, Any]] = []

        async def application(scope: Any, _: Any, send: Any) -> None:
            scopes.append(scope)
            await sending(start(LENGTH_2), body(b"{}"))(scope, _, send)

        for target in (b"/a%20b/%C3%A9?c=%20d", b"http://here/a%20b/%C3%A9?c=%20d#e", b"/a%20b/%C3%A9?c=%20d#e"):
            await respond(application, b"GET %b HTTP/1.1\r\nHost: here\r\nX-A: \xfc\r\n\r\n" % target, root_path="/r")
        assert scopes[0] == scopes[1] == scopes[2]
        assert scopes[0] == {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "server": None,
            "client": None,
            "root_path": "/r",
            "path": "/r/a b/é",
            "raw_path": b"/r/a%20b/%C3%A9",
            "query_string": b"c=%20d",
            "headers": [(b"host", b"here"), (b"x-a", b"\xfc")],
            "state": {"name": "service"},
        }

    @pytest.mark.parametrize("target", [b"/\xc3\xa9", b"http://"])
    async def test_a_target_that_is_no_path_is_rejected(self, target: bytes) -> None:
        pipe = await respond(sending(), b"OPTIONS %b HTTP/1.1\r\nHost: here\r\n\r\n" % target)
        assert pipe.sent.startswith(b"HTTP/1.1 400")
        assert b"malformed_request" in pipe.sent

    async def test_several_readers_of_a_body_all_learn_of_the_end(self) -> None:
        received: list[str] = []

        async def application(_: Any, receive: Any, __: Any) -> None:
            messages = await asyncio.gather(receive(), receive(), receive())
            received.extend(sorted(message["type"] for message in messages))

        connection, _, state = connected(application)
        connection.data_received(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        connection.data_received(b"{}")
        await asyncio.sleep(0)
        connection.connection_lost(None)
        await eventually(lambda: not state.tasks)
        assert received == ["http.disconnect", "http.disconnect", "http.request"]

    async def test_reading_pauses_while_the_application_does_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http1_connection, "MAX_BUFFERED_BODY_BYTES", 10)
        can_read = asyncio.Event()
        bodies: list[bytes] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await can_read.wait()
            whole = b""
            while (message := await receive())["more_body"]:
                whole += message["body"]
            bodies.append(whole + message["body"])
            await sending(start(LENGTH_2), body(b"{}"))(scope, receive, send)

        connection, pipe, state = connected(application)
        connection.data_received(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 30\r\n\r\n" + b"x" * 10)
        assert pipe.pause_reading.call_count == 0
        connection.data_received(b"x" * 10)
        assert pipe.pause_reading.call_count == 1
        can_read.set()
        await eventually(lambda: pipe.resume_reading.call_count == 1)
        connection.data_received(b"x" * 10)
        await eventually(lambda: not state.tasks)
        assert bodies == [b"x" * 30]

    async def test_reading_pauses_while_requests_wait(self) -> None:
        can_respond = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await can_respond.wait()
            await sending(start(LENGTH_2), body(b"{}"))(scope, receive, send)

        connection, pipe, state = connected(application)
        connection.data_received(REQUEST * 3)
        assert (pipe.pause_reading.call_count, pipe.resume_reading.call_count, len(state.tasks)) == (1, 0, 1)
        can_respond.set()
        await eventually(lambda: pipe.sent.count(OK) == 3)
        assert pipe.resume_reading.call_count == 1

    async def test_a_client_that_expects_permission_gets_it_when_the_body_is_read(self) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await sending(start(LENGTH_2), body(b"{}"))(scope, receive, send)

        head = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
        pipe = await respond(application, head, b"{}")
        assert pipe.pieces[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert pipe.pieces[1].startswith(OK)
        pipe = await respond(sending(start(LENGTH_2), body(b"{}")), head, b"{}")
        assert pipe.pieces[0].startswith(OK)
