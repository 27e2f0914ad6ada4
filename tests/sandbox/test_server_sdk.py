"""The official server SDK of 100ms works with the sandbox."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node_packages import node_modules
from videobroker.sandbox import SandboxConfig, Workspace, create_sandbox

pytestmark = pytest.mark.node

SCRIPT = Path(__file__).parent.parent / "node" / "server_sdk.cjs"


@pytest.fixture
async def sdk_results(config: SandboxConfig, workspace: Workspace, serve: Callable[..., Any]) -> dict[str, Any]:
    """The results of the SDK, printed by `server_sdk.cjs`."""
    await asyncio.to_thread(node_modules)
    environment = {
        "PATH": os.environ["PATH"],
        "HMS_ACCESS_KEY": workspace.access_key,
        "HMS_SECRET": workspace.secret,
    }
    with serve(create_sandbox(config)) as url:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(SCRIPT),
            url,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    results: dict[str, Any] = json.loads(out)
    return results


async def test_the_official_server_sdk_works_with_the_sandbox(sdk_results: dict[str, Any]) -> None:
    room = sdk_results["room"]
    assert room["name"] == "from-the-sdk"
    assert sdk_results["again"]["id"] == sdk_results["retrieved"]["id"] == sdk_results["byName"]["id"] == room["id"]
    assert (sdk_results["retrieved"]["description"], sdk_results["updated"]["description"]) == ("first", "second")

    codes = [code["code"] for code in sdk_results["codes"]]
    assert [code["role"] for code in sdk_results["codes"]] == ["teacher", "student"]
    assert sdk_results["listedCodes"] == codes
    assert sdk_results["studentCode"]["code"] not in codes
    assert sdk_results["disabledCode"]["enabled"] is False

    assert sdk_results["listed"] == [*(f"many-{n}" for n in reversed(range(12))), "from-the-sdk"]

    assert sdk_results["endIdle"] == {"code": 404, "message": "session not found"}
    assert sdk_results["disabled"]["enabled"] is False
    assert sdk_results["codesOfDisabled"] == {"code": 403, "message": "Room is disabled"}
    assert sdk_results["unknownRoom"] == {"code": 404, "message": "Room not found"}
    assert sdk_results["badTemplate"] == {"code": 400, "message": "Error: template not found"}
    assert sdk_results["wrongSecret"] == {"code": 401, "message": "Token validation error"}
