"""Manages webhook endpoints, and lists, retries, and replays their deliveries."""

import hmac
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from videobroker.delivery.sender import WebhookRequest
from videobroker.domain.actors import Actor
from videobroker.domain.authorization import Action
from videobroker.domain.events import Event, EventType, RecordedEvent, requester_json
from videobroker.domain.ids import DeliveryId, EndpointId, EventId, uuid7
from videobroker.domain.pages import Page
from videobroker.domain.set_up import (
    create_set_up_event,
    describe_endpoint,
    determine_interface,
    list_changed_endpoint_settings,
)
from videobroker.domain.times import rfc3339
from videobroker.domain.webhooks import (
    WORKING,
    Delivery,
    DeliveryAttempt,
    DeliveryFilter,
    DeliveryState,
    DisabledReason,
    Endpoint,
    EndpointAction,
    FoundDelivery,
    SigningSecret,
    check_endpoint_url,
    extract_host,
    generate_secret,
)
from videobroker.errors import DeliveryNotFound, EndpointNotFound, InvalidInput, SecretReplaced, TooManyEndpoints
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.journal import journal
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.webhooks import deliveries, endpoints
from videobroker.storage.webhooks.deliveries import DeliverySearchPage
from videobroker.translatable import TranslatableText
from videobroker.usecases.authorization import require_for_app
from videobroker.usecases.context import RequestContext
from videobroker.usecases.preconditions import Precondition

MAX_ENDPOINTS = 20
"""Per app."""
MAX_OVERLAP = timedelta(days=7)
REPLAY_PAGE_EVENTS = 1000
EXPORT_PAGE_DELIVERIES = 500
MAX_REPLAYED_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """The settings of a new endpoint."""

    url: str
    description: str = ""
    types: frozenset[EventType] = frozenset()
    ordered: bool = False
    enabled: bool = True


async def create(context: RequestContext, request: EndpointRequest) -> Endpoint:
    """Create and journal an endpoint with a new secret. It receives events from now on.

    A key needs the scope `events:read` too, because the endpoint receives the journal. Raises `ScopeMissing`,
    `TooManyEndpoints`, and `InvalidInput` for a URL that is not allowed.
    """
    require_receiver(context.actor)
    endpoint = Endpoint(
        id=EndpointId(uuid7(context.now)),
        app_id=context.app.id,
        url=check_endpoint_url(request.url, allow_private=context.broker.webhook_sender.allow_private),
        description=request.description,
        types=request.types,
        ordered=request.ordered,
        disabled=None if request.enabled else DisabledReason.BY_APP,
        created_at=context.now,
        secrets=(SigningSecret(generate_secret()),),
    )
    async with context.transaction() as unit_of_work:
        await endpoints.lock_endpoints_of_app(unit_of_work, context.app.id)
        if len(await endpoints.of_app(unit_of_work, context.app.id)) >= MAX_ENDPOINTS:
            raise TooManyEndpoints(
                TranslatableText(
                    "An app has at most %(maximum)s webhook endpoints. Remove one first.", maximum=MAX_ENDPOINTS
                )
            )
        await endpoints.add(unit_of_work, endpoint, cursor=await journal.last_cursor(unit_of_work, context.app.id))
        await _record_set_up(context, unit_of_work, EventType.ENDPOINT_CREATED, **describe_endpoint(endpoint))
    return endpoint


async def require_secret(context: RequestContext, endpoint_id: EndpointId, secret: str, *, receives: bool) -> None:
    """Raise unless this is the endpoint's current secret, and the actor may get it again.

    `receives`: the actor must also be allowed to read events. Raises `EndpointNotFound`, `SecretReplaced`,
    `ScopeMissing`.
    """
    endpoint = await require_endpoint(context, endpoint_id, receives=receives)
    if not hmac.compare_digest(endpoint.secrets[0].value, secret):
        raise SecretReplaced(
            "The first request with this Idempotency-Key returned a secret that was replaced since. "
            "Rotate the secret with a new key to get one."
        )


async def require_endpoint(context: RequestContext, endpoint_id: EndpointId, *, receives: bool) -> Endpoint:
    """Load an endpoint that the actor may manage. Raises `EndpointNotFound`, `ScopeMissing`."""
    require_for_app(context.actor, Action.MANAGE_ENDPOINTS)
    if receives:
        require_for_app(context.actor, Action.RECEIVE_EVENTS)
    async with context.transaction() as unit_of_work:
        return await _find_or_raise(context, unit_of_work, endpoint_id)


async def list_endpoints(context: RequestContext) -> list[Endpoint]:
    """All endpoints of the app, oldest first. Raises `ScopeMissing`."""
    require_for_app(context.actor, Action.VIEW_ENDPOINTS)
    async with context.transaction() as unit_of_work:
        return await endpoints.of_app(unit_of_work, context.app.id)


async def find(context: RequestContext, endpoint_id: EndpointId) -> Endpoint:
    """Raises `EndpointNotFound`, `ScopeMissing`."""
    require_for_app(context.actor, Action.VIEW_ENDPOINTS)
    async with context.transaction() as unit_of_work:
        return await _find_or_raise(context, unit_of_work, endpoint_id)


async def change(
    context: RequestContext,
    endpoint_id: EndpointId,
    *,
    url: str | None,
    description: str | None,
    types: frozenset[EventType] | None,
    ordered: bool | None,
    enabled: bool | None,
    precondition: Precondition[Endpoint] | None = None,
) -> Endpoint:
    """Change settings that are not None, and journal it. Enabling sends what it missed while it was disabled.

    If an operator enables or disables it, the event is `endpoint.operated`. Raises `EndpointNotFound`,
    `InvalidInput`, `ScopeMissing`, `PreconditionFailed`.
    """
    require_receiver(context.actor)
    async with context.transaction() as unit_of_work:
        known = await _find_or_raise(context, unit_of_work, endpoint_id, locked=True)
        if precondition is not None:
            precondition(known)
        changed = replace(
            known,
            url=known.url
            if url is None
            else check_endpoint_url(url, allow_private=context.broker.webhook_sender.allow_private),
            description=known.description if description is None else description,
            types=known.types if types is None else types,
            ordered=known.ordered if ordered is None else ordered,
        )
        if changed.url != known.url:
            changed = replace(changed, health=known.health.probe_at_once(context.now))
        if enabled is not None:
            changed = replace(changed, disabled=_disabled(known, enabled), health=WORKING)
        await endpoints.save(unit_of_work, changed)
        if changed.disabled is None:
            await enqueue(unit_of_work, Job(JobKind.DELIVER, context.app.id, endpoint_id))
        if context.actor.operator is not None and enabled is not None:
            done = EndpointAction.ENABLED if enabled else EndpointAction.DISABLED
            await journal.record(unit_of_work, _operated(context, endpoint_id, done))
        elif names := list_changed_endpoint_settings(known, changed):
            data = {**describe_endpoint(changed), "changed": names}
            await _record_set_up(context, unit_of_work, EventType.ENDPOINT_CHANGED, **data)
    return changed


def _disabled(known: Endpoint, enabled: bool) -> DisabledReason | None:
    return None if enabled else known.disabled or DisabledReason.BY_APP


async def remove(
    context: RequestContext, endpoint_id: EndpointId, *, precondition: Precondition[Endpoint] | None = None
) -> None:
    """Delete the endpoint and its pending deliveries, and journal it.

    Raises `EndpointNotFound`, `ScopeMissing`, `PreconditionFailed`.
    """
    require_for_app(context.actor, Action.MANAGE_ENDPOINTS)
    async with context.transaction() as unit_of_work:
        if precondition is not None:
            precondition(await _find_or_raise(context, unit_of_work, endpoint_id, locked=True))
        # Does not decrypt its secrets, so that an endpoint can be deleted after its encryption key was lost.
        url = await endpoints.delete_endpoint(unit_of_work, context.app.id, endpoint_id)
        if url is None:
            raise _no_endpoint()
        data = {"endpoint": str(endpoint_id), "host": extract_host(url)}
        await _record_set_up(context, unit_of_work, EventType.ENDPOINT_REMOVED, **data)


async def rotate(
    context: RequestContext,
    endpoint_id: EndpointId,
    *,
    overlap: timedelta,
    precondition: Precondition[Endpoint] | None = None,
) -> Endpoint:
    """Create a new secret, and journal it. During the overlap, the previous one signs too.

    Raises `EndpointNotFound`, `ScopeMissing`, `InvalidInput`, `PreconditionFailed`.
    """
    require_for_app(context.actor, Action.MANAGE_ENDPOINTS)
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise InvalidInput(TranslatableText("The overlap is at most %(days)s days.", days=MAX_OVERLAP.days))
    async with context.transaction() as unit_of_work:
        known = await _find_or_raise(context, unit_of_work, endpoint_id, locked=True)
        if precondition is not None:
            precondition(known)
        changed = replace(known, secrets=known.rotate_secret(context.now, overlap=overlap))
        await endpoints.save(unit_of_work, changed)
        data = {"endpoint": str(endpoint_id), "overlap_seconds": int(overlap.total_seconds())}
        await _record_set_up(context, unit_of_work, EventType.ENDPOINT_SECRET_ROTATED, **data)
    return changed


async def test(context: RequestContext, endpoint_id: EndpointId) -> DeliveryAttempt:
    """Send a signed test event once. The attempt is not stored. Raises `EndpointNotFound`, `ScopeMissing`.

    If an operator does this, it is journaled before the request is sent.
    """
    require_for_app(context.actor, Action.SEND_DELIVERIES)
    async with context.transaction() as unit_of_work:
        endpoint = await _find_or_raise(context, unit_of_work, endpoint_id)
        if context.actor.operator is not None:
            await journal.record(unit_of_work, _operated(context, endpoint_id, EndpointAction.TESTED))
    event_id = str(uuid7(context.now))
    text = json.dumps(_test_message(context, endpoint_id, event_id), separators=(",", ":"), sort_keys=True)
    request = WebhookRequest(endpoint.url, event_id, text, endpoint.signing_secrets(context.now), number=1)
    return (await context.broker.webhook_sender.send(request, now=context.now)).attempt


def _test_message(context: RequestContext, endpoint_id: EndpointId, event_id: str) -> dict[str, Any]:
    """The body of a test: an event with all fields of an event, so that receivers need no special case."""
    occurred_at = rfc3339(context.now)
    event = {
        "id": event_id,
        "type": "endpoint.test",
        "occurred_at": occurred_at,
        "session": None,
        "user_id": None,
        "asked_by": requester_json(context.actor),
        "data": {"endpoint": str(endpoint_id)},
        "cursor": None,
    }
    return {"type": event["type"], "timestamp": occurred_at, "data": event}


async def list_deliveries(
    context: RequestContext, endpoint_id: EndpointId, *, state: DeliveryState | None, limit: int, cursor: str | None
) -> Page[Delivery]:
    """One page of an endpoint's deliveries, newest first.

    Raises `EndpointNotFound`, `InvalidCursor`, `ScopeMissing`.
    """
    require_for_app(context.actor, Action.VIEW_ENDPOINTS)
    async with context.transaction() as unit_of_work:
        await _find_or_raise(context, unit_of_work, endpoint_id)
        return await deliveries.page(unit_of_work, context.app.id, endpoint_id, state=state, limit=limit, cursor=cursor)


async def list_retrying(context: RequestContext, endpoint_id: EndpointId, *, limit: int) -> list[Delivery]:
    """The oldest failed deliveries that are retried; for a disabled endpoint, all pending ones.

    Raises `EndpointNotFound`, `ScopeMissing`.
    """
    require_for_app(context.actor, Action.VIEW_ENDPOINTS)
    async with context.transaction() as unit_of_work:
        endpoint = await _find_or_raise(context, unit_of_work, endpoint_id)
        return await deliveries.retrying(
            unit_of_work, context.app.id, endpoint_id, with_untried=endpoint.disabled is not None, limit=limit
        )


async def find_delivery(context: RequestContext, delivery_id: DeliveryId) -> tuple[Delivery, Sequence[DeliveryAttempt]]:
    """A delivery with all its attempts. Raises `DeliveryNotFound`, `ScopeMissing`."""
    require_for_app(context.actor, Action.VIEW_ENDPOINTS)
    async with context.transaction() as unit_of_work:
        found = await deliveries.find(unit_of_work, context.app.id, delivery_id)
        if found is None:
            raise _no_delivery()
        return found, await deliveries.attempts_of(unit_of_work, context.app.id, delivery_id)


@dataclass(frozen=True, slots=True)
class DeliveryDetails:
    """A delivery with what was sent and what the receiver answered."""

    delivery: Delivery
    attempts: Sequence[DeliveryAttempt]
    event: RecordedEvent | None
    """What the body contains. None if the retention policy has deleted it from the journal."""


async def find_delivery_details(context: RequestContext, delivery_id: DeliveryId) -> DeliveryDetails:
    """A delivery with its event and its attempts. Raises `DeliveryNotFound`, `ScopeMissing`."""
    require_for_app(context.actor, Action.RECEIVE_EVENTS)
    delivery, attempts = await find_delivery(context, delivery_id)
    async with context.transaction() as unit_of_work:
        position = await deliveries.event_position(unit_of_work, context.app.id, delivery_id)
        found = await journal.events_at(unit_of_work, context.app.id, [] if position is None else [position])
    return DeliveryDetails(delivery, attempts, next(iter(found.values()), None))


async def search_deliveries(
    context: RequestContext, chosen: DeliveryFilter, *, limit: int, before: str | None
) -> DeliverySearchPage:
    """The newest deliveries that match, before the cursor. A page may end early, see `DeliverySearchPage`.

    Raises `EndpointNotFound`, `InvalidCursor`, `ScopeMissing`.
    """
    require_for_app(context.actor, Action.VIEW_ENDPOINTS)
    async with context.transaction() as unit_of_work:
        if chosen.endpoint is not None:
            ids = [(await _find_or_raise(context, unit_of_work, chosen.endpoint)).id]
        else:
            ids = [each.id for each in await endpoints.of_app(unit_of_work, context.app.id)]
        return await deliveries.search(unit_of_work, context.app.id, ids, chosen, limit=limit, before=before)


async def stream_deliveries(
    context: RequestContext, chosen: DeliveryFilter, *, limit: int
) -> AsyncIterator[FoundDelivery]:
    """Yield the newest deliveries that match, at most `limit`. Raises what `search_deliveries` raises."""
    cursor: str | None = None
    remaining = limit
    while remaining > 0:
        page = await search_deliveries(context, chosen, limit=min(EXPORT_PAGE_DELIVERIES, remaining), before=cursor)
        for each in page.items:
            yield each
        remaining -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


async def deliveries_of(
    context: RequestContext, event_ids: Sequence[EventId]
) -> tuple[Sequence[Endpoint], Sequence[Delivery]]:
    """The app's endpoints, and the deliveries of these events."""
    async with context.transaction() as unit_of_work:
        known = await endpoints.of_app(unit_of_work, context.app.id)
        found = await deliveries.of_events(unit_of_work, context.app.id, [each.id for each in known], event_ids)
    return known, found


async def retry(context: RequestContext, delivery_id: DeliveryId) -> Delivery:
    """Send a delivery again, regardless of its state. If an operator does this, it is journaled.

    Raises `DeliveryNotFound`, `ScopeMissing`.
    """
    _require_sender(context.actor)
    async with context.transaction() as unit_of_work:
        found = await deliveries.find(unit_of_work, context.app.id, delivery_id)
        if found is None:
            raise _no_delivery()
        await endpoints.probe_at_once(unit_of_work, context.app.id, found.endpoint_id, now=context.now)
        await deliveries.reschedule(unit_of_work, context.app.id, delivery_id, now=context.now)
        await enqueue(unit_of_work, Job(JobKind.DELIVER, context.app.id, found.endpoint_id))
        if context.actor.operator is not None:
            event = _operated(context, found.endpoint_id, EndpointAction.RETRIED, delivery=str(delivery_id))
            await journal.record(unit_of_work, event)
        updated = await deliveries.find(unit_of_work, context.app.id, delivery_id)
    return updated or found


async def replay(
    context: RequestContext, endpoint_id: EndpointId, *, since: datetime, until: datetime, types: Iterable[EventType]
) -> int:
    """Send the events of a period again that the endpoint subscribes to. Returns how many.

    If an operator does this, it is journaled. Raises `EndpointNotFound`, `ScopeMissing`, and `InvalidInput` for a
    period that is empty or has more than `MAX_REPLAYED_EVENTS` events.
    """
    _require_sender(context.actor)
    if since >= until:
        raise InvalidInput(TranslatableText("`until` must be after `since`."))
    async with context.transaction() as unit_of_work:
        endpoint = await _find_or_raise(context, unit_of_work, endpoint_id)
    chosen = frozenset(types)
    async with context.transaction() as unit_of_work:
        if not await endpoints.lock_shared(unit_of_work, context.app.id, endpoint_id):
            raise _no_endpoint()
        await endpoints.probe_at_once(unit_of_work, context.app.id, endpoint_id, now=context.now)
        cursor: str | None = None
        total = 0
        while True:
            recorded, following = await journal.page(
                unit_of_work,
                context.app.id,
                types=chosen,
                since=since,
                until=until,
                limit=REPLAY_PAGE_EVENTS,
                cursor=cursor,
            )
            subscribed = [each for each in recorded if endpoint.is_subscribed_to(each.event.type)]
            # UUIDs of one millisecond are not in order.
            ids = sorted(DeliveryId(uuid7(context.now)) for _ in subscribed)
            total += await deliveries.create(
                unit_of_work,
                context.app.id,
                endpoint_id,
                zip(ids, subscribed, strict=True),
                now=context.now,
                again=True,
            )
            if total > MAX_REPLAYED_EVENTS:
                raise InvalidInput(
                    TranslatableText(
                        "At most %(maximum)s events are replayed at once. Choose a shorter time.",
                        maximum=MAX_REPLAYED_EVENTS,
                    )
                )
            if following is None:
                break
            cursor = following
        await enqueue(unit_of_work, Job(JobKind.DELIVER, context.app.id, endpoint_id))
        if context.actor.operator is not None:
            data = {"since": rfc3339(since), "until": rfc3339(until), "events": total}
            await journal.record(unit_of_work, _operated(context, endpoint_id, EndpointAction.REPLAYED, **data))
    return total


def require_receiver(actor: Actor) -> None:
    """Raise `ScopeMissing` unless the actor may manage endpoints and read the events that they receive."""
    require_for_app(actor, Action.MANAGE_ENDPOINTS)
    require_for_app(actor, Action.RECEIVE_EVENTS)


async def require_sender(context: RequestContext, endpoint_id: EndpointId) -> None:
    """Raise unless the actor may test the endpoint. Raises `EndpointNotFound`, `ScopeMissing`, `OperatorRoleMayNot`."""
    require_for_app(context.actor, Action.SEND_DELIVERIES)
    async with context.transaction() as unit_of_work:
        await _find_or_raise(context, unit_of_work, endpoint_id)


def _require_sender(actor: Actor) -> None:
    require_for_app(actor, Action.SEND_DELIVERIES)
    require_for_app(actor, Action.RECEIVE_EVENTS)


async def _record_set_up(context: RequestContext, unit_of_work: UnitOfWork, event_type: EventType, **data: Any) -> None:
    via = determine_interface(context.actor)
    event = create_set_up_event(event_type, actor=context.actor, via=via, now=context.now, **data)
    await journal.record(unit_of_work, event)


def _operated(context: RequestContext, endpoint_id: EndpointId, action: EndpointAction, **fields: Any) -> Event:
    about = {"delivery": None, "since": None, "until": None, "events": None, **fields}
    return Event(
        id=EventId(uuid7(context.now)),
        type=EventType.ENDPOINT_OPERATED,
        occurred_at=context.now,
        actor=context.actor,
        data={"endpoint": str(endpoint_id), "action": action, **about},
    )


async def _find_or_raise(
    context: RequestContext, unit_of_work: UnitOfWork, endpoint_id: EndpointId, *, locked: bool = False
) -> Endpoint:
    endpoint = await endpoints.find(unit_of_work, context.app.id, endpoint_id, locked=locked)
    if endpoint is None:
        raise _no_endpoint()
    return endpoint


def _no_endpoint() -> EndpointNotFound:
    return EndpointNotFound(TranslatableText("This app has no webhook endpoint with this ID."))


def _no_delivery() -> DeliveryNotFound:
    return DeliveryNotFound(TranslatableText("This app has no delivery with this ID."))
