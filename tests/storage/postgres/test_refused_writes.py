"""A database that answers, but cannot write: an outage with a reason, not a fault of the service."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from videobroker.errors import StorageUnavailable
from videobroker.storage.postgres import database as database_module
from videobroker.storage.postgres.connection import connect_args
from videobroker.storage.postgres.database import Store


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = Store(database, pool_size=1)
    yield store
    await store.aclose()


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("53100", "has no space left on its disk"),  # disk_full
        ("53200", "has no resources left, such as memory"),  # out_of_memory
        ("53400", "has no resources left, such as memory"),  # configuration_limit_exceeded
        ("25006", "is read-only"),  # read_only_sql_transaction
        ("58000", "has trouble with its system, such as its disk"),  # system_error
        ("58030", "has trouble with its system, such as its disk"),  # io_error
    ],
)
async def test_errors_of_the_server_are_outages(store: Store, state: str, reason: str) -> None:
    failing = text(f"do $$ begin raise exception 'no' using errcode = '{state}'; end $$")
    with pytest.raises(StorageUnavailable, match=reason) as raised:
        async with store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(failing)
    assert raised.value.retry_after == 10
    await store.ping()


async def test_a_read_only_database_is_not_ready(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(seconds: float | None) -> dict[str, Any]:
        arguments = connect_args(seconds)
        return {**arguments, "server_settings": {**arguments["server_settings"], "default_transaction_read_only": "on"}}

    monkeypatch.setattr(database_module, "connect_args", read_only)
    store = Store(database, pool_size=1)
    with pytest.raises(StorageUnavailable, match="is read-only"):
        await store.ping()
    await store.aclose()
