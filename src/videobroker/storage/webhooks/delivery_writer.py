"""Writes what endpoints have taken. Deliveries that end at the same time share a round trip, and a transaction."""

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

from videobroker.concurrency.batcher import Batcher
from videobroker.domain.webhooks import DeliveryAttempt
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.tables import attempts, deliveries, webhook_endpoints
from videobroker.storage.webhooks.deliveries import DueDelivery

FLIGHTS = 1
"""Queries under way at a time."""

_Columns = dict[str, tuple[str, Any]]
_SENT: _Columns = {
    "app_ids": ("app_id", Uuid),
    "endpoint_ids": ("endpoint_id", Uuid),
    "delivery_ids": ("delivery_id", Uuid),
    "leases": ("lease_until", DateTime(timezone=True)),
    "moments": ("at", DateTime(timezone=True)),
    "statuses": ("status", Integer),
    "latencies": ("latency_ms", Integer),
    "bodies": ("body", Text),
}


def _write() -> Select[tuple[object, ...]]:
    taken = (
        func.unnest(*(bindparam(many, type_=ARRAY(kind)) for many, (_, kind) in _SENT.items()))
        .table_valued(*(column(name, kind) for name, kind in _SENT.values()), name="taken")
        .render_derived()
    )
    told = select(taken.c.app_id, taken.c.endpoint_id).distinct().subquery("told")
    # First: an endpoint that is being removed takes its deliveries along, and nothing is written of it any more.
    held = (
        select(webhook_endpoints.c.app_id, webhook_endpoints.c.id)
        .join(told, (webhook_endpoints.c.app_id == told.c.app_id) & (webhook_endpoints.c.id == told.c.endpoint_id))
        .with_for_update(key_share=True, read=True, of=webhook_endpoints)
        .cte("held")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    ours = deliveries.c.lease_until == taken.c.lease_until
    counted = (
        update(deliveries)
        .where(
            held.c.app_id == taken.c.app_id,
            held.c.id == taken.c.endpoint_id,
            deliveries.c.app_id == taken.c.app_id,
            deliveries.c.id == taken.c.delivery_id,
        )
        .values(
            attempts=deliveries.c.attempts + literal_column("1"),
            state=case((ours, literal_column("'delivered'")), else_=deliveries.c.state),
            failures=case((ours, literal_column("0")), else_=deliveries.c.failures),
            next_at=case((ours, null()), else_=deliveries.c.next_at),
            lease_until=case((ours, null()), else_=deliveries.c.lease_until),
        )
        .returning(
            deliveries.c.app_id,
            deliveries.c.endpoint_id,
            deliveries.c.id,
            deliveries.c.attempts,
            *(taken.c[name] for name in _SHOWN),
        )
        .cte("counted")
    )
    written = (
        insert(attempts)
        .from_select(
            ["app_id", "delivery_id", "number", *_SHOWN],
            select(counted.c.app_id, counted.c.id, counted.c.attempts, *(counted.c[name] for name in _SHOWN)),
        )
        .cte("written")
    )
    healed = (
        update(webhook_endpoints)
        .where(
            webhook_endpoints.c.failing_since.is_not(None),
            webhook_endpoints.c.app_id == counted.c.app_id,
            webhook_endpoints.c.id == counted.c.endpoint_id,
        )
        .values(failing_since=null())
        .cte("healed")
    )
    return select(counted.c.id).add_cte(written, healed)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A delivery that its endpoint has taken."""

    due: DueDelivery
    attempt: DeliveryAttempt


class DeliveryWriter:
    """Writes receipts."""

    def __init__(self, store: Store) -> None:
        self._wires = [DedicatedConnection(store) for _ in range(FLIGHTS)]
        self._written = Batcher[Receipt, None]("receipts", [partial(_write_all, wire) for wire in self._wires])

    async def record(self, receipt: Receipt) -> None:
        """Write that the endpoint has taken it, and that the endpoint works. It is on disk when this returns.

        As in `deliveries.record_attempt`: where the delivery is not ours any more, the attempt alone is written.
        """
        await self._written.ask(receipt)

    async def aclose(self) -> None:
        """Stop writing."""
        await self._written.aclose()
        for wire in self._wires:
            await wire.aclose()


async def _write_all(wire: DedicatedConnection, receipts: Sequence[Receipt]) -> list[None]:
    for some in _each_once(receipts):
        await wire.fetch(WRITE, _values(some))
    return [None] * len(receipts)


def _each_once(receipts: Sequence[Receipt]) -> Iterator[list[Receipt]]:
    """No delivery twice in one statement, which would see it as it was before: a lease may end during an attempt."""
    left = list(receipts)
    while left:
        now = {each.due.delivery.id: each for each in reversed(left)}
        yield list(now.values())
        left = [each for each in left if now[each.due.delivery.id] is not each]


def _values(receipts: Sequence[Receipt]) -> dict[str, list[Any]]:
    return {
        "app_ids": [each.due.delivery.app_id for each in receipts],
        "endpoint_ids": [each.due.delivery.endpoint_id for each in receipts],
        "delivery_ids": [each.due.delivery.id for each in receipts],
        "leases": [each.due.lease_until for each in receipts],
        "moments": [each.attempt.at for each in receipts],
        "statuses": [each.attempt.status for each in receipts],
        "latencies": [each.attempt.latency_ms for each in receipts],
        "bodies": [each.attempt.body for each in receipts],
    }


_SHOWN = ("at", "status", "latency_ms", "body")
WRITE = Query(_write())
