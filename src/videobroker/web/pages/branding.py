"""The branding of the hosted page: its style sheet, its logo, and what its script needs."""

import hashlib
import json
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from videobroker.domain.branding import Branding, SchemeColors, resolve_palette
from videobroker.domain.ids import AppId
from videobroker.errors import PathNotFound
from videobroker.usecases.branding import find_branding, find_logo
from videobroker.web.http.requests import by_name
from videobroker.web.http.static_files import IMMUTABLE

_HEADERS = {
    "Cache-Control": IMMUTABLE,
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}

router = APIRouter(prefix="/branding", include_in_schema=False, generate_unique_id_function=by_name)


@router.get("/{app_id}/{version}.css")
async def send_branding_style(request: Request, app_id: UUID, version: str) -> Response:
    """The colors. Their version is part of the path, so that browsers may cache them forever."""
    branding = await find_branding(request.app.state.broker, AppId(app_id))
    css = None if branding is None else brand_style(branding)
    if css is None or version != _version(css):
        raise PathNotFound("File not found.")
    return Response(css, media_type="text/css; charset=utf-8", headers=_HEADERS)


@router.get("/{app_id}/logo/{digest}")
async def send_logo(request: Request, app_id: UUID, digest: str) -> Response:
    """The logo. Its digest is part of the path, so that browsers may cache it forever."""
    found = await find_logo(request.app.state.broker, AppId(app_id), digest)
    if found is None:
        raise PathNotFound("File not found.")
    logo, content = found
    return Response(content, media_type=logo.media_type, headers=_HEADERS)


def brand_style(branding: Branding) -> str | None:
    """A style sheet that sets the brand colors; None without one."""
    palette = resolve_palette(branding)
    if palette is None:
        return None
    light, dark = _declarations(palette.light), _declarations(palette.dark)
    # The area of the call is dark in both color schemes.
    call = f"--call-brand:{palette.dark.accent};--call-on-brand:{palette.dark.on_accent}"
    return (
        f":root{{{light};{call}}}"
        f'@media (prefers-color-scheme:dark){{:root:not([data-scheme="light"]){{{dark}}}}}'
        f':root[data-scheme="dark"]{{{dark}}}\n'
    )


def style_path(app_id: UUID, branding: Branding) -> str:
    """The path of the style sheet; empty without one."""
    css = brand_style(branding)
    return "" if css is None else f"branding/{app_id}/{_version(css)}.css"


def brand_json(app_id: UUID, branding: Branding, return_url: str | None) -> str:
    """What the script of the page needs."""
    values: dict[str, Any] = {
        "name": branding.display_name,
        "logo": None if branding.logo is None else f"../branding/{app_id}/logo/{branding.logo.digest}",
        "email": branding.contact_email,
        "phone": branding.contact_phone,
        "url": branding.contact_url,
        "back": return_url,
        "languages": list(branding.offered_languages),
    }
    return json.dumps({name: value for name, value in values.items() if value is not None}, ensure_ascii=False)


def _declarations(colors: SchemeColors) -> str:
    return f"--brand:{colors.accent};--on-brand:{colors.on_accent}"


def _version(css: str) -> str:
    return hashlib.sha256(css.encode()).hexdigest()[:12]
