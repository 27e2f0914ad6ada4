"""`videobroker migrate`."""

import asyncio

from videobroker import database
from videobroker.cli.terminal import AsJson, print_json, stdout
from videobroker.settings import Settings


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to this program's schema.

    Any number of replicas may do this at once: one works, the others wait and find nothing left to do.
    """
    settings = Settings()
    with database.database(settings) as url:
        before, after = asyncio.run(database.migrate(database.past_the_pooler(settings, url)))
    if as_json:
        print_json({"before": before, "after": after})
    else:
        stdout.print(
            f"The database is at revision {after}"
            + (" already." if before == after else f", from {before or 'nothing'}.")
        )
