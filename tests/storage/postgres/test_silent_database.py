"""A database that stops answering without closing its connections, as after a failover that moves its address.

Every wait ends, what is open is replaced by new connections, and nothing has to be restarted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from sqlalchemy import func, literal, select, text

from polling import eventually
from silent_proxy import SilentProxy
from tenants import MovableClock, Tenant
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.ids import SessionId
from videobroker.errors import StorageUnavailable
from videobroker.settings import Settings
from videobroker.storage import jobs
from videobroker.storage.jobs import Job, JobKind, drivers
from videobroker.storage.postgres import connection, database, notifications
from videobroker.storage.postgres.database import Store, database_url
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.postgres.notifications import CHANNEL, Listener
from videobroker.worker import work

BOUND_SECONDS = 60
"""Longer than any of the shortened limits together."""
ONE = Query(select(literal(1).label("one")))


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the limits of production."""
    for module in (connection, database, notifications, jobs):
        for name in ("STATEMENT_SECONDS", "ANSWER_SECONDS", "HEARTBEAT_SECONDS", "CLOSE_SECONDS"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, getattr(module, name) / 3)


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[SilentProxy]:
    async with SilentProxy(database_url(database)).opened() as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: SilentProxy) -> AsyncIterator[Store]:
    """A pool of three connections through the proxy, all open."""
    store = Store(proxy.url.render_as_string(hide_password=False), pool_size=3)
    await asyncio.gather(*(_read(store, "select pg_sleep(0.05)") for _ in range(3)))
    yield store
    async with asyncio.timeout(BOUND_SECONDS):
        await store.aclose()


async def _read(store: Store, statement: str = "select 1") -> object:
    async with store.cross_app_transaction() as unit_of_work:
        return await unit_of_work.scalar(text(statement))


async def _write_before(then: Callable[[], None], store: Store) -> None:
    async with store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(text("select pg_current_xact_id()"))
        then()


async def test_statements_end_with_an_error_and_the_pool_is_replaced(proxy: SilentProxy, store: Store) -> None:
    assert proxy.connections == 3
    proxy.go_silent()
    async with asyncio.timeout(BOUND_SECONDS):
        with pytest.raises(StorageUnavailable):
            await _read(store)
        # The other connections are as old, and are not tried: no further statement fails.
        assert [await _read(store) for _ in range(5)] == [1] * 5


async def test_a_commit_without_an_answer_counts_as_failed(proxy: SilentProxy, store: Store) -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        with pytest.raises(StorageUnavailable):
            await _write_before(proxy.go_silent, store)
        assert await _read(store) == 1


async def test_a_canceled_statement_does_not_wait_for_its_answer(
    proxy: SilentProxy, store: Store, owner_store: Store
) -> None:
    reading = asyncio.create_task(_read(store, "select pg_sleep(600)"))

    async def is_running() -> bool:
        # Only this role sees its statements.
        running = "select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(600)'"
        return await _read(owner_store, running) == 1

    await eventually(is_running)
    proxy.go_silent()
    reading.cancel()
    async with asyncio.timeout(BOUND_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_readiness_reports_it(proxy: SilentProxy, store: Store) -> None:
    await store.ping()
    proxy.go_silent()
    async with asyncio.timeout(BOUND_SECONDS):
        with pytest.raises(StorageUnavailable):
            await store.ping()
    await eventually(lambda: _pings(store), ignoring=(StorageUnavailable,))


async def _pings(store: Store) -> bool:
    await store.ping()
    return True


async def test_a_dedicated_connection_is_replaced(proxy: SilentProxy, store: Store) -> None:
    dedicated = DedicatedConnection(store)
    await dedicated.fetch(ONE, {})
    proxy.go_silent()
    async with asyncio.timeout(BOUND_SECONDS):
        with pytest.raises(StorageUnavailable):
            await dedicated.fetch(ONE, {})
        assert [row["one"] for row in await dedicated.fetch(ONE, {})] == [1]
    await dedicated.aclose()


async def test_the_listener_notices_and_receives_again(proxy: SilentProxy, store: Store, broker: Broker) -> None:
    listener, missed = Listener(store.url), asyncio.Event()
    listener.on_app_change(lambda _: None, missed.set)
    listener.start()
    await eventually(lambda: listener.is_listening)
    missed.clear()
    proxy.go_silent()
    async with asyncio.timeout(BOUND_SECONDS):
        await missed.wait()
    await eventually(lambda: listener.is_listening)
    with listener.subscribed("topic") as received:
        async with broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(select(func.pg_notify(CHANNEL, "topic")))
        async with asyncio.timeout(BOUND_SECONDS):
            await received.wait()
    await listener.aclose()


@pytest.mark.long
async def test_the_worker_continues_on_new_connections(
    proxy: SilentProxy, store: Store, broker: Broker, tutoring: Tenant
) -> None:
    job = Job(JobKind.RUN_DUE_STEPS, tutoring.app.id, SessionId(uuid4()))  # of a session that was deleted
    worker = asyncio.create_task(work(broker, lambda: drivers(store.direct)))
    try:
        await eventually(lambda: proxy.connections > 3)
        await _run(job, store)
        proxy.go_silent()
        await eventually(lambda: proxy.connections > 1)
        await _run(job, broker.store)
    finally:
        worker.cancel()
        async with asyncio.timeout(BOUND_SECONDS):
            await asyncio.gather(worker, return_exceptions=True)


async def _run(job: Job, store: Store) -> None:
    """Enqueue a job, and wait until the worker has run it."""
    async with store.cross_app_transaction() as unit_of_work:
        await jobs.enqueue(unit_of_work, job)

    # Jobs of earlier tests may wait for vendors that do not exist any more.
    own = f"position('{job.subject}' in convert_from(payload, 'UTF8')) > 0"

    async def is_done() -> bool:
        return await _read(store, f"select count(*) from jobs.queue where {own}") == 0  # noqa: S608  our own ID

    await eventually(is_done)


@pytest.mark.long
async def test_a_process_stops_in_time(proxy: SilentProxy, settings: Settings, clock: MovableClock) -> None:
    url = proxy.url.render_as_string(hide_password=False)
    async with asyncio.timeout(3 * BOUND_SECONDS):
        async with wiring.broker(settings, url, clock=clock) as broker, wiring.background(broker, url):
            await broker.store.ping()
            await eventually(lambda: broker.listener.is_listening)
            proxy.go_silent()
