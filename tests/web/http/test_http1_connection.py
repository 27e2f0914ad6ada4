"""HTTP/1.1 connections: offered upgrades are ignored, heads have limits of size and time, trailers are discarded."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI

from tenants import Tenant, free_port
from videobroker.sandbox import create_sandbox, demo_config
from videobroker.sandbox import server_config as sandbox_server_config
from videobroker.web import fast_path
from videobroker.web.http import http1_connection
from videobroker.web.http import requests as request_limits
from videobroker.web.http.http1_connection import MAX_HEAD_BYTES, MAX_HEADERS, Http1Connection
from wire import JOIN, OFFERS, PATIENCE_SECONDS, TUTOR, Port, chunked, code, head, whole

JDK_JOIN = (
    "POST {path} HTTP/1.1\r\n"
    "Connection: Upgrade, HTTP2-Settings\r\n"
    "Content-Length: {length}\r\n"
    "Host: 127.0.0.1:8080\r\n"
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    "Upgrade: h2c\r\n"
    "User-Agent: Java-http-client/17.0.18\r\n"
    "Authorization: Bearer {key}\r\n"
    "Content-Type: application/json\r\n"
    "\r\n"
)
"""The head that the HTTP client of JDK 17 sends. It sends the body in a second segment."""


@asynccontextmanager
async def served(config: uvicorn.Config) -> AsyncIterator[Port]:
    """A server on a socket."""
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield Port(config.port)
    server.should_exit = True
    await task


@pytest.fixture
async def service(app: FastAPI) -> AsyncIterator[Port]:
    """The service on a socket."""
    config = uvicorn.Config(
        app,
        port=free_port(),
        http=Http1Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    async with served(config) as port:
        yield port


class TestUpgrades:
    async def test_the_jdk_client_joins(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        request = JDK_JOIN.format(path=JOIN, length=len(TUTOR), key=tutoring.key).encode()
        async with service.connection() as client:
            for pieces in ([request + TUTOR], [request, TUTOR], [request[:50], request[50:] + TUTOR[:3], TUTOR[3:]]):
                await client.send(*pieces)
                status, headers, body = await client.answer()
                assert (status, json.loads(body)["user_id"]) == (200, "tutor-1")
                assert "upgrade" not in headers

    @pytest.mark.parametrize("offer", OFFERS)
    async def test_an_upgrade_offer_does_not_change_the_response(
        self, service: Port, tutoring: Tenant, offer: str
    ) -> None:
        await tutoring.book()
        await tutoring.gather(policy={"guests_allowed": True})
        requests: list[tuple[str, str, bytes]] = [
            ("POST", JOIN, TUTOR),
            ("POST", JOIN, b'{"user_id": "stranger"}'),
            ("POST", "/v1/groups/circle/start", b'{"user_id": "stranger"}'),
            ("POST", "/v1/groups/circle/guests", b'{"name": ""}'),
            ("GET", "/v1/bookings/lesson-1", b""),
            ("GET", "/v1/nothing", b""),
            ("PATCH", "/v1/groups/circle", b'{"title": "Circle"}'),
            ("POST", "/v1/bookings/lesson-1/participants/student-1/remove", b'{"ban": "perhaps"}'),
        ]
        for method, path, body in requests:
            answers = []
            for more in ("", offer):
                async with service.connection() as client:
                    await client.send(whole(tutoring, body, method=method, path=path, more=more))
                    status, _, answered = await client.answer()
                    answers.append((status, json.loads(answered).get("code"), sorted(json.loads(answered))))
            assert answers[0] == answers[1], (method, path)

    @pytest.mark.parametrize("offer", OFFERS)
    async def test_a_block_with_an_upgrade_offer_takes_effect(
        self, service: Port, tutoring: Tenant, offer: str
    ) -> None:
        await tutoring.book()
        path = "/v1/bookings/lesson-1/participants/student-1/remove"
        async with service.connection() as client:
            request = whole(tutoring, b'{"ban": true}', path=path, more=offer)
            await client.send(request[:-6], request[-6:])
            status, _, body = await client.answer()
            assert status == 200, body
            await client.send(whole(tutoring, b'{"user_id": "student-1"}'))
            status, _, body = await client.answer()
            assert (status, code(body)) == (403, "participant_removed")

    @pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
    async def test_a_body_in_chunks_is_read(self, service: Port, tutoring: Tenant, more: str) -> None:
        await tutoring.book()
        request = head(tutoring, more=f"{OFFERS[0]}Transfer-Encoding: chunked\r\n{more}") + chunked(
            TUTOR[:4], TUTOR[4:]
        )
        for cut in range(1, len(request), 37):
            async with service.connection() as client:
                await client.send(request[:cut], request[cut:])
                status, _, body = await client.answer()
                assert (status, json.loads(body)["user_id"]) == (200, "tutor-1")

    async def test_pipelined_requests_after_an_offer_get_responses_in_order(
        self, service: Port, tutoring: Tenant
    ) -> None:
        await tutoring.book()
        requests = [
            whole(tutoring, more=OFFERS[0]),
            whole(tutoring, b'{"user_id": "stranger"}', more=OFFERS[1]),
            head(tutoring, method="GET", path="/healthz", more=OFFERS[2]),
            head(tutoring, more=f"{OFFERS[0]}Transfer-Encoding: chunked\r\n") + chunked(TUTOR),
            whole(tutoring),
        ]
        data = b"".join(requests)
        for cut in (0, 100, 400, len(data) // 2, len(data) - 3):
            async with service.connection() as client:
                await client.send(*(piece for piece in (data[:cut], data[cut:]) if piece))
                assert [(await client.answer())[0] for _ in requests] == [200, 403, 200, 200, 200]

    async def test_many_pipelined_offers_are_parsed_in_linear_time(self, service: Port, tutoring: Tenant) -> None:
        count = 2000
        request = head(tutoring, method="GET", path="/healthz", more=OFFERS[0])
        async with service.connection() as client:
            client.writer.write(request * count)
            for _ in range(count):
                assert (await client.answer())[0] == 200

    async def test_the_sandbox_reads_bodies_of_requests_with_an_offer(self) -> None:
        config = sandbox_server_config(
            create_sandbox(demo_config()), port=free_port(), log_config=None, lifespan="off", date_header=False
        )
        body = b'{"latency_ms": "long"}'
        answers = []
        async with served(config) as port:
            for offer in ("", OFFERS[0]):
                async with port.connection() as client:
                    lines = f"PUT /_sandbox/faults HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n{offer}\r\n"
                    await client.send(lines.encode(), body)
                    answers.append((await client.answer())[::2])
        assert answers[0] == answers[1]
        assert answers[0][0] >= 400


class TestHeads:
    @pytest.mark.parametrize("length", [MAX_HEAD_BYTES, MAX_HEAD_BYTES + 1])
    @pytest.mark.parametrize("size", [1 << 20, 4096, 1000])
    async def test_the_size_of_a_head_is_limited_in_any_segmentation(
        self, service: Port, tutoring: Tenant, length: int, size: int
    ) -> None:
        plain = head(tutoring, method="GET", path="/healthz", more="X-Filling: \r\n")
        filling = "x" * (length - len(plain))
        request = head(tutoring, method="GET", path="/healthz", more=f"X-Filling: {filling}\r\n")
        assert len(request) == length
        async with service.connection() as client:
            await client.send(*(request[at : at + size] for at in range(0, length, size)))
            status, headers, body = await client.answer()
            assert status == (200 if length == MAX_HEAD_BYTES else 431)
            if status == 431:
                assert code(body) == "request_head_too_large"
                assert headers["content-type"] == "application/problem+json"
                assert headers["connection"] == "close"
                assert headers["cache-control"] == "no-store"
                assert await client.rest() == b""

    @pytest.mark.parametrize("count", [MAX_HEADERS, MAX_HEADERS + 1])
    async def test_the_number_of_headers_is_limited(self, service: Port, tutoring: Tenant, count: int) -> None:
        more = "".join(f"X-{number}: a\r\n" for number in range(count - 2))
        async with service.connection() as client:
            await client.send(head(tutoring, method="GET", path="/healthz", more=more))
            status, _, body = await client.answer()
            assert status == (200 if count == MAX_HEADERS else 431)
            assert status == 200 or code(body) == "request_head_too_large"

    @pytest.mark.parametrize(
        "beginning",
        [b"GET /healthz HTTP/1.1\r\nHost: here\r\nX: ", b"GET /healthz?", b"POST / HTTP/1.1\r\nHost: here\r\nX"],
        ids=["value", "target", "name"],
    )
    async def test_an_endless_head_is_rejected_without_delaying_others(self, service: Port, beginning: bytes) -> None:
        async with service.connection() as client, service.connection() as other:
            client.writer.write(beginning + b"x" * 40_000_000)
            began = time.process_time()
            await other.send(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            assert (await other.answer())[0] == 200
            status, _, body = await client.answer()
            assert (status, code(body)) == (431, "request_head_too_large")
            # CPU time, of which a busy machine takes no more than another one.
            assert time.process_time() - began < 5

    async def test_a_rejection_follows_the_responses_to_earlier_requests(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        for refused, expected in (
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
            (b"NONSENSE\r\n\r\n", 400),
            (b"CONNECT here:443 HTTP/1.1\r\nHost: here:443\r\n\r\n", 400),
        ):
            async with service.connection() as client:
                await client.send(whole(tutoring) + whole(tutoring, b"{}") + refused)
                assert [(await client.answer())[0] for _ in range(3)] == [200, 422, expected]
                assert await client.rest() == b""

    async def test_what_is_not_http_is_a_malformed_request(self, service: Port, tutoring: Tenant) -> None:
        for request in (
            b"hello\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
        ):
            async with service.connection() as client:
                await client.send(request)
                status, headers, body = await client.answer()
                assert (status, code(body)) == (400, "malformed_request")
                assert headers["connection"] == "close"

    async def test_a_request_with_a_malformed_body_is_not_executed(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        for path in (JOIN, "/v1/bookings/lesson-1/cancel"):
            for broken in (b"2\r\n{}\r\nzz\r\n", b"5;" + b"x" * 70_000):
                async with service.connection() as client:
                    await client.send(head(tutoring, path=path, more="Transfer-Encoding: chunked\r\n"), broken)
                    status, _, body = await client.answer()
                    assert (status, code(body)) in {(400, "malformed_request"), (431, "request_head_too_large")}
                    assert await client.rest() == b""
        assert (await tutoring.get("/v1/bookings/lesson-1")).json()["status"] != "cancelled"

    async def test_a_request_with_an_incomplete_body_is_not_executed(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        async with service.connection() as client:
            await client.send(head(tutoring, path="/v1/bookings/lesson-1/cancel", more="Content-Length: 9\r\n"), b"{}")
        async with service.connection() as client:
            await client.send(head(tutoring, method="GET", path="/v1/bookings/lesson-1"))
            assert json.loads((await client.answer())[2])["status"] != "cancelled"

    async def test_trailers_are_not_headers(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        trailers = (
            f"X-User-Id: someone\r\nAuthorization: Bearer {tutoring.key}\r\nIdempotency-Key: a b\r\nHost: there\r\n"
        )
        body = chunked(TUTOR, trailers=trailers)
        async with service.connection() as client:
            await client.send(head(tutoring, more="Transfer-Encoding: chunked\r\n"), body[:9], body[9:])
            assert (await client.answer())[0] == 200
            without_key = f"POST {JOIN} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            await client.send(without_key, body)
            status, _, answered = await client.answer()
            assert (status, code(answered)) == (401, "api_key_missing")

    async def test_the_size_of_trailers_is_limited(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        beginning = head(tutoring, more="Transfer-Encoding: chunked\r\n")
        endless = chunked(TUTOR)[:-2] + b"X: " + b"x" * 20_000_000
        async with service.connection() as client:
            client.writer.write(beginning + endless)
            status, _, body = await client.answer()
            assert (status, code(body)) == (431, "request_head_too_large")

    @pytest.mark.parametrize(
        ("hosts", "status"),
        [
            (["here"], 200),
            (["here:8080"], 200),
            (["[::1]:8080"], 200),
            (["b\u00fccher.example"], 400),
            ([], 400),
            (["here", "here"], 400),
            (["here", "there"], 400),
            (["here, there"], 400),
            (["here/path"], 400),
            (["user@here"], 400),
            ([""], 400),
        ],
    )
    async def test_a_request_names_exactly_one_host(
        self, service: Port, tutoring: Tenant, hosts: list[str], status: int
    ) -> None:
        await tutoring.book()
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        key = f"Authorization: Bearer {tutoring.key}\r\nContent-Length: {len(TUTOR)}\r\n"
        async with service.connection() as client:
            await client.send(f"POST {JOIN} HTTP/1.1\r\n{key}{lines}\r\n".encode("latin-1") + TUTOR)
            answered, _, body = await client.answer()
            assert answered == status
            assert status == 200 or code(body) == "malformed_request"

    async def test_http_1_0_needs_no_host(self, service: Port, tutoring: Tenant) -> None:
        for lines, status in (("", 200), ("Host: here\r\n", 200), ("Host: a\r\nHost: b\r\n", 400)):
            async with service.connection() as client:
                await client.send(f"GET /healthz HTTP/1.0\r\n{lines}\r\n".encode())
                assert (await client.answer())[0] == status


class TestTime:
    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Time limits that a test can wait for."""
        monkeypatch.setattr(Http1Connection, "head_seconds", 0.3)
        monkeypatch.setattr(request_limits, "BODY_SECONDS", 0.3)
        monkeypatch.setattr(fast_path, "BODY_SECONDS", 0.1)
        monkeypatch.setattr(http1_connection, "LINGER_SECONDS", 0.3)

    async def test_a_connection_without_a_request_is_closed(self, service: Port) -> None:
        async with service.connection() as client:
            assert await client.rest() == b""

    async def test_empty_lines_do_not_extend_the_time_for_a_request(self, service: Port) -> None:
        async with service.connection() as client:
            await client.send(b"\r\n\r\n")
            assert await client.rest() == b""

    @pytest.mark.parametrize("beginning", [b"G", b"GET /healthz HTTP/1.1\r\nHost: here\r\n", b"POST / HTTP/1.1\r\nHo"])
    async def test_an_incomplete_head_times_out(self, service: Port, beginning: bytes) -> None:
        async with service.connection() as client:
            await client.send(beginning)
            status, headers, body = await client.answer()
            assert (status, code(body)) == (408, "request_timeout")
            assert headers["connection"] == "close"
            assert await client.rest() == b""

    async def test_a_head_that_is_sent_byte_by_byte_times_out(self, service: Port) -> None:
        request = b"GET /healthz HTTP/1.1\r\nHost: here\r\nX: "
        async with service.connection() as client:
            await client.send(request)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not client.reader._buffer and not client.reader.at_eof():  # type: ignore[attr-defined]
                    await client.send(b"x")
            assert (await client.answer())[0] == 408

    async def test_an_incomplete_head_after_a_response_times_out(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        async with service.connection() as client:
            await client.send(whole(tutoring) + b"GET /heal")
            assert [(await client.answer())[0] for _ in range(2)] == [200, 408]

    @pytest.mark.parametrize("path", [JOIN, "/v1/bookings/lesson-1/cancel", "/hooks/100ms/unknown", "/v1/nothing"])
    async def test_an_incomplete_body_times_out_without_an_effect(
        self, service: Port, tutoring: Tenant, path: str
    ) -> None:
        await tutoring.book()
        for framing, beginning in (
            ("Content-Length: 30", b'{"user_'),
            ("Transfer-Encoding: chunked", b"5\r\n{"),
            ("Content-Length: 1", b""),
        ):
            async with service.connection() as client:
                await client.send(head(tutoring, path=path, more=f"{framing}\r\n"), beginning)
                status, headers, body = await client.answer()
                assert (status, code(body)) == (408, "request_timeout")
                assert headers["connection"] == "close"
                assert await client.rest() == b""
        assert (await tutoring.get("/v1/bookings/lesson-1")).json()["status"] != "cancelled"

    async def test_an_incomplete_body_after_its_response_closes_the_connection(
        self, service: Port, tutoring: Tenant
    ) -> None:
        async with service.connection() as client:
            await client.send(head(tutoring, path="/v1/bookings/a%2Fb/join", more="Content-Length: 9\r\n"))
            assert (await client.answer())[0] == 422
            await client.send(b"x")
            assert await client.rest() == b""

    async def test_a_slow_body_in_time_is_read(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        async with service.connection() as client:
            request = whole(tutoring)
            await client.send(request[:-8])
            await asyncio.sleep(0.15)
            await client.send(request[-8:])
            assert (await client.answer())[0] == 200

    async def test_an_idle_connection_stays_open_for_longer(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        async with service.connection() as client:
            for _ in range(2):
                await client.send(whole(tutoring))
                assert (await client.answer())[0] == 200
                await asyncio.sleep(0.5)

    async def test_a_stream_has_no_time_limit(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        async with service.connection() as client:
            await client.send(head(tutoring, method="GET", path="/v1/events/stream"))
            assert (await client.answer())[0] == 200
            await asyncio.sleep(0.5)
            await tutoring.book("lesson-2")
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert re.search(rb"lesson-2", await client.reader.readuntil(b"lesson-2"))
