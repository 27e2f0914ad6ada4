"""The Dockerfile uses only existing files, commands, and settings."""

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
# Variables of the shell and of Python.
FOREIGN_VARIABLES = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


@dataclass(frozen=True)
class Instruction:
    """One instruction: `COPY --from=builder a b`."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its arguments without flags, in exec form or shell form."""
        rest = [word for word in shlex.split(self.text) if not word.startswith("--")]
        return list(json.loads(self.text[self.text.index("[") :])) if rest[0].startswith("[") else rest

    @property
    def flags(self) -> dict[str, str]:
        """Its flags."""
        flags = takewhile(lambda word: word.startswith("--"), self.text.split())
        return dict(flag[2:].split("=", 1) for flag in flags)


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, without those before the first stage."""
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
    """The environment variables of the image."""
    return dict(word.split("=", 1) for instruction in all_of(IMAGE, "ENV") for word in instruction.words)


def test_both_stages_use_the_same_supported_slim_python() -> None:
    assert only(BUILDER, "FROM").text.removesuffix(" AS builder") == only(IMAGE, "FROM").text
    assert only(IMAGE, "FROM").text == "python:${PYTHON_VERSION}-slim"
    version = re.search(r"^ARG PYTHON_VERSION=3\.(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert version is not None
    assert f">=3.{version[1]}" >= PROJECT["requires-python"]


def test_the_builder_copies_existing_files_and_other_files_are_ignored() -> None:
    copied = {source for instruction in all_of(BUILDER, "COPY") for source in instruction.words[:-1]}
    assert all((ROOT / source).exists() for source in copied)
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert {"**/__pycache__", "**/*.egg-info"} <= set(ignored)


def test_it_copies_everything_that_the_build_needs() -> None:
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


def test_it_installs_only_locked_packages_with_known_hashes() -> None:
    (install,) = [instruction.text for instruction in all_of(BUILDER, "RUN") if " install " in instruction.text]
    locked, ours = re.findall(r"bin/python install ([^&]*)", install)
    assert shlex.split(locked) == ["--require-hashes", "--no-deps", "--requirement", "requirements.lock"]
    assert shlex.split(ours) == ["--no-deps", "wheels/*.whl"]


def test_the_image_contains_only_the_environment_of_the_build() -> None:
    (copy,) = all_of(IMAGE, "COPY")
    assert copy.flags == {"from": "builder"}
    assert copy.words == ["/opt/videobroker", "/opt/videobroker"]
    assert not any(re.search(r"\b(apt|pip|curl|wget|gcc)\b", instruction.text) for instruction in all_of(IMAGE, "RUN"))
    assert not [instruction for stage in (BUILDER, IMAGE) for instruction in all_of(stage, "ADD")]


def test_it_does_not_run_as_root() -> None:
    user, group = only(IMAGE, "USER").text.split(":")
    assert int(user) == int(group) >= 10000
    assert f"--uid {user} --gid {group} " in only(IMAGE, "RUN").text
    assert [each.name for each in IMAGE].index("USER") > [each.name for each in IMAGE].index("RUN")


def test_every_variable_it_sets_is_a_setting() -> None:
    assert set(variables()) - FOREIGN_VARIABLES <= SETTINGS_VARIABLES
    assert (variables()["HOST"], variables()["PORT"]) == ("0.0.0.0", "8080")  # noqa: S104  a container's own network
    assert only(IMAGE, "EXPOSE").text == variables()["PORT"]
    assert variables()["PATH"].startswith("/opt/videobroker/bin:")


def test_it_starts_an_existing_command() -> None:
    assert only(IMAGE, "ENTRYPOINT").words == ["videobroker"]
    assert "videobroker" in PROJECT["scripts"]
    (command,) = only(IMAGE, "CMD").words
    assert command in COMMANDS


def test_its_labels_match_the_project() -> None:
    labels = dict(word.split("=", 1) for instruction in all_of(IMAGE, "LABEL") for word in instruction.words)
    assert labels == {
        "org.opencontainers.image.title": PROJECT["name"],
        "org.opencontainers.image.description": PROJECT["description"],
        "org.opencontainers.image.version": PROJECT["version"],
        "org.opencontainers.image.licenses": PROJECT["license"],
    }


def test_it_contains_no_secret() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"(ENV|ARG)[^#]*?(SECRET|CERTIFICATE|API_KEY|DATABASE_URL)\w*=", text)


class TestHealthCheck:
    """The health check of the image."""

    @pytest.fixture
    def status(self) -> Iterator[list[int]]:
        """The status of the response; the last item is the port."""
        responses: list[int] = [200]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(responses[0] if self.path == "/healthz" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Do not log."""

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            responses.append(server.server_port)
            yield responses
            server.shutdown()

    def check(self, port: int) -> int:
        """Run it with an unreachable proxy in the environment."""
        text = only(IMAGE, "HEALTHCHECK").text
        command = json.loads(text[text.index("[") :])
        assert command[0] == "python"
        environment = {**os.environ, "PORT": str(port), "http_proxy": f"http://127.0.0.1:{free_port()}"}
        return subprocess.run(
            [sys.executable, *command[1:]], env=environment, stderr=subprocess.DEVNULL, timeout=60, check=False
        ).returncode

    def test_a_ready_service_is_healthy(self, status: list[int]) -> None:
        assert self.check(status[-1]) == 0

    def test_an_error_response_is_unhealthy(self, status: list[int]) -> None:
        status[0] = 503
        assert self.check(status[-1]) == 1

    def test_a_missing_response_is_unhealthy(self) -> None:
        assert self.check(free_port()) == 1
