"""Webhook endpoints of the app's backend, and the deliveries to them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from videobroker.domain.events import EventType
from videobroker.domain.ids import DeliveryId, EndpointId
from videobroker.domain.webhooks import Delivery, DeliveryAttempt, DeliveryState, DisabledReason, Endpoint
from videobroker.usecases.idempotency import KeyedResponse, Revalidate
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest
from videobroker.web.http.auth import Caller, EventReceiver, WebhooksReader, WebhooksWriter
from videobroker.web.http.conditional import NOT_MODIFIED, ChangeConditions, ReadConditions
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, authorized
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import INTEGRAL, Moment, RequestModel
from videobroker.web.v1.session_schemas import BODY_PROBLEMS, COMMON_PROBLEMS, Cursor, Limit

router = APIRouter(tags=["webhookEndpoints"], route_class=JsonRoute, generate_unique_id_function=by_name)

EndpointPath = Annotated[UUID, Path(description="The `id` of the endpoint.")]
DeliveryPath = Annotated[UUID, Path(description="The `id` of the delivery.")]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
Description = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Types = Annotated[list[EventType], Field(max_length=len(EventType))]

_PROBLEMS = (*COMMON_PROBLEMS, "endpoint_not_found")
_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-9a10-7c55-9c1e-6f2b8d1e4a79",
    "url": "https://backend.example/hooks/video",
    "description": "bookings backend",
    "types": ["call.started", "call.settled", "participant.no_show"],
    "ordered": False,
    "enabled": True,
    "disabled": None,
    "failing_since": None,
    "created_at": "2026-03-12T09:00:00Z",
}
_SECRET = "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUtZXhhbXBsZQ=="  # noqa: S105  an example


class WebhookEndpointInput(RequestModel):
    """A URL that receives events."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://backend.example/hooks/video",
                    "types": ["call.started", "call.settled"],
                    "ordered": True,
                }
            ]
        }
    )

    url: Url = Field(description="An HTTPS URL on the public internet.")
    description: Description = Field(default="", description="A note for your own use.")
    types: Types = Field(
        default=[],
        description="The event types to send. If empty, all types except those about the configuration of the app, "
        "which must be listed explicitly.",
    )
    ordered: StrictBool = Field(
        default=False,
        description="Deliver the events of a session one after the other: each event waits until the previous one was "
        "accepted.",
    )
    enabled: StrictBool = Field(default=True, description="Whether events are sent to the endpoint.")


class WebhookEndpointPatch(RequestModel):
    """The fields to update. Omitted and null fields do not change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}]})

    url: Url | None = None
    description: Description | None = None
    types: Types | None = None
    ordered: StrictBool | None = None
    enabled: StrictBool | None = None


class WebhookEndpointOut(BaseModel):
    """A webhook endpoint. Its secret is returned only on creation and rotation."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    url: str
    description: str
    types: list[EventType]
    ordered: bool
    enabled: bool
    disabled: DisabledReason | None = Field(
        description="Why it is disabled: `by_app`, `gone` (it responded with 410), or `failing` (it failed for days)."
    )
    failing_since: Moment | None = Field(description="The first failure since the last success.")
    created_at: Moment


class WebhookEndpointWithSecret(WebhookEndpointOut):
    """A webhook endpoint with its new secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "secret": _SECRET}]})

    secret: str = Field(description="Signs deliveries (Standard Webhooks). It is shown only once, so store it.")


class WebhookEndpointList(BaseModel):
    """All endpoints of the app."""

    data: list[WebhookEndpointOut]
    next: None = Field(default=None, description="Always null: there is only one page.")


class SecretRotationInput(RequestModel):
    """Options for rotating a secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86400}]})

    overlap_seconds: Annotated[StrictInt, Field(ge=0, le=7 * 24 * 3600), INTEGRAL] = Field(
        default=86400, description="How long deliveries are signed with both secrets."
    )


class ReplayInput(RequestModel):
    """The events to resend."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"since": "2026-03-12T00:00:00Z", "until": "2026-03-13T00:00:00Z"}]}
    )

    since: Moment = Field(description="Inclusive.")
    until: Moment = Field(description="Exclusive.")
    types: Types = Field(
        default=[], description="Only events of these types. If empty, all types that the endpoint receives."
    )


class ReplayResult(BaseModel):
    """The result of a replay."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": 128}]})

    events: int = Field(description="The number of events that are sent again.")


_ATTEMPT: dict[str, Any] = {
    "number": 1,
    "at": "2026-03-12T14:00:01Z",
    "status": 204,
    "latency_ms": 38,
    "body": "",
    "error": None,
    "taken": True,
}


class WebhookAttempt(BaseModel):
    """One attempt to send an event."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ATTEMPT]})

    number: int = Field(description="Counts the attempts of the delivery, from 1.")
    at: Moment
    status: int | None = Field(description="The HTTP status. Null if there was no response.")
    latency_ms: int = Field(description="Milliseconds until the response or the failure.")
    body: str = Field(description="The beginning of the response body.")
    error: str | None = Field(description="Why there was no response.")
    taken: bool = Field(description="Whether the endpoint accepted the event, with any 2xx status.")


_DELIVERY: dict[str, Any] = {
    "id": "0195d3c2-9b10-7c55-9c1e-6f2b8d1e4a80",
    "endpoint": "0195d3c2-9a10-7c55-9c1e-6f2b8d1e4a79",
    "event": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
    "type": "call.started",
    "state": "delivered",
    "attempts": 1,
    "next_at": None,
    "created_at": "2026-03-12T14:00:00Z",
}


class WebhookDeliveryOut(BaseModel):
    """The delivery of one event to one endpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELIVERY]})

    id: UUID
    endpoint: UUID
    event: UUID = Field(description="The ID of the event. Sent as `webhook-id` in every attempt.")
    type: str
    state: DeliveryState
    attempts: int = Field(description="The number of attempts so far.")
    next_at: Moment | None = Field(description="When the next attempt is made. Null if there is none.")
    created_at: Moment


class WebhookDeliveryWithAttempts(WebhookDeliveryOut):
    """A delivery with all attempts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_DELIVERY, "log": [_ATTEMPT]}]})

    log: list[WebhookAttempt]


class WebhookDeliveryList(BaseModel):
    """One page of deliveries, newest first."""

    data: list[WebhookDeliveryOut]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


def _endpoint_fields(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "types": sorted(endpoint.types),
        "ordered": endpoint.ordered,
        "enabled": endpoint.disabled is None,
        "disabled": endpoint.disabled,
        "failing_since": endpoint.failing_since,
        "created_at": endpoint.created_at,
    }


def endpoint_out(endpoint: Endpoint) -> WebhookEndpointOut:
    return WebhookEndpointOut(**_endpoint_fields(endpoint))


def endpoint_with_secret(endpoint: Endpoint) -> WebhookEndpointWithSecret:
    return WebhookEndpointWithSecret(**_endpoint_fields(endpoint), secret=endpoint.secrets[0].value)


def _delivery_fields(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "endpoint": delivery.endpoint_id,
        "event": delivery.event_id,
        "type": delivery.type,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
        "created_at": delivery.created_at,
    }


def attempt_out(attempt: DeliveryAttempt) -> WebhookAttempt:
    return WebhookAttempt(
        number=attempt.number,
        at=attempt.at,
        status=attempt.status,
        latency_ms=attempt.latency_ms,
        body=attempt.body,
        error=attempt.error,
        taken=attempt.is_accepted,
    )


@router.post(
    "/webhook-endpoints",
    summary="Create a webhook endpoint",
    status_code=201,
    response_model=WebhookEndpointWithSecret,
    responses=described(
        *COMMON_PROBLEMS,
        *BODY_PROBLEMS,
        *IDEMPOTENCY_PROBLEMS,
        "too_many_endpoints",
        "endpoint_not_found",
        "secret_replaced",
    ),
)
async def create_webhook_endpoint(
    caller: EventReceiver, body: WebhookEndpointInput, idempotency: Idempotency
) -> Response:
    """The endpoint receives events from now on, signed with Standard Webhooks. The secret is returned only in this
    response, and if you repeat the request with the same `Idempotency-Key` before the secret is rotated or the endpoint
    deleted. The API key also needs `events:read`."""
    endpoint_request = EndpointRequest(body.url, body.description, frozenset(body.types), body.ordered, body.enabled)

    async def created() -> WebhookEndpointWithSecret:
        return endpoint_with_secret(await endpoints.create(caller.context, endpoint_request))

    return await idempotency.respond(
        caller,
        created,
        revalidate=require_same_secret(caller, receives=True),
        status=201,
        locate=idempotency.location_of,
    )


@router.get("/webhook-endpoints", summary="List webhook endpoints", responses=described(*COMMON_PROBLEMS))
async def list_webhook_endpoints(caller: WebhooksReader) -> WebhookEndpointList:
    """Returns all webhook endpoints, oldest first."""
    found = await endpoints.list_endpoints(caller.context)
    return WebhookEndpointList(data=[endpoint_out(each) for each in found])


@router.get(
    "/webhook-endpoints/{endpoint_id}",
    summary="Get a webhook endpoint",
    response_model=WebhookEndpointOut,
    responses={**NOT_MODIFIED, **described(*_PROBLEMS, "precondition_failed")},
)
async def get_webhook_endpoint(
    caller: WebhooksReader, endpoint_id: EndpointPath, conditions: ReadConditions
) -> WebhookEndpointOut | Response:
    """Returns the settings of the endpoint, and whether its deliveries fail."""
    return conditions.read(endpoint_out(await endpoints.find(caller.context, EndpointId(endpoint_id))))


@router.patch(
    "/webhook-endpoints/{endpoint_id}",
    summary="Update a webhook endpoint",
    responses=described(*_PROBLEMS, *BODY_PROBLEMS, "precondition_failed"),
)
async def update_webhook_endpoint(
    caller: EventReceiver, endpoint_id: EndpointPath, body: WebhookEndpointPatch, conditions: ChangeConditions
) -> WebhookEndpointOut:
    """Updates the given fields. When you enable a disabled endpoint, the events that it missed are sent."""
    changed = await endpoints.change(
        caller.context,
        EndpointId(endpoint_id),
        url=body.url,
        description=body.description,
        types=None if body.types is None else frozenset(body.types),
        ordered=body.ordered,
        enabled=body.enabled,
        precondition=conditions.on(endpoint_out),
    )
    return conditions.tagged(endpoint_out(changed))


@router.delete(
    "/webhook-endpoints/{endpoint_id}",
    summary="Delete a webhook endpoint",
    status_code=204,
    response_class=Response,
    responses=described(*_PROBLEMS, "precondition_failed"),
)
async def delete_webhook_endpoint(
    caller: WebhooksWriter, endpoint_id: EndpointPath, conditions: ChangeConditions
) -> None:
    """Pending deliveries to the endpoint are discarded. The events stay in the journal."""
    await endpoints.remove(caller.context, EndpointId(endpoint_id), precondition=conditions.on(endpoint_out))


@router.post(
    "/webhook-endpoints/{endpoint_id}/rotate-secret",
    summary="Rotate the secret of an endpoint",
    response_model=WebhookEndpointWithSecret,
    responses=described(*_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "secret_replaced"),
)
async def rotate_webhook_endpoint_secret(
    caller: WebhooksWriter, endpoint_id: EndpointPath, idempotency: Idempotency, body: SecretRotationInput | None = None
) -> Response:
    """Returns a new secret. Deliveries are signed with both secrets for `overlap_seconds`."""
    overlap = timedelta(seconds=(body or SecretRotationInput()).overlap_seconds)

    async def rotated() -> WebhookEndpointWithSecret:
        return endpoint_with_secret(await endpoints.rotate(caller.context, EndpointId(endpoint_id), overlap=overlap))

    return await idempotency.respond(caller, rotated, revalidate=require_same_secret(caller, receives=False))


@router.post(
    "/webhook-endpoints/{endpoint_id}/test",
    summary="Send a test event to an endpoint",
    response_model=WebhookAttempt,
    responses=described(*_PROBLEMS, *IDEMPOTENCY_PROBLEMS),
)
async def test_webhook_endpoint(
    caller: WebhooksWriter, endpoint_id: EndpointPath, idempotency: Idempotency
) -> Response:
    """Sends a signed event of type `endpoint.test` immediately, and returns the result."""

    async def tested() -> WebhookAttempt:
        return attempt_out(await endpoints.test(caller.context, EndpointId(endpoint_id)))

    check = may_manage(caller, EndpointId(endpoint_id), receives=False)
    return await idempotency.respond(caller, tested, revalidate=authorized(check))


@router.post(
    "/webhook-endpoints/{endpoint_id}/replay",
    summary="Replay events",
    response_model=ReplayResult,
    responses=described(*_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS),
)
async def replay_events(
    caller: EventReceiver, endpoint_id: EndpointPath, body: ReplayInput, idempotency: Idempotency
) -> Response:
    """Sends the events of a period again, with their original IDs, so that receivers can detect duplicates."""

    async def replayed() -> ReplayResult:
        return ReplayResult(
            events=await endpoints.replay(
                caller.context, EndpointId(endpoint_id), since=body.since, until=body.until, types=body.types
            )
        )

    check = may_manage(caller, EndpointId(endpoint_id), receives=True)
    return await idempotency.respond(caller, replayed, revalidate=authorized(check))


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries",
    summary="List deliveries",
    responses=described(*_PROBLEMS, "invalid_cursor"),
)
async def list_webhook_deliveries(
    caller: WebhooksReader,
    endpoint_id: EndpointPath,
    state: Annotated[DeliveryState | None, Query(description="Only deliveries in this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> WebhookDeliveryList:
    """Returns the deliveries to an endpoint, newest first."""
    found, following = await endpoints.list_deliveries(
        caller.context, EndpointId(endpoint_id), state=state, limit=limit, cursor=cursor
    )
    return WebhookDeliveryList(data=[WebhookDeliveryOut(**_delivery_fields(each)) for each in found], next=following)


@router.get(
    "/deliveries/{delivery_id}",
    summary="Get a delivery",
    responses=described(*COMMON_PROBLEMS, "delivery_not_found"),
)
async def get_webhook_delivery(caller: WebhooksReader, delivery_id: DeliveryPath) -> WebhookDeliveryWithAttempts:
    """Returns a delivery with all attempts."""
    found, log = await endpoints.find_delivery(caller.context, DeliveryId(delivery_id))
    return WebhookDeliveryWithAttempts(**_delivery_fields(found), log=[attempt_out(each) for each in log])


@router.post(
    "/deliveries/{delivery_id}/retry",
    summary="Retry a delivery",
    response_model=WebhookDeliveryOut,
    responses=described(*COMMON_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "delivery_not_found"),
)
async def retry_webhook_delivery(
    caller: EventReceiver, delivery_id: DeliveryPath, idempotency: Idempotency
) -> Response:
    """Sends the event again, whatever the state of the delivery."""

    async def retried() -> WebhookDeliveryOut:
        found = await endpoints.retry(caller.context, DeliveryId(delivery_id))
        return WebhookDeliveryOut(**_delivery_fields(found))

    async def check() -> None:
        endpoints.require_receiver(caller.actor)

    return await idempotency.respond(caller, retried, revalidate=authorized(check))


def may_manage(caller: Caller, endpoint_id: EndpointId, *, receives: bool) -> Callable[[], Awaitable[object]]:
    return lambda: endpoints.require_endpoint(caller.context, endpoint_id, receives=receives)


def require_same_secret(caller: Caller, *, receives: bool) -> Revalidate:
    """Return the stored secret again if it is still the current one of its endpoint."""

    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any]:
        endpoint_id, secret = EndpointId(UUID(stored.body["id"])), stored.body["secret"]
        await endpoints.require_secret(caller.context, endpoint_id, secret, receives=receives)
        return stored.body

    return revalidate
