"""A connection that the server is about to close counts as lost, also before the driver sees it closed.

PostgreSQL first sends an error and then closes the connection. A query in between makes the driver raise an error of
its own, which says nothing about the database.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import literal, select, text
from sqlalchemy.pool import QueuePool

from silent_proxy import SilentProxy
from tenants import MovableClock, Tenant
from videobroker import wiring
from videobroker.errors import StorageUnavailable
from videobroker.settings import Settings
from videobroker.storage.journal.notifier import JournalNotifier
from videobroker.storage.postgres.database import Store, database_url
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.postgres.notifications import Listener, journal_topic

PATIENCE_SECONDS = 20


def _message(kind: bytes, fields: bytes) -> bytes:
    return kind + (len(fields) + 4).to_bytes(4, "big") + fields


SHUTDOWN = _message(b"E", b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0")
"""What PostgreSQL sends before it closes a connection."""
NOTICE = _message(b"N", b"SNOTICE\0VNOTICE\0C00000\0Mread\0\0")
ONE = Query(select(literal(1).label("one")))


class Proxy(SilentProxy):
    """Can also send what PostgreSQL sends before it stops."""

    async def announce_shutdown(self, driver: Any) -> None:
        """Send to all clients what PostgreSQL sends before it closes a connection, until this one has read it.

        All connections stay open.
        """
        read = asyncio.Event()
        driver.add_log_listener(lambda *_: read.set())
        for client in self._clients:
            client.write(SHUTDOWN + NOTICE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await read.wait()


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[Proxy]:
    """A proxy of the tests' server."""
    proxy = Proxy(database_url(database))
    async with proxy.opened():
        yield proxy


@pytest.fixture
async def store(proxy: Proxy) -> AsyncIterator[Store]:
    """A pool of one connection through the proxy."""
    store = Store(proxy.url.render_as_string(hide_password=False), pool_size=1)
    yield store
    await store.aclose()


async def test_a_dedicated_connection_is_opened_again(proxy: Proxy, store: Store) -> None:
    connection = DedicatedConnection(store)
    assert [row["one"] for row in await connection.fetch(ONE, {})] == [1]
    await proxy.announce_shutdown(connection._connection)
    with pytest.raises(StorageUnavailable):
        await connection.fetch(ONE, {})
    assert [row["one"] for row in await connection.fetch(ONE, {})] == [1]
    await connection.aclose()


async def test_a_connection_of_the_pool_is_replaced(proxy: Proxy, store: Store) -> None:
    async with store.cross_app_transaction() as unit_of_work:
        driver = await unit_of_work.driver_connection()
    await proxy.announce_shutdown(driver)
    with pytest.raises(StorageUnavailable):
        await store.ping()
    async with store.cross_app_transaction() as unit_of_work:
        assert (await unit_of_work.execute(text("select 1"))).scalar_one() == 1


async def test_the_notifier_continues_after_an_error(
    tutoring: Tenant, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, failures = DedicatedConnection.fetch, iter([RuntimeError("read-only"), StorageUnavailable("lost")])

    async def fetch(self: DedicatedConnection, *arguments: object) -> object:
        for failure in failures:
            raise failure
        return await usual(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DedicatedConnection, "fetch", fetch)
    notifier, listener = JournalNotifier(), Listener(store.url)
    listener.start()
    notifier.start(store)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not listener.is_listening:
                await asyncio.sleep(0.01)
            with listener.subscribed(journal_topic(tutoring.app.id)) as notified:
                while not notified.is_set():
                    notifier.notify({tutoring.app.id})
                    await asyncio.sleep(0.01)
    finally:
        await notifier.aclose()
        await listener.aclose()


async def test_a_failed_close_does_not_leave_other_resources_open(
    settings: Settings, database: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = JournalNotifier.aclose

    async def failing(self: JournalNotifier) -> None:
        await usual(self)
        raise RuntimeError("cannot be closed")

    monkeypatch.setattr(JournalNotifier, "aclose", failing)
    stack = contextlib.AsyncExitStack()
    broker = await stack.enter_async_context(wiring.broker(settings, database, clock=clock))
    await broker.store.ping()
    pool = broker.store.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedin() == 1
    with pytest.raises(RuntimeError, match="cannot be closed"):
        await stack.aclose()
    assert pool.checkedin() == 0
