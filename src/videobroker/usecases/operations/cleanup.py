"""Deletes provider webhooks and deliveries when their retention has passed."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from prometheus_client import Counter

from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.domain.retention import is_delivery_expired, is_webhook_expired
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tenants import apps
from videobroker.storage.webhooks import deliveries

BATCH_ROWS = 1_000
"""Rows per transaction. It takes milliseconds: journal streams wait for the oldest open transaction."""
MAX_BATCHES = 500
"""Transactions per app and kind in one run. The next run continues."""

DELETED_ROWS = Counter("videobroker_deleted_rows", "Rows that were deleted after their retention.", ["table"])

_Position = tuple[datetime, object] | None
_DeleteBatch = Callable[[UnitOfWork, AppId, _Position], Awaitable[tuple[int, _Position]]]
"""Deletes one batch after a position. Returns how many rows, and the next position; None at the end."""


async def delete_expired_history(broker: Broker, app_id: AppId | None = None, *, now: datetime) -> int:
    """Delete expired webhooks and deliveries of all apps, or of one. Returns how many rows.

    Pending webhooks and deliveries are retained, regardless of their age.
    """
    if app_id is not None:
        chosen = [app_id]
    else:
        async with broker.store.cross_app_transaction() as unit_of_work:
            chosen = [app.id for app in await apps.all_apps(unit_of_work)]
    total = 0
    for each in chosen:
        if (retention := broker.retention.webhooks) is not None:
            total += await _delete_all(broker, each, "inbox", _webhooks(retention, now))
        if (retention := broker.retention.deliveries) is not None:
            total += await _delete_all(broker, each, "deliveries", _deliveries(retention, now))
    return total


async def _delete_all(broker: Broker, app_id: AppId, table: str, delete_batch: _DeleteBatch) -> int:
    total, position = 0, None
    for _ in range(MAX_BATCHES):
        async with broker.store.transaction(app_id) as unit_of_work:
            count, position = await delete_batch(unit_of_work, app_id, position)
        DELETED_ROWS.labels(table).inc(count)
        total += count
        if position is None:
            break
    return total


def _webhooks(retention: timedelta, now: datetime) -> _DeleteBatch:
    async def delete_batch(unit_of_work: UnitOfWork, app_id: AppId, position: _Position) -> tuple[int, _Position]:
        found = await webhook_inbox.claim_older(
            unit_of_work, app_id, than=now - retention, behind=position, limit=BATCH_ROWS
        )
        expired = [each.id for each in found if is_webhook_expired(each.state, each.received_at, retention, now)]
        await webhook_inbox.delete_webhooks(unit_of_work, app_id, expired)
        return len(expired), (found[-1].received_at, found[-1].id) if len(found) == BATCH_ROWS else None

    return delete_batch


def _deliveries(retention: timedelta, now: datetime) -> _DeleteBatch:
    async def delete_batch(unit_of_work: UnitOfWork, app_id: AppId, position: _Position) -> tuple[int, _Position]:
        found = await deliveries.claim_older(
            unit_of_work, app_id, than=now - retention, behind=position, limit=BATCH_ROWS
        )
        expired = [
            each.id
            for each in found
            if is_delivery_expired(each.state, each.created_at, each.attempted_at, retention, now)
        ]
        await deliveries.delete_deliveries(unit_of_work, app_id, expired)
        return len(expired), (found[-1].created_at, found[-1].id) if len(found) == BATCH_ROWS else None

    return delete_batch
