"""The vendor's own server SDK finds nothing strange about the sandbox."""

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

STORY = Path(__file__).parent.parent / "node" / "server_sdk_story.cjs"


@pytest.fixture
async def seen(config: SandboxConfig, workspace: Workspace, served: Callable[..., Any]) -> dict[str, Any]:
    """What the SDK got, told by `server_sdk_story.cjs`."""
    await asyncio.to_thread(node_modules)
    environment = {
        "PATH": os.environ["PATH"],
        "HMS_ACCESS_KEY": workspace.access_key,
        "HMS_SECRET": workspace.secret,
    }
    with served(create_sandbox(config)) as url:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(STORY),
            url,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told: dict[str, Any] = json.loads(out)
    return told


async def test_the_official_server_sdk_works_against_the_sandbox(seen: dict[str, Any]) -> None:
    room = seen["room"]
    assert room["name"] == "from-the-sdk"
    assert seen["again"]["id"] == seen["retrieved"]["id"] == seen["byName"]["id"] == room["id"]
    assert (seen["retrieved"]["description"], seen["updated"]["description"]) == ("first", "second")

    codes = [code["code"] for code in seen["codes"]]
    assert [code["role"] for code in seen["codes"]] == ["teacher", "student"]
    assert seen["listedCodes"] == codes
    assert seen["studentCode"]["code"] not in codes
    assert seen["disabledCode"]["enabled"] is False

    assert seen["listed"] == [*(f"many-{n}" for n in reversed(range(12))), "from-the-sdk"]

    assert seen["endIdle"] == {"code": 404, "message": "session not found"}
    assert seen["disabled"]["enabled"] is False
    assert seen["codesOfDisabled"] == {"code": 403, "message": "Room is disabled"}
    assert seen["unknownRoom"] == {"code": 404, "message": "Room not found"}
    assert seen["badTemplate"] == {"code": 400, "message": "Error: template not found"}
    assert seen["wrongSecret"] == {"code": 401, "message": "Token validation error"}
