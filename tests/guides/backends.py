"""The backends in `examples`, and how they run."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.program import environment
from docs_build.examples import EXAMPLES
from node_packages import node_modules


def program(name: str) -> str:
    """The path of a program. The asking test is skipped where it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@dataclass(frozen=True)
class Backend:
    """How to run one of the examples."""

    name: str
    command: Callable[[int], Sequence[str]]
    """The command that serves it on this port."""
    prepare: Callable[[Path, Mapping[str, str]], None] = lambda _, __: None
    """What has to be done once in its folder."""
    modules: Callable[[], Path] | None = None
    """The installed packages of an example in JavaScript."""

    def copy_to(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Copy it to a folder, where it can run with these variables."""
        ignored = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(EXAMPLES / self.name, folder, ignore=ignored, dirs_exist_ok=True)
        if self.modules is not None:
            (folder / "node_modules").symlink_to(self.modules())
        self.prepare(folder, variables)


def node_backend(name: str) -> "Backend":
    """An example for Node, with its packages."""
    return Backend(name, lambda _: ["node", "server.js"], modules=lambda: node_modules(EXAMPLES / name))


def create_tables(folder: Path, variables: Mapping[str, str]) -> None:
    """Create the tables of the Django example."""
    for command in (["makemigrations", "lessons"], ["migrate"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=folder, env=environment(**variables), check=True)


def add_rails(folder: Path, _: Mapping[str, str]) -> None:
    """Add what `rails new` creates."""
    found = subprocess.run([program("ruby"), "-e", "require 'rails'; require 'sqlite3'"], check=False)
    if found.returncode != 0:
        pytest.skip("Rails is not installed")
    shutil.copy(Path(__file__).parent / "rails" / "config.ru", folder)


def add_laravel(folder: Path, variables: Mapping[str, str]) -> None:
    """Add what a new Laravel project has."""
    program("php")
    if not Path("/usr/share/php/Illuminate/autoload.php").exists():
        pytest.skip("Laravel is not installed: php-laravel-framework, php-guzzlehttp-guzzle, php-sqlite3")
    shutil.copytree(Path(__file__).parent / "laravel", folder, dirs_exist_ok=True)
    for needed in ("bootstrap/cache", "sessions", "views"):
        (folder / needed).mkdir(parents=True)
    (folder / "product.sqlite").touch()
    subprocess.run(["php", "index.php", "migrate"], cwd=folder, env=environment(**variables), check=True)


BACKENDS = [
    Backend("fastapi", lambda port: [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)]),
    Backend(
        "django",
        lambda port: [sys.executable, "manage.py", "runserver", "--noreload", str(port)],
        prepare=create_tables,
    ),
    node_backend("express"),
    Backend("laravel", lambda port: ["php", "-S", f"127.0.0.1:{port}", "index.php"], prepare=add_laravel),
    Backend(
        "rails",
        lambda port: [
            program("rackup"),
            "--server",
            "webrick",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--env",
            "production",
        ],
        prepare=add_rails,
    ),
]
