"""The walk-through in Java compiles without warnings against the generated client, and runs against the service."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clients.services import ClientTenant

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "build/generators"
ANNOTATIONS = Path("/usr/share/java/jakarta-annotation-api.jar")

pytestmark = pytest.mark.long


@pytest.fixture
def class_path(tmp_path: Path) -> str:
    """The compiled program, the client, and its libraries. Skips the test if `make generators` has not run."""
    libraries = list(GENERATED.glob("venv/lib/*/site-packages/openapi_generator_cli/openapi-generator.jar"))
    client = GENERATED / "java/classes"
    if not shutil.which("javac") or not ANNOTATIONS.exists() or not libraries or not client.exists():
        pytest.skip("needs a JDK, and the client of `make generators`")
    found = os.pathsep.join(map(str, (tmp_path, client, *libraries, ANNOTATIONS)))
    command = ["javac", "-Xlint:all", "-Werror", "-d", str(tmp_path), "-cp", found, "Walkthrough.java"]
    done = subprocess.run(command, cwd=ROOT / "clients/java", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return found


async def test_the_walkthrough(class_path: str, tenant: ClientTenant) -> None:
    process = await asyncio.create_subprocess_exec(
        "java",
        "-cp",
        class_path,
        "Walkthrough",
        env={**os.environ, "VIDEOBROKER_URL": tenant.url, "VIDEOBROKER_API_KEY": tenant.key},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    text = output.decode()
    assert process.returncode == 0, text
    for expected in (
        "as teacher",
        "403 not_a_participant refuse",
        "link for ben",
        "access: admit",
        "ended: requested",
        "event call.ended",
    ):
        assert expected in text
