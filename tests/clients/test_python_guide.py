"""The code of the guide about the Python client runs as it is printed."""

import asyncio
from typing import Any

import pytest

from clients.guides import blocks
from clients.services import ClientTenant


async def test_the_python_guide(
    tenant: ClientTenant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDEOBROKER_URL", tenant.url)
    monkeypatch.setenv("VIDEOBROKER_API_KEY", tenant.key)
    found = blocks("use-the-python-client.md", "python")
    assert len(found) == 10
    scope: dict[str, Any] = {"__name__": "guide"}
    try:
        for number, block in enumerate(found):
            await asyncio.to_thread(exec, compile(block, f"block {number}", "exec", dont_inherit=True), scope)
    finally:
        # A program ends after its last line, and closes its sockets. This one goes on.
        await asyncio.to_thread(scope["client"].close)
    output = capsys.readouterr().out
    assert "not_a_participant refuse None None" in output
    assert "credentials.issued" not in output
    assert "call.ended None" in output
    assert f"lesson-python {scope['booking'].starts_at}" in output
    assert scope["receive"]({}, b"{}", "whsec_" + "A" * 32) == 400
    assert tenant.key not in output
