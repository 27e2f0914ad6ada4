"""Swagger UI and Redoc, served from this host: the pages load nothing from other hosts."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from videobroker.errors import PathNotFound
from videobroker.web.http.content_security_policy import OWN_CODE_ONLY, content_security_policy
from videobroker.web.http.requests import by_name
from videobroker.web.http.static_files import StaticFile

_OWN = files(__package__).joinpath("static")
# The package carries the released bundles of swagger-ui-dist and redoc.
_BUNDLES = files("fastapi_offline").joinpath("static")
_FOLDER_OF_FILE = {
    "swagger-ui-bundle.js": _BUNDLES,
    "swagger-ui.css": _BUNDLES,
    "redoc.standalone.js": _BUNDLES,
    "docs.css": _OWN,
    "show-swagger-ui.js": _OWN,
    "show-redoc.js": _OWN,
}
_REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_IMAGE = b"data:,"

_POLICY = {
    **OWN_CODE_ONLY,
    # Both set styles from scripts. Redoc's come in <style> elements.
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["data:"],
    "connect-src": ["'self'"],
    # Redoc searches in a worker that it creates from a string.
    "worker-src": ["blob:"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'none'"],
}
HEADERS = {
    "Content-Security-Policy": content_security_policy(_POLICY),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False, generate_unique_id_function=by_name)


@router.get("/docs")
async def show_swagger_ui() -> Response:
    return HTMLResponse(_page("swagger-ui.html"), headers=HEADERS)


@router.get("/redoc")
async def show_redoc() -> Response:
    return HTMLResponse(_page("redoc.html"), headers=HEADERS)


# Not async: the first request for a bundle compresses it, which takes 100 ms.
@router.get("/docs/{name}")
def send_docs_file(request: Request, name: str) -> Response:
    if name not in _FOLDER_OF_FILE:
        raise PathNotFound("File not found.")
    return _file(name).response(request)


@cache
def _page(name: str) -> str:
    return _OWN.joinpath(name).read_text(encoding="utf-8")


@cache
def _file(name: str) -> StaticFile:
    # Redoc's footer has a logo from another host.
    body = _FOLDER_OF_FILE[name].joinpath(name).read_bytes().replace(_REDOC_LOGO, _NO_IMAGE)
    return StaticFile.from_bytes(name, body)
