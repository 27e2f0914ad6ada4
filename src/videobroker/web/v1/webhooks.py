"""Webhook endpoints: where the app's backend hears our events, and what became of each delivery."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from videobroker.domain.events import EventType
from videobroker.domain.ids import DeliveryId, EndpointId
from videobroker.domain.webhooks import Delivery, DeliveryAttempt, DeliveryState, Disabled, Endpoint
from videobroker.usecases.idempotency import Answer, Revalidate
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest
from videobroker.web.http.auth import Caller, EventReceiver, WebhooksReader, WebhooksWriter
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly, authorized
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import INTEGRAL, Moment, Shape
from videobroker.web.v1.session_schemas import COMMON_PROBLEMS, Cursor, Limit

router = APIRouter(tags=["webhooks out"], route_class=JsonRoute, generate_unique_id_function=by_name)

EndpointPath = Annotated[UUID, Path(description="The `id` of the endpoint.")]
DeliveryPath = Annotated[UUID, Path(description="The `id` of the delivery.")]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
Description = Annotated[str, Field(max_length=200, pattern=r"^[^\u0000-\u001f\u007f]*$")]
Types = Annotated[list[EventType], Field(max_length=len(EventType))]

_PROBLEMS = (*COMMON_PROBLEMS, "endpoint_not_found")
_BODY_PROBLEMS = ("malformed_json", "body_too_large")
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


class EndpointIn(Shape):
    """A URL that wants our events."""

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

    url: Url = Field(description="HTTPS, on the public internet.")
    description: Description = ""
    types: Types = Field(
        default=[],
        description="Only these events. Empty for all but those about the set-up of the app, which have to be named.",
    )
    ordered: StrictBool = Field(
        default=False,
        description="Events of one session come one after the other: a later one waits until an earlier one was taken.",
    )
    enabled: StrictBool = True


class EndpointPatch(Shape):
    """What changes; the rest stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}]})

    url: Url | None = None
    description: Description | None = None
    types: Types | None = None
    ordered: StrictBool | None = None
    enabled: StrictBool | None = None


class EndpointOut(BaseModel):
    """An endpoint; its secret is shown only when it is made."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    url: str
    description: str
    types: list[EventType]
    ordered: bool
    enabled: bool
    disabled: Disabled | None = Field(description="Why it gets nothing: `by_app`, `gone` (410), `failing` (for days).")
    failing_since: Moment | None = Field(description="The first failure since the last success.")
    created_at: Moment


class EndpointWithSecret(EndpointOut):
    """An endpoint whose secret was made just now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "secret": _SECRET}]})

    secret: str = Field(description="Signs deliveries (Standard Webhooks). Shown once: keep it.")


class EndpointPage(BaseModel):
    """All endpoints of the app."""

    data: list[EndpointOut]
    next: None = Field(default=None, description="There is one page.")


class RotationIn(Shape):
    """How a secret is replaced."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86400}]})

    overlap_seconds: Annotated[StrictInt, Field(ge=0, le=7 * 24 * 3600), INTEGRAL] = Field(
        default=86400, description="For so long both secrets sign."
    )


class ReplayIn(Shape):
    """What is sent once more."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"since": "2026-03-12T00:00:00Z", "until": "2026-03-13T00:00:00Z"}]}
    )

    since: Moment
    until: Moment = Field(description="Exclusive.")
    types: Types = Field(default=[], description="Only these; empty for all that the endpoint wants.")


class ReplayOut(BaseModel):
    """How much is on its way again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": 128}]})

    events: int


_ATTEMPT: dict[str, Any] = {
    "number": 1,
    "at": "2026-03-12T14:00:01Z",
    "status": 204,
    "latency_ms": 38,
    "body": "",
    "error": None,
    "taken": True,
}


class AttemptOut(BaseModel):
    """One try."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ATTEMPT]})

    number: int
    at: Moment
    status: int | None = Field(description="The HTTP status; null when there was no answer.")
    latency_ms: int
    body: str = Field(description="The beginning of the answer.")
    error: str | None = Field(description="Why there was no answer.")
    taken: bool = Field(description="Any 2xx.")


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


class DeliveryOut(BaseModel):
    """One event on its way to one endpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELIVERY]})

    id: UUID
    endpoint: UUID
    event: UUID = Field(description="Its `webhook-id`: the same at every attempt.")
    type: str
    state: DeliveryState
    attempts: int
    next_at: Moment | None = Field(description="When it is tried next; null when it is not.")
    created_at: Moment


class DeliveryDetail(DeliveryOut):
    """A delivery with every attempt."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_DELIVERY, "log": [_ATTEMPT]}]})

    log: list[AttemptOut]


class DeliveryPage(BaseModel):
    """One page of deliveries, newest first."""

    data: list[DeliveryOut]
    next: str | None = Field(description="The `cursor` of the next page; null on the last one.")


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


def _with_secret(endpoint: Endpoint) -> EndpointWithSecret:
    return EndpointWithSecret(**_endpoint_fields(endpoint), secret=endpoint.secrets[0].value)


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


def _attempt_out(attempt: DeliveryAttempt) -> AttemptOut:
    return AttemptOut(
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
    summary="Add a webhook endpoint",
    status_code=201,
    response_model=EndpointWithSecret,
    responses=described(
        *COMMON_PROBLEMS,
        *_BODY_PROBLEMS,
        *IDEMPOTENCY_PROBLEMS,
        "too_many_endpoints",
        "endpoint_not_found",
        "secret_replaced",
    ),
)
async def create_endpoint(caller: EventReceiver, body: EndpointIn, once: OnceOnly) -> Any:
    """It receives events from now on, signed with Standard Webhooks. The secret is shown only once: in this answer,
    and when the request is repeated with its `Idempotency-Key`, until the secret is rotated or the endpoint removed.
    The API key needs `events:read` as well."""
    wish = EndpointRequest(body.url, body.description, frozenset(body.types), body.ordered, body.enabled)

    async def created() -> EndpointWithSecret:
        return _with_secret(await endpoints.create(caller.context, wish))

    return await once.answer(caller, created, revalidate=_same_secret(caller, receives=True), status=201)


@router.get("/webhook-endpoints", summary="List the webhook endpoints", responses=described(*COMMON_PROBLEMS))
async def list_endpoints(caller: WebhooksReader) -> EndpointPage:
    """All of them, oldest first."""
    found = await endpoints.list_endpoints(caller.context)
    return EndpointPage(data=[EndpointOut(**_endpoint_fields(each)) for each in found])


@router.get("/webhook-endpoints/{endpoint_id}", summary="Read a webhook endpoint", responses=described(*_PROBLEMS))
async def get_endpoint(caller: WebhooksReader, endpoint_id: EndpointPath) -> EndpointOut:
    """What it wants, and how it does."""
    found = await endpoints.find(caller.context, EndpointId(endpoint_id))
    return EndpointOut(**_endpoint_fields(found))


@router.patch(
    "/webhook-endpoints/{endpoint_id}",
    summary="Change a webhook endpoint",
    responses=described(*_PROBLEMS, *_BODY_PROBLEMS),
)
async def change_endpoint(caller: EventReceiver, endpoint_id: EndpointPath, body: EndpointPatch) -> EndpointOut:
    """Enabling it puts on its way what it missed while it was disabled."""
    changed = await endpoints.change(
        caller.context,
        EndpointId(endpoint_id),
        url=body.url,
        description=body.description,
        types=None if body.types is None else frozenset(body.types),
        ordered=body.ordered,
        enabled=body.enabled,
    )
    return EndpointOut(**_endpoint_fields(changed))


@router.delete(
    "/webhook-endpoints/{endpoint_id}",
    summary="Remove a webhook endpoint",
    status_code=204,
    response_class=Response,
    responses=described(*_PROBLEMS),
)
async def remove_endpoint(caller: WebhooksWriter, endpoint_id: EndpointPath) -> None:
    """Whatever was on its way to it is forgotten; the events stay in the journal."""
    await endpoints.remove(caller.context, EndpointId(endpoint_id))


@router.post(
    "/webhook-endpoints/{endpoint_id}/rotate-secret",
    summary="Replace the secret of an endpoint",
    response_model=EndpointWithSecret,
    responses=described(*_PROBLEMS, *_BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "secret_replaced"),
)
async def rotate_secret(
    caller: WebhooksWriter, endpoint_id: EndpointPath, once: OnceOnly, body: RotationIn | None = None
) -> Any:
    """Deliveries carry the signatures of both secrets for as long as they overlap."""
    overlap = timedelta(seconds=(body or RotationIn()).overlap_seconds)

    async def rotated() -> EndpointWithSecret:
        return _with_secret(await endpoints.rotate(caller.context, EndpointId(endpoint_id), overlap=overlap))

    return await once.answer(caller, rotated, revalidate=_same_secret(caller, receives=False))


@router.post(
    "/webhook-endpoints/{endpoint_id}/test",
    summary="Send a test event to an endpoint",
    response_model=AttemptOut,
    responses=described(*_PROBLEMS, *IDEMPOTENCY_PROBLEMS),
)
async def test_endpoint(caller: WebhooksWriter, endpoint_id: EndpointPath, once: OnceOnly) -> Any:
    """One signed event of the type `endpoint.test`, at once; the answer is what came of it."""

    async def tested() -> AttemptOut:
        return _attempt_out(await endpoints.test(caller.context, EndpointId(endpoint_id)))

    check = _may_manage(caller, EndpointId(endpoint_id), receives=False)
    return await once.answer(caller, tested, revalidate=authorized(check))


@router.post(
    "/webhook-endpoints/{endpoint_id}/replay",
    summary="Send the events of some time once more",
    response_model=ReplayOut,
    responses=described(*_PROBLEMS, *_BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS),
)
async def replay_events(caller: EventReceiver, endpoint_id: EndpointPath, body: ReplayIn, once: OnceOnly) -> Any:
    """With the ids they had before, so that a receiver can tell what it knows."""

    async def replayed() -> ReplayOut:
        return ReplayOut(
            events=await endpoints.replay(
                caller.context, EndpointId(endpoint_id), since=body.since, until=body.until, types=body.types
            )
        )

    check = _may_manage(caller, EndpointId(endpoint_id), receives=True)
    return await once.answer(caller, replayed, revalidate=authorized(check))


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries",
    summary="List the deliveries to an endpoint",
    responses=described(*_PROBLEMS, "invalid_cursor"),
)
async def list_deliveries(
    caller: WebhooksReader,
    endpoint_id: EndpointPath,
    state: Annotated[DeliveryState | None, Query(description="Only these.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DeliveryPage:
    """Newest first."""
    found, following = await endpoints.list_deliveries(
        caller.context, EndpointId(endpoint_id), state=state, limit=limit, cursor=cursor
    )
    return DeliveryPage(data=[DeliveryOut(**_delivery_fields(each)) for each in found], next=following)


@router.get(
    "/deliveries/{delivery_id}",
    summary="Read a delivery",
    responses=described(*COMMON_PROBLEMS, "delivery_not_found"),
)
async def get_delivery(caller: WebhooksReader, delivery_id: DeliveryPath) -> DeliveryDetail:
    """With every attempt."""
    found, log = await endpoints.find_delivery(caller.context, DeliveryId(delivery_id))
    return DeliveryDetail(**_delivery_fields(found), log=[_attempt_out(each) for each in log])


@router.post(
    "/deliveries/{delivery_id}/retry",
    summary="Retry a delivery",
    response_model=DeliveryOut,
    responses=described(*COMMON_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "delivery_not_found"),
)
async def retry_delivery(caller: EventReceiver, delivery_id: DeliveryPath, once: OnceOnly) -> Any:
    """It is on its way once more, whatever became of it."""

    async def retried() -> DeliveryOut:
        found = await endpoints.retry(caller.context, DeliveryId(delivery_id))
        return DeliveryOut(**_delivery_fields(found))

    async def check() -> None:
        endpoints.require_receiver(caller.actor)

    return await once.answer(caller, retried, revalidate=authorized(check))


def _may_manage(caller: Caller, endpoint_id: EndpointId, *, receives: bool) -> Callable[[], Awaitable[object]]:
    return lambda: endpoints.require_endpoint(caller.context, endpoint_id, receives=receives)


def _same_secret(caller: Caller, *, receives: bool) -> Revalidate:
    """Returns a stored secret again while it is the newest of its endpoint."""

    async def revalidate(stored: Answer) -> Mapping[str, Any]:
        endpoint_id, secret = EndpointId(UUID(stored.body["id"])), stored.body["secret"]
        await endpoints.require_secret(caller.context, endpoint_id, secret, receives=receives)
        return stored.body

    return revalidate
