"""Escape sequences are printed only to terminals that support them."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from cli.program import COMMAND, environment, run

ESCAPE = "\x1b"
WORDS = pytest.mark.parametrize("words", [("--help",), ("apps", "--unknown")], ids=["help", "error"])


def on_a_terminal(*words: str, folder: Path, **variables: str) -> str:
    """The output of a command on a terminal."""
    reader, writer = pty.openpty()
    command = [*COMMAND, *words]
    with subprocess.Popen(
        command, cwd=folder, env=environment(**variables), stdin=writer, stdout=writer, stderr=writer
    ):
        os.close(writer)
        written = b""
        try:
            while chunk := os.read(reader, 65536):
                written += chunk
        except OSError:
            # Linux reports the end of a terminal as EIO.
            pass
    os.close(reader)
    return written.decode()


@WORDS
def test_a_terminal_gets_escape_sequences(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert ESCAPE in on_a_terminal(*words, folder=tmp_path, TERM="xterm-256color", NO_COLOR="")


@WORDS
@pytest.mark.parametrize("variables", [{"TERM": "xterm-256color", "NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_color_and_a_dumb_terminal_disable_them(
    tmp_path: Path, words: tuple[str, ...], variables: dict[str, str]
) -> None:
    written = on_a_terminal(*words, folder=tmp_path, **variables)
    assert "Usage" in written
    assert ESCAPE not in written


@WORDS
def test_a_file_gets_no_escape_sequences(tmp_path: Path, words: tuple[str, ...]) -> None:
    outcome = run(*words, cwd=tmp_path, TERM="xterm-256color", NO_COLOR="")
    assert "Usage" in outcome.output
    assert ESCAPE not in outcome.output
