"""Records successful deliveries. Those that end at the same time share a round trip, and a transaction."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    column,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy import cast as sql_cast

from videobroker.concurrency.batcher import Batcher
from videobroker.domain.webhooks import DeliveryAttempt
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.tables import attempts, deliveries, webhook_endpoints
from videobroker.storage.webhooks.deliveries import DueDelivery

CONCURRENT_QUERIES = 1

_Columns = dict[str, tuple[str, Any]]
_PARAMETERS: _Columns = {
    "app_ids": ("app_id", Uuid),
    "endpoint_ids": ("endpoint_id", Uuid),
    "delivery_ids": ("delivery_id", Uuid),
    "leases": ("lease_until", DateTime(timezone=True)),
    "moments": ("at", DateTime(timezone=True)),
    "statuses": ("status", Integer),
    "latencies": ("latency_ms", Integer),
    "bodies": ("body", Text),
    # JSON: the driver has no arrays of it.
    "headers": ("request_headers", Text),
}


def _record() -> Select[tuple[object, ...]]:
    successes = (
        func.unnest(*(bindparam(many, type_=ARRAY(kind)) for many, (_, kind) in _PARAMETERS.items()))
        .table_valued(*(column(name, kind) for name, kind in _PARAMETERS.values()), name="successes")
        .render_derived()
    )
    affected = select(successes.c.app_id, successes.c.endpoint_id).distinct().subquery("affected")
    # Locked first: deleting an endpoint deletes its deliveries, and nothing must be written about them afterwards.
    locked = (
        select(webhook_endpoints.c.app_id, webhook_endpoints.c.id)
        .join(
            affected,
            (webhook_endpoints.c.app_id == affected.c.app_id) & (webhook_endpoints.c.id == affected.c.endpoint_id),
        )
        .with_for_update(key_share=True, read=True, of=webhook_endpoints)
        .cte("locked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    is_ours = deliveries.c.lease_until == successes.c.lease_until
    counted = (
        update(deliveries)
        .where(
            locked.c.app_id == successes.c.app_id,
            locked.c.id == successes.c.endpoint_id,
            deliveries.c.app_id == successes.c.app_id,
            deliveries.c.id == successes.c.delivery_id,
        )
        .values(
            attempts=deliveries.c.attempts + literal_column("1"),
            state=case((is_ours, literal_column("'delivered'")), else_=deliveries.c.state),
            failures=case((is_ours, literal_column("0")), else_=deliveries.c.failures),
            next_at=case((is_ours, null()), else_=deliveries.c.next_at),
            not_before=case((is_ours, null()), else_=deliveries.c.not_before),
            planned_at=case((is_ours, null()), else_=deliveries.c.planned_at),
            lease_until=case((is_ours, null()), else_=deliveries.c.lease_until),
        )
        .returning(
            deliveries.c.app_id,
            deliveries.c.endpoint_id,
            deliveries.c.id,
            deliveries.c.attempts,
            *(successes.c[name] for name in _ATTEMPT_COLUMNS),
        )
        .cte("counted")
    )
    written = (
        insert(attempts)
        .from_select(
            ["app_id", "delivery_id", "number", *_ATTEMPT_COLUMNS],
            select(
                counted.c.app_id,
                counted.c.id,
                counted.c.attempts,
                *(sql_cast(counted.c[name], attempts.c[name].type) for name in _ATTEMPT_COLUMNS),
            ),
        )
        .cte("written")
    )
    return select(counted.c.id).add_cte(written)


@dataclass(frozen=True, slots=True)
class SuccessfulDelivery:
    """A delivery that its endpoint has accepted."""

    due: DueDelivery
    attempt: DeliveryAttempt


class DeliveryWriter:
    """Batcher: concurrent records share a round trip."""

    def __init__(self, store: Store) -> None:
        self._connections = [DedicatedConnection(store, across_apps=True) for _ in range(CONCURRENT_QUERIES)]
        self._deliveries = Batcher[SuccessfulDelivery, None](
            "deliveries", [partial(_record_all, connection) for connection in self._connections]
        )

    async def record(self, delivery: SuccessfulDelivery) -> None:
        """Record the attempt at an endpoint that was not failing when it began. Committed when this returns.

        If the lease of the delivery was lost, only the attempt is written, as in `deliveries.record_attempt`.
        """
        await self._deliveries.submit(delivery)

    async def aclose(self) -> None:
        """Finish the current query, and close the connections."""
        await self._deliveries.aclose()
        for connection in self._connections:
            await connection.aclose()


async def _record_all(connection: DedicatedConnection, deliveries: Sequence[SuccessfulDelivery]) -> list[None]:
    for some in _without_repetitions(deliveries):
        await connection.fetch(RECORD, _values(some))
    return [None] * len(deliveries)


def _without_repetitions(deliveries: Sequence[SuccessfulDelivery]) -> Iterator[list[SuccessfulDelivery]]:
    """Statements without a repeated delivery, whose second attempt would not see the first.

    Two attempts at one delivery can succeed: the lease of the first may end before it does.
    """
    left = list(deliveries)
    while left:
        now = {each.due.delivery.id: each for each in reversed(left)}
        yield list(now.values())
        left = [each for each in left if now[each.due.delivery.id] is not each]


def _values(deliveries: Sequence[SuccessfulDelivery]) -> dict[str, list[Any]]:
    return {
        "app_ids": [each.due.delivery.app_id for each in deliveries],
        "endpoint_ids": [each.due.delivery.endpoint_id for each in deliveries],
        "delivery_ids": [each.due.delivery.id for each in deliveries],
        "leases": [each.due.lease_until for each in deliveries],
        "moments": [each.attempt.at for each in deliveries],
        "statuses": [each.attempt.status for each in deliveries],
        "latencies": [each.attempt.latency_ms for each in deliveries],
        "bodies": [each.attempt.body for each in deliveries],
        "headers": [
            None if each.attempt.request_headers is None else json.dumps(dict(each.attempt.request_headers))
            for each in deliveries
        ],
    }


_ATTEMPT_COLUMNS = ("at", "status", "latency_ms", "body", "request_headers")
RECORD = Query(_record())
