"""The server of the sandbox responds also after long pauses between requests."""

import asyncio
import time

import httpx
import pytest

from servers import serving
from videobroker.sandbox import SandboxState, create_sandbox, demo_config, server_config

PAUSE_SECONDS = 5.0
"""The default keep-alive of httpx for idle connections, and of uvicorn."""


async def test_a_request_on_a_connection_that_was_idle_for_the_clients_keep_alive_succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = demo_config()
    server = server_config(create_sandbox(config, SandboxState(config)), log_config=None, lifespan="off")
    async with serving(server) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/_sandbox/counters")).status_code == 200
        # The server's timers are due now. The client still considers its connection good, and sends on it: nothing
        # is awaited in between, as on a busy machine, where much happens between two turns of the event loop.
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + PAUSE_SECONDS)
        assert (await client.get("/_sandbox/counters")).status_code == 200
