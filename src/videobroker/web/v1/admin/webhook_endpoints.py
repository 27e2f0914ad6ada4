"""The webhook endpoints of any app. Their deliveries are in `/v1/webhook-endpoints` of the app, and in the console."""

from datetime import timedelta

from fastapi import Response

from videobroker.domain.ids import EndpointId
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest
from videobroker.web.http.conditional import NOT_MODIFIED, ChangeConditions, ReadConditions
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, authorized
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, SUPPORT, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS
from videobroker.web.v1.webhooks import (
    EndpointPath,
    SecretRotationInput,
    WebhookAttempt,
    WebhookEndpointInput,
    WebhookEndpointList,
    WebhookEndpointOut,
    WebhookEndpointPatch,
    WebhookEndpointWithSecret,
    attempt_out,
    endpoint_out,
    endpoint_with_secret,
    require_same_secret,
)

router = management_router("/apps/{app}/webhook-endpoints")

_PROBLEMS = (*APP_PROBLEMS, "endpoint_not_found")


@router.get(
    "", summary="List the webhook endpoints of an app", responses=described(*APP_PROBLEMS), openapi_extra=VIEWER
)
async def list_app_webhook_endpoints(operator: AppOperator) -> WebhookEndpointList:
    """Returns all webhook endpoints of the app, oldest first."""
    found = await endpoints.list_endpoints(operator.context)
    return WebhookEndpointList(data=[endpoint_out(each) for each in found])


@router.post(
    "",
    summary="Create a webhook endpoint for an app",
    status_code=201,
    response_model=WebhookEndpointWithSecret,
    responses=described(*_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "too_many_endpoints", "secret_replaced"),
    openapi_extra=ADMIN,
)
async def create_app_webhook_endpoint(
    operator: AppOperator, body: WebhookEndpointInput, idempotency: Idempotency
) -> Response:
    """The endpoint receives events of the app from now on, signed with Standard Webhooks. The secret is returned only
    in this response, and if you repeat the request with the same `Idempotency-Key` before it is rotated."""
    endpoint_request = EndpointRequest(body.url, body.description, frozenset(body.types), body.ordered, body.enabled)

    async def created() -> WebhookEndpointWithSecret:
        return endpoint_with_secret(await endpoints.create(operator.context, endpoint_request))

    return await idempotency.respond(
        operator,
        created,
        revalidate=require_same_secret(operator, receives=True),
        status=201,
        locate=idempotency.location_of,
    )


@router.get(
    "/{endpoint_id}",
    summary="Get a webhook endpoint of an app",
    response_model=WebhookEndpointOut,
    responses={**NOT_MODIFIED, **described(*_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_app_webhook_endpoint(
    operator: AppOperator, endpoint_id: EndpointPath, conditions: ReadConditions
) -> WebhookEndpointOut | Response:
    """Returns the settings of the endpoint, and whether its deliveries fail."""
    return conditions.read(endpoint_out(await endpoints.find(operator.context, EndpointId(endpoint_id))))


@router.patch(
    "/{endpoint_id}",
    summary="Update a webhook endpoint of an app",
    responses=described(*_PROBLEMS, *BODY_PROBLEMS, "precondition_failed"),
    openapi_extra=ADMIN,
)
async def update_app_webhook_endpoint(
    operator: AppOperator, endpoint_id: EndpointPath, body: WebhookEndpointPatch, conditions: ChangeConditions
) -> WebhookEndpointOut:
    """Updates the given fields. When you enable a disabled endpoint, the events that it missed are sent."""
    changed = await endpoints.change(
        operator.context,
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
    "/{endpoint_id}",
    summary="Delete a webhook endpoint of an app",
    status_code=204,
    response_class=Response,
    responses=described(*_PROBLEMS, "precondition_failed"),
    openapi_extra=ADMIN,
)
async def delete_app_webhook_endpoint(
    operator: AppOperator, endpoint_id: EndpointPath, conditions: ChangeConditions
) -> None:
    """Pending deliveries to the endpoint are discarded. The events stay in the journal."""
    await endpoints.remove(operator.context, EndpointId(endpoint_id), precondition=conditions.on(endpoint_out))


@router.post(
    "/{endpoint_id}/rotate-secret",
    summary="Rotate the secret of an app's endpoint",
    response_model=WebhookEndpointWithSecret,
    responses=described(*_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "secret_replaced"),
    openapi_extra=ADMIN,
)
async def rotate_app_webhook_endpoint_secret(
    operator: AppOperator,
    endpoint_id: EndpointPath,
    idempotency: Idempotency,
    body: SecretRotationInput | None = None,
) -> Response:
    """Returns a new secret. Deliveries are signed with both secrets for `overlap_seconds`."""
    overlap = timedelta(seconds=(body or SecretRotationInput()).overlap_seconds)

    async def rotated() -> WebhookEndpointWithSecret:
        return endpoint_with_secret(await endpoints.rotate(operator.context, EndpointId(endpoint_id), overlap=overlap))

    return await idempotency.respond(operator, rotated, revalidate=require_same_secret(operator, receives=False))


@router.post(
    "/{endpoint_id}/test",
    summary="Send a test event to an app's endpoint",
    response_model=WebhookAttempt,
    responses=described(*_PROBLEMS, *IDEMPOTENCY_PROBLEMS),
    openapi_extra=SUPPORT,
)
async def test_app_webhook_endpoint(
    operator: AppOperator, endpoint_id: EndpointPath, idempotency: Idempotency
) -> Response:
    """Sends a signed event of type `endpoint.test` immediately, and returns the result."""

    async def tested() -> WebhookAttempt:
        return attempt_out(await endpoints.test(operator.context, EndpointId(endpoint_id)))

    async def check() -> None:
        await endpoints.require_sender(operator.context, EndpointId(endpoint_id))

    return await idempotency.respond(operator, tested, revalidate=authorized(check))
