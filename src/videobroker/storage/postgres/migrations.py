"""Brings a database to the schema of this program, and tells whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from videobroker.errors import StorageUnavailable
from videobroker.storage import jobs
from videobroker.storage.postgres.database import Store

# "videobro" in ASCII: the number of the advisory lock under which migrations run, one process at a time.
MIGRATION_LOCK = 0x766964656F62726F
LOCK_TIMEOUT = "10min"
"""How long a process waits for another one that is migrating."""


def migrations() -> Path:
    """The folder of the migrations: inside the installed package, or at the top of a checkout."""
    installed = Path(__file__).parents[2] / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    return config


def newest_revision() -> str | None:
    """The revision this program was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def migrate(store: Store) -> tuple[str | None, str | None]:
    """Apply what is missing; the revisions before and after. Any number of processes may do this at once."""
    async with store.translated(), store.engine.connect() as connection:
        await connection.execute(text(f"set statement_timeout = '{LOCK_TIMEOUT}'"))
        await connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        await connection.commit()
        try:
            revisions = await connection.run_sync(_upgrade)
            await connection.commit()
            await jobs.install((await connection.get_raw_connection()).driver_connection)
        finally:
            await connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            await connection.execute(text("reset statement_timeout"))
            await connection.commit()
    return revisions


async def current_revision(store: Store) -> str | None:
    """The revision the database is at."""
    async with store.translated(), store.engine.connect() as connection:
        return await connection.run_sync(_revision)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> tuple[str | None, str | None]:
    before = _revision(connection)
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise StorageUnavailable(f"The database is at revision {before}, which a newer program made. Run that one.")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, _revision(connection)
