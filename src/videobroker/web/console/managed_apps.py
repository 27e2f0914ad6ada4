"""The list of apps, new apps, and the sections of an app."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from videobroker.domain.apps import DEFAULT_ROLE_MAPS
from videobroker.errors import Conflict, InvalidInput
from videobroker.usecases import management
from videobroker.web.console.app_page import AppSection, app_page, app_path
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, FormRequest, ViewRequest
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/apps", route_class=ConsoleRoute, generate_unique_id_function=by_name)

APPS_PER_PAGE = 50
Cursor = Annotated[str, Query(max_length=1024)]
Did = Annotated[str, Query(max_length=60)]


@router.get("")
async def console_apps(console: ViewRequest, cursor: Cursor = "") -> Response:
    """All apps, page by page."""
    return await _list(console, cursor=cursor)


async def _list(
    console: ConsoleRequest, *, cursor: str = "", name: str = "", error: str = "", status: int = 200
) -> Response:
    found, following = await management.list_apps(console.service_context(), limit=APPS_PER_PAGE, cursor=cursor or None)
    return rendered(
        "apps.html",
        operator=console.operator,
        now=console.now,
        here="apps",
        status=status,
        apps=found,
        following=following,
        first=not cursor,
        name=name,
        errors={"name": error} if error else {},
    )


@router.post("")
async def console_create_app(console: FormRequest) -> Response:
    """Create an app with the usual roles."""
    name = console.submitted().text("name")
    try:
        app = await management.create_app(console.service_context(), name, policy={}, role_maps=DEFAULT_ROLE_MAPS)
    except (InvalidInput, Conflict) as error:
        return await _list(console, name=name, error=error.detail, status=error.status)
    return RedirectResponse(f"{app_path(app.id)}?did=created", HTTPStatus.SEE_OTHER)


@router.get("/{app_id}")
async def console_app(console: ViewRequest, app_id: UUID, did: Did = "") -> Response:
    """The overview of an app."""
    return await app_page(console, await console.app(app_id), AppSection.OVERVIEW, did=did)


@router.get("/{app_id}/{part}")
async def console_app_section(
    console: ViewRequest, app_id: UUID, part: AppSection, did: Did = "", cursor: Cursor = ""
) -> Response:
    """A section of an app."""
    return await app_page(console, await console.app(app_id), part, did=did, cursor=cursor)
