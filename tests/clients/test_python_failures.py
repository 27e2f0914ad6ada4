"""The Python client when requests fail: retries, timeouts, and responses that it does not know."""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from delivery.backend import Backend, Behavior, hang, respond, send_raw
from tenants import free_port
from videobroker_client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    RateLimited,
    RequestTimedOut,
    ServiceFailed,
    UnexpectedResponse,
    errors,
)
from videobroker_client.models import UnknownEvent, decode_event, decode_join_credentials

CALL: dict[str, Any] = {
    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
    "session": {"kind": "booking", "reference": "lesson-1"},
    "provider": "a-new-vendor",
    "started_at": "2026-03-12T14:00:00Z",
    "started_by": None,
    "ended_at": None,
    "ended_by": None,
    "end_reason": None,
    "duration_seconds": None,
    "provider_call_ids": [],
    "people": 0,
    "peak": 0,
    "present": 0,
    "first_joined_at": None,
    "last_left_at": None,
    "settled": False,
    "a_new_field": 7,
}
KEY = "vb_" + "k" * 32


def problem(status: int, code: str, **headers: str) -> Behavior:
    body = json.dumps({"status": status, "code": code, "title": "A title", "detail": "What to do."}).encode()
    return respond(status, body, content_type="application/problem+json", **headers)


OK = respond(200, json.dumps(CALL).encode(), content_type="application/json")


def base(backend: Backend) -> str:
    return backend.url.removesuffix("/hooks")


@pytest.mark.parametrize(
    "failure",
    [
        problem(503, "storage_unavailable"),
        problem(429, "too_many_requests", retry_after="0"),
        problem(409, "request_in_flight"),
        send_raw(b"HTTP/1.1 200 OK\r\ncontent-len"),
    ],
    ids=["unavailable", "rate limit", "in flight", "cut off"],
)
async def test_a_temporary_failure_is_repeated_with_the_same_idempotency_key(
    backend: Backend, failure: Behavior
) -> None:
    backend.next_behaviors = [failure, failure]
    backend.default_behavior = OK
    async with AsyncClient(base(backend), api_key=KEY) as client:
        assert (await client.bookings.end_call("lesson-1")).settled is False
    with Client(base(backend), api_key=KEY) as blocking:
        backend.next_behaviors = [failure]
        await asyncio.to_thread(blocking.bookings.end_call, "lesson-1")
    first, second = {each.headers["idempotency-key"] for each in backend.received[:3]}, backend.received[3:]
    assert len(first) == 1
    assert len({each.headers["idempotency-key"] for each in second}) == 1
    assert len(second) == 2
    assert {each.headers["idempotency-key"] for each in second} != first


async def test_a_key_of_the_caller_is_used(backend: Backend) -> None:
    backend.default_behavior = OK
    async with AsyncClient(base(backend), api_key=KEY) as client:
        await client.bookings.end_call("a/b", user_id="ada", idempotency_key="mine")
    (request,) = backend.received
    assert request.headers["idempotency-key"] == "mine"
    assert request.path == "/v1/bookings/a%2Fb/end"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"].startswith("videobroker-client-python/")
    assert request.body == {"user_id": "ada"}


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (problem(503, "storage_unavailable", retry_after="61"), ServiceFailed),
        (problem(500, "internal_error"), ServiceFailed),
        (problem(409, "already_admitted"), errors.Conflict),
        (problem(403, "too_early"), errors.PermissionDenied),
        (problem(415, "unsupported_media_type"), errors.BadRequest),
    ],
    ids=["long wait", "500", "409", "403", "415"],
)
async def test_other_failures_are_raised_at_once(
    backend: Backend, failure: Behavior, error: type[errors.ApiError]
) -> None:
    backend.default_behavior = failure
    async with AsyncClient(base(backend), api_key=KEY) as client:
        with pytest.raises(error) as raised:
            await client.bookings.end_call("lesson-1")
    assert raised.value.detail == "What to do."
    assert len(backend.received) == 1


async def test_retries_end(backend: Backend) -> None:
    backend.default_behavior = problem(429, "too_many_requests", retry_after="0", x_request_id="req-1")
    async with AsyncClient(base(backend), api_key=KEY, max_retries=1) as client:
        with pytest.raises(RateLimited) as raised:
            await client.bookings.get("lesson-1")
        assert len(backend.received) == 2
        assert (raised.value.retry_after, raised.value.request_id) == (0, "req-1")
        with pytest.raises(RateLimited):
            await client.with_options(max_retries=0).bookings.get("lesson-1")
    assert len(backend.received) == 3


async def test_the_service_decides_how_long_to_wait(backend: Backend) -> None:
    backend.next_behaviors = [problem(503, "storage_unavailable", retry_after="1")]
    backend.default_behavior = OK
    async with AsyncClient(base(backend), api_key=KEY) as client:
        started = time.monotonic()
        await client.bookings.end_call("lesson-1")
    assert time.monotonic() - started >= 1


async def test_a_request_times_out(backend: Backend) -> None:
    backend.default_behavior = hang
    async with AsyncClient(base(backend), api_key=KEY, timeout_seconds=0.2, max_retries=0) as client:
        with pytest.raises(RequestTimedOut):
            await client.bookings.get("lesson-1")


async def test_a_service_that_does_not_run() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with AsyncClient(url, api_key=KEY, max_retries=0) as client:
        with pytest.raises(ConnectionFailed):
            await client.bookings.get("lesson-1")
        with pytest.raises(ValueError, match="cannot be an ID"):
            await client.bookings.get("..")


@pytest.mark.parametrize(
    "response",
    [
        respond(404, b"<h1>Not here</h1>", content_type="text/html"),
        respond(200, b"<h1>Welcome</h1>", content_type="text/html"),
        respond(200, b'{"id": 7}', content_type="application/json"),
        respond(200, b"[]", content_type="application/json"),
    ],
    ids=["404", "200", "another object", "a list"],
)
async def test_a_server_that_is_not_the_service(backend: Backend, response: Behavior) -> None:
    backend.default_behavior = response
    async with AsyncClient(base(backend), api_key=KEY) as client:
        with pytest.raises(UnexpectedResponse):
            await client.bookings.end_call("lesson-1")


async def test_what_a_newer_service_adds_is_preserved(backend: Backend) -> None:
    backend.default_behavior = OK
    async with AsyncClient(base(backend), api_key=KEY) as client:
        call = await client.bookings.end_call("lesson-1")
    assert call.provider == "a-new-vendor"
    assert call.raw["a_new_field"] == 7
    event: dict[str, Any] = {
        "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
        "type": "invoice.paid",
        "occurred_at": "2026-03-12T14:00:00Z",
        "session": None,
        "user_id": "ada",
        "asked_by": dict.fromkeys(
            ("key_id", "user_id", "operator", "operator_subject", "ticket_id", "ip", "user_agent")
        ),
        "data": {"amount": 7},
        "cursor": "Wzc3MSwgMTJd",
    }
    unknown = decode_event(event)
    assert isinstance(unknown, UnknownEvent)
    assert (unknown.type, unknown.raw["type"], unknown.data) == ("unknown", "invoice.paid", {"amount": 7})
    assert unknown.occurred_at == datetime(2026, 3, 12, 14, tzinfo=UTC)
    credentials = decode_join_credentials(
        {
            "type": "a_new_kind",
            "join_id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d21",
            "provider": "a-new-vendor",
            "surface": "sdk",
            "role": "host",
            "user_id": "ada",
            "display_name": "Ada",
            "expires_at": "2026-03-12T15:00:00Z",
            "session": {"kind": "booking", "reference": "lesson-1", "title": None},
            "call": CALL,
            "secret_of_the_vendor": "s3cret",
        }
    )
    assert credentials.type == "unknown"
    assert "s3cret" not in repr(credentials)


def test_a_client_needs_an_address_and_one_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEOBROKER_URL", raising=False)
    monkeypatch.delenv("VIDEOBROKER_API_KEY", raising=False)
    with pytest.raises(ValueError, match="VIDEOBROKER_URL"):
        Client(api_key=KEY)
    with pytest.raises(ValueError, match="VIDEOBROKER_API_KEY"):
        Client("http://127.0.0.1")
    with pytest.raises(ValueError, match="one of"):
        Client("http://127.0.0.1", api_key=KEY, ticket="vbt_x")
    monkeypatch.setenv("VIDEOBROKER_URL", "http://127.0.0.1/")
    monkeypatch.setenv("VIDEOBROKER_API_KEY", KEY)
    with Client() as client:
        assert repr(client) == "Client('http://127.0.0.1')"
        assert KEY not in repr(vars(client))
