"""The tests of the guide for testing a product pass."""

import re
import subprocess
import sys
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from cli.program import environment
from docs_build.examples import EXAMPLES, GUIDES
from guides.demo import Demo

PAGE = (GUIDES / "test-your-app.md").read_text()


@pytest.mark.long
def test_the_tests_of_the_guide_pass(demo: Demo) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--config-file=/dev/null",
        "test_lessons.py",
    ]
    done = subprocess.run(
        command,
        cwd=EXAMPLES / "test-your-app",
        env=environment(VIDEOBROKER_FOLDER=str(demo.folder)),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_signature_of_the_guide_is_valid() -> None:
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Webhook(secret)" in block]
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102
    assert Webhook(names["secret"]).verify(names["body"], names["headers"])["type"] == "call.ended"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"kind": "status", "status": 503}),
        ("/faults", {"kind": "status", "status": 503, "times": 2}),
        ("/faults", {"kind": "latency", "milliseconds": 2000}),
        ("/faults", {"kind": "drop"}),
        ("/faults", {"kind": "truncate"}),
        ("/webhooks/behaviour", {"duplicates": 2, "shuffle": True}),
    ],
    ids=lambda value: str(value).strip("/"),
)
def test_the_sandbox_accepts_the_faults_of_the_guide(demo: Demo, path: str, body: dict[str, Any]) -> None:
    with httpx.Client(base_url=f"{demo.sandbox_url}/_sandbox", trust_env=False) as sandbox:
        method = "PUT" if path == "/webhooks/behaviour" else "POST"
        assert sandbox.request(method, path, json=body).status_code == 200
        assert sandbox.post("/reset").status_code == 200
        assert sandbox.get("/faults").json() == {"faults": []}
