"""Plain requests are answered past ASGI, and nobody can tell: every byte is as uvicorn would have it."""

import asyncio
import gc
import json
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

from house import HOOK_SECRET, Tenant
from videobroker.broker import Broker
from videobroker.usecases.attendance.receive_webhook import LARGEST_NOTICE
from videobroker.web import plain_http
from videobroker.web.app import Service
from videobroker.web.fast_lane import ShortWay
from videobroker.web.http.protocol import HEAD_SECONDS, HttpProtocol
from videobroker.web.v1 import plain_doors
from videobroker.web.v1.plain_doors import PlainDoor

SAME_TOKEN_ID = UUID("11111111-2222-4333-8444-555555555555")
DATE = (b"date", b"Wed, 25 Nov 2026 10:00:00 GMT")
PEER = ("127.0.0.1", 50_000)
PATIENCE_SECONDS = 20


class Wire:
    """The client's end: what it was sent, and whether there is an end to it. It behaves as a socket does."""

    def __init__(self, peer: tuple[str, int] | None) -> None:
        self.sent = b""
        self.writes = 0
        self.too_late = 0
        self.is_closed = False
        self.lost: Callable[[], None] = lambda: None
        self._peer = peer

    def write(self, data: bytes) -> None:
        if self.is_closed:
            self.too_late += 1
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
    """The event loop, with a time that tests set."""

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
        """Let so much time pass, with everything that falls due meanwhile."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= end and not timer.is_cancelled]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when)
            first.callback()
        self.now = end


@dataclass
class Timer:
    """What falls due at a time."""

    when: float
    callback: Callable[[], object]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Connection:
    """One connection to the service, spoken by one protocol."""

    protocol: HttpToolsProtocol
    wire: Wire
    state: ServerState

    async def say(self, *pieces: bytes) -> None:
        """Send these, each in a turn of its own, and wait until all that is complete is answered."""
        for piece in pieces:
            if self.wire.is_closed:
                break
            self.protocol.data_received(piece)
            await asyncio.sleep(0)
        await self.quiet()

    async def quiet(self) -> None:
        """Nothing is under way any more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.state.tasks:
                await asyncio.sleep(0.001)


Connect = Callable[..., Connection]


async def both_ways(connect: Connect, *pieces: bytes, **how: Any) -> list[tuple[bytes, bool]]:
    """What is sent to somebody who says this, and whether it was the end: as uvicorn has it, and past ASGI."""
    answers = []
    for plainly in (False, True):
        connection = connect(plainly=plainly, **how)
        await connection.say(*pieces)
        answers.append((connection.wire.sent, connection.wire.is_closed))
    return answers


@dataclass
class Counted:
    """The service, which counts the requests that come to it through ASGI."""

    app: FastAPI
    through_asgi: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.through_asgi += 1
        await self.app(scope, receive, send)


@pytest.fixture
def counted(app: FastAPI) -> Counted:
    return Counted(app)


@pytest.fixture
async def connect(counted: Counted, app: FastAPI) -> AsyncIterator[Connect]:
    """Connections past ASGI, or as uvicorn has them with `plainly=False`."""
    opened: list[Connection] = []

    def one(
        *, plainly: bool = True, trusted: str = "127.0.0.1", peer: tuple[str, int] | None = PEER, **how: Any
    ) -> Connection:
        kind: Any = HttpProtocol
        if plainly:
            kind = plain_http.plain_http(cast("Service", app).short_way)
        config = uvicorn.Config(
            counted,
            http=kind,
            ws="none",
            log_config=None,
            lifespan="off",
            forwarded_allow_ips=trusted,
            **{"access_log": False, **how},
        )
        config.load()
        state = ServerState()
        state.default_headers = [DATE]
        connection = Connection(kind(config=config, server_state=state, app_state={}), Wire(peer), state)
        connection.wire.lost = partial(connection.protocol.connection_lost, None)
        connection.protocol.connection_made(cast("asyncio.Transport", connection.wire))
        opened.append(connection)
        return connection

    yield one
    for connection in opened:
        await connection.quiet()
        connection.wire.close()
    await asyncio.sleep(0)


@pytest.fixture
def frozen(app: FastAPI, broker: Broker) -> Iterator[None]:
    """Time stands still for the service, and all tokens have one id: equal requests get equal answers."""
    moment = broker.now()
    app.state.broker = replace(broker, now=lambda: moment)
    with patch("videobroker.providers.hms.provider.uuid4", return_value=SAME_TOKEN_ID):
        yield
    app.state.broker = broker


@dataclass
class Request:
    """What a client says."""

    path: str = "/v1/bookings/lesson-1/join"
    method: str = "POST"
    version: str = "1.1"
    body: bytes = b'{"user_id": "tutor-1"}'
    headers: dict[str, str] = field(default_factory=dict)
    chunks: int = 0
    """How many the body comes in; 0 tells its length at once."""
    more: Sequence[str] = ()
    """More lines of the head."""
    trailers: Sequence[str] = ()
    """Lines behind the last chunk."""

    def written(self) -> bytes:
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


def cut(data: bytes, places: Sequence[float]) -> list[bytes]:
    """The data in pieces, cut at these parts of its length."""
    marks = [0, *sorted({round(place * len(data)) for place in places}), len(data)]
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
# No upgrade: whatever follows one is refused at once, as are spoilt bytes, and what is being answered then may come
# before that or never.
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
    async def test_whatever_is_sent_in_whatever_pieces_every_byte_of_the_answers_is_the_same(
        self, tutoring: Tenant, connect: Connect, counted: Counted, frozen: None
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        drawn: list[tuple[list[bytes], bytes]] = []

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(
            requests=st.lists(requests_with(tutoring.key), min_size=1, max_size=3),
            spoilt=st.sampled_from([b"", b"", b"", b"", b"\x00", b"POST / HTTP/9.9\r\n\r\n"]),
            places=st.lists(st.floats(0, 1), max_size=4),
        )
        def draw(requests: list[Request], spoilt: bytes, places: list[float]) -> None:
            drawn.append((cut(b"".join(each.written() for each in requests), places), spoilt))

        draw()
        past_asgi = 0
        for pieces, spoilt in drawn:
            answers = []
            before = counted.through_asgi
            for plainly in (False, True):
                connection = connect(plainly=plainly)
                await connection.say(*pieces)
                # Only when everything else is answered.
                await connection.say(spoilt)
                answers.append((connection.wire.sent, connection.wire.is_closed))
                past_asgi += (counted.through_asgi - before) * (-1 if plainly else 1)
                before = counted.through_asgi
            assert answers[1] == answers[0], (pieces, spoilt)
        assert past_asgi > 30

    @pytest.mark.parametrize(
        "changes",
        [
            {"method": "PUT"},
            {"version": "1.0"},
            {"version": "1.0", "headers": {"Connection": "keep-alive"}},
            {"headers": {"Connection": "close"}},
            {"headers": {"Expect": "100-continue"}},
            {"headers": {"Origin": "https://page.example"}},
            {"path": "/v1/bookings/lesson-1/join?a=1"},
            {"path": "http://here/v1/bookings/lesson-1/join"},
            {"chunks": 2},
            {"chunks": 1, "trailers": ["X-User-Id: student-1"]},
            {"chunks": 1, "trailers": ["Expect: 100-continue"], "body": b"{}"},
            {"chunks": 1, "trailers": ["Connection: close"], "body": b"{}"},
        ],
        ids=str,
    )
    async def test_a_request_with_a_peculiarity_goes_through_asgi(
        self, tutoring: Tenant, connect: Connect, counted: Counted, frozen: None, changes: dict[str, Any]
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        ordinary, past_asgi = await both_ways(connect, *cut(with_key(tutoring, **changes).written(), [0.9]))
        assert past_asgi == ordinary
        assert counted.through_asgi == 2

    @pytest.mark.parametrize("at", range(0, 260, 13))
    async def test_a_request_may_be_cut_anywhere(
        self, tutoring: Tenant, connect: Connect, counted: Counted, frozen: None, at: int
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        request = with_key(tutoring).written()
        through_asgi = counted.through_asgi
        connection = connect()
        await connection.say(*(piece for piece in (request[:at], request[at:]) if piece))
        assert connection.wire.sent.startswith(b"HTTP/1.1 200 OK\r\n")
        assert counted.through_asgi == through_asgi


class TestPlain:
    async def test_an_answer_is_one_write_that_never_saw_asgi(
        self, tutoring: Tenant, connect: Connect, counted: Counted
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        for status, request in (
            (b"200", with_key(tutoring)),
            (b"403", with_key(tutoring, body=b'{"user_id": "stranger"}')),
            (b"401", with_key(tutoring, headers={"Authorization": "Bearer vb_" + "x" * 43})),
            (b"200", with_key(tutoring, path="/v1/bookings/lesson-1/access")),
        ):
            connection.wire.sent = b""
            connection.wire.writes = 0
            await connection.say(request.written())
            head, _, body = connection.wire.sent.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status)
            assert b"date: " + DATE[1] in head
            assert json.loads(body)
            assert connection.wire.writes == 1
        assert counted.through_asgi == 0
        assert connection.state.total_requests == 4

    async def test_a_webhook_is_kept_whole_however_long_it_is(
        self, hooked: Tenant, connect: Connect, counted: Counted
    ) -> None:
        shortest = {"id": "e1", "type": "peer.join.success", "data": {"padding": ""}}
        for number, length in enumerate((100, LARGEST_NOTICE, LARGEST_NOTICE + 1)):
            notice = {**shortest, "id": f"e{number}"}
            padding = "x" * (length - len(json.dumps(notice)))
            body = json.dumps({**notice, "data": {"padding": padding}}).encode()
            assert len(body) == length
            request = Request(
                f"/hooks/100ms/{hooked.app.name}", body=body, headers={"Videobroker-Hook-Secret": HOOK_SECRET}
            )
            connection = connect()
            await connection.say(*cut(request.written(), [0.1, 0.5, 0.9]))
            taken = length <= LARGEST_NOTICE
            assert connection.wire.sent.startswith(b"HTTP/1.1 200" if taken else b"HTTP/1.1 400")
            assert counted.through_asgi == (0 if taken else 1)

    async def test_an_error_that_nobody_expected_is_a_problem_document(
        self, tutoring: Tenant, connect: Connect, counted: Counted
    ) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError("a secret detail")

        await tutoring.book()
        connection = connect()
        with patch.object(plain_doors, "join", fail):
            await connection.say(with_key(tutoring).written())
        assert connection.wire.sent.startswith(b"HTTP/1.1 500")
        assert b"internal_error" in connection.wire.sent
        assert b"secret" not in connection.wire.sent
        assert counted.through_asgi == 0

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
    async def test_the_journal_names_the_address_that_trusted_proxies_tell(
        self,
        tutoring: Tenant,
        connect: Connect,
        counted: Counted,
        trusted: str,
        peer: tuple[str, int] | None,
        forwarded: list[str],
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        request = with_key(tutoring, more=[f"X-Forwarded-For: {each}" for each in forwarded]).written()
        for plainly in (True, False):
            connection = connect(plainly=plainly, trusted=trusted, peer=peer)
            await connection.say(request)
            assert connection.wire.sent.startswith(b"HTTP/1.1 200")
        past_asgi, through_asgi = (await tutoring.events("credentials.issued"))[-2:]
        assert past_asgi["asked_by"]["ip"] == through_asgi["asked_by"]["ip"] is not None
        assert counted.through_asgi == 1

    @pytest.mark.parametrize("how", [{"root_path": "/here"}, {"limit_concurrency": 100}, {"access_log": True}], ids=str)
    async def test_what_the_server_is_told_to_do_with_every_request_it_does(
        self, tutoring: Tenant, connect: Connect, counted: Counted, frozen: None, how: dict[str, Any]
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        ordinary, past_asgi = await both_ways(connect, with_key(tutoring).written(), **how)
        assert past_asgi == ordinary
        assert ordinary[0].startswith(b"HTTP/1.1")
        assert counted.through_asgi == 2

    async def test_what_nothing_else_answers_is_answered_as_by_uvicorn(
        self, tutoring: Tenant, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        await tutoring.book()
        with patch.object(ShortWay, "answer", side_effect=RuntimeError("a secret detail")):
            ordinary, past_asgi = await both_ways(connect, with_key(tutoring).written())
        assert past_asgi == ordinary
        assert b"500 Internal Server Error" in past_asgi[0]
        assert "A plain request was not answered." in caplog.text


class TestConnections:
    @pytest.mark.parametrize("plainly", [True, False])
    async def test_it_stays_open_for_the_next_request_until_its_time_is_over(
        self, tutoring: Tenant, connect: Connect, plainly: bool
    ) -> None:
        await tutoring.book()
        connection = connect(plainly=plainly, timeout_keep_alive=75)
        clock = connection.protocol.loop = cast("Any", Clock())
        for _ in range(5):
            await connection.say(with_key(tutoring).written())
            clock.advance(74)
            assert not connection.wire.is_closed
        clock.advance(2)
        assert connection.wire.is_closed
        assert connection.wire.sent.count(b"HTTP/1.1 200 OK") == 5

    @pytest.mark.parametrize("plainly", [True, False])
    @pytest.mark.parametrize(("pause", "is_answered"), [(HEAD_SECONDS - 1, True), (HEAD_SECONDS + 1, False)])
    async def test_the_next_head_has_its_own_time_however_long_the_connection_may_be_idle(
        self, tutoring: Tenant, connect: Connect, plainly: bool, pause: float, is_answered: bool
    ) -> None:
        await tutoring.book()
        connection = connect(plainly=plainly, timeout_keep_alive=75)
        clock = connection.protocol.loop = cast("Any", Clock())
        request = with_key(tutoring).written()
        await connection.say(request)
        clock.advance(10)
        connection.wire.sent = b""
        await connection.say(request[:20])
        clock.advance(pause)
        await connection.say(request[20:])
        assert connection.wire.sent.startswith(b"HTTP/1.1 200" if is_answered else b"HTTP/1.1 408")
        assert connection.wire.is_closed is not is_answered

    async def test_a_body_has_its_own_time_and_its_end_ends_it(self, tutoring: Tenant, connect: Connect) -> None:
        await tutoring.book()
        connection = connect(timeout_keep_alive=75)
        clock = connection.protocol.loop = cast("Any", Clock())
        request = with_key(tutoring).written()
        await connection.say(request)
        connection.wire.sent = b""
        for cut in (-12, -8, -4):
            await connection.say(request[:cut])
            clock.advance(plain_http.BODY_SECONDS - 1)
            await connection.say(request[cut:])
            # The end of the body's time, and not yet that of the connection.
            clock.advance(2 * plain_http.BODY_SECONDS)
        assert connection.wire.sent.count(b"HTTP/1.1 200 OK") == 3
        assert not connection.wire.is_closed

    @pytest.mark.parametrize("is_used_again", [True, False])
    async def test_a_body_behind_its_answer_leaves_the_connection_idle(
        self, tutoring: Tenant, connect: Connect, is_used_again: bool
    ) -> None:
        await tutoring.book()
        connection = connect(timeout_keep_alive=75)
        clock = connection.protocol.loop = cast("Any", Clock())
        early = with_key(tutoring, path="/v1/bookings/a%2Fb/join", body=b"12345").written()
        await connection.say(early[:-5])
        assert connection.wire.sent.startswith(b"HTTP/1.1 422")
        await connection.say(early[-5:])
        clock.advance(74)
        assert not connection.wire.is_closed
        if is_used_again:
            await connection.say(with_key(tutoring).written())
            assert connection.wire.sent.count(b"HTTP/1.1 200 OK") == 1
            clock.advance(74)
            assert not connection.wire.is_closed
        clock.advance(2)
        assert connection.wire.is_closed

    @pytest.mark.parametrize("plainly", [True, False])
    @pytest.mark.parametrize("more_plain", [True, False])
    async def test_who_is_halfway_when_the_service_is_stopped_is_answered_and_told_that_it_was_the_last(
        self, tutoring: Tenant, connect: Connect, plainly: bool, more_plain: bool
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        body = b'{"user_id": "tutor-1"}' if more_plain else b'{"user_id": null}'
        request = with_key(tutoring, body=body).written()
        connection = connect(plainly=plainly)
        connection.protocol.data_received(request[:-5])
        connection.protocol.shutdown()
        assert not connection.wire.is_closed
        await connection.say(request[-5:])
        head = connection.wire.sent.partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 200" if more_plain else b"HTTP/1.1 4")
        assert b"connection: close" in head
        assert connection.wire.is_closed

    async def test_who_waits_for_the_answer_when_the_service_is_stopped_gets_it(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).written())
        assert len(connection.state.tasks) == 1
        connection.protocol.shutdown()
        await connection.quiet()
        assert connection.wire.sent.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in connection.wire.sent
        assert connection.wire.is_closed

    async def test_who_has_gone_is_sent_nothing_and_the_journal_has_it_nevertheless(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        before = len(await tutoring.events("credentials.issued"))
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).written())
        connection.wire.close()
        connection.protocol.connection_lost(None)
        await connection.quiet()
        assert connection.wire.sent == b""
        assert connection.wire.too_late == 0
        assert len(await tutoring.events("credentials.issued")) == before + 1

    async def test_who_goes_before_the_body_is_there_leaves_nothing_behind(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).written()[:-5])
        connection.wire.close()
        connection.protocol.connection_lost(None)
        await connection.quiet()
        assert connection.wire.sent == b""
        assert await tutoring.events("credentials.issued") == []

    async def test_who_reads_slowly_is_waited_for(self, tutoring: Tenant, connect: Connect) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        connection.protocol.pause_writing()
        connection.protocol.data_received(with_key(tutoring).written())
        for _ in range(100):
            await asyncio.sleep(0.002)
        assert connection.wire.sent == b""
        assert len(connection.state.tasks) == 1
        connection.protocol.resume_writing()
        await connection.quiet()
        assert connection.wire.sent.startswith(b"HTTP/1.1 200")

    async def test_whose_request_is_cut_short_by_the_end_of_the_service_is_told_so_as_by_uvicorn(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        answers = []
        for plainly in (False, True):
            connection = connect(plainly=plainly)
            connection.protocol.data_received(with_key(tutoring).written())
            (task,) = connection.state.tasks
            await asyncio.sleep(0)
            task.cancel()
            await connection.quiet()
            answers.append((connection.wire.sent, connection.wire.is_closed))
        assert answers[1] == answers[0]
        assert answers[1][0].startswith(b"HTTP/1.1 500")

    async def test_who_goes_with_two_requests_under_way_leaves_no_error_behind(
        self, tutoring: Tenant, connect: Connect
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        connection = connect()
        connection.protocol.data_received(with_key(tutoring).written() * 2)
        connection.wire.close()
        await connection.quiet()
        gc.collect()
        asyncio.get_running_loop().set_exception_handler(None)
        assert errors == []
        assert connection.wire.sent == b""
        assert connection.wire.too_late == 0

    @pytest.mark.parametrize("told", [1.0, 0.9])
    async def test_a_connection_is_forgotten_at_its_end_without_any_collector(
        self, tutoring: Tenant, connect: Connect, told: float
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        connection = connect()
        request = with_key(tutoring).written()
        gc.collect()
        gc.disable()
        try:
            await connection.say(request[: round(len(request) * told)])
            left = weakref.ref(connection.protocol)
            connection.protocol.connection_lost(None)
            connection.wire.lost = lambda: None
            connection.protocol = cast("HttpToolsProtocol", None)
            # The timer of an idle connection was cancelled, and the loop forgets it in its turn.
            await asyncio.sleep(0)
            assert left() is None
        finally:
            gc.enable()

    async def test_an_idle_connection_keeps_nothing_of_what_was_said(self, tutoring: Tenant, connect: Connect) -> None:
        await tutoring.book()
        wishes: list[weakref.ref[Any]] = []
        original = PlainDoor.answer

        async def answer(plain: PlainDoor, broker: Broker, wish: Any) -> dict[str, Any]:
            wishes.append(weakref.ref(wish))
            return await original(plain, broker, wish)

        connection = connect()
        with patch.object(PlainDoor, "answer", answer):
            await connection.say(with_key(tutoring).written())
        assert connection.wire.sent.startswith(b"HTTP/1.1 200")
        assert [wish() for wish in wishes] == [None]
