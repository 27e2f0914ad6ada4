"""How a request for a page is read, who sent it, and what happens when it goes wrong."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.errors import BrokerError, InvalidInput, NotSignedIn, PathNotFound, RequestForged
from videobroker.usecases.context import RequestContext
from videobroker.usecases.operations.console_sessions import Origin
from videobroker.usecases.tenants import find_app_by_id, list_apps
from videobroker.web.console.access import COOKIE, ConsoleAccess, Operator, same
from videobroker.web.console.templating import HEADERS, rendered
from videobroker.web.http.auth import stored_user_agent
from videobroker.web.http.problems import headers_of, invalid_request, log_failure, unexpected

BACKGROUND_HEADER = "x-background-refresh"
"""Sent by a page that refreshes itself without user input: no activity, so an unattended page times out."""
MOST_FIELDS = 200


class ConsoleRoute(APIRoute):
    """A route whose errors are pages: whoever looks at it is a person."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, and what is shown when it raises."""
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except NotSignedIn:
                return _to_sign_in(request)
            except BrokerError as error:
                log_failure(error)
                return explained(request, error)
            except RequestValidationError as error:
                return explained(request, invalid_request(error))
            except Exception as error:  # noqa: BLE001  a person should see a page, whatever it is
                return explained(request, unexpected(error))

        return handle_or_explain


def _is_background(request: Request) -> bool:
    return BACKGROUND_HEADER in request.headers


def _to_sign_in(request: Request) -> Response:
    if _is_background(request):
        # The script goes to the sign-in page itself: a redirect would be followed without its notice.
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=HEADERS)
    if request.method != "GET":
        return RedirectResponse("/console/sign-in", HTTPStatus.SEE_OTHER)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/console/sign-in?next={quote(wanted)}", HTTPStatus.SEE_OTHER)


def explained(request: Request, error: BrokerError) -> Response:
    """The page that tells of an error."""
    title = "Page not found" if isinstance(error, PathNotFound) else error.kind.title
    headers = {name: value for name, value in headers_of(error, error.status).items() if name == "Retry-After"}
    operator = getattr(request.state, "operator", None)
    return rendered(
        "error.html",
        operator=operator,
        status=error.status,
        headers=headers,
        title=title,
        detail=error.detail,
        code=error.code,
    )


class Form:
    """What a form sent."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """The last one of several with the same name counts."""
        self._fields = fields

    def text(self, name: str) -> str:
        """The text of a field without the spaces around it; empty when it was left out."""
        return self._fields.get(name, "").strip()

    def raw(self, name: str) -> str:
        """The text as it was typed."""
        return self._fields.get(name, "")

    def is_checked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self._fields


async def form_of(request: Request) -> Form:
    """The fields of the form. Raises `RequestForged` if another site sent it, `InvalidInput` if it is malformed."""
    _require_own_page(request)
    try:
        body = (await request.body()).decode()
        fields = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise InvalidInput("The form cannot be read. Go back and send it once more.") from None
    if any("\x00" in part for field in fields for part in field):
        raise InvalidInput("Texts must not hold NUL characters.")
    return Form(dict(fields))


def _require_own_page(request: Request) -> None:
    """A browser says from where a form comes. What says nothing is no browser, and has no cookie of one."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own or site not in {None, "same-origin"}:
        raise RequestForged("Request blocked: it came from another site.")


def console_of(request: Request) -> ConsoleAccess:
    """The door of this service's console."""
    access: ConsoleAccess = request.app.state.console
    return access


def ip_of(request: Request) -> str | None:
    """From where the request comes."""
    return request.client.host if request.client else None


def origin_of(request: Request) -> Origin:
    """From where, and with which browser."""
    return Origin(ip_of(request), stored_user_agent(request.headers.get("user-agent")))


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """One request of somebody who is signed in."""

    broker: Broker
    operator: Operator
    now: datetime
    ip: str | None
    user_agent: str | None
    form: Form | None = None
    """What was sent, if this is no mere look."""

    @property
    def zone(self) -> tzinfo:
        """In which times are shown."""
        return self.operator.zone

    def context(self, app: App) -> RequestContext:
        """The context of this request in the data of one app; the operator is the actor."""
        actor = Actor(app.id, ip=self.ip, user_agent=self.user_agent, operator=self.operator.name)
        return RequestContext(self.broker, app, actor, self.now)

    async def apps(self) -> list[App]:
        """Every app, by name."""
        return await list_apps(self.broker)

    async def app(self, app_id: UUID) -> App:
        """The app with this id. Raises `AppNotFound`."""
        return await find_app_by_id(self.broker, AppId(app_id))

    def sent(self) -> Form:
        """What was sent."""
        return self.form or Form({})


async def look(request: Request) -> ConsoleRequest:
    """Somebody who is signed in and looks. Raises `NotSignedIn`."""
    return await _visit(request, None)


async def act(request: Request) -> ConsoleRequest:
    """Somebody who is signed in and sent a form of ours. Raises `NotSignedIn`, `RequestForged`."""
    form = await form_of(request)
    visit = await _visit(request, form)
    if not same(form.raw("csrf"), visit.operator.csrf):
        raise RequestForged("Request blocked: the form belongs to another session. Reload the page and try again.")
    return visit


async def _visit(request: Request, form: Form | None) -> ConsoleRequest:
    broker: Broker = request.app.state.broker
    now = broker.now()
    operator = await console_of(request).operator(
        broker, request.cookies.get(COOKIE), is_activity=not _is_background(request), now=now
    )
    request.state.operator = operator
    user_agent = request.headers.get("user-agent")
    return ConsoleRequest(
        broker,
        operator,
        now,
        ip_of(request),
        stored_user_agent(user_agent),
        form,
    )


Looking = Annotated[ConsoleRequest, Depends(look)]
Acting = Annotated[ConsoleRequest, Depends(act)]
