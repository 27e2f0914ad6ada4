"""Sign-in and sign-out, static files, and the page for unknown paths."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from videobroker.broker import Broker
from videobroker.domain.texts import is_name
from videobroker.errors import PathNotFound, TooManyAttempts
from videobroker.web.console.access import COOKIE, LIFETIME
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import (
    ConsoleRoute,
    FormRequest,
    ViewRequest,
    console_access,
    form_of,
    origin_of,
    own_path,
)
from videobroker.web.console.templating import rendered, static_response
from videobroker.web.http.problems import retry_after_seconds
from videobroker.web.http.requests import by_name

MAX_NAME_LENGTH = 64

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)
not_found = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)


@router.get("/static/{name}")
async def console_static(request: Request, name: str) -> Response:
    return static_response(name, request)


@router.get("/sign-in")
async def console_sign_in_form(
    next: Annotated[str, Query(max_length=2000)] = "", ended: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    return _form(next, was_signed_out=bool(ended))


@router.post("/sign-in")
async def console_sign_in(request: Request) -> Response:
    """Start a session, and redirect to the page that required it."""
    broker: Broker = request.app.state.broker
    access, origin, now = console_access(request), origin_of(request), broker.now()
    form = await form_of(request)
    name, following = form.text("name"), form.text("next")
    # The name is journaled: the key, entered into the wrong field, must not be.
    if len(name) > MAX_NAME_LENGTH or not is_name(name) or name == form.raw("key"):
        sentence = _("Enter your name (1-%(maximum)s characters).", maximum=MAX_NAME_LENGTH)
        return _form(following, name=name, errors={"name": sentence}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        token = await access.sign_in(
            broker,
            form.raw("key"),
            name=name,
            zone=form.text("zone"),
            origin=origin,
            replaces=request.cookies.get(COOKIE),
            now=now,
        )
    except TooManyAttempts as error:
        headers = {"Retry-After": str(retry_after_seconds(error.retry_after or 1))}
        status = HTTPStatus.TOO_MANY_REQUESTS
        return _form(following, name=name, errors={"key": error.detail}, status=status, headers=headers)
    if token is None:
        log.warning("console.sign_in_failed", ip=origin.ip)
        sentence = _("Wrong admin key. Use the value of VIDEOBROKER_ADMIN_KEY.")
        return _form(following, name=name, errors={"key": sentence}, status=HTTPStatus.FORBIDDEN)
    log.info("console.signed_in", ip=origin.ip)
    response = RedirectResponse(own_path(following), HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/console",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/sign-out")
async def console_sign_out(request: Request, console: FormRequest) -> Response:
    """End the session on the server, so that copies of the cookie are useless, too."""
    await console_access(request).sign_out(
        console.broker,
        request.cookies.get(COOKIE),
        operator=console.operator.name,
        origin=origin_of(request),
        now=console.now,
    )
    response = RedirectResponse("/console/sign-in", HTTPStatus.SEE_OTHER)
    response.delete_cookie(
        COOKIE, path="/console", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return response


@not_found.get("/{path:path}")
async def console_not_found(console: ViewRequest, path: str) -> Response:
    raise PathNotFound(_("The console has no page at this path."))


def _form(
    following: str,
    *,
    name: str = "",
    errors: Mapping[str, str] | None = None,
    was_signed_out: bool = False,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    return rendered(
        "sign_in.html",
        operator=None,
        status=status,
        headers=headers,
        next=own_path(following),
        name=name,
        errors=errors or {},
        was_signed_out=was_signed_out,
    )
