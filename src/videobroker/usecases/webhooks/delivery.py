"""Delivers journal events to webhook endpoints (outbox): at least once, and in order for ordered endpoints."""

import asyncio
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from videobroker.broker import Broker
from videobroker.delivery.sender import SendResult, WebhookRequest
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType, RecordedEvent
from videobroker.domain.ids import AppId, DeliveryId, EndpointId, EventId, uuid7
from videobroker.domain.webhooks import (
    DISABLED_AFTER,
    WORKING,
    DisabledReason,
    Endpoint,
    render_body,
    schedule_next_attempt,
)
from videobroker.errors import StorageUnavailable
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.journal import journal
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.webhooks import deliveries, endpoints
from videobroker.storage.webhooks.deliveries import Claim, DueDelivery
from videobroker.storage.webhooks.delivery_writer import SuccessfulDelivery

EVENTS_PER_PAGE = 500
"""Events that are read in one transaction."""
MAX_CONCURRENT_REQUESTS = 8
"""Concurrent requests to one endpoint that is not paused."""
MAX_JOB_DELAY = timedelta(minutes=1)
"""Earlier attempts get a job at their time. The sweep finds later ones, and may be some seconds late."""

log = structlog.get_logger(__name__)
_random = random.Random()


async def fan_out(broker: Broker, app_id: AppId, *, now: datetime) -> bool:
    """Create deliveries of new journal events for the app's endpoints. Returns whether there are more events.

    Deliveries are created in the transaction that advances the endpoint's cursor, so that a crash neither loses nor
    duplicates one.
    """
    more = False
    async with broker.store.transaction(app_id) as unit_of_work:
        for endpoint, cursor in await endpoints.lock_enabled(unit_of_work, app_id):
            recorded, _ = await journal.page(unit_of_work, app_id, limit=EVENTS_PER_PAGE, cursor=cursor)
            if not recorded:
                continue
            subscribed = [each for each in recorded if endpoint.is_subscribed_to(each.event.type)]
            # UUIDs of one millisecond are not in order.
            ids = sorted(DeliveryId(uuid7(now)) for _ in subscribed)
            created = await deliveries.create(
                unit_of_work, app_id, endpoint.id, zip(ids, subscribed, strict=True), now=now
            )
            await endpoints.set_cursor(unit_of_work, app_id, endpoint.id, recorded[-1].cursor)
            if created:
                await enqueue(unit_of_work, Job(JobKind.DELIVER, app_id, endpoint.id))
            more = more or len(recorded) == EVENTS_PER_PAGE
    return more


async def fan_out_all(broker: Broker, *, now: datetime) -> None:
    """Run `fan_out` for every app with endpoints until there are no new events. An app that fails is skipped."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        app_ids = await endpoints.apps_with_endpoints(unit_of_work)
    for app_id in app_ids:
        try:
            while await fan_out(broker, app_id, now=now):
                pass
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  one app must not block the others
            log.warning("delivery.fan_out_failed", app=str(app_id), error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class _DeliveryBatch:
    """Deliveries of one endpoint that are attempted concurrently, with their events by position."""

    endpoint: Endpoint
    due: list[DueDelivery]
    events: Mapping[tuple[int, int], RecordedEvent]


async def deliver(broker: Broker, app_id: AppId, endpoint_id: EndpointId, *, now: datetime) -> int:
    """Attempt due deliveries of an endpoint concurrently, and return how many; 0 if none is due.

    A paused endpoint gets one attempt, when its next probe is due.
    """
    async with broker.store.transaction(app_id) as unit_of_work:
        endpoint = await endpoints.find(unit_of_work, app_id, endpoint_id)
        if endpoint is None or endpoint.disabled is not None or not endpoint.health.may_attempt(now):
            return 0
        due = await _claim(unit_of_work, endpoint, now)
        events = await journal.events_at(unit_of_work, app_id, [each.position for each in due])
    batch = _DeliveryBatch(endpoint, due, events)
    outcomes = await asyncio.gather(*(_attempt(broker, batch, each, now) for each in due), return_exceptions=True)
    for outcome in outcomes:
        # After all attempts have ended.
        if isinstance(outcome, BaseException):
            raise outcome
    return len(due)


async def _claim(unit_of_work: UnitOfWork, endpoint: Endpoint, now: datetime) -> list[DueDelivery]:
    claim = partial(deliveries.claim_due, unit_of_work, endpoint.app_id, endpoint.id, ordered=endpoint.ordered, now=now)
    if not endpoint.health.is_paused:
        return await claim(limit=MAX_CONCURRENT_REQUESTS)
    due = await claim(limit=1, claim=Claim.PROBE)
    if not due and endpoint.health.may_probe_early(now):
        return await claim(limit=1, claim=Claim.EARLY_PROBE)
    return due


async def _attempt(broker: Broker, batch: _DeliveryBatch, due: DueDelivery, now: datetime) -> None:
    recorded = batch.events.get(due.position)
    if recorded is None:
        # Retention removed the event from the journal while its delivery was pending.
        async with broker.store.transaction(batch.endpoint.app_id) as unit_of_work:
            await deliveries.mark_failed(unit_of_work, due)
        return
    request = WebhookRequest(
        url=batch.endpoint.url,
        event_id=str(recorded.event.id),
        body=render_body(recorded.to_json()),
        secrets=batch.endpoint.signing_secrets(now),
        number=due.delivery.attempts + 1,
    )
    sent = await broker.webhook_sender.send(request, now=now)
    if not sent.begun:
        # The lease may expire before a later attempt, and another worker may send the event first.
        log.warning("delivery.postponed", endpoint=str(batch.endpoint.id), event_id=request.event_id)
        return
    if sent.attempt.is_accepted and not batch.endpoint.ordered and batch.endpoint.health == WORKING:
        # The usual case, with no other effects: written in batches.
        await broker.delivery_writer.record(SuccessfulDelivery(due, sent.attempt))
    else:
        async with broker.store.transaction(batch.endpoint.app_id) as unit_of_work:
            if sent.attempt.is_accepted:
                await _record_success(unit_of_work, batch.endpoint, due, sent, now)
            else:
                await _record_failure(unit_of_work, batch.endpoint, due, sent, now)
    log.info(
        "delivery.attempted",
        endpoint=str(batch.endpoint.id),
        event_id=request.event_id,
        attempt=request.number,
        status=sent.attempt.status,
        error=sent.attempt.error,
    )


async def _record_success(
    unit_of_work: UnitOfWork, endpoint: Endpoint, due: DueDelivery, sent: SendResult, now: datetime
) -> None:
    if endpoint.health == WORKING:
        if not await endpoints.lock_shared(unit_of_work, endpoint.app_id, endpoint.id):
            return
        await deliveries.record_attempt(unit_of_work, due, sent.attempt, None)
    else:
        health = await endpoints.lock_health(unit_of_work, endpoint.app_id, endpoint.id)
        if health is None:
            return
        await deliveries.record_attempt(unit_of_work, due, sent.attempt, None)
        await endpoints.set_health(unit_of_work, endpoint.app_id, endpoint.id)
        if health.is_paused:
            await deliveries.advance_retries(unit_of_work, endpoint.app_id, endpoint.id, now=now)
    await enqueue(unit_of_work, _job(endpoint))


async def _record_failure(
    unit_of_work: UnitOfWork, endpoint: Endpoint, due: DueDelivery, sent: SendResult, now: datetime
) -> None:
    health = await endpoints.lock_health(unit_of_work, endpoint.app_id, endpoint.id)
    if health is None:
        return
    # Not from its beginning: an attempt without a response can take longer than the first delays.
    failed_at = now + timedelta(milliseconds=sent.attempt.latency_ms)
    retry = schedule_next_attempt(
        due.failures,
        failed_at,
        retry_after=sent.retry_after,
        due_at=due.next_at,
        planned_at=due.planned_at,
        dice=_random,
    )
    await deliveries.record_attempt(unit_of_work, due, sent.attempt, retry)
    health = health.after_failure(failed_at, retry_after=sent.retry_after, dice=_random)
    await endpoints.set_health(unit_of_work, endpoint.app_id, endpoint.id, health)
    if sent.attempt.is_gone:
        await _disable(unit_of_work, endpoint, DisabledReason.GONE, now)
    elif health.failing_since is not None and now - health.failing_since >= DISABLED_AFTER:
        await _disable(unit_of_work, endpoint, DisabledReason.FAILING, now)
    else:
        await _enqueue_later(unit_of_work, endpoint, [retry.next_at, health.probe_at], failed_at)


async def _enqueue_later(
    unit_of_work: UnitOfWork, endpoint: Endpoint, moments: Iterable[datetime | None], now: datetime
) -> None:
    for moment in moments:
        if moment is not None and now <= moment <= now + MAX_JOB_DELAY:
            await enqueue(unit_of_work, _job(endpoint), after=moment - now)


def _job(endpoint: Endpoint) -> Job:
    return Job(JobKind.DELIVER, endpoint.app_id, endpoint.id)


async def _disable(unit_of_work: UnitOfWork, endpoint: Endpoint, reason: DisabledReason, now: datetime) -> None:
    if await endpoints.disable(unit_of_work, endpoint.app_id, endpoint.id, reason):
        event = Event(
            id=EventId(uuid7(now)),
            type=EventType.ENDPOINT_DISABLED,
            occurred_at=now,
            actor=Actor(endpoint.app_id),
            data={"endpoint": str(endpoint.id), "reason": reason},
        )
        await journal.record(unit_of_work, event)
