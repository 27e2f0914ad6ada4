"""What the pages measure a connection with, and the page that does so without a booking."""

import gzip

import httpx
import pytest

from videobroker.web.pages.connection_check import SAMPLE_BYTES


async def test_a_ping_is_empty_and_never_cached(api: httpx.AsyncClient) -> None:
    response = await api.get("/test/ping")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["cache-control"] == "no-store"


async def test_the_sample_has_a_fixed_size_and_cannot_be_compressed(api: httpx.AsyncClient) -> None:
    response = await api.get("/test/sample", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in response.headers
    assert int(response.headers["content-length"]) == len(response.content) == SAMPLE_BYTES
    assert len(gzip.compress(response.content)) > SAMPLE_BYTES * 0.99
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/test", "/test/ping", "/test/sample"])
async def test_it_is_not_indexed(api: httpx.AsyncClient, path: str) -> None:
    response = await api.get(path)
    assert response.headers["x-robots-tag"] == "noindex"


async def test_the_page_loads_only_files_of_the_service(api: httpx.AsyncClient) -> None:
    policy = (await api.get("/test")).headers["content-security-policy"]
    assert "connect-src 'self'; frame-src 'self';" in policy
    assert "script-src 'self';" in policy
