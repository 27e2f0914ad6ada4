"""The start page at `/`: what this is, and where to go. Programs get JSON."""

from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from videobroker.web.console.requests import ConsoleRoute
from videobroker.web.console.templating import rendered
from videobroker.web.http.accept import accept_of, preferred_type
from videobroker.web.http.requests import by_name

HTML, JSON = _TYPES = ("text/html", "application/json")
"""The last one is the default."""

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute, generate_unique_id_function=by_name)


@router.get("/")
async def get_start_page(request: Request) -> Response:
    """Returns the start page for browsers, and the links as JSON for programs."""
    links = _links(request)
    release = version("videobroker")
    if preferred_type(accept_of(request.headers), _TYPES) == HTML:
        response: Response = rendered("start.html", operator=None, links=links, version=release)
    else:
        response = JSONResponse({"name": "videobroker", "version": release, "links": links})
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return response


def _links(request: Request) -> dict[str, str]:
    """The paths that exist in this installation."""
    state = request.app.state
    links = {"docs": "/docs", "openapi": "/openapi.json", "health": "/healthz"}
    if getattr(state, "demo", None) is not None:
        links["demo"] = "/demo"
    if getattr(state, "console", None) is not None:
        links["console"] = "/console"
    return links
