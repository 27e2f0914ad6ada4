"""Help texts of all commands, and the exit code of usage errors."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.program import CommandRunner
from videobroker.cli import COMMANDS, cli, load


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command or group and its subcommands, with their paths."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


WHOLE: Any = typer.main.get_command(cli)
BELOW = [found for name in WHOLE.commands for found in commands(load(name), (name,))]
ALL = {" ".join(path): (path, command) for path, command in [((), WHOLE), *BELOW]}
GROUPS = [path for path, command in ALL.values() if hasattr(command, "commands")]


def words(text: str) -> str:
    """The text without frames and line breaks."""
    return " ".join(text.translate(dict.fromkeys(map(ord, "│╭╮╰╯─"), " ")).split())


@pytest.fixture
def variables() -> dict[str, str]:
    """Settings with an unreachable database, which these tests do not use."""
    return {"DATABASE_URL": "postgresql://nowhere.invalid/nothing"}


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_help_for_itself_and_its_options(videobroker: CommandRunner, name: str) -> None:
    path, command = ALL[name]
    output = words(videobroker.succeed(*path, "--help").out)
    sentence = words(command.help).split(". ")[0].rstrip(".")
    assert len(sentence) >= 8
    assert sentence in output
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{parameter.name} has no help"
        assert any(spelling.lower() in output.lower() for spelling in (*parameter.opts, parameter.name))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_the_first_sentence_of_each_help(videobroker: CommandRunner, name: str) -> None:
    beginning = words(load(name).help.split("\n\n")[0])
    assert f" {name} {beginning}" in words(videobroker.succeed("--help").out)


def test_all_commands_of_the_design_exist() -> None:
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
def test_without_a_command_the_help_is_shown(videobroker: CommandRunner, path: tuple[str, ...]) -> None:
    outcome = videobroker(*path)
    assert outcome.code == 2
    assert "Usage: videobroker" in words(outcome.output)


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
def test_a_usage_error_is_printed_to_stderr_with_exit_code_2(
    videobroker: CommandRunner, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    def running_program(*_: object, **__: object) -> None:
        raise AssertionError("it started")

    monkeypatch.setattr("uvicorn.Server.run", running_program)
    outcome = videobroker(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Usage: videobroker" in words(outcome.err)
    assert "Traceback" not in outcome.err


def test_paragraphs_are_wrapped_by_the_terminal_and_examples_are_not() -> None:
    paragraphs = load("listen").help.split("\n\n")

    assert len(paragraphs[1]) > 200
    assert "\n" not in paragraphs[1]
    (example,) = [each for each in paragraphs if "--forward" in each and "--app" in each]
    assert example.splitlines()[1:] == [
        "  # Events of a demo app (`make run`), to a server on this machine",
        "  videobroker listen --app tutoring-100ms --forward http://localhost:3000/webhooks/video",
    ]
