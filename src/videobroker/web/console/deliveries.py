"""Webhook endpoints and their deliveries."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse

from videobroker.domain.apps import App
from videobroker.domain.events import EventType
from videobroker.domain.exports import ExportContent, ExportFormat
from videobroker.domain.ids import DeliveryId, EndpointId
from videobroker.domain.webhooks import (
    Delivery,
    DeliveryAttempt,
    DeliveryFilter,
    DeliveryState,
    Endpoint,
    FoundDelivery,
    render_body,
)
from videobroker.errors import InvalidInput
from videobroker.usecases.operations.exports import record_export
from videobroker.usecases.webhooks import endpoints
from videobroker.web.console.files import Cell, csv_response
from videobroker.web.console.i18n import N_, ngettext
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, FormRequest, ViewRequest
from videobroker.web.console.templating import duration, pretty, rendered
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/deliveries", route_class=ConsoleRoute, generate_unique_id_function=by_name)

DELIVERIES_PER_PAGE = 40
MAX_FAILED_SHOWN = 10
MAX_EXPORTED_DELIVERIES = 100_000
OPEN_LINES = 30
"""Longer payloads and responses are collapsed."""
CSV_HEADER = (
    "queued_at",
    "type",
    "state",
    "endpoint",
    "attempts",
    "last_attempt_at",
    "last_status",
    "last_latency_ms",
    "last_error",
    "next_attempt_at",
    "event_id",
    "delivery_id",
)
DONE_TEXTS = {
    "retried": N_("Queued for resending."),
    "enabled": N_("Endpoint enabled. Missed events are being sent."),
    "disabled": N_("Endpoint disabled. New events are sent when you enable it again."),
}


def done_text(did: str) -> str:
    """The notice after an action; empty for an unknown one."""
    return _(DONE_TEXTS[did]) if did in DONE_TEXTS else ""


AppChoice = Annotated[UUID | Literal[""], Query(alias="app")]
Cursor = Annotated[str, Query(max_length=500)]
Did = Annotated[str, Query(max_length=60)]
Time = Annotated[str, Query(max_length=32)]


@dataclass(frozen=True, slots=True)
class EndpointOverview:
    """An endpoint and its undelivered events."""

    endpoint: Endpoint
    failed: Sequence[Delivery]
    more_failed: bool
    retrying: Sequence[Delivery]
    """Every attempt so far failed, or the endpoint is disabled."""


@dataclass(frozen=True, slots=True)
class ReplayForm:
    """The values of the form, and their errors."""

    since: str = ""
    until: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@router.get("")
async def console_deliveries(console: ViewRequest, app: AppChoice = "") -> Response:
    """The endpoints of an app, or the choice of an app."""
    apps = await console.apps()
    if not app:
        if len(apps) != 1:
            return rendered(
                "choose_app.html",
                operator=console.operator,
                now=console.now,
                here="deliveries",
                apps=apps,
                target="/console/deliveries",
            )
        app = apps[0].id
    chosen = await console.app(app)
    found = []
    for endpoint in await endpoints.list_endpoints(console.context(chosen)):
        failed, more = await endpoints.list_deliveries(
            console.context(chosen), endpoint.id, state=DeliveryState.FAILED, limit=MAX_FAILED_SHOWN, cursor=None
        )
        retrying = await endpoints.list_retrying(console.context(chosen), endpoint.id, limit=MAX_FAILED_SHOWN)
        found.append(EndpointOverview(endpoint, failed, more is not None, retrying))
    # What needs attention comes first.
    found.sort(key=lambda each: (not each.failed, not each.retrying, each.endpoint.failing_since is None))
    return rendered(
        "deliveries.html",
        operator=console.operator,
        now=console.now,
        here="deliveries",
        app=chosen,
        apps=apps,
        overviews=found,
    )


@dataclass(frozen=True, slots=True)
class DeliveryForm:
    """The values of the filters, as entered."""

    endpoint: UUID | Literal[""] = ""
    type: EventType | Literal[""] = ""
    state: DeliveryState | Literal[""] = ""
    since: str = ""
    until: str = ""

    def query(self, **others: str) -> str:
        """The query string of this search, with other parameters."""
        values = {name: str(getattr(self, name)) for name in self.__slots__}
        return urlencode({name: value for name, value in {**values, **others}.items() if value})

    def chosen(self, console: ConsoleRequest) -> DeliveryFilter:
        """Raises `InvalidInput` for a time that is none."""
        return DeliveryFilter(
            endpoint=EndpointId(self.endpoint) if self.endpoint else None,
            type=self.type or None,
            state=self.state or None,
            since=_filter_moment(console, self.since),
            until=_filter_moment(console, self.until),
        )


def _filter_moment(console: ConsoleRequest, text: str) -> datetime | None:
    moment = _moment(console, text)
    if text and moment is None:
        raise InvalidInput(_("Enter date and time, like 2026-03-12T14:00."))
    return moment


def _form(
    endpoint: UUID | Literal[""] = "",
    type: EventType | Literal[""] = "",
    state: DeliveryState | Literal[""] = "",
    since: Time = "",
    until: Time = "",
) -> DeliveryForm:
    return DeliveryForm(endpoint, type, state, since.strip(), until.strip())


Filters = Annotated[DeliveryForm, Depends(_form)]


@router.get("/{app_id}/all")
async def console_all_deliveries(
    console: ViewRequest, app_id: UUID, form: Filters, before: Annotated[str, Query(max_length=500)] = ""
) -> Response:
    """The newest matching deliveries to all endpoints of an app, page by page."""
    app = await console.app(app_id)
    context = console.context(app)
    page = await endpoints.search_deliveries(
        context, form.chosen(console), limit=DELIVERIES_PER_PAGE, before=before or None
    )
    listed = await endpoints.list_endpoints(context)
    return rendered(
        "all_deliveries.html",
        operator=console.operator,
        here="deliveries",
        app=app,
        form=form,
        endpoints=listed,
        endpoint_of={each.id: each for each in listed},
        types=list(EventType),
        states=list(DeliveryState),
        found=page.items,
        following=page.next_cursor,
        searched_back_to=page.searched_back_to,
        is_first=not before,
        now=console.now,
    )


@router.get("/{app_id}/export/deliveries.csv")
async def console_export_deliveries(console: ViewRequest, app_id: UUID, form: Filters) -> Response:
    """The newest matching deliveries as a file, at most `MAX_EXPORTED_DELIVERIES`."""
    app = await console.app(app_id)
    context, chosen = console.context(app), form.chosen(console)
    # The first page, before the response begins: an error must not look like an empty file.
    await endpoints.search_deliveries(context, chosen, limit=1, before=None)
    url_of = {each.id: each.url for each in await endpoints.list_endpoints(context)}
    await record_export(context, ExportContent.DELIVERIES, ExportFormat.CSV, filters=chosen.names)
    found = endpoints.stream_deliveries(context, chosen, limit=MAX_EXPORTED_DELIVERIES)
    return csv_response(f"deliveries-{console.now:%Y-%m-%d}", CSV_HEADER, _rows(found, url_of))


async def _rows(found: AsyncIterator[FoundDelivery], url_of: Mapping[EndpointId, str]) -> AsyncIterator[Sequence[Cell]]:
    async for each in found:
        delivery, attempt = each.delivery, each.last_attempt
        yield (
            delivery.created_at,
            delivery.type,
            delivery.state.value,
            url_of.get(delivery.endpoint_id),
            delivery.attempts,
            *((None,) * 4 if attempt is None else (attempt.at, attempt.status, attempt.latency_ms, attempt.error)),
            delivery.next_at,
            str(delivery.event_id),
            str(delivery.id),
        )


@router.get("/{app_id}/{endpoint_id}")
async def console_endpoint(
    console: ViewRequest,
    app_id: UUID,
    endpoint_id: UUID,
    state: Annotated[DeliveryState | Literal[""], Query()] = "",
    cursor: Cursor = "",
    did: Did = "",
) -> Response:
    """One endpoint and its deliveries, page by page."""
    app = await console.app(app_id)
    endpoint = await endpoints.find(console.context(app), EndpointId(endpoint_id))
    return await _endpoint_page(console, app, endpoint, state=state, cursor=cursor, notice=done_text(did))


async def _endpoint_page(
    console: ConsoleRequest,
    app: App,
    endpoint: Endpoint,
    *,
    state: DeliveryState | Literal[""] = "",
    cursor: str = "",
    notice: str = "",
    tested: DeliveryAttempt | None = None,
    replay: ReplayForm | None = None,
    status: int = 200,
) -> Response:
    found, following = await endpoints.list_deliveries(
        console.context(app), endpoint.id, state=state or None, limit=DELIVERIES_PER_PAGE, cursor=cursor or None
    )
    return rendered(
        "endpoint.html",
        operator=console.operator,
        now=console.now,
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
        notice_text=notice,
        tested=tested,
        replay=replay or ReplayForm(),
    )


def path_of(app: App, endpoint_id: EndpointId, **query: str) -> str:
    chosen = urlencode({name: value for name, value in query.items() if value})
    return f"/console/deliveries/{app.id}/{endpoint_id}" + (f"?{chosen}" if chosen else "")


@router.get("/{app_id}/{endpoint_id}/{delivery_id}")
async def console_delivery(
    console: ViewRequest, app_id: UUID, endpoint_id: UUID, delivery_id: UUID, did: Did = ""
) -> Response:
    """One delivery: what is sent, and every attempt with the receiver's response."""
    app = await console.app(app_id)
    endpoint = await endpoints.find(console.context(app), EndpointId(endpoint_id))
    details = await endpoints.find_delivery_details(console.context(app), DeliveryId(delivery_id))
    payload = None if details.event is None else pretty(json.loads(render_body(details.event.to_json())))
    return rendered(
        "delivery.html",
        operator=console.operator,
        now=console.now,
        here="deliveries",
        app=app,
        endpoint=endpoint,
        delivery=details.delivery,
        attempts=details.attempts,
        payload=payload,
        open_lines=OPEN_LINES,
        path=path_of(app, endpoint.id),
        notice_text=done_text(did),
    )


@router.post("/{app_id}/{endpoint_id}/{delivery_id}/retry")
async def console_retry_delivery(console: FormRequest, app_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> Response:
    """Resend a delivery."""
    app = await console.app(app_id)
    delivery = await endpoints.retry(console.context(app), DeliveryId(delivery_id))
    return RedirectResponse(
        f"/console/deliveries/{app.id}/{delivery.endpoint_id}/{delivery.id}?did=retried", HTTPStatus.SEE_OTHER
    )


@router.post("/{app_id}/{endpoint_id}/test")
async def console_test_endpoint(console: FormRequest, app_id: UUID, endpoint_id: UUID) -> Response:
    """Send a signed test event, and show the result."""
    app = await console.app(app_id)
    tested = await endpoints.test(console.context(app), EndpointId(endpoint_id))
    endpoint = await endpoints.find(console.context(app), EndpointId(endpoint_id))
    return await _endpoint_page(console, app, endpoint, tested=tested)


@router.post("/{app_id}/{endpoint_id}/switch")
async def console_switch_endpoint(console: FormRequest, app_id: UUID, endpoint_id: UUID) -> Response:
    """Enable or disable an endpoint."""
    app = await console.app(app_id)
    enabled = console.submitted().text("enabled") == "yes"
    await endpoints.change(
        console.context(app),
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
async def console_replay(console: FormRequest, app_id: UUID, endpoint_id: UUID) -> Response:
    """Resend the events of a period."""
    app = await console.app(app_id)
    endpoint = await endpoints.find(console.context(app), EndpointId(endpoint_id))
    submitted = console.submitted()
    form = ReplayForm(submitted.text("since"), submitted.text("until"))
    since, until = _moment(console, form.since), _moment(console, form.until)
    errors = {
        name: _("Enter date and time, like 2026-03-12T14:00.")
        for name, moment in (("since", since), ("until", until))
        if moment is None
    }
    if since is not None and until is not None and since >= until:
        errors["until"] = _("“Until” must be after “Since”.")
    if since is None or until is None or errors:
        return await _endpoint_page(
            console, app, endpoint, replay=replace(form, errors=errors), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    try:
        count = await endpoints.replay(console.context(app), endpoint.id, since=since, until=until, types=())
    except InvalidInput as error:
        errors = {"form": error.detail}
        return await _endpoint_page(
            console, app, endpoint, replay=replace(form, errors=errors), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    queued = ngettext(
        "%(num)s event is queued for resending, from a period of %(duration)s.",
        "%(num)s events are queued for resending, from a period of %(duration)s.",
        count,
        duration=duration(until - since),
    )
    return await _endpoint_page(console, app, endpoint, notice=queued)


def _moment(console: ConsoleRequest, text: str) -> datetime | None:
    """The moment, in UTC; None if the text is not one."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=console.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
