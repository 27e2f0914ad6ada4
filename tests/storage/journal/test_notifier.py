"""The journal notifier survives every failure of a notification, and sends what it could not send."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from polling import eventually
from tenants import Tenant
from videobroker.broker import Broker
from videobroker.storage.journal import notifier as notifier_module
from videobroker.storage.journal.notifier import JournalNotifier
from videobroker.storage.postgres import fast_query
from videobroker.storage.postgres.fast_query import DedicatedConnection
from videobroker.storage.postgres.notifications import journal_topic

# Notifiers end their connection's query as the last one of the connection, so this finds the idle ones as well.
NOTIFIERS = """
    from pg_stat_activity where datname = current_database() and query like '%pg_notify%' and query like '%unnest%'
    and pid <> pg_backend_pid()
"""


@pytest.fixture
async def notifier(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JournalNotifier]:
    """A notifier beside the one of the broker."""
    monkeypatch.setattr(notifier_module, "RETRY_SECONDS", 0.05)
    notifier = JournalNotifier()
    notifier.start(broker.store)
    yield notifier
    await notifier.aclose()


async def is_notified(broker: Broker, notifier: JournalNotifier, tenant: Tenant) -> None:
    """Fails if a notification does not arrive."""
    await eventually(lambda: broker.listener.is_listening)
    with broker.listener.subscribed(journal_topic(tenant.app.id)) as received:
        notifier.notify([tenant.app.id])
        await eventually(received.is_set)


async def terminate_notifiers(broker: Broker) -> None:
    async with broker.store.transaction() as unit_of_work:
        found = await unit_of_work.execute(text(f"select pg_terminate_backend(pid) {NOTIFIERS}"))
        assert found.all()


async def test_a_notification_on_a_terminated_connection_is_sent_again(
    broker: Broker, notifier: JournalNotifier, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await is_notified(broker, notifier, tutoring)
    usual = DedicatedConnection.fetch

    async def terminated_before(self: DedicatedConnection, *arguments: object) -> object:
        # In the middle: the notifier has decided to send, and the server ends its connection.
        monkeypatch.setattr(DedicatedConnection, "fetch", usual)
        await terminate_notifiers(broker)
        return await usual(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DedicatedConnection, "fetch", terminated_before)
    await is_notified(broker, notifier, tutoring)
    await is_notified(broker, notifier, tutoring)


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), asyncio.CancelledError()], ids=lambda error: type(error).__name__
)
async def test_an_unexpected_error_does_not_end_it(
    broker: Broker,
    notifier: JournalNotifier,
    tutoring: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    usual, failures = DedicatedConnection.fetch, [error]

    async def failing_once(self: DedicatedConnection, query: fast_query.Query, *values: object) -> object:
        if failures and "pg_notify" in query.text:
            raise failures.pop()
        return await usual(self, query, *values)  # type: ignore[arg-type]

    monkeypatch.setattr(DedicatedConnection, "fetch", failing_once)
    with capture_logs() as logs:
        await is_notified(broker, notifier, tutoring)
    assert failures == []
    assert ("background.task_failed", "journal notifier", type(error).__name__) in [
        (each["event"], each.get("task"), each.get("error")) for each in logs
    ]
