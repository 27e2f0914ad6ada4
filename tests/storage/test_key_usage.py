"""When keys were last used is written seldom, for all keys together, and never while a request waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from polling import eventually
from tenants import Tenant, context_of
from videobroker.broker import Broker
from videobroker.domain.api_keys import ApiKey, Scope
from videobroker.domain.operator_keys import OperatorKey
from videobroker.domain.operators import OperatorRole
from videobroker.errors import StorageUnavailable
from videobroker.storage import key_usage
from videobroker.storage.key_usage import INTERVAL, KeyUsage
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import api_keys
from videobroker.usecases import management, tenants
from videobroker.usecases.management.keys import all_keys


@pytest.fixture
async def usage(broker: Broker) -> AsyncIterator[KeyUsage]:
    usage = KeyUsage(broker.store)
    yield usage
    await usage.aclose()


@pytest.fixture
def transactions(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> list[UnitOfWork]:
    """The transactions of the broker's store."""
    begun: list[UnitOfWork] = []
    transaction = broker.store.cross_app_transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[UnitOfWork]:
        async with transaction() as unit_of_work:
            begun.append(unit_of_work)
            yield unit_of_work

    monkeypatch.setattr(broker.store, "cross_app_transaction", counted)
    return begun


async def api_key(tenant: Tenant) -> ApiKey:
    _, key = await management.create_key(tenant.context, "backend", scopes=Scope, expires_at=None)
    return key


async def operator_key(broker: Broker) -> tuple[str, OperatorKey]:
    context = context_of(broker, tenants.SERVICE)
    return await management.create_operator_key(context, "terraform", role=OperatorRole.VIEWER, expires_at=None)


async def last_use(tenant: Tenant, key: ApiKey) -> datetime | None:
    return (await management.find_key(tenant.context, key.id)).last_used_at


async def test_the_use_of_a_key_is_written(tutoring: Tenant, usage: KeyUsage) -> None:
    key, other, now = await api_key(tutoring), await api_key(tutoring), tutoring.broker.now()
    usage.record(key, now=now)
    await usage.flush()
    assert (await last_use(tutoring, key), await last_use(tutoring, other)) == (now, None)


async def test_a_key_is_written_once_in_an_interval_by_all_processes(tutoring: Tenant, usage: KeyUsage) -> None:
    key, now = await api_key(tutoring), tutoring.broker.now()
    for at, expected in (
        (now, now),
        (now + INTERVAL - timedelta(seconds=1), now),
        (now + INTERVAL, now + INTERVAL),
        (now + timedelta(seconds=1), now + INTERVAL),
    ):
        # Read before another process wrote it.
        usage.record(key, now=at)
        await usage.flush()
        assert await last_use(tutoring, key) == expected


async def test_a_use_that_is_written_already_needs_no_query(
    tutoring: Tenant, usage: KeyUsage, transactions: list[UnitOfWork]
) -> None:
    key, now = await api_key(tutoring), tutoring.broker.now()
    transactions.clear()
    usage.record(replace(key, last_used_at=now), now=now + INTERVAL - timedelta(seconds=1))
    await usage.flush()
    assert transactions == []


async def test_keys_are_written_together(tutoring: Tenant, usage: KeyUsage, transactions: list[UnitOfWork]) -> None:
    keys, now = [await api_key(tutoring) for _ in range(5)], tutoring.broker.now()
    _, operators = await operator_key(tutoring.broker)
    everyone: list[ApiKey | OperatorKey] = [*keys, operators]
    transactions.clear()
    for _ in range(100):
        for key in everyone:
            usage.record(key, now=now)
    assert transactions == []
    await usage.flush()
    assert len(transactions) == 2
    assert [await last_use(tutoring, key) for key in keys] == [now] * 5


async def test_a_locked_key_is_skipped(tutoring: Tenant, usage: KeyUsage) -> None:
    key, other, now = await api_key(tutoring), await api_key(tutoring), tutoring.broker.now()
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(select(api_keys.c.id).where(api_keys.c.id == key.id).with_for_update())
        usage.record(key, now=now)
        usage.record(other, now=now)
        async with asyncio.timeout(10):
            await usage.flush()
    assert (await last_use(tutoring, key), await last_use(tutoring, other)) == (None, now)


async def test_uses_are_written_in_the_background(
    tutoring: Tenant, usage: KeyUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_usage, "BATCH_SECONDS", 0.0)
    for _ in range(2):
        key, now = await api_key(tutoring), tutoring.broker.now()
        usage.record(key, now=now)
        assert await eventually(lambda key=key: last_use(tutoring, key)) == now  # type: ignore[misc]


async def test_uses_are_written_when_the_service_stops(tutoring: Tenant) -> None:
    usage, key, now = KeyUsage(tutoring.broker.store), await api_key(tutoring), tutoring.broker.now()
    usage.record(key, now=now)
    await usage.aclose()
    assert await last_use(tutoring, key) == now


async def test_an_outage_is_logged_and_the_next_use_is_written(
    tutoring: Tenant, usage: KeyUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, now = await api_key(tutoring), tutoring.broker.now()

    def fail() -> NoReturn:
        raise StorageUnavailable("unavailable")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(tutoring.broker.store, "cross_app_transaction", fail)
        usage.record(key, now=now)
        await usage.flush()
    assert [each["event"] for each in logs] == ["key_usage.write_failed"]
    usage.record(key, now=now)
    await usage.flush()
    assert await last_use(tutoring, key) == now


async def test_a_silent_database_does_not_delay_the_end_of_the_service(
    tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage, key, now = KeyUsage(tutoring.broker.store), await api_key(tutoring), tutoring.broker.now()

    transaction = tutoring.broker.store.cross_app_transaction

    @asynccontextmanager
    async def never() -> AsyncIterator[UnitOfWork]:
        await asyncio.Event().wait()
        async with transaction() as unit_of_work:
            yield unit_of_work

    monkeypatch.setattr(key_usage, "CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(tutoring.broker.store, "cross_app_transaction", never)
    usage.record(key, now=now)
    with capture_logs() as logs:
        await usage.aclose()
    assert [each["event"] for each in logs] == ["key_usage.close_timed_out"]


async def test_requests_record_their_keys(tutoring: Tenant) -> None:
    secret, operators = await operator_key(tutoring.broker)
    assert (await tutoring.get("/v1/bookings")).status_code == 200
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await tutoring.api.get("/v1/admin/apps", headers=headers)).status_code == 200
    await tutoring.broker.key_usage.flush()
    (key,) = await all_keys(tutoring.context)
    operators = await management.find_operator_key(context_of(tutoring.broker, tenants.SERVICE), operators.id)
    assert key.last_used_at is not None
    assert operators.last_used_at is not None


async def test_joins_record_their_keys(tutoring: Tenant) -> None:
    await tutoring.book()
    joiner = replace(tutoring, key=await tutoring.create_key(scopes=[Scope.JOIN]))
    assert (await joiner.join()).status_code == 200
    await tutoring.broker.key_usage.flush()
    assert all(key.last_used_at for key in await all_keys(tutoring.context))


async def test_a_rejected_key_is_not_recorded(tutoring: Tenant) -> None:
    (key,) = await all_keys(tutoring.context)
    await management.revoke_key(tutoring.context, key.id)
    assert (await tutoring.get("/v1/bookings")).status_code == 401
    await tutoring.broker.key_usage.flush()
    assert await last_use(tutoring, key) is None
