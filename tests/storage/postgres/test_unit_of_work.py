"""A unit of work: what it commits, what it rolls back, and what follows from the commit."""

import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from tenants import Tenant
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import SERVICE_ID, AppId, EventId, uuid7
from videobroker.storage.journal import journal
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.encryption import SecretBox, new_key


class Notifications(list[Collection[AppId]]):
    """The arguments of the calls of `on_journal`."""


@pytest.fixture
def notifications() -> Notifications:
    return Notifications()


@pytest.fixture
async def store(database: str, notifications: Notifications) -> AsyncIterator[Store]:
    store = Store(database, pool_size=2, on_journal=notifications.append)
    yield store
    await store.aclose()


def app_event(tenant: Tenant) -> Event:
    now = tenant.broker.now()
    return Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tenant.app.id))


async def count(store: Store, recorded: Event) -> int:
    async with store.cross_app_transaction() as unit_of_work:
        return int(await unit_of_work.scalar(text("select count(*) from journal where id = :id"), {"id": recorded.id}))


class TestJournalNotification:
    async def test_it_follows_the_commit_and_names_each_app_once(
        self, store: Store, notifications: Notifications, tutoring: Tenant
    ) -> None:
        async with store.cross_app_transaction() as unit_of_work:
            await journal.record(
                unit_of_work, app_event(tutoring), replace(app_event(tutoring), actor=Actor(SERVICE_ID))
            )
            await journal.record_one(unit_of_work, app_event(tutoring))
            assert notifications == []
        assert notifications == [{tutoring.app.id, SERVICE_ID}]

    async def test_without_an_event_it_names_no_app(self, store: Store, notifications: Notifications) -> None:
        async with store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(text("select 1"))
            await journal.record(unit_of_work)
        assert notifications == [frozenset()]

    async def test_a_rollback_discards_it(self, store: Store, notifications: Notifications, tutoring: Tenant) -> None:
        lost = app_event(tutoring)
        with contextlib.suppress(ZeroDivisionError):
            async with store.cross_app_transaction() as unit_of_work:
                await journal.record(unit_of_work, lost)
                raise ZeroDivisionError
        assert notifications == []
        assert await count(store, lost) == 0
        assert notifications == [frozenset()]


class TestDriverConnection:
    async def test_it_is_part_of_the_transaction_even_before_any_other_statement(self, store: Store) -> None:
        name = f"probe_{uuid4().hex}"
        with contextlib.suppress(ZeroDivisionError):
            async with store.cross_app_transaction() as unit_of_work:
                driver = await unit_of_work.driver_connection()
                await driver.execute(f"create table {name} (number int)")
                raise ZeroDivisionError
        async with store.cross_app_transaction() as unit_of_work:
            assert await unit_of_work.scalar(text("select to_regclass(:name)"), {"name": name}) is None

    async def test_it_needs_a_statement_only_before_the_transaction_has_begun(self, store: Store) -> None:
        statements: list[str] = []

        def record_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        event.listen(store.engine.sync_engine, "before_cursor_execute", record_statement)
        async with store.cross_app_transaction() as unit_of_work:
            await unit_of_work.driver_connection()
            await unit_of_work.driver_connection()
        assert len(statements) == 1
        statements.clear()
        async with store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(text("select 1"))
            await unit_of_work.driver_connection()
        assert statements == ["select 1"]


class TestSecretBox:
    async def test_it_is_that_of_the_store(self, database: str) -> None:
        secret_box = SecretBox([new_key()])
        store = Store(database, pool_size=1, secret_box=secret_box)
        async with store.cross_app_transaction() as unit_of_work:
            assert unit_of_work.secret_box is secret_box
        await store.aclose()

    async def test_it_is_an_error_if_the_store_has_no_keys(self, store: Store) -> None:
        async with store.cross_app_transaction() as unit_of_work:
            with pytest.raises(RuntimeError, match="without secret keys"):
                _ = unit_of_work.secret_box
