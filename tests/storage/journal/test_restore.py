"""A dump that is restored on another server, whose transaction IDs are lower, loses and reorders no event."""

import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from cli.program import administer, new_database, run
from delivery.backend import Backend, deliver_due, start_backend
from servers import service_on
from tenants import Tenant, free_port, make_tenant
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import ProviderName
from videobroker.domain.diagnostics import CheckStatus
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, uuid7
from videobroker.settings import Settings
from videobroker.storage.journal import journal, positions
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.embedded_server import bin_directory
from videobroker.storage.postgres.encryption import new_key
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import verify_journal
from videobroker.usecases.operations.diagnostics import check_database

pytestmark = pytest.mark.long

EVENTS = 30
SPENT_TRANSACTIONS = 5_000
"""More than a new server has had after a restore."""
SPEND = f"do $$ begin for n in 1..{SPENT_TRANSACTIONS} loop perform pg_current_xact_id(); commit; end loop; end $$"
DUMP_SECONDS = 120.0


@pytest.fixture
def local_settings() -> Settings:
    """Settings that permit deliveries to this machine, with a key that both servers' databases need."""
    return Settings(_env_file=None, secret_key=new_key(), webhooks_anywhere=True)


@pytest.fixture
def former(postgres: str) -> Iterator[str]:
    """The URL of an empty database of a server that has had many transactions."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def restored() -> Iterator[str]:
    """The URL of an empty database of a new server."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-pg-") as folder,
        embedded_postgres(Path(folder) / "pg") as server,
        new_database(server) as url,
    ):
        yield url


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """The app's backend."""
    async with start_backend() as backend:
        yield backend


def restore(source: str, target: str) -> None:
    """Copy a database with PostgreSQL's programs, as an operator does."""
    programs = bin_directory()
    dumped = subprocess.run(
        [programs / "pg_dump", "--format=custom", source], check=True, capture_output=True, timeout=DUMP_SECONDS
    )
    subprocess.run(
        [programs / "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={target}"],
        check=True,
        input=dumped.stdout,
        timeout=DUMP_SECONDS,
    )


async def make_app(settings: Settings, url: str, backend: Backend) -> Tenant:
    """An app with sealed, delivered, and new events, and an endpoint. Its service has ended."""
    await administer(url, SPEND)
    await wiring.migrate(url)
    async with service_on(settings, url) as (broker, client):
        accounts = {ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}}
        roles = {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"}}
        tenant = await make_tenant(broker, client, accounts, roles)
        await tenant.post("/v1/webhook-endpoints", {"url": backend.url, "types": ["app.reported"]})
        await write_events(tenant, EVENTS)
        await deliver_due(tenant)
        await seal_journal(broker, tenant.app.id, now=broker.now())
        await write_events(tenant, EVENTS)
    return tenant


async def write_events(tenant: Tenant, number: int) -> list[str]:
    """Events of one transaction each; returns their IDs."""
    ids = []
    for _ in range(number):
        now = tenant.broker.now()
        event = Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tenant.app.id))
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            await journal.record(unit_of_work, event)
        ids.append(str(event.id))
    return ids


async def visible_ids(tenant: Tenant, cursor: str | None = None) -> list[str]:
    """The IDs of the events that a reader finds after a cursor, in order."""
    found = []
    while True:
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            page = await journal.page(
                unit_of_work, tenant.app.id, types=[EventType.APP_REPORTED], limit=7, cursor=cursor
            )
        found += [str(each.event.id) for each in page.items]
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


async def all_ids(tenant: Tenant) -> list[str]:
    """The IDs of all events in their order, also of those that readers do not see."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await journal.newest_of_app(
            unit_of_work, tenant.app.id, types=[EventType.APP_REPORTED], limit=10 * EVENTS
        )
    return [str(each.event.id) for each in found]


async def journal_check(broker: Broker) -> CheckStatus:
    (found,) = [each for each in await check_database(broker) if each.check == "journal"]
    return found.verdict


async def middle_cursor(tenant: Tenant) -> str:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        page = await journal.page(
            unit_of_work, tenant.app.id, types=[EventType.APP_REPORTED], limit=EVENTS, cursor=None
        )
    assert page.next_cursor is not None
    return page.next_cursor


@pytest.mark.representative
async def test_a_restored_journal_continues(
    former: str, restored: str, local_settings: Settings, backend: Backend
) -> None:
    tenant = await make_app(local_settings, former, backend)
    async with service_on(local_settings, former) as (broker, client):
        tenant = replace(tenant, broker=broker, api=client)
        old, cursor = await visible_ids(tenant), await middle_cursor(tenant)
        assert len(old) == 2 * EVENTS
        assert await journal_check(broker) is CheckStatus.OK
    restore(former, restored)
    async with service_on(local_settings, restored) as (broker, _):
        assert await journal_check(broker) is CheckStatus.FAILED
        assert await visible_ids(replace(tenant, broker=broker)) != old
    await wiring.migrate(restored)
    async with service_on(local_settings, restored) as (broker, client):
        tenant = replace(tenant, broker=broker, api=client)
        assert await journal_check(broker) is CheckStatus.OK
        assert await visible_ids(tenant) == old
        new = await write_events(tenant, 3)
        assert await visible_ids(tenant) == [*old, *new] == await all_ids(tenant)
        assert await visible_ids(tenant, cursor) == [*old[EVENTS:], *new]
        backend.received.clear()
        await deliver_due(tenant)
        assert sorted(backend.ids) == sorted([*old[EVENTS:], *new])
        assert await seal_journal(broker, tenant.app.id, now=broker.now()) >= EVENTS + 3
        audit = await verify_journal(broker, tenant.app)
        assert audit.is_whole
        assert audit.unsealed == 0


async def test_events_that_the_dump_lacks_leave_no_cursor_behind_new_ones(
    former: str, restored: str, local_settings: Settings, backend: Backend
) -> None:
    """A reader has seen events after the backup. It misses no event of the new server."""
    tenant = await make_app(local_settings, former, backend)
    restore(former, restored)
    async with service_on(local_settings, former) as (broker, _):
        lost = replace(tenant, broker=broker)
        await write_events(lost, EVENTS)
        async with broker.store.cross_app_transaction() as unit_of_work:
            cursor = await journal.last_cursor(unit_of_work, tenant.app.id)
    await wiring.migrate(restored)
    async with service_on(local_settings, restored) as (broker, _):
        tenant = replace(tenant, broker=broker)
        new = await write_events(tenant, 3)
        assert await visible_ids(tenant, cursor) == new


async def test_it_is_continued_once(former: str, restored: str, local_settings: Settings, backend: Backend) -> None:
    tenant = await make_app(local_settings, former, backend)
    restore(former, restored)
    horizons = []
    for _ in range(2):
        await wiring.migrate(restored)
        async with (
            service_on(local_settings, restored) as (broker, _),
            broker.store.cross_app_transaction() as unit_of_work,
        ):
            assert await positions.belong_to_this_server(unit_of_work)
            horizons.append(await unit_of_work.scalar(text("select journal_horizon()::text::bigint >> 32")))
    assert horizons == [1, 1]
    async with service_on(local_settings, restored) as (broker, _):
        assert await write_events(replace(tenant, broker=broker), 1)


async def test_an_open_transaction_hides_nothing_that_follows_with_the_new_positions(
    former: str, restored: str, local_settings: Settings, backend: Backend
) -> None:
    """A transaction that is open during the change writes afterwards. A reader does not pass it."""
    tenant = await make_app(local_settings, former, backend)
    restore(former, restored)
    async with service_on(local_settings, restored) as (broker, _):
        tenant = replace(tenant, broker=broker)
        now = broker.now()
        late = Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tenant.app.id))
        async with broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(text("select pg_current_xact_id()"))
            await wiring.migrate(restored)
            new = await write_events(tenant, 2)
            seen = await visible_ids(tenant)
            assert not set(new) & set(seen)
            async with broker.store.cross_app_transaction() as reader:
                cursor = await journal.last_cursor(reader, tenant.app.id)
            await journal.record(unit_of_work, late)
        assert sorted(await visible_ids(tenant, cursor)) == sorted([str(late.id), *new])


def test_the_service_does_not_start_before_the_migration(
    former: str, restored: str, local_settings: Settings, tmp_path: Path
) -> None:
    migrated = run("migrate", cwd=tmp_path, DATABASE_URL=former)
    assert migrated.code == 0
    restore(former, restored)
    variables = {"DATABASE_URL": restored, "PORT": str(free_port())}
    refused = run("serve", cwd=tmp_path, **variables)
    assert refused.code == 1
    assert "restored on another server" in refused.output
    assert "Run `videobroker migrate`" in refused.output
    assert run("migrate", cwd=tmp_path, DATABASE_URL=restored).code == 0
    assert run("apps", "list", cwd=tmp_path, DATABASE_URL=restored).code == 0
