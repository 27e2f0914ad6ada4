"""Requests for pages of the console: authentication, forms, CSRF protection, and error pages."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from email import message_from_bytes
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from videobroker.broker import Broker
from videobroker.current_request import record_error_code
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.errors import BrokerError, InvalidInput, NotSignedIn, PathNotFound, RequestForged
from videobroker.usecases.context import RequestContext
from videobroker.usecases.operations.console_sessions import ClientInfo
from videobroker.usecases.tenants import SERVICE, find_app_by_id, list_apps
from videobroker.web.console import i18n
from videobroker.web.console.access import COOKIE, ConsoleAccess, Operator, secrets_equal
from videobroker.web.console.cookies import read_cookie
from videobroker.web.console.i18n import N_, translate
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.templating import HEADERS, rendered
from videobroker.web.http.auth import stored_user_agent
from videobroker.web.http.problems import invalid_request, log_failure, retry_after_header, unexpected

BACKGROUND_HEADER = "x-background-refresh"
"""Sent by a page that refreshes itself without user input: no activity, so an unattended page times out."""
LIVE_PATH = "/console/live"
MAX_FIELDS = 200


class ConsoleRoute(APIRoute):
    """A route that answers errors with pages for people, in the language of the request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_in_language(request: Request) -> Response:
            with i18n.localized(i18n.negotiate(request)):
                response = await handle_with_error_page(request)
            i18n.remember(request, response)
            return response

        async def handle_with_error_page(request: Request) -> Response:
            try:
                return await handle(request)
            except NotSignedIn:
                return _to_sign_in(request)
            except BrokerError as error:
                log_failure(error)
                return error_page(request, error)
            except RequestValidationError as error:
                return error_page(request, invalid_request(error))
            except Exception as error:  # noqa: BLE001  a person should see a page, whatever it is
                return error_page(request, unexpected(error))

        return handle_in_language


def _is_background(request: Request) -> bool:
    # Browsers send no headers of ours with a request for events.
    return BACKGROUND_HEADER in request.headers or request.url.path == LIVE_PATH


def _to_sign_in(request: Request) -> Response:
    if _is_background(request):
        # The script opens the sign-in page itself: `fetch` would follow a redirect transparently.
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=HEADERS)
    if request.method != "GET":
        return RedirectResponse("/console/sign-in", HTTPStatus.SEE_OTHER)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/console/sign-in?next={quote(path)}", HTTPStatus.SEE_OTHER)


ERROR_TITLES = (
    N_("Access denied"),
    N_("Already admitted"),
    N_("API key not found"),
    N_("App already exists"),
    N_("App not found"),
    N_("Call not found"),
    N_("Database unavailable"),
    N_("Delivery not found"),
    N_("Invalid cursor"),
    N_("Invalid request"),
    N_("Link not found"),
    N_("No pending request"),
    N_("Not signed in"),
    N_("Operator role not allowed"),
    N_("Participant not found"),
    N_("Request blocked"),
    N_("Role not mapped"),
    N_("Room not ready"),
    N_("Session not found"),
    N_("Something went wrong"),
    N_("Too many failed attempts"),
    N_("Too many requests"),
    N_("Video provider not configured"),
    N_("Video provider rejected the request"),
    N_("Video provider unavailable"),
    N_("Webhook endpoint not found"),
)
"""Titles of the errors that operators see. Details stay English where use cases write them."""


def error_page(request: Request, error: BrokerError) -> Response:
    record_error_code(error.code)
    title = _("Page not found") if isinstance(error, PathNotFound) else translate(error.kind.title)
    operator = getattr(request.state, "operator", None)
    return rendered(
        "error.html",
        operator=operator,
        status=error.status,
        headers=retry_after_header(error),
        title=title,
        detail=error.detail,
        code=error.code,
    )


def own_path(path: str) -> str:
    """The path if it is one of the console, or else its start page: prevents open redirects."""
    own = path.startswith("/console") and path.isascii() and path.isprintable() and "\\" not in path
    return path if own and path[len("/console") :][:1] in {"", "/", "?"} else "/console"


class Form:
    """The fields of a submitted form."""

    def __init__(self, fields: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> None:
        """Of several fields with the same name, the last one counts."""
        self._fields = fields
        self._files = files or {}

    def text(self, name: str) -> str:
        """The value without surrounding spaces; empty if the field is missing."""
        return self._fields.get(name, "").strip()

    def raw(self, name: str) -> str:
        """The value as entered; empty if the field is missing."""
        return self._fields.get(name, "")

    def has(self, name: str) -> bool:
        """Whether the form has the field."""
        return name in self._fields

    def is_checked(self, name: str) -> bool:
        return name in self._fields

    def file(self, name: str) -> bytes:
        """The content of an uploaded file; empty if none was chosen."""
        return self._files.get(name, b"")


async def form_of(request: Request) -> Form:
    """The fields of the form. Raises `RequestForged` if another site sent it, `InvalidInput` if it is malformed."""
    _require_own_page(request)
    content_type, body = request.headers.get("content-type", ""), await request.body()
    files: dict[str, bytes] = {}
    try:
        if content_type.lower().startswith("multipart/form-data"):
            fields, files = _parse_multipart(content_type, body)
        else:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput(_("The form cannot be read. Go back and send it again.")) from None
    if any("\x00" in part for field in fields for part in field):
        raise InvalidInput(_("Text must not contain NUL characters."))
    return Form(dict(fields), files)


def _parse_multipart(content_type: str, body: bytes) -> tuple[list[tuple[str, str]], dict[str, bytes]]:
    """The fields and the files of `multipart/form-data` (RFC 7578). Raises `ValueError` for anything else."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = message_from_bytes(head + body)
    if message.defects or not message.is_multipart() or len(message.get_payload()) > MAX_FIELDS:
        raise ValueError("not a form")
    fields: list[tuple[str, str]] = []
    files: dict[str, bytes] = {}
    for part in message.walk():
        if part is message:
            continue
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not (isinstance(name, str) and isinstance(content, bytes)):
            raise ValueError("a part of a form has a name and a content")  # noqa: TRY004  of a malformed form
        if part.get_filename() is None:
            fields.append((name, content.decode()))
        else:
            files[name] = content
    return fields, files


def is_from_another_site(request: Request) -> bool:
    """Whether a page of another site sent the browser here, by a link, a redirect, or a script."""
    return request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}


def _require_own_page(request: Request) -> None:
    """Browsers send `ClientInfo` or `Sec-Fetch-Site` with a form. Clients that send neither have no cookie to abuse."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own or site not in {None, "same-origin"}:
        raise RequestForged(_("Request blocked: it came from another site."))


def console_access(request: Request) -> ConsoleAccess:
    access: ConsoleAccess = request.app.state.console
    return access


def ip_of(request: Request) -> str | None:
    return request.client.host if request.client else None


def origin_of(request: Request) -> ClientInfo:
    """The network address and the browser, for the journal."""
    return ClientInfo(ip_of(request), stored_user_agent(request.headers.get("user-agent")))


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """A request of an operator who is signed in."""

    broker: Broker
    operator: Operator
    now: datetime
    ip: str | None
    user_agent: str | None
    form: Form | None = None
    """None for requests that only view."""

    @property
    def zone(self) -> tzinfo:
        """The time zone of the page."""
        return self.operator.zone

    def context(self, app: App) -> RequestContext:
        """The context of this request in the data of one app; the operator is the actor."""
        actor = Actor(
            app.id,
            ip=self.ip,
            user_agent=self.user_agent,
            operator=self.operator.name,
            operator_subject=self.operator.subject,
            operator_role=self.operator.role,
        )
        return RequestContext(self.broker, app, actor, self.now)

    def service_context(self) -> RequestContext:
        """The context of this request in the management of the installation."""
        return self.context(SERVICE)

    async def apps(self) -> list[App]:
        """Every app, by name."""
        return await list_apps(self.broker)

    async def app(self, app_id: UUID) -> App:
        """The app with this id. Raises `AppNotFound`."""
        return await find_app_by_id(self.broker, AppId(app_id))

    def submitted(self) -> Form:
        """The form, or an empty one."""
        return self.form or Form({})


async def authenticate(request: Request) -> ConsoleRequest:
    """The request of a signed-in operator. Raises `NotSignedIn`."""
    return await _console_request(request, None)


async def authenticate_form(request: Request) -> ConsoleRequest:
    """The request of a signed-in operator with a form of this session. Raises `NotSignedIn`, `RequestForged`."""
    form = await form_of(request)
    console = await _console_request(request, form)
    if not secrets_equal(form.raw("csrf"), console.operator.csrf):
        raise RequestForged(_("Request blocked: the form belongs to another session. Reload the page and try again."))
    return console


async def _console_request(request: Request, form: Form | None) -> ConsoleRequest:
    broker: Broker = request.app.state.broker
    now = broker.now()
    operator = await console_access(request).operator(
        broker, read_cookie(request, COOKIE), is_activity=not _is_background(request), now=now
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


ViewRequest = Annotated[ConsoleRequest, Depends(authenticate)]
FormRequest = Annotated[ConsoleRequest, Depends(authenticate_form)]
