"""How the sandbox is served: whoever asks it gets an answer, also after a pause of any length."""

import asyncio
import time

import httpx
import pytest
import uvicorn

from house import free_port
from videobroker.sandbox import SandboxState, create_sandbox, demo_config, server_config

PAUSE_SECONDS = 5.0
"""What httpx allows an idle connection, and uvicorn by default as well."""


async def test_a_request_after_a_pause_that_the_client_just_allows_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    config = demo_config()
    port = free_port()
    server = uvicorn.Server(
        server_config(create_sandbox(config, SandboxState(config)), port=port, log_config=None, lifespan="off")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert (await client.get("/_sandbox/counters")).status_code == 200
            # The server's timers are due now. To the client its connection is still good, and it sends on it: nothing
            # is awaited in between, as on a busy machine, where much happens between two turns of the event loop.
            monkeypatch.setattr(loop, "time", lambda: time.monotonic() + PAUSE_SECONDS)
            assert (await client.get("/_sandbox/counters")).status_code == 200
    finally:
        server.should_exit = True
        await task
