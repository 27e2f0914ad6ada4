"""The commands of the backend guides work in an empty folder, in the order of the text."""

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from cli.program import environment, running_program
from docs_build.examples import GUIDES
from guides.backends import BACKENDS, Backend
from guides.demo import Demo
from guides.product import is_responding
from polling import eventually_blocking
from tenants import free_port

PAGE = (GUIDES / "backends" / "index.md").read_text()
MARK = "----"


def commands_under(heading: str, demo: Demo, port: int) -> list[str]:
    """The shell commands of a section, with the folder and the port of this test."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    assert "~/videobroker/.videobroker" in PAGE
    assert "127.0.0.1:3000" in section
    return [
        block.replace("~/videobroker", str(demo.folder)).replace("127.0.0.1:3000", f"127.0.0.1:{port}")
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    ]


def run(commands: list[str], folder: Path) -> list[str]:
    """The output of each block, run in one shell."""
    script = f"\necho; echo {MARK}\n".join(commands)
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(MARK)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_the_commands_of_the_guide_lead_to_a_lesson_with_its_length(backend: Backend, demo: Demo) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="videobroker-guide-") as temporary:
        folder = Path(temporary)
        run(commands_under("Start videobroker and set the variables", demo, port), folder)
        variables = {**dict(re.findall(r"export (\w+)=(.+)", (folder / "video.env").read_text())), "PORT": str(port)}
        backend.copy_to(folder, variables)
        log = folder / "log"
        with running_program(cwd=folder, log=log, variables=variables, command=backend.command(port)):
            eventually_blocking(lambda: is_responding(f"http://127.0.0.1:{port}"), context=log.read_text)
            *blocks, show = commands_under("Try it", demo, port)
            wait = f"until ( {show.strip()} ) | grep -q seconds; do sleep 0.1; done"
            _, ada, eve, link, ended, lesson = run([*blocks, f"{wait}\n{show}"], folder)

    assert json.loads(ada)["type"] == "100ms_token"
    refused: dict[str, Any] = json.loads(eve)
    assert (refused["decision"], refused["reason"]) == ("refuse", "not_a_participant")
    assert json.loads(link)["url"].startswith(f"{demo.url}/join/vbt_")
    call = json.loads(ended)
    assert json.loads(lesson)["calls"] == [{"id": call["id"], "seconds": call["duration_seconds"]}]


def shell_blocks(page: str) -> list[str]:
    """The shell commands of a page that are not files."""
    return re.findall(r"^```sh\n(.*?)^```", (GUIDES / page).read_text(), re.DOTALL | re.MULTILINE)


def test_the_commands_of_the_guide_to_receive_webhooks_work(demo: Demo, tmp_path: Path) -> None:
    create, test = shell_blocks("receive-webhooks.md")
    setup = f"BASE={demo.url} KEY={demo.key}"

    (created,) = run([f"{setup}\n{create}"], tmp_path)

    endpoint = json.loads(created)
    assert endpoint["secret"].startswith("whsec_")
    (tested,) = run([f"{setup} ENDPOINT={endpoint['id']}\n{test}"], tmp_path)
    # There is no such server, and nothing can be delivered.
    assert json.loads(tested)["taken"] is False
    demo.client.delete(f"/v1/webhook-endpoints/{endpoint['id']}")


def test_the_command_of_the_guide_for_nextjs_registers_a_booking(demo: Demo, tmp_path: Path) -> None:
    variables = f"export VIDEOBROKER_URL={demo.url} VIDEOBROKER_API_KEY={demo.key}\n"
    (tmp_path / "video.env").write_text(variables)
    (block,) = [block for block in shell_blocks("frontends/nextjs.md") if "curl" in block]

    (registered,) = run([block], tmp_path)

    assert json.loads(registered)["reference"] == "lesson-42"
