"""The whole service behind PgBouncer in transaction mode, with few shared connections."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from benchmarks.capacity import JOIN_CONNECTIONS, LISTENER_CONNECTIONS, NOTIFIER_CONNECTIONS
from cli.program import CommandRunner, new_database
from database_roles import as_service_role
from polling import eventually
from scaling.local_proxies import Pooler, needs_pgbouncer, pgbouncer
from servers import serving
from tenants import HMS_ROLES, DeferredApp, MovableClock, Sandbox, Tenant, free_port, make_tenant, with_webhooks
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli.serve import KEEP_ALIVE_SECONDS
from videobroker.domain.apps import ProviderName
from videobroker.settings import Settings
from videobroker.storage.jobs import MAX_WORKER_CONNECTIONS
from videobroker.storage.postgres.connection import STATEMENT_SECONDS
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.encryption import new_key
from videobroker.storage.postgres.notifications import journal_topic
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.web.app import create_app

pytestmark = needs_pgbouncer

CONNECTIONS = 3
"""Server connections, shared by all transactions of all clients."""
TIMEOUT_SECONDS = 60.0
KEY = new_key()


@pytest.fixture(scope="module")
def pooler(postgres: str) -> Iterator[Pooler]:
    """PgBouncer."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-pgbouncer-") as folder,
        pgbouncer(postgres, Path(folder), connections=CONNECTIONS) as pooler,
    ):
        yield pooler


@pytest.fixture(scope="module")
def direct(postgres: str, template_database: str, pooler: Pooler) -> Iterator[str]:
    """The direct URL of the database of these tests, without the pooler."""
    with new_database(postgres, like=template_database) as url:
        yield url


@pytest.fixture(scope="module")
def without_apps(postgres: str, template_database: str) -> Iterator[str]:
    """A database without apps, so that `doctor` checks only the database."""
    with new_database(postgres, like=template_database) as url:
        yield url


@pytest.fixture
def videobroker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, without_apps: str, pooler: Pooler) -> CommandRunner:
    """Runs the command through the pooler."""
    monkeypatch.chdir(tmp_path)
    through = {"DATABASE_URL": pooler.url(without_apps), "VIDEOBROKER_DIRECT_DATABASE_URL": without_apps}
    return CommandRunner(monkeypatch, {**through, "VIDEOBROKER_SECRET_KEY": KEY})


@dataclass(frozen=True)
class Service:
    """The service through the pooler, and its URL."""

    broker: Broker
    url: str


@pytest.fixture(scope="module")
async def service(
    direct: str, pooler: Pooler, session_clock: MovableClock, deferred_app: DeferredApp
) -> AsyncIterator[Service]:
    """The service with its worker, through the pooler, as a role that does not own the tables."""
    own = await as_service_role(direct)
    through = pooler.url(own)
    settings = Settings(_env_file=None, secret_key=KEY, database_url=through, direct_database_url=own)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(wiring.broker(settings, through, clock=session_clock))
        await stack.enter_async_context(wiring.background(broker, through))

        @asynccontextmanager
        async def lifetime() -> AsyncIterator[Broker]:
            yield broker

        app = create_app(lifetime)
        app.state.broker = broker
        url = await stack.enter_async_context(serving(app, timeout_keep_alive=KEEP_ALIVE_SECONDS))
        usual = getattr(deferred_app, "service", None)
        deferred_app.service = app
        yield Service(broker, url)
        if usual is not None:
            deferred_app.service = usual


@pytest.fixture
async def tenant(service: Service, sandbox: Sandbox) -> AsyncIterator[Tenant]:
    """An app on 100ms whose backend uses a hundred connections."""
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=service.url, timeout=30, limits=limits, trust_env=False) as api:
        accounts = {ProviderName.HMS: sandbox.account("tutoring")}
        yield await make_tenant(service.broker, api, accounts, {ProviderName.HMS: HMS_ROLES})


async def join_with_retries(tenant: Tenant, user_id: str) -> httpx.Response:
    """Join, and respect `Retry-After`: with three connections, a busy machine may need several attempts."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    response = await tenant.join(user_id=user_id)
    while response.status_code == 503 and time.monotonic() < deadline:
        # The delay that the response requests.
        await asyncio.sleep(float(response.headers["Retry-After"]))
        response = await tenant.join(user_id=user_id)
    return response


async def rows(store: Store, statement: str) -> list[tuple[Any, ...]]:
    async with store.cross_app_transaction() as unit_of_work:
        return [tuple(row) for row in await unit_of_work.execute(text(statement))]


async def test_a_hundred_first_joins_through_three_connections_create_one_room(
    tenant: Tenant, sandbox: Sandbox
) -> None:
    await tenant.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=200)
    people = ("tutor-1", "student-1")
    responses = await asyncio.gather(*(join_with_retries(tenant, people[n % 2]) for n in range(100)))
    assert [response.status_code for response in responses] == [200] * 100
    assert len({response.json()["room_id"] for response in responses}) == 1
    assert (await sandbox.counters())["create_room"] == 1
    assert len(await tenant.events("credentials.issued")) >= 100
    ((opened,),) = await rows(
        tenant.broker.store,
        # Not autovacuum, for example.
        "select count(*) from pg_stat_activity where datname = current_database() and backend_type = 'client backend'",
    )
    # Shared connections, and direct connections of the service and its worker.
    direct = LISTENER_CONNECTIONS + NOTIFIER_CONNECTIONS + JOIN_CONNECTIONS + MAX_WORKER_CONNECTIONS
    assert 1 <= opened <= CONNECTIONS + direct


async def test_the_worker_processes_webhooks_and_a_cancelled_booking_refuses_joins(
    tenant: Tenant, sandbox: Sandbox
) -> None:
    webhook_tenant = await with_webhooks(tenant, sandbox)
    await webhook_tenant.book()
    joined = (await webhook_tenant.join()).json()
    peer = await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()

    async def find_joins() -> list[dict[str, Any]]:
        return await webhook_tenant.events("participant.joined")

    assert [event["user_id"] for event in await eventually(find_joins)] == ["tutor-1"]
    await sandbox.leave_room(joined["room_id"], peer)
    await sandbox.deliver_webhooks()

    async def find_leaves() -> list[dict[str, Any]]:
        return await webhook_tenant.events("participant.left")

    await eventually(find_leaves)
    await webhook_tenant.post("/v1/bookings/lesson-1/cancel")
    assert (await webhook_tenant.join()).json()["code"] == "session_cancelled"

    async def find_ends() -> list[dict[str, Any]]:
        return await webhook_tenant.events("call.ended")

    assert (await eventually(find_ends))[0]["data"]["reason"] == "session_shut"


async def test_a_stream_is_notified_without_the_pooler(tenant: Tenant, service: Service) -> None:
    await tenant.book()
    headers = {"Authorization": f"Bearer {tenant.key}"}
    with service.broker.listener.subscribed(journal_topic(tenant.app.id)) as notified:
        async with (
            httpx.AsyncClient(base_url=service.url, timeout=TIMEOUT_SECONDS, trust_env=False) as client,
            client.stream("GET", "/v1/events/stream", headers=headers) as response,
        ):
            lines = response.aiter_lines()
            await anext(lines)
            await tenant.join()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                event_types = [json.loads(line[6:])["type"] async for line in first_data(lines, 3)]
                await notified.wait()
    assert event_types == ["room.opened", "call.started", "credentials.issued"]


async def first_data(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    """The first lines with data of events."""
    while count:
        line = await anext(lines)
        if line.startswith("data: "):
            count -= 1
            yield line


async def test_a_sealed_journal_is_verified_through_the_pooler(
    tenant: Tenant, videobroker: CommandRunner, direct: str, pooler: Pooler
) -> None:
    here = {"DATABASE_URL": pooler.url(direct), "VIDEOBROKER_DIRECT_DATABASE_URL": direct}
    await tenant.book()
    await tenant.join()

    async def sealed() -> bool:
        await seal_journal(tenant.broker, tenant.app.id, now=tenant.broker.now())
        found = await asyncio.to_thread(videobroker, "journal", "verify", "--app", tenant.app.name, "--json", **here)
        assert found.code == 0, found.output
        (verdict,) = json.loads(found.out)
        return bool(verdict["whole"] and verdict["events"])

    await eventually(sealed)


async def test_settings_of_a_transaction_do_not_leak(service: Service, direct: str) -> None:
    query = "select current_setting('statement_timeout'), current_setting('timezone'), pg_backend_pid()"
    plain = Store(direct, pool_size=1)
    try:
        async with plain.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            (name,) = (await connection.execute(text("select quote_ident(current_database())"))).scalars()
            # A setting of the database that the session must not change.
            await connection.execute(text(f"alter database {name} set timezone = 'Asia/Tokyo'"))
        found = [(await rows(service.broker.store, query))[0] for _ in range(20)]
    finally:
        await plain.aclose()
    assert {row[:2] for row in found} == {(f"{STATEMENT_SECONDS:g}s", "UTC")}


async def test_the_app_of_a_transaction_does_not_leak(service: Service, tenant: Tenant) -> None:
    await tenant.book()
    store, query = service.broker.store, text("select app_id from sessions")
    for _ in range(10):
        async with store.transaction(tenant.app.id) as unit_of_work:
            assert set((await unit_of_work.execute(query)).scalars()) == {tenant.app.id}
        with pytest.raises(DBAPIError, match=r"unrecognized configuration parameter|type uuid"):
            async with store.transaction() as unit_of_work:
                await unit_of_work.execute(query)


async def test_no_statement_is_prepared_on_a_shared_connection(tenant: Tenant) -> None:
    await tenant.book()
    await tenant.join()
    for _ in range(10):
        assert await rows(tenant.broker.store, "select name from pg_prepared_statements where name <> ''") == []


async def test_a_cancelled_request_does_not_affect_others(service: Service) -> None:
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), service.broker.store.cross_app_transaction() as unit_of_work:
                await unit_of_work.execute(text("select pg_sleep(20)"))

    await asyncio.gather(*(give_up() for _ in range(CONNECTIONS)))
    found = await asyncio.gather(*(rows(service.broker.store, f"select {n}") for n in range(50)))
    assert found == [[(n,)] for n in range(50)]


def test_migrations_use_the_direct_url(videobroker: CommandRunner, postgres: str, pooler: Pooler) -> None:
    with new_database(postgres) as url:
        done = videobroker.succeed(
            "migrate", "--json", DATABASE_URL=pooler.url(url), VIDEOBROKER_DIRECT_DATABASE_URL=url
        )
        assert json.loads(done.out)["before"] is None


def test_migrations_through_the_pooler_are_refused(
    videobroker: CommandRunner, without_apps: str, pooler: Pooler
) -> None:
    refused = videobroker("migrate", VIDEOBROKER_DIRECT_DATABASE_URL=pooler.url(without_apps))
    assert refused.code == 1
    assert "A connection pooler answers" in refused.err
    assert "VIDEOBROKER_DIRECT_DATABASE_URL" in refused.err


def check_results(videobroker: CommandRunner, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The checks of `videobroker doctor` about the database."""
    outcome = videobroker("doctor", "--json", **variables)
    return outcome.code, {row["check"]: row for row in json.loads(outcome.out) if row["app"] is None}


def test_the_doctor_accepts_a_pooler_with_a_direct_url(videobroker: CommandRunner) -> None:
    _, found = check_results(videobroker)
    assert {check: row["verdict"] for check, row in found.items()}.items() >= {
        ("database", "ok"),
        ("pooler", "ok"),
        ("migrations", "ok"),
    }


def test_the_doctor_reports_a_pooler_as_the_direct_url(
    videobroker: CommandRunner, without_apps: str, pooler: Pooler
) -> None:
    code, found = check_results(videobroker, VIDEOBROKER_DIRECT_DATABASE_URL=pooler.url(without_apps))
    assert (code, found["pooler"]["verdict"]) == (1, "failed")
    assert found["pooler"]["sentence"].startswith("VIDEOBROKER_DIRECT_DATABASE_URL leads to a pooler")
    assert "PostgreSQL itself" in found["pooler"]["next_step"]


def test_the_doctor_reports_a_pooler_as_the_only_url(
    videobroker: CommandRunner, without_apps: str, pooler: Pooler
) -> None:
    code, found = check_results(videobroker, DATABASE_URL=pooler.url(without_apps), VIDEOBROKER_DIRECT_DATABASE_URL="")
    assert (code, found["database"]["verdict"]) == (1, "failed")
    assert "VIDEOBROKER_DIRECT_DATABASE_URL" in found["database"]["sentence"]


def test_the_doctor_reports_urls_of_different_databases(videobroker: CommandRunner, postgres: str) -> None:
    code, found = check_results(videobroker, VIDEOBROKER_DIRECT_DATABASE_URL=postgres)
    assert (code, found["pooler"]["verdict"]) == (1, "failed")
    assert "different databases" in found["pooler"]["sentence"]


def test_the_doctor_names_the_unreachable_url(videobroker: CommandRunner) -> None:
    unreachable = f"postgresql://user@127.0.0.1:{free_port()}/nothing"
    code, found = check_results(videobroker, VIDEOBROKER_DIRECT_DATABASE_URL=unreachable)
    assert (code, found["pooler"]["verdict"]) == (1, "failed")
    assert "VIDEOBROKER_DIRECT_DATABASE_URL" in found["pooler"]["sentence"]
