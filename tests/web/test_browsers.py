"""Pages of other origins ask from a browser (CORS)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from videobroker.broker import Broker
from videobroker.web.app import create_app

ASK = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
async def browser(broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that lets one origin ask."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    service = create_app(lifetime, allowed_origins=["https://app.example"])
    service.state.broker = broker
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker") as client:
        yield client


async def test_a_page_of_an_allowed_origin_may_ask(browser: httpx.AsyncClient) -> None:
    headers = ASK | {"Origin": "https://app.example"}
    allowed = await browser.options("/v1/bookings/lesson-1/join", headers=headers)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    refused = await browser.get("/v1/bookings", headers={"Origin": "https://app.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example")


async def test_a_page_of_another_origin_may_not(browser: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    headers = ASK | {"Origin": "https://evil.example"}
    for client in (browser, api):
        answer = await client.options("/v1/bookings/lesson-1/join", headers=headers)
        assert answer.status_code >= 400
        assert "access-control-allow-origin" not in answer.headers
