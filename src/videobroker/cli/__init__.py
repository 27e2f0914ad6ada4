"""The `videobroker` command."""

import functools
import gc
import inspect
import os
import pkgutil
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from videobroker.cli.terminal import is_plain, print_error
from videobroker.errors import BrokerError

COMMANDS = {
    "serve": ("serve:serve", "Run the service."),
    "work": (
        "work:work",
        "Run background jobs: process webhooks, close calls, reconcile attendance, deliver events.",
    ),
    "migrate": ("migrate:migrate", "Migrate the database to the schema of this version."),
    "doctor": (
        "doctor:doctor",
        "Check the configuration, the database, and the provider accounts, and suggest fixes.",
    ),
    "sandbox": ("sandbox:sandbox", "Run emulated providers for development and tests."),
    "demo": (
        "demo:demo",
        "Start the service on this machine with five demo apps, emulated providers, and PostgreSQL.",
    ),
    "listen": (
        "listen:listen",
        "Forward events to a server on this machine, signed like webhooks, during development.",
    ),
    "openapi": ("openapi:openapi", "Print the OpenAPI document as YAML."),
    "apps": ("apps:cli", "Manage apps, the products that use this service."),
    "keys": (
        "keys:cli",
        "Manage API keys. To rotate a key, create a second one, switch your backend to it, and revoke the first.",
    ),
    "accounts": ("accounts:cli", "Manage provider accounts, which are stored encrypted."),
    "webhook-endpoints": (
        "webhook_endpoints:cli",
        "Manage the webhook endpoints that receive the events of an app.",
    ),
    "operator-keys": (
        "operator_keys:cli",
        "Manage operator keys, with which programs manage this installation over /v1/admin.",
    ),
    "operators": ("operators:cli", "Let operators into the console."),
    "secrets": ("secrets:cli", "Inspect and rotate the keys in VIDEOBROKER_SECRET_KEY."),
    "user-tokens": ("user_tokens:cli", "Configure which user tokens an app accepts."),
    "journal": (
        "journal:cli",
        "Query, verify, and export the journal of events. See docs/explanation/journal.md.",
    ),
}
"""The location and the summary of each command, so that `--help` imports none of them."""

VERBATIM = "\b\n"
"""Begins a paragraph of a help text whose lines are not joined: click's notation."""

EXIT_FAILED = 1
EXIT_USAGE = 2
CANNOT_LISTEN = 3
"""The value of `uvicorn.config.STARTUP_FAILURE`. Not imported, because most commands do not need uvicorn."""


class Commands(TyperGroup):
    """Imports the module of a command when the command runs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the placeholder, which has only a summary, with the command."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, name and load(name), rest


cli = typer.Typer(
    name="videobroker",
    cls=Commands,
    help="Decide who may join a video room, ensure that there is exactly one room, and issue join credentials. "
    "Settings are read from the environment and from .env; docs/reference/settings.md lists them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        # Imported here, because other commands do not need all of it.
        from videobroker.storage.postgres.migrations import newest_revision  # noqa: PLC0415

        python = ".".join(str(part) for part in sys.version_info[:3])
        typer.echo(f"videobroker {version('videobroker')} (Python {python}, database schema {newest_revision()})")
        raise typer.Exit


@cli.callback()
def options(
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the versions of videobroker, Python, and the database schema, and exit.",
        ),
    ] = False,
) -> None:
    """Options of the program itself."""


for _name, (_, _help) in COMMANDS.items():
    cli.command(_name, help=_help)(lambda: None)


@functools.cache
def load(name: str) -> Any:
    """Import a command or a group of commands."""
    # Modules consist of many objects that are never freed: exclude them from garbage collection.
    gc.disable()
    try:
        found = pkgutil.resolve_name(f"videobroker.cli.{COMMANDS[name][0]}")
    finally:
        gc.freeze()
        gc.enable()
    standalone = typer.Typer()
    if isinstance(found, typer.Typer):
        standalone.add_typer(found, name=name)
    else:
        standalone.command(name)(found)
    command = typer.main.get_group(standalone).commands[name]
    _join_lines(command)
    return command


def _join_lines(command: Any) -> None:
    """Let the terminal wrap the paragraphs of the help texts, instead of the source code."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(
        paragraph if paragraph.startswith(VERBATIM) else " ".join(paragraph.split()) for paragraph in paragraphs
    )
    for each in getattr(command, "commands", {}).values():
        _join_lines(each)


def main() -> None:
    """Run the command. Exit codes: 0 for success, 1 for a failure with a message on stderr, 2 for wrong usage."""
    if is_plain():
        # With NO_COLOR alone, rich still prints bold text and status lines that move the cursor.
        os.environ["TERM"] = "dumb"
    try:
        cli()
    except BrokerError as error:
        print_error(error.detail)
        sys.exit(EXIT_FAILED)
    except ValidationError as error:
        for part in error.errors():
            name = "_".join(str(step) for step in part["loc"]).upper()
            message = part["msg"].removeprefix("Value error, ")
            print_error(f"The setting {name} is not valid: {message}." if name else f"Conflicting settings: {message}.")
        sys.exit(EXIT_USAGE)
    except SystemExit as done:
        # If uvicorn cannot listen, it logs the reason and exits with its own code.
        sys.exit(EXIT_FAILED if done.code == CANNOT_LISTEN else done.code)
