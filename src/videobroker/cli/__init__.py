"""The `videobroker` command."""

import sys

import typer
from pydantic import ValidationError
from uvicorn.config import STARTUP_FAILURE

from videobroker.cli import (
    accounts,
    apps,
    demo,
    doctor,
    journal,
    keys,
    migrate,
    openapi,
    sandbox,
    serve,
    user_tokens,
    work,
)
from videobroker.cli.terminal import complain
from videobroker.errors import BrokerError

cli = typer.Typer(
    name="videobroker",
    help="Decides who may enter a video room now, makes sure there is exactly one room, and hands out the join "
    "credentials. Settings come from the environment and from .env; the README lists them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command()(serve.serve)
cli.command()(work.work)
cli.command()(migrate.migrate)
cli.add_typer(apps.cli, name="apps")
cli.add_typer(keys.cli, name="keys")
cli.add_typer(accounts.cli, name="accounts")
cli.add_typer(user_tokens.cli, name="user-tokens")
cli.add_typer(journal.cli, name="journal")
cli.command()(doctor.doctor)
cli.command()(sandbox.sandbox)
cli.command()(demo.demo)
cli.command()(openapi.openapi)

EXIT_FAILED = 1
EXIT_USAGE = 2


def main() -> None:
    """Run the command. Exit code 0: done; 1: refused or failed, with a sentence on stderr; 2: used wrongly."""
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
        # uvicorn leaves with a code of its own when it cannot listen; it has said why.
        sys.exit(EXIT_FAILED if done.code == STARTUP_FAILURE else done.code)
