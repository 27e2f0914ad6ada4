"""Large responses without credentials are compressed for clients that accept it."""

import asyncio
import gzip
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from openapi import openapi_document
from servers import serving
from tenants import Tenant
from videobroker.web.http.compression import COMPRESSED_PATHS, MIN_BYTES
from videobroker.web.http.http1_connection import Http1Connection

GZIP = {"Accept-Encoding": "gzip"}
IDENTITY = {"Accept-Encoding": "identity"}
LARGE: dict[str, Any] = {"metadata": {"notes": "all the same " * 500}}
CREDENTIALS = {"token", "secret", "room_code", "ticket", "url"}
"""Names of fields with credentials."""


async def raw(tenant: Tenant, path: str, headers: Mapping[str, str]) -> tuple[httpx.Response, bytes]:
    """The response, and its body as it was sent."""
    request = tenant.api.build_request("GET", path, headers={"Authorization": f"Bearer {tenant.key}", **headers})
    response = await tenant.api.send(request, stream=True)
    content = b"".join([part async for part in response.aiter_raw()])
    return response, content


@pytest.mark.parametrize("path", ["/v1/bookings/lesson-1", "/v1/bookings", "/openapi.json"])
async def test_a_large_response_is_compressed(tutoring: Tenant, path: str) -> None:
    await tutoring.book(**LARGE)
    plain, body = await raw(tutoring, path, IDENTITY)
    compressed, content = await raw(tutoring, path, GZIP)
    assert compressed.headers["content-encoding"] == "gzip"
    assert int(compressed.headers["content-length"]) == len(content) < len(body) / 4
    assert gzip.decompress(content) == body
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(body)
    for response in (plain, compressed):
        assert "Accept-Encoding" in response.headers["vary"]


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0, br", "identity"])
async def test_only_if_the_client_accepts_it(tutoring: Tenant, accepted: str) -> None:
    await tutoring.book(**LARGE)
    response, _ = await raw(tutoring, "/v1/bookings/lesson-1", {"Accept-Encoding": accepted})
    assert "content-encoding" not in response.headers
    accepting, _ = await raw(tutoring, "/v1/bookings/lesson-1", {"Accept-Encoding": "br;q=0.9, gzip;q=0.5"})
    assert accepting.headers["content-encoding"] == "gzip"


async def test_small_responses_are_not_compressed(tutoring: Tenant) -> None:
    response, content = await raw(tutoring, "/v1/bookings", GZIP)
    assert len(content) < MIN_BYTES
    assert "content-encoding" not in response.headers


async def test_a_compressed_response_has_its_own_entity_tag(tutoring: Tenant) -> None:
    await tutoring.book(**LARGE)
    path = "/v1/bookings/lesson-1"
    plain, compressed = [(await raw(tutoring, path, each))[0].headers["etag"] for each in (IDENTITY, GZIP)]
    assert compressed == plain.removesuffix('"') + ':gzip"'
    for tag in (plain, compressed):
        for coding in (IDENTITY, GZIP):
            current, content = await raw(tutoring, path, {**coding, "If-None-Match": tag})
            assert (current.status_code, content, current.headers["etag"]) == (304, b"", tag)
    for title, coding in (("A", IDENTITY), ("B", GZIP)):
        tag = (await raw(tutoring, path, coding))[0].headers["etag"]
        changed = await tutoring.send("PATCH", path, json={"title": title}, headers={"If-Match": f'"other", {tag}'})
        assert changed.status_code == 200, changed.text
        stale = await tutoring.send("PATCH", path, json={"title": "C"}, headers={"If-Match": tag})
        assert stale.status_code == 412


async def test_responses_with_credentials_are_not_compressed(tutoring: Tenant) -> None:
    await tutoring.book(**LARGE)
    join = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers=GZIP)
    framework = await tutoring.post(
        "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers=GZIP | {"Origin": "https://page.example"}
    )
    link = await tutoring.post("/v1/bookings/lesson-1/links", {"user_id": "tutor-1"}, headers=GZIP)
    page = await tutoring.api.get(f"/join/{link.json()['ticket']}", headers=GZIP)
    assert len(page.content) > MIN_BYTES
    for response in (join, framework, link, page):
        assert response.status_code in {200, 201}
        assert "content-encoding" not in response.headers


def test_no_response_that_may_be_compressed_has_a_credential() -> None:
    document = openapi_document()
    compressed = {
        path: operations["get"]
        for path, operations in document["paths"].items()
        if "get" in operations and path.startswith(COMPRESSED_PATHS)
    }
    assert len(compressed) > 20
    for path, operation in compressed.items():
        schema = operation["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
        found = set(_fields(document, schema, set())) & CREDENTIALS
        assert found <= {"url"}, path
        if found:
            # The URL of a webhook endpoint.
            assert "webhook" in path


def _fields(document: Any, schema: Any, seen: set[str]) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _fields(document, each, seen)
    elif isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            part = document
            for step in reference.removeprefix("#/").split("/"):
                part = part[step]
            yield from _fields(document, part, seen)
        yield from schema.get("properties", {})
        for name, value in schema.items():
            if name not in {"examples", "example", "default", "description"}:
                yield from _fields(document, value, seen)


async def test_a_stream_is_neither_compressed_nor_delayed(app: FastAPI, tutoring: Tenant) -> None:
    headers = {"Authorization": f"Bearer {tutoring.key}", **GZIP}
    async with (
        serving(app, http=Http1Connection, ws="none", force_exit=True) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
        client.stream("GET", "/v1/events/stream", headers=headers) as stream,
    ):
        assert "content-encoding" not in stream.headers
        lines = stream.aiter_lines()
        async with asyncio.timeout(20):
            while not (await anext(lines)).startswith(":"):
                pass
            await tutoring.book(**LARGE)
            while await anext(lines) != "event: session.registered":
                pass
