"""A transaction that hides new events of the journal is named, in whatever database of the server it is open."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from cli.program import administer, new_database
from tenants import MovableClock, Tenant
from videobroker.domain.actors import Actor
from videobroker.domain.diagnostics import CheckStatus
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, uuid7
from videobroker.storage.journal import journal, positions
from videobroker.storage.journal.positions import OpenTransaction
from videobroker.storage.postgres.database import Store
from videobroker.usecases.journal.blocked import HIDDEN_TOO_LONG, report_blocked
from videobroker.usecases.operations.diagnostics import check_database
from videobroker.usecases.operations.metrics import DatabaseMetrics


@pytest.fixture
def other_database(postgres: str) -> Iterator[str]:
    """The URL of another database of the server."""
    with new_database(postgres) as url:
        yield url


@asynccontextmanager
async def writing(url: str, *, name: str = "nightly import") -> AsyncIterator[int]:
    """An open transaction that has written; yields the ID of its process."""
    connection = await asyncpg.connect(url, server_settings={"application_name": name})
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("select pg_current_xact_id()")
        yield connection.get_server_pid()
        await transaction.rollback()
    finally:
        await connection.close()


async def write_event(tenant: Tenant) -> None:
    now = tenant.broker.now()
    event = Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tenant.app.id))
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await journal.record(unit_of_work, event)


async def blocked_logs(tenant: Tenant) -> list[Any]:
    with capture_logs() as logs:
        await report_blocked(tenant.broker, now=tenant.broker.now())
    return [each for each in logs if each["event"] == "journal.blocked"]


async def check(tenant: Tenant) -> tuple[CheckStatus, str]:
    (found,) = [each for each in await check_database(tenant.broker) if each.check == "journal"]
    return found.verdict, found.sentence


async def test_a_transaction_in_another_database_is_reported_until_it_ends(
    tutoring: Tenant, other_database: str, clock: MovableClock
) -> None:
    async with writing(other_database) as pid:
        await write_event(tutoring)
        assert await blocked_logs(tutoring) == []
        assert (await check(tutoring))[0] is CheckStatus.OK
        clock.move(seconds=HIDDEN_TOO_LONG.total_seconds() + 5)
        (logged,) = await blocked_logs(tutoring)
        assert logged["log_level"] == "warning"
        assert (logged["pid"], logged["application_name"]) == (pid, "nightly import")
        assert other_database.rpartition("/")[2].startswith(logged["database"])
        assert logged["hidden_seconds"] >= HIDDEN_TOO_LONG.total_seconds()
        verdict, message = await check(tutoring)
        assert verdict is CheckStatus.FAILED
        assert f"pid {pid}" in message
        assert "nightly import" in message
        metrics = (await DatabaseMetrics().render(tutoring.broker)).decode()
        (age,) = [
            float(line.split()[1])
            for line in metrics.splitlines()
            if line.startswith("videobroker_hidden_events_age_seconds ")
        ]
        assert age >= HIDDEN_TOO_LONG.total_seconds()
    assert await blocked_logs(tutoring) == []
    assert (await check(tutoring))[0] is CheckStatus.OK


async def test_a_transaction_that_hides_no_event_is_not_reported(
    tutoring: Tenant, other_database: str, clock: MovableClock
) -> None:
    async with writing(other_database):
        clock.move(minutes=10)
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            assert await positions.find_hidden(unit_of_work, now=tutoring.broker.now()) is None
        assert await blocked_logs(tutoring) == []


async def test_a_user_without_rights_sees_which_process_it_is(
    tutoring: Tenant, owner_store: Store, postgres: str, other_database: str
) -> None:
    """A service that must not see the statements of others, as recommended, names the process."""
    await administer(postgres, "create role restricted_reader")
    try:
        async with writing(other_database) as pid:
            await write_event(tutoring)
            async with owner_store.cross_app_transaction() as unit_of_work:
                await unit_of_work.execute(text("grant restricted_reader to current_user"))
                await unit_of_work.execute(text("grant select on apps, journal to restricted_reader"))
                await unit_of_work.execute(text("set local role restricted_reader"))
                hidden = await positions.find_hidden(unit_of_work, now=tutoring.broker.now())
                await unit_of_work.execute(text("reset role"))
                await unit_of_work.execute(text("revoke select on apps, journal from restricted_reader"))
            assert hidden is not None
            assert hidden.hidden_for < timedelta(minutes=1)
            assert isinstance(hidden.transaction, OpenTransaction)
            assert (hidden.transaction.pid, hidden.transaction.duration) == (pid, None)
    finally:
        await administer(postgres, "drop role restricted_reader")
