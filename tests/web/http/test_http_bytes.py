"""Our HTTP/1.1 protocol writes the same bytes as uvicorn's for every valid request."""

import asyncio
import gc
import json
import re
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tenants import HOOK_SECRET, Tenant
from videobroker.broker import Broker
from videobroker.usecases.attendance.receive_webhook import MAX_WEBHOOK_BYTES
from videobroker.web.fast_path import FastRoute
from videobroker.web.http.forwarded import ForwardedHeaders
from videobroker.web.http.http1_connection import HEAD_SECONDS, Http1Connection

SAME_TOKEN_ID = UUID("11111111-2222-4333-8444-555555555555")
DATE = (b"date", b"Wed, 25 Nov 2026 10:00:00 GMT")
PEER = ("127.0.0.1", 50_000)
PATIENCE_SECONDS = 20


class RecordingTransport:
    """Records what is written, and is closed like a socket."""

    def __init__(self, peer: tuple[str, int] | None) -> None:
        self.sent = b""
        self.writes = 0
        self.writes_after_close = 0
        self.is_closed = False
        self.lost: Callable[[], None] = lambda: None
        self._peer = peer

    def write(self, data: bytes) -> None:
        if self.is_closed:
            self.writes_after_close += 1
        else:
            self.sent += data
            self.writes += 1

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            asyncio.get_running_loop().call_soon(self.lost)

    def is_closing(self) -> bool:
        return self.is_closed

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": self._peer, "sockname": ("127.0.0.1", 8080)}.get(name, default)


class Clock:
    """An event loop whose time the test sets."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.now = 1000.0
        self.timers: list[Timer] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loop, name)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> "Timer":
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        """Advance the time, and call the timers that expire."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= end and not timer.is_cancelled]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when)
            first.callback()
        self.now = end


@dataclass
class Timer:
    """A timer handle."""

    when: float
    callback: Callable[[], object]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Connection:
    """A connection to the service."""

    protocol: Any
    transport: RecordingTransport
    state: ServerState

    async def send(self, *pieces: bytes) -> None:
        """Send these segments in one turn of the event loop each, and wait for the responses."""
        for piece in pieces:
            if self.transport.is_closed:
                break
            self.protocol.data_received(piece)
            await asyncio.sleep(0)
        await self.wait_until_idle()

    def shut_down(self) -> None:
        """Stop the server: requests in progress are completed."""
        for each in list(self.state.connections):
            each.shutdown()

    async def wait_until_idle(self) -> None:
        """Wait until no request is in progress."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.state.tasks:
                await asyncio.sleep(0.001)


Connect = Callable[..., Connection]


JOIN_IDS = re.compile(rb'"join_id":"[0-9a-f-]{36}"')
"""Each join has its own. All have the same length, so that `Content-Length` is compared, too."""
REQUEST_IDS = re.compile(rb"(?:x-request-id|traceparent): [^\r]+\r\n")


async def responses_of_both(connect: Connect, *pieces: bytes, **options: Any) -> list[tuple[bytes, bool]]:
    """The bytes of the responses, and whether the connection is closed: of uvicorn's protocol, and of ours."""
    results = []
    for is_ours in (False, True):
        connection = connect(is_ours=is_ours, **options)
        await connection.send(*pieces)
        sent = JOIN_IDS.sub(b"", connection.transport.sent)
        results.append((sent, connection.transport.is_closed))
    return results


@pytest.fixture
async def connect(app: FastAPI) -> AsyncIterator[Connect]:
    """Connects to the service with our protocol, or with uvicorn's if `is_ours=False`."""
    opened: list[Connection] = []

    def connect_one(
        *,
        is_ours: bool = True,
        trusted: str = "127.0.0.1",
        peer: tuple[str, int] | None = PEER,
        clock: Clock | None = None,
        **options: Any,
    ) -> Connection:
        kind: Any = Http1Connection if is_ours else HttpToolsProtocol
        config = uvicorn.Config(
            ForwardedHeaders(app, trusted),
            http=kind,
            ws="none",
            log_config=None,
            lifespan="off",
            proxy_headers=False,
            **{"access_log": False, **options},
        )
        config.load()
        state = ServerState()
        state.default_headers = [DATE]
        protocol = kind(config=config, server_state=state, app_state={}, _loop=clock)
        connection = Connection(protocol, RecordingTransport(peer), state)
        connection.transport.lost = partial(connection.protocol.connection_lost, None)
        connection.protocol.connection_made(cast("asyncio.Transport", connection.transport))
        opened.append(connection)
        return connection

    yield connect_one
    for connection in opened:
        await connection.wait_until_idle()
        connection.transport.close()
    await asyncio.sleep(0)


@pytest.fixture
def frozen(app: FastAPI, broker: Broker, same_ids: None) -> Iterator[None]:
    """The service's time and token IDs are constant, so that equal requests get equal responses."""
    moment = broker.now()
    app.state.broker = replace(broker, now=lambda: moment)
    with patch("videobroker.providers.hms.provider.uuid4", return_value=SAME_TOKEN_ID):
        yield
    app.state.broker = broker


@dataclass
class Request:
    """A request of a client."""

    path: str = "/v1/bookings/lesson-1/join"
    method: str = "POST"
    version: str = "1.1"
    body: bytes = b'{"user_id": "tutor-1"}'
    headers: dict[str, str] = field(default_factory=dict)
    chunks: int = 0
    """The number of chunks of the body; 0 for `Content-Length`."""
    more: Sequence[str] = ()
    """Additional lines of the head."""
    trailers: Sequence[str] = ()
    """Lines after the last chunk."""

    def encode(self) -> bytes:
        headers = {"Host": "here", **self.headers}
        body = self.body
        if self.chunks:
            headers["Transfer-Encoding"] = "chunked"
            size = max(1, -(-len(body) // self.chunks))
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n"
            body += "".join(f"{line}\r\n" for line in (*self.trailers, "")).encode()
        else:
            headers["Content-Length"] = str(len(body))
        lines = "".join(f"{line}\r\n" for line in [*(": ".join(each) for each in headers.items()), *self.more])
        return f"{self.method} {self.path} HTTP/{self.version}\r\n{lines}\r\n".encode("latin-1") + body


def cut(data: bytes, fractions: Sequence[float]) -> list[bytes]:
    """The data, cut at these fractions of its length."""
    marks = [0, *sorted({round(place * len(data)) for place in fractions}), len(data)]
    return [data[start:end] for start, end in pairwise(marks) if start < end]


def with_key(tenant: Tenant, **changes: Any) -> Request:
    headers = {"Authorization": f"Bearer {tenant.key}", **changes.pop("headers", {})}
    return Request(headers=headers, **changes)


PATHS = [
    *["/v1/bookings/lesson-1/join"] * 12,
    "/v1/bookings/lesson-1/access",
    "/v1/bookings/none/join",
    "/v1/bookings/lesson-1/join?a=1",
    "/v1/bookings/lesson-1/join#a",
    "http://here/v1/bookings/lesson-1/join",
    "/v1/bookings/lesson%2D1/join",
    "/v1/bookings/lesson-1",
    "/livez",
    "//",
]
BODIES = [
    *[b'{"user_id": "tutor-1"}'] * 12,
    b'{"user_id": "stranger"}',
    b"{}",
    b"",
    b"{",
    b'{"user_id": "tutor-1", "display_name": "' + b"y" * 5000 + b'"}',
    b" " * 200_000,
]
# No upgrade: uvicorn alone loses the body of a request that offers one.
MORE = st.fixed_dictionaries(
    {},
    optional={
        "Connection": st.sampled_from(["close", "keep-alive", "upgrade", "Upgrade, close"]),
        "Expect": st.sampled_from(["100-continue", "wonders"]),
        "Origin": st.just("https://page.example"),
        "X-Forwarded-For": st.sampled_from(["192.0.2.7", "192.0.2.7, 127.0.0.1", "", "[2001:db8::1]:9"]),
        "X-Forwarded-Proto": st.sampled_from(["https", "nonsense"]),
        "Content-Type": st.sampled_from(["text/plain", "application/json"]),
        "Authorization": st.sampled_from(["Bearer vb_wrong", "Basic eDp5", ""]),
        "X-User-Id": st.just("tutor-1"),
    },
)


def requests_with(key: str) -> st.SearchStrategy[Request]:
    return st.builds(
        Request,
        path=st.sampled_from(PATHS),
        method=st.sampled_from([*["POST"] * 12, "GET", "HEAD", "PUT", "OPTIONS"]),
        version=st.sampled_from([*["1.1"] * 9, "1.0"]),
        body=st.sampled_from(BODIES),
        headers=st.one_of(st.just({}), MORE).map(lambda more: {"Authorization": f"Bearer {key}", **more}),
        chunks=st.sampled_from([0, 0, 0, 1, 3]),
    )


class TestBytes:
    async def test_generated_requests_in_any_segments_get_the_same_bytes(
        self, tutoring: Tenant, connect: Connect, frozen: None
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        drawn: list[list[bytes]] = []

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(
            requests=st.lists(requests_with(tutoring.key), min_size=1, max_size=3),
            fractions=st.lists(st.floats(0, 1), max_size=4),
        )
        def draw(requests: list[Request], fractions: list[float]) -> None:
            drawn.append(cut(b"".join(each.encode() for each in requests), fractions))

        draw()
        for pieces in drawn:
            theirs, ours = await responses_of_both(connect, *pieces)
            assert ours == theirs, pieces

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"method": "PUT"},
            {"version": "1.0"},
            {"version": "1.0", "headers": {"Connection": "keep-alive"}},
            {"headers": {"Connection": "close"}},
            {"headers": {"Expect": "100-continue"}},
            {"headers": {"Origin": "https://page.example"}},
            {"path": "/v1/bookings/lesson-1/join?a=1"},
            {"path": "http://here/v1/bookings/lesson-1/join"},
            {"chunks": 2},
        ],
        ids=str,
    )
    async def test_unusual_requests_do_too(
        self, tutoring: Tenant, connect: Connect, frozen: None, changes: dict[str, Any]
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        theirs, ours = await responses_of_both(connect, *cut(with_key(tutoring, **changes).encode(), [0.9]))
        assert ours == theirs
        assert theirs[0].startswith(b"HTTP/1.1 ")

    @pytest.mark.parametrize("at", range(0, 260, 13))
    async def test_a_request_may_be_cut_anywhere(self, tutoring: Tenant, connect: Connect, at: int) -> None:
        await tutoring.book()
        await tutoring.join()
        request = with_key(tutoring).encode()
        connection = connect()
        await connection.send(*(piece for piece in (request[:at], request[at:]) if piece))
        assert connection.transport.sent.startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_a_response_is_one_write(self, tutoring: Tenant, connect: Connect) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        for status, request in (
            (b"200", with_key(tutoring)),
            (b"403", with_key(tutoring, body=b'{"user_id": "stranger"}')),
            (b"401", with_key(tutoring, headers={"Authorization": "Bearer vb_" + "x" * 43})),
            (b"200", with_key(tutoring, path="/v1/bookings/lesson-1/access")),
        ):
            connection.transport.sent = b""
            connection.transport.writes = 0
            await connection.send(request.encode())
            head, _, body = connection.transport.sent.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status)
            assert b"date: " + DATE[1] in head
            assert json.loads(body)
            assert connection.transport.writes == 1
        assert connection.state.total_requests == 4

    async def test_a_long_webhook_is_stored_whole(self, hooked: Tenant, connect: Connect) -> None:
        shortest = {"id": "e1", "type": "peer.join.success", "data": {"padding": ""}}
        for number, length in enumerate((100, MAX_WEBHOOK_BYTES, MAX_WEBHOOK_BYTES + 1)):
            notice = {**shortest, "id": f"e{number}"}
            padding = "x" * (length - len(json.dumps(notice)))
            body = json.dumps({**notice, "data": {"padding": padding}}).encode()
            assert len(body) == length
            request = Request(
                f"/hooks/100ms/{hooked.app.name}", body=body, headers={"Videobroker-Hook-Secret": HOOK_SECRET}
            )
            connection = connect()
            await connection.send(*cut(request.encode(), [0.1, 0.5, 0.9]))
            assert connection.transport.sent.startswith(
                b"HTTP/1.1 200" if length <= MAX_WEBHOOK_BYTES else b"HTTP/1.1 400"
            )

    @pytest.mark.parametrize(
        ("trusted", "peer", "forwarded"),
        [
            ("127.0.0.1", PEER, []),
            ("127.0.0.1", PEER, ["192.0.2.7"]),
            ("127.0.0.1", PEER, ["198.51.100.1, 192.0.2.7, 127.0.0.1"]),
            ("127.0.0.1", PEER, ["198.51.100.1", "192.0.2.7", "127.0.0.1"]),
            ("127.0.0.1", PEER, ["192.0.2.7:4711"]),
            ("127.0.0.1", PEER, ["[2001:db8::1]:9"]),
            ("127.0.0.1", PEER, [""]),
            ("127.0.0.1", ("203.0.113.5", 1), ["192.0.2.7"]),
            ("203.0.113.0/24", ("203.0.113.5", 1), ["192.0.2.7, 203.0.113.9"]),
            ("*", ("203.0.113.5", 1), ["192.0.2.7, 198.51.100.1"]),
            ("*", ("203.0.113.5", 1), ["192.0.2.7", "198.51.100.1"]),
            ("*", None, ["192.0.2.7"]),
        ],
    )
    async def test_the_journal_names_the_address_that_trusted_proxies_report(
        self,
        tutoring: Tenant,
        connect: Connect,
        trusted: str,
        peer: tuple[str, int] | None,
        forwarded: list[str],
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        lines = [f"X-Forwarded-For: {each}" for each in forwarded]
        # The first is served on the fast path, the second by the framework.
        for more in ([], ["Origin: https://page.example"]):
            connection = connect(trusted=trusted, peer=peer)
            await connection.send(with_key(tutoring, more=[*lines, *more]).encode())
            assert connection.transport.sent.startswith(b"HTTP/1.1 200")
        fast, framework = (await tutoring.events("credentials.issued"))[-2:]
        assert fast["asked_by"]["ip"] == framework["asked_by"]["ip"] is not None

    async def test_the_root_path_of_the_server_is_used(self, tutoring: Tenant, connect: Connect, frozen: None) -> None:
        await tutoring.book()
        await tutoring.join()
        theirs, ours = await responses_of_both(connect, with_key(tutoring).encode(), root_path="/here")
        assert ours == theirs
        assert theirs[0].startswith(b"HTTP/1.1")

    async def test_an_error_outside_of_the_framework_is_answered_by_uvicorn(
        self, tutoring: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise RuntimeError("a secret detail")

        monkeypatch.setattr(FastRoute, "respond", fail)
        await tutoring.book()
        theirs, ours = await responses_of_both(connect, with_key(tutoring).encode())
        assert len(REQUEST_IDS.findall(ours[0])) == 2
        assert (REQUEST_IDS.sub(b"", ours[0]), ours[1]) == theirs
        assert b"500 Internal Server Error" in ours[0]
        assert b"secret" not in ours[0]


class TestConnections:
    async def test_an_idle_connection_is_closed_after_its_time(self, tutoring: Tenant, connect: Connect) -> None:
        await tutoring.book()
        clock = Clock()
        connection = connect(clock=clock, timeout_keep_alive=75)
        for _ in range(5):
            await connection.send(with_key(tutoring).encode())
            clock.advance(74)
            assert not connection.transport.is_closed
        clock.advance(2)
        assert connection.transport.is_closed
        assert connection.transport.sent.count(b"HTTP/1.1 200 OK") == 5

    @pytest.mark.parametrize(("pause", "is_answered"), [(HEAD_SECONDS - 1, True), (HEAD_SECONDS + 1, False)])
    async def test_the_next_head_has_its_own_time(
        self, tutoring: Tenant, connect: Connect, pause: float, is_answered: bool
    ) -> None:
        await tutoring.book()
        clock = Clock()
        connection = connect(clock=clock, timeout_keep_alive=75)
        request = with_key(tutoring).encode()
        await connection.send(request)
        clock.advance(10)
        connection.transport.sent = b""
        await connection.send(request[:20])
        clock.advance(pause)
        await connection.send(request[20:])
        assert connection.transport.sent.startswith(b"HTTP/1.1 200" if is_answered else b"HTTP/1.1 408")
        assert connection.transport.is_closed is not is_answered

    @pytest.mark.parametrize("is_used_again", [True, False])
    async def test_a_body_behind_its_response_leaves_the_connection_idle(
        self, tutoring: Tenant, connect: Connect, is_used_again: bool
    ) -> None:
        await tutoring.book()
        clock = Clock()
        connection = connect(clock=clock, timeout_keep_alive=75)
        early = with_key(tutoring, path="/v1/bookings/a%2Fb/join", body=b"12345").encode()
        await connection.send(early[:-5])
        assert connection.transport.sent.startswith(b"HTTP/1.1 422")
        await connection.send(early[-5:])
        clock.advance(74)
        assert not connection.transport.is_closed
        if is_used_again:
            await connection.send(with_key(tutoring).encode())
            assert connection.transport.sent.count(b"HTTP/1.1 200 OK") == 1
            clock.advance(74)
            assert not connection.transport.is_closed
        clock.advance(2)
        assert connection.transport.is_closed

    @pytest.mark.parametrize("is_valid", [True, False])
    async def test_a_request_that_is_incomplete_when_the_service_stops_is_answered_and_is_the_last(
        self, tutoring: Tenant, connect: Connect, is_valid: bool
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        body = b'{"user_id": "tutor-1"}' if is_valid else b'{"user_id": null}'
        request = with_key(tutoring, body=body).encode()
        connection = connect()
        connection.protocol.data_received(request[:-5])
        connection.shut_down()
        assert not connection.transport.is_closed
        await connection.send(request[-5:])
        head = connection.transport.sent.partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 200" if is_valid else b"HTTP/1.1 4")
        assert b"connection: close" in head
        assert connection.transport.is_closed

    async def test_a_request_in_progress_when_the_service_stops_is_answered(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).encode())
        assert len(connection.state.tasks) == 1
        connection.shut_down()
        await connection.wait_until_idle()
        assert connection.transport.sent.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in connection.transport.sent
        assert connection.transport.is_closed

    async def test_a_client_that_closed_the_connection_is_sent_nothing_and_the_join_is_in_the_journal(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        before = len(await tutoring.events("credentials.issued"))
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).encode())
        # The request is in progress.
        await asyncio.sleep(0)
        connection.transport.close()
        connection.protocol.connection_lost(None)
        await connection.wait_until_idle()
        assert connection.transport.sent == b""
        assert connection.transport.writes_after_close == 0
        assert len(await tutoring.events("credentials.issued")) == before + 1

    async def test_a_client_that_leaves_before_its_body_is_complete_has_no_effect(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).encode()[:-5])
        connection.transport.close()
        connection.protocol.connection_lost(None)
        await connection.wait_until_idle()
        assert connection.transport.sent == b""
        assert await tutoring.events("credentials.issued") == []

    async def test_a_slow_reader_delays_its_response(self, tutoring: Tenant, connect: Connect) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        connection.protocol.pause_writing()
        connection.protocol.data_received(with_key(tutoring).encode())
        for _ in range(100):
            await asyncio.sleep(0.002)
        assert connection.transport.sent == b""
        assert len(connection.state.tasks) == 1
        connection.protocol.resume_writing()
        await connection.wait_until_idle()
        assert connection.transport.sent.startswith(b"HTTP/1.1 200")

    async def test_a_request_that_the_end_of_the_service_cancels_gets_the_response_of_uvicorn(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        results = []
        for is_ours in (False, True):
            connection = connect(is_ours=is_ours)
            connection.protocol.data_received(with_key(tutoring).encode())
            (task,) = connection.state.tasks
            await asyncio.sleep(0)
            task.cancel()
            await connection.wait_until_idle()
            results.append((connection.transport.sent, connection.transport.is_closed))
        assert (REQUEST_IDS.sub(b"", results[1][0]), results[1][1]) == results[0]
        assert results[1][0].startswith(b"HTTP/1.1 500")

    async def test_a_client_that_leaves_with_two_requests_in_progress_causes_no_error(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).encode() * 2)
        connection.transport.close()
        await connection.wait_until_idle()
        gc.collect()
        asyncio.get_running_loop().set_exception_handler(None)
        assert errors == []
        assert connection.transport.sent == b""
        assert connection.transport.writes_after_close == 0

    @pytest.mark.parametrize("part_sent", [1.0, 0.9])
    async def test_a_closed_connection_leaves_no_reference_cycle(
        self, tutoring: Tenant, connect: Connect, part_sent: float
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        request = with_key(tutoring).encode()
        gc.collect()
        gc.disable()
        try:
            connection.protocol.data_received(request[: round(len(request) * part_sent)])
            if part_sent == 1.0:
                await connection.wait_until_idle()
            left = weakref.ref(connection.protocol)
            connection.protocol.connection_lost(None)
            connection.transport.lost = lambda: None
            connection.protocol = None
            await Connection(None, connection.transport, connection.state).wait_until_idle()
            # The timer of an idle connection was cancelled, and the loop forgets it in its turn.
            await asyncio.sleep(0)
            assert left() is None
        finally:
            gc.enable()

    async def test_an_idle_connection_refers_to_nothing_of_a_request(
        self, tutoring: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await tutoring.book()
        bodies: list[weakref.ref[Any]] = []
        original = FastRoute.respond

        async def respond(route: FastRoute, request: Any, arguments: dict[str, Any]) -> Any:
            bodies.append(weakref.ref(arguments["body"]))
            return await original(route, request, arguments)

        monkeypatch.setattr(FastRoute, "respond", respond)
        connection = connect()
        await connection.send(with_key(tutoring).encode())
        assert connection.transport.sent.startswith(b"HTTP/1.1 200")
        assert [body() for body in bodies] == [None]
