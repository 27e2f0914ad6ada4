"""The way in and out, the files that pages need, and what is said where there is no page."""

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
from videobroker.web.console.requests import Acting, ConsoleRoute, Looking, console_of, form_of, origin_of
from videobroker.web.console.templating import rendered, static_file
from videobroker.web.http.requests import by_name

LONGEST_NAME = 64

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)
nowhere = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)


@router.get("/static/{name}")
async def console_static(name: str) -> Response:
    """A stylesheet or a script."""
    return static_file(name)


@router.get("/sign-in")
async def console_door(
    next: Annotated[str, Query(max_length=2000)] = "", ended: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    """The form that asks for the key."""
    return _form(next, was_signed_out=bool(ended))


@router.post("/sign-in")
async def console_sign_in(request: Request) -> Response:
    """Start a session for an operator who knows the key."""
    broker: Broker = request.app.state.broker
    access, origin, now = console_of(request), origin_of(request), broker.now()
    form = await form_of(request)
    name, following = form.text("name"), form.text("next")
    # The name is journaled: the key, entered into the wrong field, must not be.
    if len(name) > LONGEST_NAME or not is_name(name) or name == form.raw("key"):
        sentence = f"Enter your name (1-{LONGEST_NAME} characters)."
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
        headers = {"Retry-After": str(max(1, round(error.retry_after or 1)))}
        status = HTTPStatus.TOO_MANY_REQUESTS
        return _form(following, name=name, errors={"key": error.detail}, status=status, headers=headers)
    if token is None:
        log.warning("console.sign_in_failed", ip=origin.ip)
        sentence = "Wrong admin key. Use the value of VIDEOBROKER_ADMIN_KEY."
        return _form(following, name=name, errors={"key": sentence}, status=HTTPStatus.FORBIDDEN)
    log.info("console.signed_in", ip=origin.ip)
    answer = RedirectResponse(_own_path(following), HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/console",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/sign-out")
async def console_sign_out(request: Request, visit: Acting) -> Response:
    """End the session, here and wherever its cookie was copied to."""
    await console_of(request).sign_out(
        visit.broker,
        request.cookies.get(COOKIE),
        operator=visit.operator.name,
        origin=origin_of(request),
        now=visit.now,
    )
    answer = RedirectResponse("/console/sign-in", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(
        COOKIE, path="/console", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return answer


@nowhere.get("/{path:path}")
async def console_nowhere(visit: Looking, path: str) -> Response:
    """There is no such page."""
    raise PathNotFound("There is no such page in the console.")


def _own_path(path: str) -> str:
    """Where somebody wanted to go, if that is here."""
    own = path.startswith("/console") and path.isascii() and path.isprintable() and "\\" not in path
    return path if own and path[len("/console") :][:1] in {"", "/", "?"} else "/console"


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
        next=_own_path(following),
        name=name,
        errors=errors or {},
        was_signed_out=was_signed_out,
    )
