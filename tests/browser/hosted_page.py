"""The texts and screens of the hosted page, exported from its JavaScript modules."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from videobroker import ui
from videobroker.web import pages

STATIC = Path(pages.__file__).parent / "static"


@cache
def texts() -> dict[str, dict[str, str]]:
    """The texts by language and name."""
    found: dict[str, dict[str, str]] = exported("texts.js", "texts")
    return found


@cache
def call_texts() -> dict[str, dict[str, str]]:
    """The texts of the call view, by language and name."""
    found: dict[str, dict[str, str]] = exported("call-texts.js", "callTexts", folder=ui.FOLDER)
    return found


@cache
def screens() -> dict[str, dict[str, Any]]:
    """The definition of each screen, by name."""
    found: dict[str, dict[str, Any]] = exported("screens.js", "SCREENS")
    return found


def screen_of(decision: str, reason: str) -> str:
    """The name of the screen that shows this access decision."""
    visit = {"decision": {"decision": decision, "reason": reason}}
    name: str = exported("screens.js", f"screenOf({{ visit: {json.dumps(visit)} }})")
    return name


def exported(file: str, expression: str, *, folder: Path = STATIC) -> Any:
    """The value of a JavaScript expression in the scope of what the file exports."""
    script = (
        "import(process.argv[1]).then((module) => {"
        "Object.assign(globalThis, module);"
        f"console.log(JSON.stringify({expression})); }})"
    )
    command = ["node", "--input-type=commonjs", "-e", script, (folder / file).as_uri()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("node is not installed")
    return json.loads(done.stdout)
