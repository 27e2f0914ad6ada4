"""Starts the contenders, and makes them ready for their work."""

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

from benchmarks.stage import ROOT, Served, connected, served

FOLDER = Path(__file__).parent
NODE = FOLDER / "node"

FILL = """
insert into bench_seats
select reference, 'tutor-1', 'teacher', 'room-of-' || reference from unnest($1::text[]) as reference
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to write such a service."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


PYTHON = (
    Contender("floor: bare ASGI, asyncpg", (sys.executable, "-m", "benchmarks.contenders.floor"), {}),
    Contender("floor in one statement", (sys.executable, "-m", "benchmarks.contenders.floor"), {"FLOOR": "one"}),
    Contender("FastAPI, SQLAlchemy ORM", (sys.executable, "-m", "benchmarks.contenders.orm"), {}),
)
JAVASCRIPT = (
    Contender("Node: Fastify, pg", ("node", str(NODE / "fastify.js")), {"NODE_ENV": "production"}),
    Contender("Node: Express, pg", ("node", str(NODE / "express.js")), {"NODE_ENV": "production"}),
)


def available() -> tuple[Contender, ...]:
    """Those that can be started here: without Node, there are fewer."""
    return PYTHON + JAVASCRIPT if shutil.which("node") and shutil.which("npm") else PYTHON


def brought(text: str) -> Contender:
    """An external server: `NAME=COMMAND`. Raises `ValueError`."""
    name, _, command = text.partition("=")
    if not name.strip() or not command.strip():
        raise ValueError("a name, an equals sign, and a command")
    return Contender(name.strip(), tuple(shlex.split(command)), {})


def install() -> None:
    """Fetch the packages of the JavaScript contenders, once. Raises `RuntimeError` when they cannot be had."""
    manifest, mark = (NODE / "package.json").read_text(), NODE / "node_modules" / ".installed"
    mark.parent.mkdir(exist_ok=True)
    with (mark.parent / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists() and mark.read_text() == manifest:
            return
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install the packages: {done.stderr.strip()[-300:]}")
        mark.write_text(manifest)


async def furnish(database: str, references: list[str]) -> None:
    """Make the tables of the contenders, with a seat in each of these sessions."""
    async with connected(database) as connection:
        await connection.execute((FOLDER / "tables.sql").read_text())
        await connection.execute(FILL, references)
        await connection.execute("vacuum analyze bench_seats")


@contextlib.contextmanager
def started(contender: Contender, database: str, folder: Path) -> Iterator[Served]:
    """The contender, serving."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "DATABASE_URL": database, **contender.environment}
    with served(contender.name, contender.command, environment, folder) as server:
        yield server
