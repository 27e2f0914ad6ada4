"""Concurrent results of deliveries share round trips, and each is recorded as if it were alone."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from prometheus_client import REGISTRY
from sqlalchemy import text

from tenants import Tenant
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import DeliveryId, EndpointId, EventId, uuid7
from videobroker.domain.webhooks import DeliveryAttempt, Endpoint, SigningSecret
from videobroker.storage.journal import journal
from videobroker.storage.webhooks import deliveries, endpoints
from videobroker.storage.webhooks.deliveries import DueDelivery
from videobroker.storage.webhooks.delivery_writer import SuccessfulDelivery

DELIVERIES = 8


async def leased_deliveries(tenant: Tenant, number: int = DELIVERIES) -> list[DueDelivery]:
    """Deliveries to an endpoint, leased by a worker."""
    now = tenant.broker.now()
    endpoint = Endpoint(
        id=EndpointId(uuid4()),
        app_id=tenant.app.id,
        url="https://backend.example/hooks",
        description="",
        types=frozenset(),
        ordered=False,
        disabled=None,
        created_at=now,
        secrets=(SigningSecret("whsec_" + "A" * 32, None),),
    )
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await endpoints.add(unit_of_work, endpoint, cursor=None)
        recorded = [
            await journal.record_one(
                unit_of_work, Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tenant.app.id))
            )
            for _ in range(number)
        ]
        made = [(DeliveryId(uuid7(now)), each) for each in recorded]
        await deliveries.create(unit_of_work, tenant.app.id, endpoint.id, made, now=now)
        return await deliveries.claim_due(
            unit_of_work, tenant.app.id, endpoint.id, ordered=False, now=now, limit=number
        )


def accepted(tenant: Tenant, due: DueDelivery, latency_ms: int = 12) -> SuccessfulDelivery:
    return SuccessfulDelivery(due, DeliveryAttempt(1, tenant.broker.now(), 200, latency_ms, "thanks", None))


async def rows(tenant: Tenant, statement: str) -> list[dict[str, Any]]:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await unit_of_work.execute(text(statement), {"app": tenant.app.id})
        return [dict(row) for row in found.mappings()]


async def test_concurrent_deliveries_share_a_round_trip(tutoring: Tenant) -> None:
    found = await leased_deliveries(tutoring)

    def queries() -> float:
        return REGISTRY.get_sample_value("videobroker_batch_queries_total", {"batcher": "deliveries"}) or 0.0

    before = queries()
    await asyncio.gather(*(tutoring.broker.delivery_writer.record(accepted(tutoring, due)) for due in found))
    assert queries() - before == 1
    written = await rows(
        tutoring, "select state, attempts, failures, next_at, lease_until from deliveries where app_id = :app"
    )
    delivered = {"state": "delivered", "attempts": 1, "failures": 0, "next_at": None, "lease_until": None}
    assert written == [delivered] * DELIVERIES
    log = await rows(tutoring, "select number, status, latency_ms, body, error from attempts where app_id = :app")
    assert log == [{"number": 1, "status": 200, "latency_ms": 12, "body": "thanks", "error": None}] * DELIVERIES


async def test_only_the_attempt_is_recorded_when_the_lease_was_lost(tutoring: Tenant) -> None:
    first, late = await leased_deliveries(tutoring, 2)
    stale = replace(late, lease_until=late.lease_until - timedelta(seconds=30))
    record = tutoring.broker.delivery_writer.record
    await asyncio.gather(record(accepted(tutoring, first)), record(accepted(tutoring, stale)))
    written = await rows(tutoring, "select id, state, attempts, lease_until from deliveries where app_id = :app")
    assert {each["id"]: (each["state"], each["attempts"], each["lease_until"]) for each in written} == {
        first.delivery.id: ("delivered", 1, None),
        late.delivery.id: ("pending", 1, late.lease_until),
    }
    assert len(await rows(tutoring, "select number from attempts where app_id = :app")) == 2


async def test_concurrent_attempts_at_one_delivery_are_both_recorded(tutoring: Tenant) -> None:
    (due,) = await leased_deliveries(tutoring, 1)
    stale = replace(due, lease_until=due.lease_until - timedelta(seconds=30))
    record = tutoring.broker.delivery_writer.record
    await asyncio.gather(record(accepted(tutoring, stale, 1)), record(accepted(tutoring, due, 2)))
    log = await rows(tutoring, "select number, latency_ms from attempts where app_id = :app order by number")
    assert log == [{"number": 1, "latency_ms": 1}, {"number": 2, "latency_ms": 2}]
    assert await rows(tutoring, "select state, attempts from deliveries where app_id = :app") == [
        {"state": "delivered", "attempts": 2}
    ]


async def test_nothing_is_recorded_for_a_deleted_endpoint(tutoring: Tenant) -> None:
    (removed,), (remaining,) = await leased_deliveries(tutoring, 1), await leased_deliveries(tutoring, 1)
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        await endpoints.delete_endpoint(unit_of_work, tutoring.app.id, removed.delivery.endpoint_id)
    record = tutoring.broker.delivery_writer.record
    await asyncio.gather(record(accepted(tutoring, removed)), record(accepted(tutoring, remaining)))
    assert await rows(tutoring, "select delivery_id from attempts where app_id = :app") == [
        {"delivery_id": remaining.delivery.id}
    ]
