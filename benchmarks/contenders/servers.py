"""Starts the contenders, and creates their tables."""

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import ROOT, ServerProcess, connect, start_server

FOLDER = Path(__file__).parent
NODE = FOLDER / "node"

INSERT_SEATS = """
insert into bench_seats
select reference, 'tutor-1', 'teacher', 'room-of-' || reference from unnest($1::text[]) as reference
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to compare with."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]


PYTHON = (
    Contender("floor: bare ASGI, asyncpg", (sys.executable, "-m", "benchmarks.contenders.floor"), {}),
    Contender("floor in one statement", (sys.executable, "-m", "benchmarks.contenders.floor"), {"FLOOR": "one"}),
    Contender("FastAPI, SQLAlchemy ORM", (sys.executable, "-m", "benchmarks.contenders.orm"), {}),
)
JAVASCRIPT = (
    Contender("Node: Fastify, pg", ("node", str(NODE / "fastify.js")), {"NODE_ENV": "production"}),
    Contender("Node: Express, pg", ("node", str(NODE / "express.js")), {"NODE_ENV": "production"}),
)


def available_contenders() -> tuple[Contender, ...]:
    """All contenders, without those in JavaScript if Node or npm is not installed."""
    return PYTHON + JAVASCRIPT if shutil.which("node") and shutil.which("npm") else PYTHON


def parse_contender(text: str) -> Contender:
    """Parses `NAME=COMMAND`. Raises `ValueError` if one of them is missing."""
    name, _, command = text.partition("=")
    if not name.strip() or not command.strip():
        raise ValueError("expected NAME=COMMAND")
    return Contender(name.strip(), tuple(shlex.split(command)), {})


def install_node_packages() -> None:
    """Installs the packages of the JavaScript contenders, if necessary. Raises `RuntimeError` if npm fails."""
    manifest, marker = (NODE / "package.json").read_text(), NODE / "node_modules" / ".installed"
    marker.parent.mkdir(exist_ok=True)
    with (marker.parent / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and marker.read_text() == manifest:
            return
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        completed = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
        if completed.returncode != 0:
            raise RuntimeError(f"npm could not install the packages: {completed.stderr.strip()[-300:]}")
        marker.write_text(manifest)


async def create_tables(database: str, references: list[str]) -> None:
    """Creates the tables of the contenders, with a row for each of these sessions."""
    async with connect(database) as connection:
        await connection.execute((FOLDER / "tables.sql").read_text())
        await connection.execute(INSERT_SEATS, references)
        await connection.execute("vacuum analyze bench_seats")


@contextlib.contextmanager
def start_contender(contender: Contender, database: str, folder: Path) -> Iterator[ServerProcess]:
    """Starts the contender, and waits until it responds."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "DATABASE_URL": database, **contender.variables}
    with start_server(contender.name, contender.command, variables, folder) as server:
        yield server
