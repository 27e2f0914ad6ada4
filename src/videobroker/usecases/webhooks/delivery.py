"""Brings the journal's events to the endpoints that want them: at least once, in order where that is promised."""

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from videobroker.broker import Broker
from videobroker.delivery.sender import SendResult, WebhookRequest
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType, RecordedEvent
from videobroker.domain.ids import AppId, DeliveryId, EndpointId, EventId, uuid7
from videobroker.domain.webhooks import DISABLED_AFTER, DeliveryState, Disabled, Endpoint, schedule_next_attempt
from videobroker.errors import StorageUnavailable
from videobroker.storage.jobs import Job, Kind, enqueue
from videobroker.storage.journal import journal
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.webhooks import deliveries, endpoints
from videobroker.storage.webhooks.deliveries import DueDelivery
from videobroker.storage.webhooks.delivery_writer import SuccessfulDelivery

EVENTS_AT_ONCE = 500
"""So many of the journal are looked at in one transaction."""
SENT_AT_ONCE = 8
"""So many requests are under way to one endpoint."""

log = structlog.get_logger(__name__)
_dice = random.Random()


async def fan_out(broker: Broker, app_id: AppId, *, now: datetime) -> bool:
    """Put what is new in an app's journal on its way to the app's endpoints; whether there is more.

    An event is put on its way in the same transaction that moves the endpoint's place in the journal on: neither
    forgotten nor doubled, whenever this process dies.
    """
    more = False
    async with broker.store.transaction() as transaction:
        for endpoint, cursor in await endpoints.lock_enabled(transaction, app_id):
            recorded, _ = await journal.page(transaction, app_id, limit=EVENTS_AT_ONCE, cursor=cursor)
            if not recorded:
                continue
            wanted = [each for each in recorded if endpoint.is_subscribed_to(each.event.type)]
            # Of the same moment, and so in no order by themselves.
            ids = sorted(DeliveryId(uuid7(now)) for _ in wanted)
            made = await deliveries.create(transaction, app_id, endpoint.id, zip(ids, wanted, strict=True), now=now)
            await endpoints.set_cursor(transaction, app_id, endpoint.id, recorded[-1].cursor)
            if made:
                await enqueue(transaction, Job(Kind.DELIVER, app_id, endpoint.id))
            more = more or len(recorded) == EVENTS_AT_ONCE
    return more


async def fan_out_all(broker: Broker, *, now: datetime) -> None:
    """The same for every app that has endpoints, until nothing is new."""
    async with broker.store.transaction() as transaction:
        listening = await endpoints.apps_with_endpoints(transaction)
    for app_id in listening:
        try:
            while await fan_out(broker, app_id, now=now):
                pass
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is: the other apps must not wait for this one
            log.warning("delivery.fan_out_failed", app=str(app_id), error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Round:
    """What is attempted at once for one endpoint."""

    endpoint: Endpoint
    due: list[DueDelivery]
    events: Mapping[tuple[int, int], RecordedEvent]


async def deliver(broker: Broker, app_id: AppId, endpoint_id: EndpointId, *, now: datetime) -> int:
    """Attempt some of what is due for an endpoint; how many those were. Zero: there is nothing to do now."""
    async with broker.store.transaction() as transaction:
        endpoint = await endpoints.find(transaction, app_id, endpoint_id)
        if endpoint is None or endpoint.disabled is not None:
            return 0
        due = await deliveries.claim_due(
            transaction, app_id, endpoint_id, ordered=endpoint.ordered, now=now, limit=SENT_AT_ONCE
        )
        events = await journal.events_at(transaction, app_id, [each.position for each in due])
    this = _Round(endpoint, due, events)
    outcomes = await asyncio.gather(*(_attempt(broker, this, each, now) for each in due), return_exceptions=True)
    for outcome in outcomes:
        # Now, when all have come to their end.
        if isinstance(outcome, BaseException):
            raise outcome
    return len(due)


async def _attempt(broker: Broker, this: _Round, due: DueDelivery, now: datetime) -> None:
    recorded = this.events.get(due.position)
    if recorded is None:
        # Retired from the journal while it was on its way: there is nothing left to tell.
        async with broker.store.transaction() as transaction:
            await deliveries.mark_failed(transaction, due)
        return
    parcel = WebhookRequest(
        url=this.endpoint.url,
        event_id=str(recorded.event.id),
        body=body_of(recorded),
        secrets=this.endpoint.signing_secrets(now),
        number=due.delivery.attempts + 1,
    )
    sent = await broker.webhook_sender.send(parcel, now=now)
    if not sent.begun:
        # Sent later, it could come after what another worker sends when the lease is over.
        log.warning("delivery.postponed", endpoint=str(this.endpoint.id), event_id=parcel.event_id)
        return
    if sent.attempt.is_accepted and not this.endpoint.ordered:
        # As nearly always, and nothing else follows from it.
        await broker.delivery_writer.record(SuccessfulDelivery(due, sent.attempt))
    else:
        async with broker.store.transaction() as transaction:
            await _write(transaction, this.endpoint, due, sent, now)
    log.info(
        "delivery.attempted",
        endpoint=str(this.endpoint.id),
        event_id=parcel.event_id,
        attempt=parcel.number,
        status=sent.attempt.status,
        error=sent.attempt.error,
    )


async def _write(
    transaction: UnitOfWork, endpoint: Endpoint, due: DueDelivery, sent: SendResult, now: datetime
) -> None:
    attempt = sent.attempt
    if not await endpoints.lock_shared(transaction, endpoint.app_id, endpoint.id):
        return
    if attempt.is_accepted:
        await deliveries.record_attempt(transaction, due, attempt, state=DeliveryState.DELIVERED, next_at=None)
        await endpoints.mark_working(transaction, endpoint.app_id, endpoint.id)
        await enqueue(transaction, Job(Kind.DELIVER, endpoint.app_id, endpoint.id))
        return
    next_at = schedule_next_attempt(due.failures + 1, now, retry_after=sent.retry_after, dice=_dice)
    state = DeliveryState.FAILED if next_at is None else DeliveryState.PENDING
    await deliveries.record_attempt(transaction, due, attempt, state=state, next_at=next_at)
    failing_since = await endpoints.mark_failing(transaction, endpoint.app_id, endpoint.id, now=now)
    if attempt.is_gone:
        await _disable(transaction, endpoint, Disabled.GONE, now)
    elif now - failing_since >= DISABLED_AFTER:
        await _disable(transaction, endpoint, Disabled.FAILING, now)


async def _disable(transaction: UnitOfWork, endpoint: Endpoint, reason: Disabled, now: datetime) -> None:
    if await endpoints.disable(transaction, endpoint.app_id, endpoint.id, reason):
        event = Event(
            id=EventId(uuid7(now)),
            type=EventType.ENDPOINT_DISABLED,
            occurred_at=now,
            actor=Actor(endpoint.app_id),
            data={"endpoint": str(endpoint.id), "reason": reason},
        )
        await journal.record(transaction, event)


def body_of(recorded: RecordedEvent) -> str:
    """What is sent: the same bytes at every attempt."""
    shown = recorded.to_json()
    body = {"type": shown["type"], "timestamp": shown["occurred_at"], "data": shown}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
