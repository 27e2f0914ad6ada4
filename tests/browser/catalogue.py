"""The hosted page's texts and screens, as a program that reads JavaScript sees them."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from videobroker.web import pages

STATIC = Path(pages.__file__).parent / "static"


@cache
def texts() -> dict[str, dict[str, str]]:
    """The sentences by language and name."""
    found: dict[str, dict[str, str]] = exported("texts.js", "texts")
    return found


@cache
def screens() -> dict[str, dict[str, Any]]:
    """What each screen consists of, by its name."""
    found: dict[str, dict[str, Any]] = exported("screens.js", "SCREENS")
    return found


def screen_of(decision: str, reason: str) -> str:
    """The screen that a person sees who meets this decision of the service."""
    told: str = exported("screens.js", f"screenOf({{ visit: {json.dumps({'decision': _told(decision, reason)})} }})")
    return told


def _told(decision: str, reason: str) -> dict[str, str]:
    return {"decision": decision, "reason": reason}


def exported(file: str, expression: str) -> Any:
    """What this expression is, in terms of what the file exports."""
    script = (
        "import(process.argv[1]).then((module) => {"
        "Object.assign(globalThis, module);"
        f"console.log(JSON.stringify({expression})); }})"
    )
    command = ["node", "--input-type=commonjs", "-e", script, (STATIC / file).as_uri()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("node is not installed")
    return json.loads(done.stdout)
