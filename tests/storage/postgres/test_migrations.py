"""Migrations create the tables of the program in an empty database, once, and can be reverted."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from cli.program import COMMAND, TIMEOUT_SECONDS, environment, new_database, run
from tenants import free_port
from videobroker.storage.postgres import migrations
from videobroker.storage.postgres.database import Store
from videobroker.storage.tables import metadata

# Alembic compares only a part. PostgreSQL prints every column, constraint, and index.
CATALOG = {
    "columns": """
        select table_name, c.column_name, c.data_type, c.udt_name, c.collation_name, c.is_nullable, c.column_default,
               c.is_identity, c.identity_generation, c.is_generated, c.generation_expression
        from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
        where table_schema = 'public' and table_name <> 'alembic_version' and t.table_type = 'BASE TABLE'
    """,
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace and conrelid <> 'alembic_version'::regclass
    """,
    "functions": """
        select proname, pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'public'::regnamespace and (proname like 'session\\_%' or proname like 'search\\_%')
    """,
    "indexes": """
        select tablename, indexname, indexdef from pg_indexes
        where schemaname = 'public' and tablename <> 'alembic_version'
    """,
}
# Only what is ours: extensions and the system have their own schemas.
EVERYTHING = """
    select relname from pg_class where relnamespace = 'public'::regnamespace
    union select typname from pg_type where typnamespace = 'public'::regnamespace
    union select proname from pg_proc where pronamespace = 'public'::regnamespace
"""


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def second(postgres: str) -> Iterator[str]:
    """The URL of another empty database."""
    with new_database(postgres) as url:
        yield url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A store that is closed at the end of the block."""
    store = Store(url, pool_size=2)
    try:
        yield store
    finally:
        await store.aclose()


async def catalog(store: Store) -> dict[str, set[tuple[Any, ...]]]:
    """All columns, constraints, functions, and indexes."""
    async with store.cross_app_transaction() as unit_of_work:
        # PostgreSQL shows a name with its schema unless the schema is on the path, so the path is the same for all.
        await unit_of_work.execute(text("set local search_path = public"))
        return {
            what: {tuple(row) for row in await unit_of_work.execute(text(query))} for what, query in CATALOG.items()
        }


async def everything(store: Store) -> set[str]:
    """The names of all objects in the database."""
    async with store.cross_app_transaction() as unit_of_work:
        return {name for (name,) in await unit_of_work.execute(text(EVERYTHING))}


async def downgrade(store: Store, revision: str) -> None:
    """Revert migrations."""

    def work(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrations.migrations()))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    async with store.engine.connect() as connection:
        await connection.run_sync(work)
        await connection.commit()


class TestUpgrade:
    async def test_an_empty_database_gets_every_table(self, empty: str) -> None:
        async with opened(empty) as store:
            assert await migrations.current_revision(store) is None
            assert await migrations.migrate(store) == (None, migrations.newest_revision())
            assert await migrations.current_revision(store) == migrations.newest_revision()
            async with store.engine.connect() as connection:
                tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
        assert tables == {*metadata.tables, "alembic_version"}

    async def test_a_second_upgrade_changes_nothing(self, empty: str) -> None:
        newest = migrations.newest_revision()
        async with opened(empty) as store:
            await migrations.migrate(store)
            before = await catalog(store)
            assert await migrations.migrate(store) == (newest, newest)
            assert await catalog(store) == before

    def test_concurrent_processes_migrate_once_and_all_succeed(self, empty: str, tmp_path: Path) -> None:
        processes = [
            subprocess.Popen(
                [*COMMAND, "migrate", "--json"],
                cwd=tmp_path,
                env=environment(DATABASE_URL=empty),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        outputs = [process.communicate(timeout=TIMEOUT_SECONDS) for process in processes]
        assert [process.returncode for process in processes] == [0] * 4, [err for _, err in outputs]
        newest = migrations.newest_revision()
        results = [json.loads(out) for out, _ in outputs]
        assert {result["after"] for result in results} == {newest}
        assert sorted(result["before"] or "" for result in results) == ["", *[newest] * 3]

    async def test_there_is_one_newest_revision(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrations.migrations()))
        assert ScriptDirectory.from_config(config).get_heads() == [migrations.newest_revision()]

    async def test_waiting_for_another_migration_is_not_limited_by_the_statement_timeout(
        self, empty: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("videobroker.storage.postgres.database.STATEMENT_SECONDS", 0.2)
        async with opened(empty) as first, opened(empty) as late:
            async with first.engine.connect() as lock_connection:
                await lock_connection.execute(text(f"select pg_advisory_lock({migrations.MIGRATION_LOCK})"))
                waiting = asyncio.create_task(migrations.migrate(late))
                # Three times the usual limit of a statement.
                await asyncio.sleep(0.6)
                assert not waiting.done()
                await lock_connection.execute(text(f"select pg_advisory_unlock({migrations.MIGRATION_LOCK})"))
            assert await waiting == (None, migrations.newest_revision())


class TestNoDrift:
    # Alembic does not know this type and cannot compare it. The next test does.
    @pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
    async def test_alembic_finds_no_difference_between_the_migrations_and_the_tables(self, empty: str) -> None:
        def compare(connection: Connection) -> list[Any]:
            options = {"compare_type": True, "compare_server_default": True}
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

        async with opened(empty) as store:
            await migrations.migrate(store)
            async with store.engine.connect() as connection:
                assert await connection.run_sync(compare) == []

    @pytest.mark.parametrize("what", CATALOG)
    async def test_the_catalogs_are_equal(self, empty: str, second: str, what: str) -> None:
        async with opened(empty) as migrated, opened(second) as made:
            await migrations.migrate(migrated)
            async with made.engine.begin() as connection:
                await connection.execute(text("create table alembic_version ()"))
                await connection.run_sync(metadata.create_all)
            by_migrations, by_tables = (await catalog(migrated))[what], (await catalog(made))[what]
        assert by_migrations - by_tables == set()
        assert by_tables - by_migrations == set()
        assert by_tables


class TestDowngrade:
    async def test_reverting_all_migrations_leaves_no_objects(self, empty: str) -> None:
        async with opened(empty) as store:
            await migrations.migrate(store)
            await downgrade(store, "base")
            # Alembic does not drop its own, empty table.
            left = {name for name in await everything(store) if "alembic_version" not in name}
            assert left == set()
            assert await migrations.current_revision(store) is None

    async def test_a_downgrade_and_an_upgrade_restore_the_schema(self, empty: str) -> None:
        async with opened(empty) as store:
            await migrations.migrate(store)
            before = await catalog(store)
            await downgrade(store, "base")
            await migrations.migrate(store)
            assert await catalog(store) == before


class TestCommand:
    def test_it_prints_the_revisions_before_and_after(self, empty: str, tmp_path: Path) -> None:
        newest = migrations.newest_revision()
        first = run("migrate", "--json", cwd=tmp_path, DATABASE_URL=empty)
        assert (first.code, json.loads(first.out)) == (0, {"before": None, "after": newest})
        again = run("migrate", cwd=tmp_path, DATABASE_URL=empty)
        assert (again.code, again.out.strip()) == (0, f"The database is already at revision {newest}.")

    def test_the_service_refuses_a_database_that_was_not_migrated_and_names_the_command(
        self, empty: str, tmp_path: Path
    ) -> None:
        outcome = run("serve", cwd=tmp_path, DATABASE_URL=empty, PORT=str(free_port()))
        assert outcome.code == 1
        assert "The database is empty." in outcome.output
        assert "run `videobroker migrate`." in outcome.output
        assert "Traceback" not in outcome.output

    @pytest.mark.parametrize("arguments", [("migrate",), ("apps", "list"), ("serve",)])
    async def test_a_database_newer_than_the_program_is_not_changed(
        self, empty: str, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        async with opened(empty) as store:
            await migrations.migrate(store)
            async with store.cross_app_transaction() as unit_of_work:
                await unit_of_work.execute(text("update alembic_version set version_num = '9999'"))
                await unit_of_work.execute(text("comment on table alembic_version is null"))
        outcome = await asyncio.to_thread(run, *arguments, cwd=tmp_path, DATABASE_URL=empty, PORT=str(free_port()))
        assert outcome.code == 1
        assert "9999" in outcome.output
        assert "Traceback" not in outcome.output


class TestNewerSchema:
    """A database that the migration of a newer version has upgraded, and this version."""

    @pytest.fixture(params=[True, False], ids=["compatible", "incompatible"])
    async def is_compatible(
        self, request: pytest.FixtureRequest, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> bool:
        """Whether the newer migration says that former versions may run. The database is upgraded."""
        folder = tmp_path / "newer"
        shutil.copytree(migrations.migrations(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        mark = "FORMER_CODE_MAY_RUN = True" if request.param else ""
        (folder / "versions" / "9999_newer.py").write_text(
            f'revision = "9999"\ndown_revision = "{migrations.newest_revision()}"\n{mark}\n'
            "def upgrade() -> None:\n    pass\n"
        )
        with monkeypatch.context() as patched:
            patched.setattr(migrations, "migrations", lambda: folder)
            async with opened(empty) as store:
                assert (await migrations.migrate(store))[1] == "9999"
        return bool(request.param)

    @pytest.mark.parametrize("arguments", [("migrate",), ("apps", "list"), ("doctor",)])
    async def test_this_version_runs_if_the_newer_one_allows_it(
        self, empty: str, tmp_path: Path, is_compatible: bool, arguments: tuple[str, ...]
    ) -> None:
        outcome = await asyncio.to_thread(run, *arguments, cwd=tmp_path, DATABASE_URL=empty)
        assert "9999" in outcome.output
        assert "Traceback" not in outcome.output
        if arguments == ("doctor",):
            assert ("This version works with it." in outcome.output) == is_compatible
            return
        assert (outcome.code == 0) == is_compatible
        if arguments == ("migrate",) and is_compatible:
            assert "Nothing was changed" in outcome.output
        elif is_compatible:
            assert "database.schema_ahead" in outcome.output
        else:
            assert "Start the newer version" in outcome.output
            assert "videobroker migrate" not in outcome.output
        async with opened(empty) as store:
            assert await migrations.current_revision(store) == "9999"

    async def test_the_minimum_is_the_newest_incompatible_migration(self, empty: str) -> None:
        async with opened(empty) as store:
            await migrations.migrate(store)
            minimum = await migrations.minimum_revision(store)
        assert migrations.may_run(minimum)
        assert not migrations.may_run("9999")
        assert not migrations.may_run(None)
