"""The journal notifier survives every failure of a notification, and sends what it could not send."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from polling import eventually
from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.storage.journal import notifier as notifier_module
from videobroker.storage.journal.notifier import JournalNotifier
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.postgres.notifications import journal_topic

SLEEP = Query(select(func.pg_sleep(600)))
APP_ID = AppId(uuid4())
"""An app that no other notifier knows: the one of the broker runs as well."""
TOPIC = journal_topic(APP_ID)

Send = Callable[[DedicatedConnection], Awaitable[Any]]


@pytest.fixture
async def notifier(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JournalNotifier]:
    monkeypatch.setattr(notifier_module, "RETRY_SECONDS", 0.05, raising=False)
    notifier = JournalNotifier()
    notifier.start(broker.store)
    yield notifier
    await notifier.aclose()


@pytest.fixture
def replace_next(monkeypatch: pytest.MonkeyPatch) -> Callable[[Send], None]:
    """Call this function in place of the next notification about `APP_ID`."""
    usual = DedicatedConnection.fetch

    def replace(send: Send) -> None:
        replacements = [send]

        async def fetch(self: DedicatedConnection, query: Query, values: Mapping[str, Any]) -> Any:
            if replacements and TOPIC in values.get("topics", ()):
                return await replacements.pop()(self)
            return await usual(self, query, values)

        monkeypatch.setattr(DedicatedConnection, "fetch", fetch)

    return replace


async def assert_notified(broker: Broker, notifier: JournalNotifier) -> None:
    await eventually(lambda: broker.listener.is_listening)
    with broker.listener.subscribed(TOPIC) as received:
        notifier.notify([APP_ID])
        await eventually(received.is_set)


async def test_a_notification_whose_connection_is_terminated_meanwhile_is_sent_again(
    broker: Broker, notifier: JournalNotifier, replace_next: Callable[[Send], None]
) -> None:
    await assert_notified(broker, notifier)

    async def is_terminated() -> bool:
        terminate = text(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()"
        )
        async with broker.store.cross_app_transaction() as unit_of_work:
            return bool((await unit_of_work.execute(terminate)).all())

    async def send_on_terminated_connection(connection: DedicatedConnection) -> None:
        running = asyncio.create_task(connection.fetch(SLEEP, {}))
        await eventually(is_terminated)
        await running

    replace_next(send_on_terminated_connection)
    with capture_logs() as logs:
        await assert_notified(broker, notifier)
    assert "journal.notify_failed" in [each["event"] for each in logs]
    await assert_notified(broker, notifier)


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), asyncio.CancelledError()], ids=lambda error: type(error).__name__
)
async def test_an_unexpected_error_does_not_end_it(
    broker: Broker, notifier: JournalNotifier, replace_next: Callable[[Send], None], error: BaseException
) -> None:
    async def fail(_: DedicatedConnection) -> None:
        raise error

    replace_next(fail)
    with capture_logs() as logs:
        await assert_notified(broker, notifier)
    assert ("background.task_failed", "journal notifier", type(error).__name__) in [
        (each["event"], each.get("task"), each.get("error")) for each in logs
    ]
