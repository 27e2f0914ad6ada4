"""How the sandbox is served: whoever asks it gets an answer, also after a pause of any length."""

import asyncio
import time

import httpx
import pytest

from servers import serving
from videobroker.sandbox import SandboxState, create_sandbox, demo_config, server_config

PAUSE_SECONDS = 5.0
"""What httpx allows an idle connection, and uvicorn by default as well."""


async def test_a_request_after_a_pause_that_the_client_just_allows_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    config = demo_config()
    server = server_config(create_sandbox(config, SandboxState(config)), log_config=None, lifespan="off")
    async with serving(server) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/_sandbox/counters")).status_code == 200
        # The server's timers are due now. To the client its connection is still good, and it sends on it: nothing
        # is awaited in between, as on a busy machine, where much happens between two turns of the event loop.
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + PAUSE_SECONDS)
        assert (await client.get("/_sandbox/counters")).status_code == 200
