"""`videobroker migrate`."""

import asyncio

from videobroker import database
from videobroker.cli.terminal import AsJson, print_json, stdout
from videobroker.settings import Settings
from videobroker.storage.postgres import migrations


def migrate(as_json: AsJson = False) -> None:
    """Migrate the database to the schema of this version.

    Safe to run concurrently: one process migrates, the others wait.
    """
    settings = Settings()
    with database.database(settings) as url:
        before, after = asyncio.run(database.migrate(database.past_the_pooler(settings, url)))
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
