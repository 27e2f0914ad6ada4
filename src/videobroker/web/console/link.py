"""Sign-in with a one-time link. Its secret is in the fragment, so no request, log, or referrer contains it."""

from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from videobroker.broker import Broker
from videobroker.domain.operators import SignInMethod
from videobroker.errors import SignInLinkInvalid
from videobroker.usecases.operations import sign_in_links
from videobroker.web.console.access import COOKIE
from videobroker.web.console.cookies import read_cookie
from videobroker.web.console.login import set_session_cookie, sign_in_page
from videobroker.web.console.requests import ConsoleRoute, console_access, form_of, origin_of
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/link", route_class=ConsoleRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)


@router.get("")
async def console_link_form() -> Response:
    """A form that a script submits with the fragment. Only a browser does that, so previews use no link up."""
    return rendered("link.html", operator=None)


@router.post("")
async def console_use_link(request: Request) -> Response:
    """Start a session, and redirect to the console."""
    broker: Broker = request.app.state.broker
    origin, now = origin_of(request), broker.now()
    form = await form_of(request)
    try:
        identity = await sign_in_links.redeem(broker, form.text("token").rpartition("#")[2], ip=origin.ip, now=now)
    except SignInLinkInvalid as error:
        log.warning("console.sign_in_failed", ip=origin.ip, code=error.code)
        return sign_in_page(request, "", failure=error, status=error.status)
    token = await console_access(request).start(
        broker,
        identity,
        SignInMethod.SIGN_IN_LINK,
        zone=form.text("zone"),
        origin=origin,
        replaces=read_cookie(request, COOKIE),
        now=now,
    )
    log.info("console.signed_in", ip=origin.ip, method=SignInMethod.SIGN_IN_LINK, role=identity.role)
    response = RedirectResponse("/console", HTTPStatus.SEE_OTHER)
    set_session_cookie(request, response, token)
    return response
