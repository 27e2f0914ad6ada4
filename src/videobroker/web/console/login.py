"""Sign-in and sign-out, static files, and the page for unknown paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from videobroker.broker import Broker
from videobroker.domain.operators import SignInMethod
from videobroker.domain.texts import is_name
from videobroker.errors import (
    BrokerError,
    OperatorWithoutRole,
    PathNotFound,
    SignInClockSkew,
    SignInDenied,
    SignInExpired,
    SignInInvalid,
    SignInLinkInvalid,
    SignInUnavailable,
    TooManyAttempts,
)
from videobroker.usecases.operations import operator_sign_in
from videobroker.web.console.access import COOKIE, LIFETIME
from videobroker.web.console.cookies import delete_cookie, read_cookie, set_cookie
from videobroker.web.console.i18n import N_
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
from videobroker.web.v1.links import public_address

MAX_NAME_LENGTH = 64

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)
not_found = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)


@router.get("/static/{name}")
async def console_static(request: Request, name: str) -> Response:
    return static_response(name, request)


@router.get("/sign-in")
async def console_sign_in_form(
    request: Request,
    next: Annotated[str, Query(max_length=2000)] = "",
    ended: Annotated[str, Query(max_length=10)] = "",
    out: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    logout_url = None
    if out:
        broker: Broker = request.app.state.broker
        return_to = f"{public_address(request)}/console/sign-in"
        logout_url = await operator_sign_in.logout_url(broker, return_to=return_to, now=broker.now())
    return sign_in_page(request, next, was_signed_out=bool(ended), logout_url=logout_url)


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
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return sign_in_page(request, following, name=name, errors={"name": sentence}, status=status)
    try:
        token = await access.sign_in(
            broker,
            form.raw("key"),
            name=name,
            zone=form.text("zone"),
            origin=origin,
            replaces=read_cookie(request, COOKIE),
            now=now,
        )
    except TooManyAttempts as error:
        headers = {"Retry-After": str(retry_after_seconds(error.retry_after or 1))}
        status = HTTPStatus.TOO_MANY_REQUESTS
        errors = {"key": error.detail}
        return sign_in_page(request, following, name=name, errors=errors, status=status, headers=headers)
    if token is None:
        log.warning("console.sign_in_failed", ip=origin.ip)
        sentence = _("Wrong admin key. Use the value of VIDEOBROKER_ADMIN_KEY.")
        status = HTTPStatus.FORBIDDEN
        return sign_in_page(request, following, name=name, errors={"key": sentence}, status=status)
    if access.issuer is not None:
        log.warning("console.admin_key_used", ip=origin.ip)
    log.info("console.signed_in", ip=origin.ip, method=SignInMethod.ADMIN_KEY)
    response = RedirectResponse(own_path(following), HTTPStatus.SEE_OTHER)
    set_session_cookie(request, response, token)
    return response


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Sign this browser in."""
    set_cookie(request, response, COOKIE, token, lifetime=LIFETIME, samesite="strict")


@router.post("/sign-out")
async def console_sign_out(request: Request, console: FormRequest) -> Response:
    """End the session on the server, so that copies of the cookie are useless, too."""
    await console_access(request).sign_out(
        console.broker,
        read_cookie(request, COOKIE),
        operator=console.operator,
        origin=origin_of(request),
        now=console.now,
    )
    target = "/console/sign-in" if console.operator.subject is None else "/console/sign-in?out=yes"
    response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    delete_cookie(request, response, COOKIE, samesite="strict")
    return response


@not_found.get("/{path:path}")
async def console_not_found(console: ViewRequest, path: str) -> Response:
    raise PathNotFound(_("The console has no page at this path."))


FAILURE_TEXTS: Mapping[type[BrokerError], tuple[str, str]] = {
    OperatorWithoutRole: (
        N_("No role for this account"),
        N_("You signed in, but your account has no role here. Ask an administrator for access."),
    ),
    SignInDenied: (N_("Sign-in canceled"), N_("The identity provider did not sign you in. Try again.")),
    SignInExpired: (
        N_("This sign-in has expired"),
        N_("A sign-in must be completed once, within 10 minutes, in the browser in which it began. Start again."),
    ),
    SignInInvalid: (
        N_("Sign-in could not be verified"),
        N_("The response of the identity provider is not valid. Start again, or ask an administrator."),
    ),
    SignInClockSkew: (
        N_("The clocks differ"),
        N_("The clocks of the identity provider and this server differ. Ask an administrator to synchronize them."),
    ),
    SignInUnavailable: (
        N_("The identity provider is not responding"),
        N_("Try again in a minute. If the problem continues, ask an administrator."),
    ),
    SignInLinkInvalid: (
        N_("This sign-in link does not work"),
        N_("Links work once, for 10 minutes. Create a new one: `videobroker operators sign-in-link`."),
    ),
}
"""Title and text of failed sign-ins."""


@dataclass(frozen=True, slots=True)
class SignInFailure:
    """A failed sign-in, described for the person."""

    title: str
    text: str
    code: str


def _describe(error: BrokerError) -> SignInFailure:
    title, text = FAILURE_TEXTS.get(type(error), (error.kind.title, error.detail))
    return SignInFailure(_(title), _(text), error.code)


def sign_in_page(
    request: Request,
    following: str,
    *,
    name: str = "",
    errors: Mapping[str, str] | None = None,
    was_signed_out: bool = False,
    logout_url: str | None = None,
    failure: BrokerError | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """The page with every way to sign in, and what failed."""
    access = console_access(request)
    return rendered(
        "sign_in.html",
        operator=None,
        status=status,
        headers=headers,
        next=own_path(following),
        issuer_host=None if access.issuer is None else urlsplit(access.issuer).hostname,
        has_key=access.has_key,
        logout_url=logout_url,
        failure=None if failure is None else _describe(failure),
        name=name,
        errors=errors or {},
        was_signed_out=was_signed_out,
    )
