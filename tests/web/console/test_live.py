"""The stream of hints: what it sends, when it ends, and that it is no activity."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from consoles import ADMIN_KEY, OPERATOR
from servers import serving
from tenants import MovableClock, Tenant
from videobroker.web.console import live
from videobroker.web.console.access import COOKIE

PATIENCE_SECONDS = 20


@pytest.fixture
async def client(console_service: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of an operator who is signed in, at a real server."""
    async with (
        serving(console_service, force_exit=True) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as client,
    ):
        await client.post("/console/sign-in", data={"name": OPERATOR, "key": ADMIN_KEY, "zone": "UTC"})
        assert COOKIE in client.cookies
        yield client


@asynccontextmanager
async def stream(client: httpx.AsyncClient, query: str = "") -> AsyncIterator[AsyncIterator[str]]:
    """The names of the events of a stream that is open."""
    async with client.stream("GET", f"/console/live{query}") as response:
        assert response.status_code == 200
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        await anext(lines)
        yield (line.removeprefix("event: ") async for line in lines if line.startswith("event: "))


async def next_event(events: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(events), PATIENCE_SECONDS)


async def test_a_change_of_an_app_is_hinted(client: httpx.AsyncClient, tutoring: Tenant) -> None:
    async with stream(client, f"?app={tutoring.app.id}") as events:
        await asyncio.sleep(0.2)
        await tutoring.book()
        assert await next_event(events) == "changed"


async def test_a_stream_ends_with_the_session_and_does_not_prolong_it(
    client: httpx.AsyncClient, tutoring: Tenant, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECK_SECONDS", 0.2)
    async with stream(client, f"?app={tutoring.app.id}") as events:
        clock.move(minutes=20)
        await asyncio.sleep(0.5)
        clock.move(minutes=11)
        # Hints about the app's set-up may come before.
        while (event := await next_event(events)) == "changed":
            pass
        assert event == "ended"
    assert (await client.get("/console/live")).status_code == 401


async def test_streams_are_limited_and_freed(
    client: httpx.AsyncClient, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch, console_service: FastAPI
) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS_PER_OPERATOR", 1)
    async with stream(client):
        assert (await client.get("/console/live")).status_code == 429
    streams: live.OpenStreams = console_service.state.console_streams
    async with asyncio.timeout(PATIENCE_SECONDS):
        while streams._by_operator:
            await tutoring.book()
            await asyncio.sleep(0.1)
    async with stream(client):
        pass
