"""`videobroker migrate`."""

import asyncio
from typing import Annotated

import typer

from videobroker import database
from videobroker.cli.terminal import AsJson, print_json, stdout
from videobroker.settings import Settings
from videobroker.storage.postgres import migrations

GrantTo = Annotated[
    str | None,
    typer.Option(
        metavar="ROLE",
        help="Grant an existing role of the database what the service needs. Connect the service as this role: it does "
        "not own the tables, so that each transaction sees the rows of one app only.",
    ),
]


def migrate(grant_to: GrantTo = None, as_json: AsJson = False) -> None:
    """Migrate the database to the schema of this version.

    `DATABASE_URL` needs the role that owns the tables. Safe to run concurrently: one process migrates, the others wait.
    """
    settings = Settings()
    with database.database(settings) as url:
        direct = database.past_the_pooler(settings, url)
        before, after = asyncio.run(database.migrate(direct))
        if grant_to is not None:
            asyncio.run(database.grant(direct, grant_to))
    if as_json:
        print_json({"before": before, "after": after})
    elif after is not None and not migrations.is_known(after):
        stdout.print(
            f"The database is at revision {after}, which a newer version made. Nothing was changed: this version "
            f"({migrations.newest_revision()}) works with it."
        )
    else:
        stdout.print(
            f"The database is already at revision {after}."
            if before == after
            else f"Migrated the database from revision {before or 'none'} to {after}."
        )
