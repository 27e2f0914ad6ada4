"""Row-level security: a transaction that is limited to an app finds and writes no row of another one."""

import ast
import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import ARRAY, Boolean, Column, DateTime, Integer, LargeBinary, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from cli.program import administer, new_database
from database_roles import as_service_role
from tenants import Tenant
from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import StorageUnavailable
from videobroker.storage.joining import join_context
from videobroker.storage.postgres import fast_query
from videobroker.storage.postgres.app_scope import SETTING
from videobroker.storage.postgres.database import Store
from videobroker.storage.tables import (
    Xid8,
    metadata,
    participants_in_scope,
    rooms_in_scope,
    sessions_in_scope,
    uids_in_scope,
)

SOURCES = Path(__file__).parents[3] / "src" / "videobroker"
OWN, OTHER = AppId(UUID(int=1)), AppId(UUID(int=2))
APP_COLUMNS = {
    table.name: "id" if table.name == "apps" else "app_id"
    for table in metadata.sorted_tables
    if "app_id" in table.c or table.name == "apps"
}
"""The column with the app, by table."""
APPEND_ONLY = ("journal", "journal_leaves", "journal_redactions", "journal_seals")
CHANGEABLE = sorted(APP_COLUMNS.keys() - APPEND_ONLY)
VIEWS = (participants_in_scope, rooms_in_scope, sessions_in_scope, uids_in_scope)
CHECKED_VALUES: dict[tuple[str, str], Any] = {
    ("calls", "provider"): "100ms",
    ("inbox", "state"): "pending",
    ("deliveries", "state"): "failed",
    ("lobby", "state"): "waiting",
    ("retention", "days"): 7,
    ("rooms", "state"): "closed",
    ("sessions", "kind"): "group",
    ("sessions", "status"): "confirmed",
}
"""Values that constraints require."""

ACROSS_APPS = {
    # A key, a name, or a user token finds its app.
    "storage/tenants/cache.py": {"_query_app": 1, "_query_key": 1},
    "usecases/tenants.py": {"all_origins": 1, "authenticate_user": 1, "find_app": 1, "list_apps": 1},
    "usecases/management/apps.py": {"list_apps": 1},
    # The rules of no other app may accept the same tokens.
    "usecases/management/token_rules.py": {"_save": 1},
    # What is due in any app; the work itself is limited to one.
    "usecases/operations/sweeper.py": {"_sweep_due": 1, "_sweep_lost": 1, "delete_expired_rows": 3},
    "usecases/operations/cleanup.py": {"delete_expired_history": 1},
    "usecases/operations/statistics.py": {"read_totals": 1, "update_statistics": 1},
    "usecases/journal/retention.py": {"retire": 1},
    "usecases/journal/sealing.py": {"seal_journals": 1, "send_heads": 1},
    "usecases/webhooks/delivery.py": {"fan_out_all": 1},
    # Batches of several apps whose rows have no dependent reads, or name their app in each join.
    "storage/webhooks/delivery_writer.py": {"__init__": 1},
    "storage/key_usage.py": {"_write": 1},
    "storage/journal/journal.py": {"_insert_all": 1},
    # Operators see all apps.
    "usecases/operations/overviews.py": {
        "count": 1,
        "list_groups": 1,
        "list_section": 1,
        "list_sessions_of": 1,
        "search": 1,
    },
    "usecases/joining/waiting_room.py": {"list_waiting": 1},
    # Checks and metrics of the installation, and its secret keys.
    "cli/starting.py": {"require_schema": 1},
    "usecases/journal/blocked.py": {"report_blocked": 1},
    "usecases/operations/diagnostics.py": {
        "_check_journal": 1,
        "check_background_work": 1,
        "check_rooms": 1,
        "workload": 1,
    },
    "usecases/operations/metrics.py": {"_read": 1},
    "usecases/operations/secret_keys.py": {"_rotate_table": 1, "key_report": 1},
}
"""Every use of a scope across apps: the functions of each module, with the number of uses."""
WITHOUT_SCOPE = {
    # Tables without `app_id`.
    "storage/failed_attempts.py": {"clear": 1, "get": 1, "get_expiry": 1, "incr": 1, "reset": 1},
    "usecases/management/operator_keys.py": {"authenticate_operator_key": 1},
    "usecases/operations/console_sessions.py": {"authenticate": 1},
    "usecases/operations/sign_in_links.py": {"create": 1, "redeem": 1},
    "usecases/operations/sweeper.py": {"delete_expired_rows": 3},
    # The server and the job queue.
    "storage/postgres/database.py": {"ping": 1},
    "usecases/operations/diagnostics.py": {"_check_workload": 1, "check_tenant_isolation": 1},
}
"""Every transaction without an app."""


def calls(module: Path) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a module, each with the name of the function around it."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield function, child
            yield from walk(
                child, child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            )

    yield from walk(ast.parse(module.read_text()), "")


def is_across_apps(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in {"cross_app_transaction", "rows_of_every_app"} or any(
        each.arg == "across_apps" for each in call.keywords
    )


def has_no_scope(call: ast.Call) -> bool:
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "transaction" and not call.args):
        return False
    # `RequestContext.transaction` has the app of the context.
    return ast.unparse(call.func.value).split(".")[-1] in {"store", "_store", "self"}


def uses(condition: Any) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for module in sorted(SOURCES.rglob("*.py")):
        counts = Counter(function for function, call in calls(module) if condition(call))
        if counts:
            found[module.relative_to(SOURCES).as_posix()] = dict(counts)
    return found


def test_every_use_across_apps_is_listed() -> None:
    assert uses(is_across_apps) == ACROSS_APPS


def test_every_transaction_without_an_app_is_listed() -> None:
    assert uses(has_no_scope) == WITHOUT_SCOPE


def value_of(column: Column[Any]) -> str:
    """SQL of a value that the column accepts."""
    kind = column.type
    if (column.table.name, column.name) in CHECKED_VALUES:
        return f"'{CHECKED_VALUES[column.table.name, column.name]}'"
    values = {
        Uuid: "gen_random_uuid()",
        Boolean: "false",
        DateTime: "now()",
        JSONB: "'{}'",
        LargeBinary: "gen_random_uuid()::text::bytea",
        ARRAY: "'{}'",
        Xid8: "'1'",
        Integer: "1",
        Text: "gen_random_uuid()::text",
    }
    return next(sql for of, sql in values.items() if isinstance(kind, of))


def insert_row(name: str, app_id: AppId) -> str:
    """A statement that inserts a row of an app, with values for what is required."""
    table = metadata.tables[name]
    app_column = APP_COLUMNS[name]
    required = [
        each
        for each in table.c
        if not each.nullable and each.server_default is None and each.identity is None and each.name != app_column
    ]
    columns = ", ".join((app_column, *(f'"{each.name}"' for each in required)))
    values = ", ".join((f"'{app_id}'", *(value_of(each) for each in required)))
    return f"insert into {name} ({columns}) values ({values})"  # noqa: S608  our own tables


@pytest.fixture(scope="module")
def filled(postgres: str, template_database: str) -> Iterator[str]:
    """A database with one row of each of two apps in every table."""
    # Rows without those that they refer to.
    rows = [insert_row(name, app_id) for name in APP_COLUMNS for app_id in (OWN, OTHER)]
    with new_database(postgres, like=template_database) as url:
        asyncio.run(administer(url, "; ".join(["set session_replication_role = replica", *rows])))
        yield url


@pytest.fixture
async def owner(filled: str) -> AsyncIterator[Store]:
    store = Store(filled, pool_size=1)
    yield store
    await store.aclose()


@pytest.fixture
async def service(filled: str) -> AsyncIterator[Store]:
    store = Store(await as_service_role(filled), pool_size=1)
    yield store
    await store.aclose()


async def apps_in(store: Store, name: str, app_id: AppId) -> set[AppId]:
    """The apps whose rows a transaction of this app finds without a condition."""
    statement = text(f"select {APP_COLUMNS.get(name, 'app_id')} from {name}")  # noqa: S608  our own tables
    async with store.transaction(app_id) as unit_of_work:
        return set((await unit_of_work.execute(statement)).scalars())


async def rolled_back(store: Store, statement: str) -> list[AppId]:
    """The apps of the rows that the statement changes. Nothing is committed."""
    changed: list[AppId] = []
    with contextlib.suppress(ZeroDivisionError):
        async with store.transaction(OWN) as unit_of_work:
            changed.extend((await unit_of_work.execute(text(statement))).scalars())
            raise ZeroDivisionError
    return changed


class TestPolicies:
    async def test_every_table_with_an_app_has_a_policy(self, filled: str) -> None:
        connection = await asyncpg.connect(filled)
        tables = await connection.fetch(
            """
            select relname, relrowsecurity from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and (
                relname = 'apps'
                or exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'app_id')
            )
            """
        )
        policies = await connection.fetch(
            "select tablename, policyname, permissive, roles, cmd, qual, with_check from pg_policies"
        )
        await connection.close()
        assert {row["relname"] for row in tables} == set(APP_COLUMNS)
        assert [row["relname"] for row in tables if not row["relrowsecurity"]] == []
        assert {
            (*list(row)[:3], tuple(row["roles"]), row["cmd"], row["qual"], row["with_check"]) for row in policies
        } == {
            (name, "app_scope", "PERMISSIVE", ("public",), "ALL", f"is_in_app_scope({column})", None)
            for name, column in APP_COLUMNS.items()
        }

    @pytest.mark.parametrize("view", VIEWS, ids=lambda view: str(view.name))
    async def test_views_have_the_columns_of_their_tables(self, filled: str, view: Any) -> None:
        connection = await asyncpg.connect(filled)
        rows = await connection.fetch(
            "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 order by attnum",
            view.name,
        )
        await connection.close()
        assert {row["attname"] for row in rows} == set(metadata.tables[view.name.removesuffix("_in_scope")].c.keys())


class TestUnfilteredStatements:
    @pytest.mark.parametrize("name", [*APP_COLUMNS, *(view.name for view in VIEWS)])
    async def test_a_query_finds_rows_of_the_own_app_only(self, owner: Store, service: Store, name: str) -> None:
        assert await apps_in(service, name, OWN) == {OWN}
        if name in APP_COLUMNS:
            # Policies do not apply to the owner: without them, the query finds both.
            assert await apps_in(owner, name, OWN) == {OWN, OTHER}

    @pytest.mark.parametrize("name", CHANGEABLE)
    async def test_an_update_changes_rows_of_the_own_app_only(self, service: Store, name: str) -> None:
        column = APP_COLUMNS[name]
        statement = f"update {name} set {column} = {column} returning {column}"  # noqa: S608  our own tables
        assert await rolled_back(service, statement) == [OWN]

    # Other rows refer to apps.
    @pytest.mark.parametrize("name", sorted({*CHANGEABLE} - {"apps"}))
    async def test_a_deletion_deletes_rows_of_the_own_app_only(self, service: Store, name: str) -> None:
        statement = f"delete from {name} returning {APP_COLUMNS[name]}"  # noqa: S608  our own tables
        assert await rolled_back(service, statement) == [OWN]

    @pytest.mark.parametrize("name", APPEND_ONLY)
    async def test_the_role_cannot_change_what_is_append_only(self, service: Store, name: str) -> None:
        for statement in (f"update {name} set app_id = app_id", f"delete from {name}"):  # noqa: S608  our own tables
            with pytest.raises(StorageUnavailable, match=f"permission denied for table {name}"):
                await rolled_back(service, statement)

    @pytest.mark.parametrize("name", APP_COLUMNS)
    async def test_a_row_of_another_app_cannot_be_written(self, service: Store, name: str) -> None:
        with pytest.raises(DBAPIError, match=f'row-level security policy for table "{name}"'):
            async with service.transaction(OWN) as unit_of_work:
                await unit_of_work.execute(text(insert_row(name, OTHER).replace(":", "\\:")))

    async def test_a_row_cannot_be_given_to_another_app(self, service: Store) -> None:
        with pytest.raises(DBAPIError, match='row-level security policy for table "uids"'):
            async with service.transaction(OWN) as unit_of_work:
                await unit_of_work.execute(text(f"update uids set app_id = '{OTHER}'"))  # noqa: S608  a constant


class TestScope:
    async def test_without_an_app_a_statement_fails(self, service: Store) -> None:
        """It finds nothing on purpose: a query without rows could allow what a row forbids."""
        for _ in range(2):
            with pytest.raises(DBAPIError, match=f'unrecognized configuration parameter "{SETTING}"|type uuid: ""'):
                async with service.transaction() as unit_of_work:
                    await unit_of_work.execute(text("select * from removals"))
            # Nothing of this transaction is left for the next one.
            assert await apps_in(service, "removals", OWN) == {OWN}

    async def test_across_apps_a_query_finds_every_row(self, service: Store) -> None:
        async with service.cross_app_transaction() as unit_of_work:
            found = (await unit_of_work.execute(text("select app_id from removals"))).scalars()
            assert set(found) == {OWN, OTHER}

    async def test_it_costs_no_round_trip(self, service: Store) -> None:
        sent: list[str] = []
        async with service.transaction(OWN) as unit_of_work:
            driver = await unit_of_work.driver_connection()
        with driver.query_logger(lambda record: sent.append(record.query)):
            async with service.transaction(OWN) as unit_of_work:
                await unit_of_work.execute(text("select 1"))
        # Of the other commands, only the prepared statement is left out.
        assert sent == [f"BEGIN; set local {SETTING} = '{OWN.hex}'", "COMMIT;"]


WITHOUT_FILTER = re.compile(r"\w+\.app_id = \w+\.app_id")


class TestBatches:
    async def test_each_row_of_a_batch_is_limited_to_its_app(
        self, tutoring: Tenant, other: Tenant, broker: Broker, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for tenant in (tutoring, other):
            await tenant.book(title=tenant.app.name)
        keys = [SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1") for tenant in (tutoring, other, tutoring)]
        for name in ("READ_ONE", "READ_MANY"):
            query: fast_query.Query = getattr(join_context, name)
            stripped = fast_query.Query.__new__(fast_query.Query)
            vars(stripped).update(vars(query), text=WITHOUT_FILTER.sub("true", query.text))
            assert len(WITHOUT_FILTER.findall(query.text)) == 7
            monkeypatch.setattr(join_context, name, stripped)
        for requests in (keys, keys[:1]):
            found = [await broker.join_contexts.read(key, "tutor-1") for key in requests]
            assert [each and each.session.key for each in found] == requests
