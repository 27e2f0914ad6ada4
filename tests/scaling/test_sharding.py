"""Preconditions of sharding: keys that start with the app, and a partitioned journal."""

import importlib.util
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from cli.program import new_database
from scaling.local_proxies import ROOT
from tenants import HMS_ROLES, Sandbox, make_tenant
from videobroker import wiring
from videobroker.domain.actors import Actor
from videobroker.domain.apps import ProviderName
from videobroker.settings import Settings
from videobroker.storage.tables import metadata
from videobroker.usecases.journal.erasure import erase_person
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import verify_journal
from videobroker.web.app import create_app

APP = "app_id"
UNIQUE_WITHOUT_THE_APP = {
    # Selects an app, and so the shard: it is stored where all shards can read it.
    ("apps", ("name",)),
    # Finds the app of a key, before the app is known.
    ("api_keys", ("digest",)),
    # Belongs to the installation, not to an app.
    ("operator_keys", ("digest",)),
}
INDEXES_ACROSS_APPS = {
    # Finds the app of a token.
    ("user_token_rules", ("issuer",)),
    # Due work, for the workers: each shard has its own index and workers.
    ("sessions", ("attend_at",)),
    ("calls", ("asked_at",)),
    ("deliveries", ("next_at",)),
    ("orphaned_rooms", ("due_at",)),
    ("removals", ("removed_at",)),
    ("idempotency", ("expires_at",)),
    # Expired entries of the waiting room, for the workers.
    ("lobby", ("seen_at",)),
    # Old tickets, for the clean-up.
    ("tickets", ("issued_at",)),
    # Room codes that another key encrypts, for `secrets rotate`.
    ("rooms", ("sealed_with",)),
}
WITHOUT_APP = {"apps", "console_sessions", "failed_attempts", "operator_keys", "operator_sign_in_links"}
TABLES = [table for table in metadata.sorted_tables if table.name not in WITHOUT_APP]
"""Sessions, keys, and sign-in links of operators, and wrong credentials belong to no app."""


def columns_of(constraint: Any) -> tuple[str, ...]:
    return tuple(column.name for column in constraint.columns)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_every_primary_key_starts_with_the_app(table: Table) -> None:
    assert isinstance(table.primary_key, PrimaryKeyConstraint)
    assert columns_of(table.primary_key)[0] == APP


def test_unique_constraints_are_per_app_except_for_those_that_find_the_app() -> None:
    unique = {
        (table.name, columns_of(each))
        for table in metadata.sorted_tables
        for each in (*table.constraints, *table.indexes)
        if isinstance(each, UniqueConstraint) or (isinstance(each, Index) and each.unique)
    }
    # Unique columns also have a constraint.
    assert len(unique) > 8
    assert {(table, columns) for table, columns in unique if columns[0] != APP} == UNIQUE_WITHOUT_THE_APP


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_foreign_keys_are_within_one_app(table: Table) -> None:
    for key in table.constraints:
        if isinstance(key, ForeignKeyConstraint):
            pairs = {element.parent.name: element.column for element in key.elements}
            assert pairs[APP].name == ("id" if pairs[APP].table.name == "apps" else APP)


def test_indexes_across_apps_are_listed() -> None:
    found = {
        (table.name, columns_of(index))
        for table in TABLES
        for index in table.indexes
        if index.dialect_options["postgresql"]["using"] != "gin" and columns_of(index)[0] != APP
    }
    assert found == INDEXES_ACROSS_APPS


def seals_migration() -> ModuleType:
    """The migration that made the journal append-only."""
    spec = importlib.util.spec_from_file_location("seals", ROOT / "migrations/versions/0005_journal_seals.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def statements() -> Iterator[str]:
    """The statements of the page, with the triggers of the migration."""
    made = seals_migration()
    (block,) = re.findall(
        r"```sql\n(.*?)```", (ROOT / "docs" / "explanation" / "scaling.md").read_text(), flags=re.DOTALL
    )
    for statement in re.sub(r"^--.*$", "", block, flags=re.MULTILINE).split(";"):
        yield statement
        if "drop function journal_redact" in statement:
            for function in (made.WITHOUT, made.GUARD, made.REDACT):
                yield function.replace("{schema}", "public")


async def partition_journal(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            for statement in statements():
                if statement.strip():
                    await connection.execute(statement)
    finally:
        await connection.close()


async def refused(url: str, statement: str) -> bool:
    """Whether the journal refuses this statement."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    except asyncpg.RestrictViolationError:
        return True
    finally:
        await connection.close()
    return False


@pytest.fixture
def own_database(postgres: str, template_database: str) -> Iterator[str]:
    """A separate database."""
    with new_database(postgres, like=template_database) as url:
        yield url


async def test_a_partitioned_journal_is_append_only(own_database: str, settings: Settings, sandbox: Sandbox) -> None:
    def given() -> Any:
        raise RuntimeError("the broker is given")

    async with wiring.broker(settings, own_database) as broker:
        app = create_app(given)
        app.state.broker = broker
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://videobroker") as api:
            accounts = {ProviderName.HMS: sandbox.account("tutoring")}
            tenant = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
            await tenant.book()
            assert (await tenant.join()).status_code == 200
            await seal_journal(broker, tenant.app.id, now=broker.now())
            before = await tenant.events()
            await partition_journal(own_database)
            assert await tenant.events() == before
            assert (await tenant.join(user_id="student-1")).status_code == 200
            await seal_journal(broker, tenant.app.id, now=broker.now())
            actor = Actor(tenant.app.id)
            erased = await erase_person(broker, tenant.app.id, "student-1", actor=actor, now=broker.now())
            assert erased.rows > 0
            after = await tenant.events()
            assert [event["id"] for event in after[: len(before)]] == [event["id"] for event in before]
            assert (await verify_journal(broker, tenant.app)).is_whole
            parts = [f"journal_{number}" for number in range(4)]
            for table in ("journal", *parts):
                assert await refused(own_database, f"truncate {table}")
            assert await refused(own_database, "update journal set user_id = 'eve'")
            assert await refused(own_database, "delete from journal")
            # Changes without triggers are detected by the seals.
            await drop_partition_of(own_database, tenant.app.id)
            assert not (await verify_journal(broker, tenant.app)).is_whole


async def drop_partition_of(url: str, app_id: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        part = await connection.fetchval(
            "select tableoid::regclass::text from journal where app_id = $1 limit 1", app_id
        )
        await connection.execute(f"alter table journal detach partition {part}")
    finally:
        await connection.close()
