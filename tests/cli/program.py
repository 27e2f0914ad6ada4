"""Runs `videobroker`: as a process of its own, or in this one where only its answer matters."""

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
PATIENCE_SECONDS = 60.0
"""Far more than anything takes that is waited for, also on a machine that is busy with something else."""


def environment(**variables: str) -> dict[str, str]:
    """The environment of this process, with these settings of ours and no others."""
    rest = {name: value for name, value in os.environ.items() if name not in SETTINGS_VARIABLES | SANDBOX_VARIABLES}
    # Wide enough for a sentence, so that no line break falls into it.
    return {**rest, "COLUMNS": "200", "TERMINAL_WIDTH": "200", **variables}


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything."""
        return self.out + self.err


@dataclass(frozen=True)
class Here:
    """Runs commands in this process, as the `videobroker` command does, with these settings."""

    monkeypatch: pytest.MonkeyPatch
    variables: Mapping[str, str]

    def __call__(self, *arguments: str, stdin: str = "", **variables: str) -> Outcome:
        """Run a command to its end; settings may be added or replaced."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with self.monkeypatch.context() as patch:
            for name in SETTINGS_VARIABLES | SANDBOX_VARIABLES:
                patch.delenv(name, raising=False)
            for name, value in environment(**{**self.variables, **variables}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["videobroker", *arguments])
            # Whatever is logged in this process goes on to the file that is searched for secrets.
            patch.setattr(logs, "configure", lambda _: None)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    cli.main()
                except SystemExit as done:
                    code = done.code if isinstance(done.code, int) else int(done.code is not None)
        return Outcome(code, out.getvalue(), err.getvalue())

    def succeed(self, *arguments: str, stdin: str = "", **variables: str) -> Outcome:
        """Run a command that has to work."""
        outcome = self(*arguments, stdin=stdin, **variables)
        assert outcome.code == 0, outcome.said
        return outcome


def run(*arguments: str, cwd: Path, **variables: str) -> Outcome:
    """Run a command as a process of its own, to its end."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(
    *arguments: str, cwd: Path, log: Path, variables: Mapping[str, str], command: Sequence[str] = COMMAND
) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs for as long as the block, in a terminal's process group of its own."""
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
    """Send the signal and wait for the end; the exit code."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def answering(process: subprocess.Popen[Any], url: str, log: Path) -> None:
    """Wait until a GET of the URL succeeds."""
    # One client: each would read all certificates of the machine, while the program that is waited for needs it.
    with httpx.Client(timeout=2, trust_env=False) as client:

        def answers() -> bool:
            assert process.poll() is None, f"the program has ended:\n{log.read_text()}"
            return client.get(url).is_success

        eventually_blocking(answers, ignoring=(httpx.TransportError,), context=log.read_text)


@contextmanager
def new_database(server: str, *, like: str = "template1") -> Iterator[str]:
    """The URL of a database on this server: an empty one, or a copy of one that nobody uses. It is gone afterwards."""
    name = f"videobroker_{uuid4().hex}"
    asyncio.run(administer(server, f"create database {name} template {like}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(administer(server, f"drop database {name} with (force)"))


async def administer(server: str, statement: str) -> None:
    """Say something to the server that is about the server."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""

    async def query() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(query())
