"""The `videobroker` command."""

import functools
import gc
import os
import pkgutil
import sys
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from videobroker.cli.terminal import complain, is_plain
from videobroker.errors import BrokerError

COMMANDS = {
    "serve": ("serve:serve", "Run the service."),
    "work": (
        "work:work",
        "Do the background work: apply webhooks, close what is over, ask providers, put people out.",
    ),
    "migrate": ("migrate:migrate", "Bring the database to this program's schema."),
    "doctor": ("doctor:doctor", "Look at everything that has to be right, and say what to try where it is not."),
    "sandbox": ("sandbox:sandbox", "Run emulated vendors, for development and tests."),
    "demo": (
        "demo:demo",
        "Start everything on this machine: PostgreSQL, emulated vendors, and the service with five demo apps.",
    ),
    "openapi": ("openapi:openapi", "Print the OpenAPI document of the API, as YAML."),
    "apps": ("apps:cli", "Apps: the products that use this service."),
    "keys": (
        "keys:cli",
        "API keys. To rotate: create a second key, move your backend to it, revoke the first.",
    ),
    "accounts": ("accounts:cli", "Accounts with video providers, stored encrypted."),
    "secrets": ("secrets:cli", "The keys in VIDEOBROKER_SECRET_KEY, and how to replace one."),
    "user-tokens": ("user_tokens:cli", "How an app's own user tokens are checked."),
    "journal": (
        "journal:cli",
        "The journal, and the proof that nothing in it was changed. docs/journal.md tells how it works.",
    ),
}
"""Where each command is, and how its help begins: what tells about all of them imports none of them."""

EXIT_FAILED = 1
EXIT_USAGE = 2
CANNOT_LISTEN = 3
"""`uvicorn.config.STARTUP_FAILURE`; most commands do without uvicorn."""


class Commands(TyperGroup):
    """Imports a command when it is used."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, of which the group knows no more than how its help begins."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, name and load(name), rest


cli = typer.Typer(
    name="videobroker",
    cls=Commands,
    help="Decides who may enter a video room now, makes sure there is exactly one room, and hands out the join "
    "credentials. Settings come from the environment and from .env; the README lists them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _name, (_, _help) in COMMANDS.items():
    cli.command(_name, help=_help)(lambda: None)


@functools.cache
def load(name: str) -> Any:
    """A command, or a group of them, with all that it needs."""
    # Modules consist of many objects that are never freed: exclude them from garbage collection.
    gc.disable()
    try:
        found = pkgutil.resolve_name(f"videobroker.cli.{COMMANDS[name][0]}")
    finally:
        gc.freeze()
        gc.enable()
    alone = typer.Typer()
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name)(found)
    return typer.main.get_group(alone).commands[name]


def main() -> None:
    """Run the command. Exit code 0: done; 1: refused or failed, with a sentence on stderr; 2: used wrongly."""
    if is_plain():
        # NO_COLOR alone still allows bold text and status lines that move the cursor.
        os.environ["TERM"] = "dumb"
    try:
        cli()
    except BrokerError as error:
        complain(error.detail)
        sys.exit(EXIT_FAILED)
    except ValidationError as error:
        for part in error.errors():
            name = "_".join(str(step) for step in part["loc"]).upper()
            message = part["msg"].removeprefix("Value error, ")
            complain(f"The setting {name} is not valid: {message}." if name else f"Settings contradict: {message}.")
        sys.exit(EXIT_USAGE)
    except SystemExit as done:
        # uvicorn exits with its own code when it cannot listen, after it has logged the reason.
        sys.exit(EXIT_FAILED if done.code == CANNOT_LISTEN else done.code)
