"""Forgets what was needed once, when it has been kept for as long as the deployment wants."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from prometheus_client import Counter

from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.domain.retention import is_delivery_expired, is_notice_expired
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tenants import apps
from videobroker.storage.webhooks import deliveries

AT_ONCE = 1_000
"""Rows in one transaction, which takes milliseconds: whoever follows the journal waits for the oldest one that runs."""
ROUNDS = 500
"""So many transactions for one app and kind; the rest comes with the next run."""

FORGOTTEN = Counter("videobroker_forgotten", "Rows that were kept long enough and forgotten.", ["what"])

_Place = tuple[datetime, object] | None
_Some = Callable[[UnitOfWork, AppId, _Place], Awaitable[tuple[int, _Place]]]
"""Forgets some of what stands behind a place: how many those were, and where to go on; None at the end."""


async def delete_outlived(broker: Broker, app_id: AppId | None = None, *, now: datetime) -> int:
    """Forget webhooks and deliveries that are needed no more, of all apps or of one; how many rows.

    What waits to be applied or to be delivered stays, however old it is.
    """
    if app_id is not None:
        chosen = [app_id]
    else:
        async with broker.store.transaction() as transaction:
            chosen = [app.id for app in await apps.all_apps(transaction)]
    total = 0
    for each in chosen:
        if (retention := broker.retention.notices) is not None:
            total += await _delete_all(broker, each, "notices", _notices(retention, now))
        if (retention := broker.retention.deliveries) is not None:
            total += await _delete_all(broker, each, "deliveries", _deliveries(retention, now))
    return total


async def _delete_all(broker: Broker, app_id: AppId, what: str, some: _Some) -> int:
    total, place = 0, None
    for _ in range(ROUNDS):
        async with broker.store.transaction() as transaction:
            count, place = await some(transaction, app_id, place)
        FORGOTTEN.labels(what).inc(count)
        total += count
        if place is None:
            break
    return total


def _notices(retention: timedelta, now: datetime) -> _Some:
    async def some(transaction: UnitOfWork, app_id: AppId, place: _Place) -> tuple[int, _Place]:
        found = await webhook_inbox.claim_older(transaction, app_id, than=now - retention, behind=place, limit=AT_ONCE)
        gone = [each.id for each in found if is_notice_expired(each.state, each.received_at, retention, now)]
        await webhook_inbox.delete_webhooks(transaction, app_id, gone)
        return len(gone), (found[-1].received_at, found[-1].id) if len(found) == AT_ONCE else None

    return some


def _deliveries(retention: timedelta, now: datetime) -> _Some:
    async def some(transaction: UnitOfWork, app_id: AppId, place: _Place) -> tuple[int, _Place]:
        found = await deliveries.claim_older(transaction, app_id, than=now - retention, behind=place, limit=AT_ONCE)
        gone = [
            each.id
            for each in found
            if is_delivery_expired(each.state, each.created_at, each.attempted_at, retention, now)
        ]
        await deliveries.delete_deliveries(transaction, app_id, gone)
        return len(gone), (found[-1].created_at, found[-1].id) if len(found) == AT_ONCE else None

    return some
