"""Webhook endpoints and what became of the events on their way there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from videobroker.domain.apps import App
from videobroker.domain.ids import DeliveryId, EndpointId
from videobroker.domain.webhooks import Delivery, DeliveryAttempt, DeliveryState, Endpoint
from videobroker.errors import InvalidInput
from videobroker.usecases.webhooks import endpoints
from videobroker.web.console.requests import Acting, ConsoleRequest, ConsoleRoute, Looking
from videobroker.web.console.templating import duration, rendered
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/deliveries", route_class=ConsoleRoute, generate_unique_id_function=by_name)

SHOWN = 40
FAILED_SHOWN = 10
DONE = {
    "retried": "Queued for resending.",
    "enabled": "Endpoint enabled. Missed events are being sent.",
    "disabled": "Endpoint disabled. New events are sent when you enable it again.",
}

AppChoice = Annotated[UUID | Literal[""], Query(alias="app")]
Cursor = Annotated[str, Query(max_length=500)]
Did = Annotated[str, Query(max_length=60)]


@dataclass(frozen=True, slots=True)
class Overview:
    """An endpoint and what was not delivered there."""

    endpoint: Endpoint
    failed: list[Delivery]
    more_failed: bool
    retrying: list[Delivery]
    """Every attempt so far failed, or the endpoint is disabled."""


@dataclass(frozen=True, slots=True)
class ReplayForm:
    """What was entered, and what is wrong with it."""

    since: str = ""
    until: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@router.get("")
async def console_deliveries(visit: Looking, app: AppChoice = "") -> Response:
    """The endpoints of an app; where one was not chosen, the apps."""
    apps = await visit.apps()
    if not app:
        if len(apps) != 1:
            return rendered(
                "choose_app.html", operator=visit.operator, here="deliveries", apps=apps, target="/console/deliveries"
            )
        app = apps[0].id
    chosen = await visit.app(app)
    found = []
    for endpoint in await endpoints.list_endpoints(visit.context(chosen)):
        failed, more = await endpoints.list_deliveries(
            visit.context(chosen), endpoint.id, state=DeliveryState.FAILED, limit=FAILED_SHOWN, cursor=None
        )
        retrying = await endpoints.list_retrying(visit.context(chosen), endpoint.id, limit=FAILED_SHOWN)
        found.append(Overview(endpoint, failed, more is not None, retrying))
    # What needs attention comes first.
    found.sort(key=lambda each: (not each.failed, not each.retrying, each.endpoint.failing_since is None))
    return rendered(
        "deliveries.html", operator=visit.operator, here="deliveries", app=chosen, apps=apps, overviews=found
    )


@router.get("/{app_id}/{endpoint_id}")
async def console_endpoint(
    visit: Looking,
    app_id: UUID,
    endpoint_id: UUID,
    state: Annotated[DeliveryState | Literal[""], Query()] = "",
    cursor: Cursor = "",
    did: Did = "",
) -> Response:
    """One endpoint and its deliveries, page by page."""
    app = await visit.app(app_id)
    endpoint = await endpoints.find(visit.context(app), EndpointId(endpoint_id))
    return await _endpoint_page(visit, app, endpoint, state=state, cursor=cursor, said=DONE.get(did, ""))


async def _endpoint_page(
    visit: ConsoleRequest,
    app: App,
    endpoint: Endpoint,
    *,
    state: DeliveryState | Literal[""] = "",
    cursor: str = "",
    said: str = "",
    tested: DeliveryAttempt | None = None,
    replay: ReplayForm | None = None,
    status: int = 200,
) -> Response:
    found, following = await endpoints.list_deliveries(
        visit.context(app), endpoint.id, state=state or None, limit=SHOWN, cursor=cursor or None
    )
    return rendered(
        "endpoint.html",
        operator=visit.operator,
        here="deliveries",
        status=status,
        app=app,
        endpoint=endpoint,
        path=path_of(app, endpoint.id),
        found=found,
        following=following,
        state=state,
        states=list(DeliveryState),
        first=not cursor,
        said=said,
        tested=tested,
        replay=replay or ReplayForm(),
    )


def path_of(app: App, endpoint_id: EndpointId, **query: str) -> str:
    """Where the endpoint's page is."""
    chosen = urlencode({name: value for name, value in query.items() if value})
    return f"/console/deliveries/{app.id}/{endpoint_id}" + (f"?{chosen}" if chosen else "")


@router.get("/{app_id}/{endpoint_id}/{delivery_id}")
async def console_delivery(
    visit: Looking, app_id: UUID, endpoint_id: UUID, delivery_id: UUID, did: Did = ""
) -> Response:
    """One delivery and every attempt at it."""
    app = await visit.app(app_id)
    endpoint = await endpoints.find(visit.context(app), EndpointId(endpoint_id))
    delivery, attempts = await endpoints.find_delivery(visit.context(app), DeliveryId(delivery_id))
    return rendered(
        "delivery.html",
        operator=visit.operator,
        here="deliveries",
        app=app,
        endpoint=endpoint,
        delivery=delivery,
        attempts=attempts,
        path=path_of(app, endpoint.id),
        said=DONE.get(did, ""),
    )


@router.post("/{app_id}/{endpoint_id}/{delivery_id}/retry")
async def console_retry_delivery(visit: Acting, app_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> Response:
    """Put a delivery on its way once more."""
    app = await visit.app(app_id)
    delivery = await endpoints.retry(visit.context(app), DeliveryId(delivery_id))
    return RedirectResponse(
        f"/console/deliveries/{app.id}/{delivery.endpoint_id}/{delivery.id}?did=retried", HTTPStatus.SEE_OTHER
    )


@router.post("/{app_id}/{endpoint_id}/test")
async def console_test_endpoint(visit: Acting, app_id: UUID, endpoint_id: UUID) -> Response:
    """Send a signed test event, and show at once what came of it."""
    app = await visit.app(app_id)
    tested = await endpoints.test(visit.context(app), EndpointId(endpoint_id))
    endpoint = await endpoints.find(visit.context(app), EndpointId(endpoint_id))
    return await _endpoint_page(visit, app, endpoint, tested=tested)


@router.post("/{app_id}/{endpoint_id}/switch")
async def console_switch_endpoint(visit: Acting, app_id: UUID, endpoint_id: UUID) -> Response:
    """Enable or disable an endpoint."""
    app = await visit.app(app_id)
    enabled = visit.sent().text("enabled") == "yes"
    await endpoints.change(
        visit.context(app),
        EndpointId(endpoint_id),
        url=None,
        description=None,
        types=None,
        ordered=None,
        enabled=enabled,
    )
    did = "enabled" if enabled else "disabled"
    return RedirectResponse(path_of(app, EndpointId(endpoint_id), did=did), HTTPStatus.SEE_OTHER)


@router.post("/{app_id}/{endpoint_id}/replay")
async def console_replay(visit: Acting, app_id: UUID, endpoint_id: UUID) -> Response:
    """Put what happened in a stretch of time on its way once more."""
    app = await visit.app(app_id)
    endpoint = await endpoints.find(visit.context(app), EndpointId(endpoint_id))
    sent = visit.sent()
    form = ReplayForm(sent.text("since"), sent.text("until"))
    since, until = _moment(visit, form.since), _moment(visit, form.until)
    errors = {
        name: "Enter date and time, like 2026-03-12T14:00."
        for name, moment in (("since", since), ("until", until))
        if moment is None
    }
    if since is not None and until is not None and since >= until:
        errors["until"] = "“Until” must be after “Since”."
    if since is None or until is None or errors:
        return await _endpoint_page(
            visit, app, endpoint, replay=replace(form, errors=errors), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    try:
        count = await endpoints.replay(visit.context(app), endpoint.id, since=since, until=until, types=())
    except InvalidInput as error:
        errors = {"form": error.detail}
        return await _endpoint_page(
            visit, app, endpoint, replay=replace(form, errors=errors), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    queued = "1 event is queued for resending" if count == 1 else f"{count} events are queued for resending"
    return await _endpoint_page(visit, app, endpoint, said=f"{queued}, from a period of {duration(until - since)}.")


def _moment(visit: ConsoleRequest, text: str) -> datetime | None:
    """The moment, in UTC; None if the text is not one."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=visit.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
