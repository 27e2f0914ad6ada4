"""Runs `videobroker`: in a new process, or in this one if only its output matters."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy.engine import make_url

from polling import eventually_blocking
from videobroker import cli
from videobroker.cli import logs
from videobroker.settings import SYNONYMS, Settings

COMMAND = (sys.executable, "-m", "videobroker")
SANDBOX_VARIABLES = {"SANDBOX_HOST", "SANDBOX_PORT"}
SETTINGS_VARIABLES = {(field.alias or name).upper() for name, field in Settings.model_fields.items()} | {
    synonym for synonyms in SYNONYMS for synonym in synonyms
}
TIMEOUT_SECONDS = 60.0
"""A timeout that is never reached, even on a busy machine."""


def environment(**variables: str) -> dict[str, str]:
    """The environment of this process, with only these settings of the service."""
    rest = {name: value for name, value in os.environ.items() if name not in SETTINGS_VARIABLES | SANDBOX_VARIABLES}
    # Wide enough that sentences are not wrapped.
    return {**rest, "COLUMNS": "200", "TERMINAL_WIDTH": "200", **variables}


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """Standard output and standard error."""
        return self.out + self.err


@dataclass(frozen=True)
class CommandRunner:
    """Runs commands in this process, as the `videobroker` command does, with these settings."""

    monkeypatch: pytest.MonkeyPatch
    variables: Mapping[str, str]

    def __call__(self, *arguments: str, stdin: str = "", **variables: str) -> Outcome:
        """Run a command until it ends; `variables` add or replace settings."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with self.monkeypatch.context() as patch:
            for name in SETTINGS_VARIABLES | SANDBOX_VARIABLES:
                patch.delenv(name, raising=False)
            for name, value in environment(**{**self.variables, **variables}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["videobroker", *arguments])
            # The log of this process still goes to the file that is searched for secrets.
            patch.setattr(logs, "configure", lambda _: None)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    cli.main()
                except SystemExit as done:
                    code = done.code if isinstance(done.code, int) else int(done.code is not None)
        return Outcome(code, out.getvalue(), err.getvalue())

    def succeed(self, *arguments: str, stdin: str = "", **variables: str) -> Outcome:
        """Run a command that must succeed."""
        outcome = self(*arguments, stdin=stdin, **variables)
        assert outcome.code == 0, outcome.output
        return outcome


def run(*arguments: str, cwd: Path, **variables: str) -> Outcome:
    """Run a command in a new process until it ends."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@contextmanager
def running_program(
    *arguments: str, cwd: Path, log: Path, variables: Mapping[str, str], command: Sequence[str] = COMMAND
) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs while the block runs, in its own process group."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process, signal.SIGTERM)


def stop(process: subprocess.Popen[Any], how: signal.Signals) -> int:
    """Send the signal, wait for the end, and return the exit code."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def await_ready(process: subprocess.Popen[Any], url: str, log: Path) -> None:
    """Wait until a GET of the URL succeeds."""
    # One client: each new one reads all certificates of the machine, and slows down the start of the program.
    with httpx.Client(timeout=2, trust_env=False) as client:

        def is_ready() -> bool:
            assert process.poll() is None, f"the program has ended:\n{log.read_text()}"
            return client.get(url).is_success

        eventually_blocking(is_ready, ignoring=(httpx.TransportError,), context=log.read_text)


@contextmanager
def new_database(server: str, *, like: str = "template1") -> Iterator[str]:
    """The URL of a temporary database on this server: empty, or a copy of a database without connections."""
    name = f"videobroker_{uuid4().hex}"
    asyncio.run(administer(server, f"create database {name} template {like}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(administer(server, f"drop database {name} with (force)"))


async def administer(server: str, statement: str) -> None:
    """Run a statement outside of a transaction."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def fetch_rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""

    async def query() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(query())
