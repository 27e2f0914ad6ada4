"""Every response has an ID and a trace, which the log and problem documents have too."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from servers import serving, serving_granian
from tenants import Tenant
from videobroker.cli.logs import add_request
from videobroker.current_request import CURRENT_REQUEST
from videobroker.domain.api_keys import Scope
from videobroker.web.fast_path import FastRoute
from videobroker.web.http.http1_connection import Http1Connection
from videobroker.web.http.request_ids import start_request
from wire import TUTOR, Port, head

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
ORIGIN = {"Origin": "https://page.example"}
"""Such a request does not use the fast path."""


BODY_IN_CHUNKS = (
    b"POST /v1/bookings HTTP/1.1\r\nHost: here\r\nX-Request-Id: caller-1\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def trace_of(*values: str) -> str:
    return start_request([(b"traceparent", value.encode("latin-1")) for value in values]).trace_id


def id_of(*values: bytes) -> str:
    return start_request([(b"x-request-id", value) for value in values]).request_id


@pytest.mark.parametrize("value", ["a", "req_1/2+3=4~5.6-7", "x" * 128, str(UUID(int=7))])
def test_a_valid_request_id_is_accepted(value: str) -> None:
    assert id_of(value.encode()) == value


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b""],
        [b"x" * 129],
        [b"a b"],
        [b"a\x01"],
        [b"\xc3\xa9"],
        [b"anna@example.org"],
        [b"a", b"a"],
        [b"vb_" + b"x" * 43],
        [b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"],
    ],
)
def test_any_other_is_replaced_by_a_uuid7(values: list[bytes]) -> None:
    generated = UUID(id_of(*values))
    assert generated.version == 7
    assert str(generated).encode() not in values


@pytest.mark.parametrize(
    "value",
    [f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-01", f"01-{TRACE}-{PARENT}-01-more", f"fe-{TRACE}-{PARENT}-ff"],
)
def test_a_valid_trace_is_continued_with_a_span_of_its_own(value: str) -> None:
    request = start_request([(b"traceparent", value.encode())])
    ((_, _), (_, traceparent)) = request.response_headers()
    version, trace_id, span_id, flags = traceparent.decode().split("-")
    assert (version, trace_id) == ("00", TRACE)
    assert flags == ("00" if value.endswith("-00") else "01")
    assert span_id != PARENT
    assert len(bytes.fromhex(span_id)) == 8


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        [f"ff-{TRACE}-{PARENT}-01"],
        [f"00-{'0' * 32}-{PARENT}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE.upper()}-{PARENT}-01"],
        [f"00-{TRACE}-{PARENT}-01-more"],
        [f"00-{TRACE}-{PARENT}"],
        [f"00-{TRACE}-{PARENT}-0é"],
        [f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"],
    ],
)
def test_any_other_starts_a_new_trace(values: list[str]) -> None:
    started = trace_of(*values)
    assert started not in {TRACE, trace_of(*values)}
    assert len(bytes.fromhex(started)) == 16


@pytest.fixture(params=["uvicorn", "granian"])
async def url(app: FastAPI, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The service on a socket, under each server."""
    server = serving_granian(app) if request.param == "granian" else serving(app, http=Http1Connection, ws="none")
    async with server as url:
        yield url


async def test_every_response_has_both(url: str, tutoring: Tenant) -> None:
    await tutoring.book()
    key = {"Authorization": f"Bearer {tutoring.key}"}
    given = {"X-Request-Id": "caller-1", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    join = "/v1/bookings/lesson-1/join"
    statuses = set()
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for method, path, more in (
            ("POST", join, key),
            ("POST", join, key | ORIGIN),
            ("POST", join, {}),
            ("POST", "/v1/bookings/none/join", key),
            ("GET", "/v1/bookings", key),
            ("GET", "/v1/bookings?nothing=1", key),
            ("GET", "/v1/a%2Fb", key),
            ("GET", "/nothing", {}),
            ("DELETE", "/healthz", {}),
            ("OPTIONS", "/healthz", {}),
            ("HEAD", "/healthz", {}),
            ("GET", "/metrics", {}),
            ("GET", "/docs", {}),
            ("GET", "/embed.js", {}),
            ("GET", "/join/vbt_nothing", {}),
            ("POST", "/api/100ms/token", {}),
            ("POST", "/hooks/100ms/nothing", {}),
        ):
            body = b'{"user_id": "tutor-1"}' if method == "POST" else None
            response = await client.request(method, path, headers={**more, **given}, content=body)
            statuses.add(response.status_code)
            assert response.headers.get_list("x-request-id") == ["caller-1"], path
            assert response.headers["traceparent"].startswith(f"00-{TRACE}-"), path
            assert PARENT not in response.headers["traceparent"]
            if response.headers.get("content-type") == "application/problem+json":
                assert response.json()["request_id"] == "caller-1", path
            generated = await client.request(method, path, headers=more, content=body)
            assert UUID(generated.headers["x-request-id"]).version == 7
        async with client.stream("GET", "/v1/events/stream", headers={**key, **given}) as stream:
            assert (stream.headers["x-request-id"], stream.status_code) == ("caller-1", 200)
    assert statuses >= {200, 204, 401, 404, 405, 422}


@pytest.mark.parametrize(
    ("content", "status", "expected"),
    [
        (b"nonsense\r\n\r\n", 400, None),
        (b"GET / HTTP/1.1\r\nX-Request-Id: caller-1\r\nHost: here\r\nX-A: \x00\r\n\r\n", 400, "caller-1"),
        (b"GET / HTTP/1.1\r\nX-Request-Id: caller-1\r\n" + b"X-A: a\r\n" * 100 + b"\r\n", 431, "caller-1"),
        (BODY_IN_CHUNKS + b"x", 400, "caller-1"),
    ],
)
async def test_rejections_of_the_protocol_have_both(
    app: FastAPI, content: bytes, status: int, expected: str | None
) -> None:
    async with (
        serving(app, http=Http1Connection, ws="none") as url,
        Port(int(url.rpartition(":")[2])).connection() as client,
    ):
        with capture_logs(processors=[add_request]) as logs:
            await client.send(b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Request-Id: earlier\r\n\r\n")
            assert (await client.answer())[1]["x-request-id"] == "earlier"
            await client.send(content)
            found, headers, body = await client.answer()
    assert found == status
    assert headers["x-request-id"] == (expected or headers["x-request-id"])
    assert expected or UUID(headers["x-request-id"]).version == 7
    assert json.loads(body)["request_id"] == headers["x-request-id"]
    assert headers["traceparent"].startswith("00-")
    # The application logs the beginning of a request whose body is rejected, too.
    assert list(dict.fromkeys(line["request_id"] for line in logs)) == ["earlier", headers["x-request-id"]]


async def test_a_crash_outside_of_the_framework_has_the_id_of_its_log_line(
    app: FastAPI, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(FastRoute, "respond", fail)
    async with (
        serving(app, http=Http1Connection, ws="none") as url,
        Port(int(url.rpartition(":")[2])).connection() as client,
    ):
        with capture_logs(processors=[add_request]) as logs:
            await client.send(head(tutoring, more=f"Content-Length: {len(TUTOR)}\r\nX-Request-Id: caller-1\r\n"), TUTOR)
            status, headers, _ = await client.answer()
    assert (status, headers["x-request-id"]) == (500, "caller-1")
    assert [(line["event"], line["request_id"]) for line in logs] == [("request.crashed", "caller-1")]


async def test_the_access_log_names_the_caller_and_the_error(tutoring: Tenant, api: httpx.AsyncClient) -> None:
    await tutoring.book()
    narrow = await tutoring.create_key(scopes=[Scope.SESSIONS_READ])
    link = (await tutoring.post("/v1/bookings/lesson-1/links", {"user_id": "student-1"})).json()
    ticket = link["url"].rpartition("/")[2]
    join = "/v1/bookings/lesson-1/join"
    expectations: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for origin in ({}, ORIGIN):
        for credential, user, expected in (
            (tutoring.key, "tutor-1", {"credential": "api_key", "status": 200}),
            (tutoring.key, "stranger", {"credential": "api_key", "status": 403, "code": "not_a_participant"}),
            (narrow, "tutor-1", {"credential": "api_key", "status": 403, "code": "scope_missing"}),
            (ticket, None, {"credential": "ticket", "status": 200}),
            ("vb_" + "x" * 43, "tutor-1", {"status": 401, "code": "api_key_invalid"}),
        ):
            headers = {"Authorization": f"Bearer {credential}", "X-Request-Id": "caller-1", **origin}
            with capture_logs(processors=[add_request]) as logs:
                await api.post(join, json={"user_id": user}, headers=headers)
            line = logs[-1]
            assert (line["event"], line["request_id"], len(line["trace_id"])) == ("request.completed", "caller-1", 32)
            assert (line["key_id"] is not None) == (line["credential"] == "api_key")
            assert line.get("app") == (tutoring.app.name if "credential" in expected else None)
            expectations.append((expected, {name: line.get(name) for name in expected}))
            assert user is None or user not in json.dumps(logs)
    assert [found for _, found in expectations] == [expected for expected, _ in expectations]


async def test_log_lines_of_use_cases_have_the_id_of_their_own_request(tutoring: Tenant) -> None:
    await tutoring.book()
    seen: dict[str, set[str]] = {}

    async def note(user_id: str) -> None:
        request = CURRENT_REQUEST.get()
        assert request is not None
        await asyncio.sleep(0.01)
        seen.setdefault(user_id, set()).add(request.request_id)

    async def decide(_context: Any, _key: Any, *, user_id: str, is_guest: bool) -> Any:
        await note(user_id)
        raise RuntimeError

    with patch("videobroker.web.v1.joining.check_access", decide):
        await asyncio.gather(
            *(
                tutoring.post(
                    "/v1/bookings/lesson-1/access", {"user_id": f"user-{n}"}, headers={"X-Request-Id": f"request-{n}"}
                )
                for n in range(20)
            )
        )
    assert seen == {f"user-{n}": {f"request-{n}"} for n in range(20)}
