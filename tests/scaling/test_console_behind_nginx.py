"""The console's live updates behind nginx, with the files of `deploy/nginx`."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cli.program import await_ready, running_program
from consoles import ADMIN_KEY, Console
from scaling.local_proxies import Proxy, needs_nginx, nginx
from tenants import Tenant, free_port
from videobroker.settings import Settings
from videobroker.web.console import live
from videobroker.web.console.access import COOKIE

pytestmark = [pytest.mark.long, needs_nginx]

PATIENCE_SECONDS = 60


@pytest.fixture
def proxy(
    database: str, settings: Settings, log_folder: Path, tmp_path: Path, no_failed_attempts: None
) -> Iterator[Proxy]:
    """nginx in front of a process with a console."""
    port, log = free_port(), log_folder / "console-behind-nginx.log"
    variables = {
        "DATABASE_URL": database,
        "PORT": str(port),
        "VIDEOBROKER_SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "VIDEOBROKER_ADMIN_KEY": ADMIN_KEY,
    }
    with running_program("serve", "--no-work", cwd=tmp_path, log=log, variables=variables) as process:
        await_ready(process, f"http://127.0.0.1:{port}/readyz", log)
        with nginx(tmp_path, [port]) as proxy:
            yield proxy


@asynccontextmanager
async def signed_in(proxy: Proxy) -> AsyncIterator[Console]:
    async with httpx.AsyncClient(base_url=proxy.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        console = Console(client)
        await console.sign_in()
        assert COOKIE in client.cookies
        yield console


async def event_after(lines: AsyncIterator[str], name: str) -> float:
    """Seconds until an event of this name has arrived."""
    started = time.monotonic()
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in lines:
            if line == f"event: {name}":
                return time.monotonic() - started
    raise AssertionError(f"the stream has ended without {name}")


async def test_hints_arrive_at_once_and_the_stream_ends_at_sign_out(proxy: Proxy, tutoring: Tenant) -> None:
    async with signed_in(proxy) as console:
        async with console.client.stream("GET", f"/console/live?app={tutoring.app.id}") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            # Sent before any event: with buffering, it would arrive together with a later one.
            async with asyncio.timeout(live.HEARTBEAT_SECONDS):
                assert await anext(lines) == ": listening"
            await tutoring.book()
            # A buffering proxy would wait for kilobytes, and the next comment of the stream comes after 15 seconds.
            assert await event_after(lines, "changed") < live.HEARTBEAT_SECONDS
            signed_out = await console.post("/console/sign-out")
            assert signed_out.status_code == 303
            assert await event_after(lines, "ended") < live.CHECK_SECONDS + live.HEARTBEAT_SECONDS
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert [line async for line in lines if line.startswith("event: ")] == []
        refused = await console.get("/console/live")
        assert refused.status_code == 401
        # Without a redirect that a script would follow to the sign-in page.
        assert "location" not in refused.headers
