"""Every command says what it does, and every wrong use is told from a refusal by its exit code."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.program import Here
from videobroker.cli import COMMANDS, cli, load


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command or group and all below it, with the words that lead to it."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


WHOLE: Any = typer.main.get_command(cli)
BELOW = [found for name in WHOLE.commands for found in commands(load(name), (name,))]
ALL = {" ".join(path): (path, command) for path, command in [((), WHOLE), *BELOW]}
GROUPS = [path for path, command in ALL.values() if hasattr(command, "commands")]


def words(text: str) -> str:
    """Without frames and line breaks."""
    return " ".join(text.translate(dict.fromkeys(map(ord, "│╭╮╰╯─"), " ")).split())


@pytest.fixture
def variables() -> dict[str, str]:
    """No database: nothing here gets as far as that."""
    return {"DATABASE_URL": "postgresql://nowhere.invalid/nothing"}


@pytest.mark.parametrize("name", ALL)
def test_every_command_says_what_it_does_and_what_its_options_do(videobroker: Here, name: str) -> None:
    path, command = ALL[name]
    said = words(videobroker.succeed(*path, "--help").out)
    sentence = words(command.help).split(". ")[0].rstrip(".")
    assert len(sentence) >= 8
    assert sentence in said
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{parameter.name} has no help"
        assert any(spelling.lower() in said.lower() for spelling in (*parameter.opts, parameter.name))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_about_all_commands_tells_of_each_what_its_own_begins_with(videobroker: Here, name: str) -> None:
    beginning = words(load(name).help.split("\n\n")[0])
    assert f" {name} {beginning}" in words(videobroker.succeed("--help").out)


def test_the_design_s_commands_are_all_there() -> None:
    assert set(ALL) >= {
        "",
        "serve",
        "work",
        "migrate",
        "apps create",
        "apps update",
        "apps list",
        "keys create",
        "keys list",
        "keys revoke",
        "accounts set",
        "sandbox",
        "demo",
        "openapi",
    }


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_without_a_command_the_help_is_shown(videobroker: Here, path: tuple[str, ...]) -> None:
    outcome = videobroker(*path)
    assert outcome.code == 2
    assert "Usage: videobroker" in words(outcome.said)


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("serve", "--bogus"),
        ("work", "--bogus"),
        ("apps", "create"),
        ("keys", "revoke", "acme", "not-an-id"),
        ("keys", "create", "acme", "--days", "0"),
        ("keys", "create", "acme", "--scope", "everything"),
        ("accounts", "set", "acme", "zoom"),
        ("apps", "create", "acme", "--role", "tutor=teacher"),
        ("apps", "create", "acme", "--role", "zoom:tutor=teacher"),
        ("apps", "create", "acme", "--policy", "missing.json"),
        ("sandbox", "--port", "abc"),
        ("sandbox", "--port", "-1"),
        ("sandbox", "--port", "65536"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_in_a_sentence_on_stderr_with_exit_code_2(
    videobroker: Here, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError("it started")

    monkeypatch.setattr("uvicorn.Server.run", started)
    outcome = videobroker(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Usage: videobroker" in words(outcome.err)
    assert "Traceback" not in outcome.err
