"""Migrates a database to the schema of this program, and reads its revision."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from videobroker.errors import StorageUnavailable
from videobroker.storage import jobs
from videobroker.storage.journal import positions
from videobroker.storage.postgres.database import Store

# The key of the advisory lock that lets one process migrate at a time: "videobro" in ASCII.
MIGRATION_LOCK = 0x766964656F62726F
LOCK_TIMEOUT_SECONDS = 600.0
"""For another process that migrates."""
LOCK_POLL_SECONDS = 0.2
STATEMENT_TIMEOUT = "10min"
"""For a migration. Those that create indexes without blocking the service have none."""


def migrations() -> Path:
    """The folder of the migrations: inside of the installed package, or at the top of a checkout."""
    installed = Path(__file__).parents[2] / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    return config


def newest_revision() -> str | None:
    """The revision that this program requires."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_known(revision: str) -> bool:
    """Whether this program has the migration; otherwise a newer one made the revision."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def may_run(minimum: str | None) -> bool:
    """Whether this program works with a newer schema whose minimum is this revision."""
    return minimum is not None and is_known(minimum)


def describe_newer(revision: str, minimum: str | None) -> str:
    """What to do with a program that is too old for the schema."""
    needed = "a newer one" if minimum is None else f"one with revision {minimum} or newer"
    return (
        f"The database is at revision {revision}, which a newer version of this program made. This version has "
        f"{newest_revision()}, but the database needs {needed}. Start the newer version. To go back to this one, "
        "restore the backup from before the upgrade."
    )


def _oldest_compatible_revision() -> str | None:
    """The oldest revision whose program works with the newest schema.

    Migrations with `FORMER_CODE_MAY_RUN` only add what the program of the revision before them ignores.
    """
    for script in ScriptDirectory.from_config(_config()).walk_revisions():
        if not getattr(script.module, "FORMER_CODE_MAY_RUN", False):
            return script.revision
    return None


async def migrate(store: Store) -> tuple[str | None, str | None]:
    """Apply missing migrations; returns the revisions before and after. Safe to run in several processes at once.

    A schema of a newer version is not changed. Raises `StorageUnavailable` if this program does not work with it, or if
    a migration is missing and the role does not own the tables.
    """
    async with store.translated(), store.unlimited_connection() as connection:
        if await _is_of_service(connection):
            return await connection.run_sync(_require_newest)
        await _lock(connection)
        await connection.execute(text(f"set statement_timeout = '{STATEMENT_TIMEOUT}'"))
        await connection.commit()
        try:
            revisions = await connection.run_sync(_upgrade)
            await connection.commit()
            if revisions[1] is not None and not is_known(revisions[1]):
                return revisions
            await positions.continue_on_this_server(connection)
            await jobs.install((await connection.get_raw_connection()).driver_connection)
        finally:
            await connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            await connection.commit()
    return revisions


async def _is_of_service(connection: AsyncConnection) -> bool:
    """Whether the role is that of the service, which cannot change tables: see `privileges`."""
    found = await connection.scalar(text("select row_security_active(to_regclass('sessions'))"))
    await connection.commit()
    return bool(found)


def _require_newest(connection: Connection) -> tuple[str | None, str | None]:
    revision = _revision(connection)
    if revision is None or (is_known(revision) and revision != newest_revision()):
        raise StorageUnavailable(
            f"The database is at revision {revision}, but this version needs {newest_revision()}, and this role does "
            "not own the tables. Run `videobroker migrate --grant-to` this role, with the URL of their owner."
        )
    return revision, revision


async def _lock(connection: AsyncConnection) -> None:
    """Wait until no other process migrates.

    With many short transactions: the process that creates an index concurrently waits for all open ones, which would be
    a deadlock. Raises `TimeoutError`.
    """
    async with asyncio.timeout(LOCK_TIMEOUT_SECONDS):
        while not await connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK}):
            await connection.commit()
            await asyncio.sleep(LOCK_POLL_SECONDS)
        await connection.commit()


async def current_revision(store: Store) -> str | None:
    """The revision of the database."""
    async with store.translated(), store.engine.connect() as connection:
        return await connection.run_sync(_revision)


async def minimum_revision(store: Store) -> str | None:
    """The oldest revision whose program works with the database's schema. None: only the program of this schema."""
    async with store.translated(), store.engine.connect() as connection:
        return await connection.run_sync(_minimum)


def _minimum(connection: Connection) -> str | None:
    statement = "select obj_description(to_regclass('alembic_version'), 'pg_class')"
    minimum: str | None = connection.scalar(text(statement))
    return minimum


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> tuple[str | None, str | None]:
    before = _revision(connection)
    config = _config()
    if before is not None and not is_known(before):
        minimum = _minimum(connection)
        if not may_run(minimum):
            raise StorageUnavailable(describe_newer(before, minimum))
        return before, before
    # Alembic begins a transaction for each migration only if none is open.
    connection.commit()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    # A comment of Alembic's table, so that versions without this rule ignore it.
    connection.execute(text(f"comment on table alembic_version is '{_oldest_compatible_revision()}'"))
    return before, _revision(connection)
