"""The wire under uvicorn and under granian: where both respond alike, and what granian does by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from servers import serving, serving_granian
from tenants import Tenant
from videobroker.web import fast_path
from videobroker.web.http import requests
from videobroker.web.http.http1_connection import MAX_HEAD_BYTES, MAX_HEADERS, Http1Connection
from wire import JOIN, OFFERS, TUTOR, Port, chunked, code, head, whole

TRAILERS = "X-User-Id: someone\r\nIdempotency-Key: a b\r\nHost: there\r\n"


def port_of(url: str) -> Port:
    port = urlsplit(url).port
    assert port is not None
    return Port(port)


@pytest.fixture
async def granian(app: FastAPI) -> AsyncIterator[Port]:
    async with serving_granian(app) as url:
        yield port_of(url)


@pytest.fixture
async def uvicorn(app: FastAPI) -> AsyncIterator[Port]:
    async with serving(app, http=Http1Connection, ws="none") as url:
        yield port_of(url)


@pytest.fixture(params=["uvicorn", "granian"])
def service(request: pytest.FixtureRequest) -> Port:
    """The service on a socket, under each server."""
    port: Port = request.getfixturevalue(request.param)
    return port


class TestBoth:
    async def test_offered_upgrades_are_ignored(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        for offer in OFFERS:
            async with service.connection() as client:
                await client.send(head(tutoring, more=f"Content-Length: {len(TUTOR)}\r\n{offer}"), TUTOR)
                status, headers, body = await client.answer()
                assert (status, json.loads(body)["user_id"]) == (200, "tutor-1")
                assert "upgrade" not in headers

    async def test_requests_in_one_segment_are_answered_in_order(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        stranger = whole(tutoring, b'{"user_id": "stranger"}', more=OFFERS[0])
        async with service.connection() as client:
            await client.send(whole(tutoring) + stranger + whole(tutoring))
            assert [(await client.answer())[0] for _ in range(3)] == [200, 403, 200]

    async def test_trailers_are_not_headers(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        body = chunked(TUTOR[:5], TUTOR[5:], trailers=f"{TRAILERS}Authorization: Bearer {tutoring.key}\r\n")
        async with service.connection() as client:
            await client.send(head(tutoring, more="Transfer-Encoding: chunked\r\n"), body)
            assert (await client.answer())[0] == 200
            await client.send(
                f"POST {JOIN} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n".encode(), body
            )
            status, _, answered = await client.answer()
            assert (status, code(answered)) == (401, "api_key_missing")

    @pytest.mark.parametrize("length", [MAX_HEAD_BYTES, MAX_HEAD_BYTES + 1])
    async def test_a_head_has_a_limit(self, service: Port, tutoring: Tenant, length: int) -> None:
        plain = head(tutoring, method="GET", path="/healthz", more="X-Filling: \r\n")
        filling = "x" * (length - len(plain))
        async with service.connection() as client:
            await client.send(head(tutoring, method="GET", path="/healthz", more=f"X-Filling: {filling}\r\n"))
            status, headers, body = await client.answer()
            assert status == (200 if length == MAX_HEAD_BYTES else 431)
            if length > MAX_HEAD_BYTES:
                assert (code(body), headers["connection"]) == ("request_head_too_large", "close")
                assert json.loads(body)["request_id"] == headers["x-request-id"]
                assert await client.rest() == b""

    @pytest.mark.parametrize("count", [MAX_HEADERS, MAX_HEADERS + 1])
    async def test_the_number_of_headers_has_a_limit(self, service: Port, tutoring: Tenant, count: int) -> None:
        more = "".join(f"X-{number}: a\r\n" for number in range(count - 2))
        async with service.connection() as client:
            await client.send(head(tutoring, method="GET", path="/healthz", more=more))
            assert (await client.answer())[0] == (200 if count == MAX_HEADERS else 431)

    @pytest.mark.parametrize(
        ("version", "hosts", "status"),
        [
            ("1.1", ["here:8080"], 200),
            ("1.1", [], 400),
            ("1.1", [""], 400),
            ("1.1", ["here", "here"], 400),
            ("1.1", ["user@here"], 400),
            ("1.0", [], 200),
            ("1.0", ["a", "b"], 400),
        ],
    )
    async def test_a_request_names_one_host(self, service: Port, version: str, hosts: list[str], status: int) -> None:
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        async with service.connection() as client:
            await client.send(f"GET /healthz HTTP/{version}\r\n{lines}\r\n".encode())
            answered, _, body = await client.answer()
            assert answered == status
            assert status == 200 or code(body) == "malformed_request"

    @pytest.mark.parametrize("path", [JOIN, "/v1/bookings/lesson-1/cancel"])
    async def test_a_body_has_a_time_limit_and_nothing_is_done(
        self, service: Port, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        monkeypatch.setattr(requests, "BODY_SECONDS", 0.3)
        monkeypatch.setattr(fast_path, "BODY_SECONDS", 0.1)
        await tutoring.book()
        async with service.connection() as client:
            await client.send(head(tutoring, path=path, more="Content-Length: 9\r\n"), b"{")
            status, headers, body = await client.answer()
            assert (status, code(body), headers["connection"]) == (408, "request_timeout", "close")
            assert await client.rest() == b""
        assert (await tutoring.get("/v1/bookings/lesson-1")).json()["status"] == "confirmed"

    async def test_a_request_whose_body_is_cut_off_is_not_executed(self, service: Port, tutoring: Tenant) -> None:
        await tutoring.book()
        async with service.connection() as client:
            await client.send(head(tutoring, path="/v1/bookings/lesson-1/cancel", more="Content-Length: 9\r\n"), b"{}")
            client.writer.write_eof()
            assert not (await client.rest()).startswith(b"HTTP/1.1 200")
        assert (await tutoring.get("/v1/bookings/lesson-1")).json()["status"] == "confirmed"

    async def test_connect_is_rejected(self, service: Port) -> None:
        async with service.connection() as client:
            await client.send(b"CONNECT here:443 HTTP/1.1\r\nHost: here:443\r\n\r\n")
            status, _, body = await client.answer()
            assert (status, code(body)) == (400, "malformed_request")
            assert await client.rest() == b""

    async def test_head_has_the_headers_of_get(self, service: Port, tutoring: Tenant) -> None:
        async with service.connection() as client:
            await client.send(head(tutoring, method="GET", path="/healthz"))
            _, of_get, _ = await client.answer()
            await client.send(head(tutoring, method="HEAD", path="/healthz"))
            status, of_head, _ = await client.answer(to_head=True)
            ignored = {"date": "", "x-request-id": "", "traceparent": ""}
            assert (status, of_head | ignored) == (200, of_get | ignored)
            await client.send(head(tutoring, method="GET", path="/healthz"))
            assert (await client.answer())[0] == 200

    async def test_a_stream_delivers_at_once(self, service: Port, tutoring: Tenant) -> None:
        async with service.connection() as client:
            await client.send(head(tutoring, method="GET", path="/v1/events/stream"))
            async with asyncio.timeout(20):
                assert b" 200 " in await client.reader.readuntil(b"\r\n\r\n")
                await client.reader.readuntil(b": listening")
                await tutoring.book()
                await client.reader.readuntil(b"event: session.registered")


class TestGranianAlone:
    """Documented in docs/how-to/deploy/index.md."""

    async def test_it_adds_its_name_to_responses(self, granian: Port) -> None:
        async with granian.connection() as client:
            await client.send(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            assert (await client.answer())[1]["server"] == "granian"

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"hello\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", 431),
            (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
        ],
        ids=["not HTTP", "head", "target"],
    )
    async def test_what_hyper_rejects_has_a_response_without_a_body(
        self, granian: Port, request_: bytes, status: int
    ) -> None:
        async with granian.connection() as client:
            client.writer.write(request_)
            answered, headers, body = await client.answer()
            assert (answered, headers["connection"], body) == (status, "close", b"")

    @pytest.mark.parametrize(("service", "status"), [("uvicorn", 400), ("granian", 200)], indirect=["service"])
    async def test_it_ignores_a_length_beside_chunks_and_closes(self, service: Port, status: int) -> None:
        async with service.connection() as client:
            lines = "GET /healthz HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            await client.send(lines.encode() + b"0\r\n\r\n" + b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            answered, headers, _ = await client.answer()
            assert (answered, headers["connection"]) == (status, "close")
            assert await client.rest() == b""

    @pytest.mark.parametrize("begun", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"])
    async def test_idle_connections_and_unfinished_heads_have_one_time_limit(self, app: FastAPI, begun: bytes) -> None:
        async with serving_granian(app, keep_alive_seconds=0.5) as url, port_of(url).connection() as client:
            if begun:
                await client.send(begun)
            assert b" 408 " not in await client.rest()
