"""The Dockerfile names only what is there, and what it starts is what this program can do."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import takewhile
from pathlib import Path

import pytest

from cli.program import SETTINGS_VARIABLES
from tenants import free_port
from videobroker.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Of the shell, and of Python itself.
FOREIGN_VARIABLES = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


@dataclass(frozen=True)
class Instruction:
    """One instruction: `COPY --from=builder a b`."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its arguments without flags: those of an exec form, or of the shell."""
        rest = [word for word in shlex.split(self.text) if not word.startswith("--")]
        return list(json.loads(self.text[self.text.index("[") :])) if rest[0].startswith("[") else rest

    @property
    def flags(self) -> dict[str, str]:
        """Its own flags, which come first."""
        flags = takewhile(lambda word: word.startswith("--"), self.text.split())
        return dict(flag[2:].split("=", 1) for flag in flags)


def stages() -> list[list[Instruction]]:
    """The instructions, stage by stage; what stands before the first stage is left out."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            if name == "FROM":
                found.append([])
            if found:
                found[-1].append(Instruction(name, rest.strip()))
    return found


BUILDER, IMAGE = stages()


def all_of(stage: list[Instruction], name: str) -> list[Instruction]:
    """The instructions of this name."""
    return [instruction for instruction in stage if instruction.name == name]


def only(stage: list[Instruction], name: str) -> Instruction:
    """The one instruction of this name."""
    (instruction,) = all_of(stage, name)
    return instruction


def variables() -> dict[str, str]:
    """What the image sets."""
    return dict(word.split("=", 1) for instruction in all_of(IMAGE, "ENV") for word in instruction.words)


def test_both_stages_stand_on_the_same_slim_python_that_the_project_supports() -> None:
    assert only(BUILDER, "FROM").text.removesuffix(" AS builder") == only(IMAGE, "FROM").text
    assert only(IMAGE, "FROM").text == "python:${PYTHON_VERSION}-slim"
    version = re.search(r"^ARG PYTHON_VERSION=3\.(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert version is not None
    assert f">=3.{version[1]}" >= PROJECT["requires-python"]


def test_the_builder_copies_only_what_is_there_and_the_rest_never_leaves_the_machine() -> None:
    copied = {source for instruction in all_of(BUILDER, "COPY") for source in instruction.words[:-1]}
    assert all((ROOT / source).exists() for source in copied)
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert {"**/__pycache__", "**/*.egg-info"} <= set(ignored)


def test_it_copies_everything_that_the_build_names() -> None:
    copied = {source for instruction in all_of(BUILDER, "COPY") for source in instruction.words[:-1]}
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    named = {
        "pyproject.toml",
        PROJECT["readme"],
        *PROJECT["license-files"],
        *(package.split("/")[0] for package in wheel["packages"]),
        *wheel["force-include"],
    }
    assert named <= copied


def test_every_dependency_is_installed_at_the_version_that_the_tests_ran_with() -> None:
    (install,) = [instruction.text for instruction in all_of(BUILDER, "RUN") if " install " in instruction.text]
    assert "--constraint constraints.txt" in install
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split()}
    needed = {re.split(r"[\[<>=]", name)[0].lower() for name in PROJECT["dependencies"]}
    assert needed <= pinned


def test_the_image_gets_the_environment_and_nothing_of_the_build() -> None:
    (copy,) = all_of(IMAGE, "COPY")
    assert copy.flags == {"from": "builder"}
    assert copy.words == ["/opt/videobroker", "/opt/videobroker"]
    assert not any(re.search(r"\b(apt|pip|curl|wget|gcc)\b", instruction.text) for instruction in all_of(IMAGE, "RUN"))
    assert not [instruction for stage in (BUILDER, IMAGE) for instruction in all_of(stage, "ADD")]


def test_it_runs_as_somebody_whose_number_is_not_zero() -> None:
    user, group = only(IMAGE, "USER").text.split(":")
    assert int(user) == int(group) >= 10000
    assert f"--uid {user} --gid {group} " in only(IMAGE, "RUN").text
    assert [each.name for each in IMAGE].index("USER") > [each.name for each in IMAGE].index("RUN")


def test_every_variable_it_sets_is_a_setting() -> None:
    assert set(variables()) - FOREIGN_VARIABLES <= SETTINGS_VARIABLES
    assert (variables()["HOST"], variables()["PORT"]) == ("0.0.0.0", "8080")  # noqa: S104  a container's own network
    assert only(IMAGE, "EXPOSE").text == variables()["PORT"]
    assert variables()["PATH"].startswith("/opt/videobroker/bin:")


def test_what_it_starts_is_a_command_of_the_program() -> None:
    assert only(IMAGE, "ENTRYPOINT").words == ["videobroker"]
    assert "videobroker" in PROJECT["scripts"]
    (command,) = only(IMAGE, "CMD").words
    assert command in COMMANDS


def test_its_labels_agree_with_the_project() -> None:
    labels = dict(word.split("=", 1) for instruction in all_of(IMAGE, "LABEL") for word in instruction.words)
    assert labels == {
        "org.opencontainers.image.title": PROJECT["name"],
        "org.opencontainers.image.description": PROJECT["description"],
        "org.opencontainers.image.version": PROJECT["version"],
        "org.opencontainers.image.licenses": PROJECT["license"],
    }


def test_no_secret_stands_in_it() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"(ENV|ARG)[^#]*?(SECRET|CERTIFICATE|API_KEY|DATABASE_URL)\w*=", text)


class TestHealthCheck:
    """What the image asks, asked here."""

    @pytest.fixture
    def status(self) -> Iterator[list[int]]:
        """The status that is answered; and the port, last."""
        answered: list[int] = [200]

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(answered[0] if self.path == "/healthz" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with HTTPServer(("127.0.0.1", 0), Answer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            answered.append(server.server_port)
            yield answered
            server.shutdown()

    def check(self, port: int) -> int:
        """Run it, as if behind a proxy that goes nowhere."""
        text = only(IMAGE, "HEALTHCHECK").text
        command = json.loads(text[text.index("[") :])
        assert command[0] == "python"
        environment = {**os.environ, "PORT": str(port), "http_proxy": f"http://127.0.0.1:{free_port()}"}
        return subprocess.run(
            [sys.executable, *command[1:]], env=environment, stderr=subprocess.DEVNULL, timeout=60, check=False
        ).returncode

    def test_it_is_well_when_the_service_says_so(self, status: list[int]) -> None:
        assert self.check(status[-1]) == 0

    def test_it_is_not_when_the_service_answers_an_error(self, status: list[int]) -> None:
        status[0] = 503
        assert self.check(status[-1]) == 1

    def test_it_is_not_when_nobody_answers(self) -> None:
        assert self.check(free_port()) == 1
