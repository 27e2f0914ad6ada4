"""Sign-in with OpenID Connect: the redirect to the provider, and the way back."""

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from videobroker.broker import Broker
from videobroker.domain.operator_sign_in import ATTEMPT_LIFETIME
from videobroker.domain.operators import SignInMethod
from videobroker.errors import BrokerError, PathNotFound
from videobroker.usecases.operations import operator_sign_in
from videobroker.usecases.operations.operator_sign_in import Callback
from videobroker.web.console.access import COOKIE
from videobroker.web.console.cookies import delete_cookie, read_cookie, set_cookie
from videobroker.web.console.login import set_session_cookie, sign_in_page
from videobroker.web.console.requests import ConsoleRoute, console_access, is_from_another_site, origin_of, own_path
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name
from videobroker.web.v1.links import public_address

ATTEMPT_COOKIE = "videobroker_console_sign_in"
CALLBACK_PATH = "/console/oidc/callback"
MAX_CODE_LENGTH = 4000

router = APIRouter(prefix="/oidc", route_class=ConsoleRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)


@router.get("/start")
async def console_start_oidc(
    request: Request,
    next: Annotated[str, Query(max_length=2000)] = "",
    zone: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Redirect to the provider. The cookie carries what the callback needs, so that any replica can handle it."""
    broker: Broker = request.app.state.broker
    if is_from_another_site(request):
        # The provider may not ask the person again, so another site could sign them in without their knowledge.
        return sign_in_page(request, next)
    redirect_uri = f"{public_address(request)}{CALLBACK_PATH}"
    try:
        started = await operator_sign_in.start(
            broker, redirect_uri=redirect_uri, next_path=own_path(next), zone=zone, now=broker.now()
        )
    except PathNotFound:
        raise
    except BrokerError as error:
        return sign_in_page(request, next, failure=error, status=error.status)
    response = RedirectResponse(started.url, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})
    # Not `strict`: it must come along when the provider redirects back.
    set_cookie(request, response, ATTEMPT_COOKIE, started.cookie, lifetime=ATTEMPT_LIFETIME, samesite="lax")
    return response


@router.get("/callback")
async def console_finish_oidc(
    request: Request,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=MAX_CODE_LENGTH)] = "",
    error: Annotated[str, Query(max_length=500)] = "",
    iss: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Start a session for the person who returned from the provider."""
    broker: Broker = request.app.state.broker
    origin, now = origin_of(request), broker.now()
    try:
        identity, attempt = await operator_sign_in.complete(
            broker, read_cookie(request, ATTEMPT_COOKIE), Callback(state, code, error, iss), ip=origin.ip, now=now
        )
    except PathNotFound:
        raise
    except BrokerError as failure:
        response = sign_in_page(request, "", failure=failure, status=failure.status)
    else:
        token = await console_access(request).start(
            broker,
            identity,
            SignInMethod.OPENID_CONNECT,
            zone=attempt.zone,
            origin=origin,
            replaces=read_cookie(request, COOKIE),
            now=now,
        )
        log.info("console.signed_in", ip=origin.ip, method=SignInMethod.OPENID_CONNECT, role=identity.role)
        # A page and not a redirect: browsers do not send a `SameSite=Strict` cookie after redirects from another site.
        response = rendered("signed_in.html", operator=None, name=identity.name, next=own_path(attempt.next_path))
        set_session_cookie(request, response, token)
    response.headers["Referrer-Policy"] = "no-referrer"
    delete_cookie(request, response, ATTEMPT_COOKIE, samesite="lax")
    return response
