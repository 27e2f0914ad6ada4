"""The start page and the meeting page."""

import json
import re
from html import escape
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from videobroker import ui
from videobroker.sandbox.config import SandboxConfig, Template
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.exchange import usable_code
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.meeting.refusals import refusal_of
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.static_files import static_file_response

FILES = Path(__file__).parent / "page"
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
_HEADERS = {
    "cache-control": "no-store",
    "permissions-policy": (
        "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), geolocation=()"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page_routes(state: SandboxState) -> list[Route]:
    """Routes for the start page, the health check, and the meeting pages."""

    async def home(_: Request) -> Response:
        return JSONResponse(_welcome(state.config))

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def meeting(request: Request) -> Response:
        return _meeting_page(state, request)

    async def channel(request: Request) -> Response:
        return _page(request, "A channel", {"vendor": "agora"}, _NEEDS_SCRIPTS)

    async def file(request: Request) -> Response:
        return static_file_response(FILES, request.path_params["name"], request)

    async def ui_file(request: Request) -> Response:
        return static_file_response(ui.FOLDER, request.path_params["name"], request)

    return [
        Route("/", home),
        Route("/healthz", healthz),
        Route("/meeting/{code}", meeting),
        Route("/preview/{code}", meeting),
        Route("/agora/meeting", channel),
        Route("/page/{name}", file),
        Route("/ui/{name}", ui_file),
    ]


def _welcome(config: SandboxConfig) -> JsonObject:
    return {
        "what": "A pretend 100ms and Agora for development. Nothing here is real, and nothing leaves this machine.",
        "templates": [_template_card(template) for workspace in config.workspaces for template in workspace.templates],
        "links": {
            "rest": "/v2",
            "code_for_token": "/v2/token",
            "meeting": "/meeting/{code}",
            "agora_meeting": "/agora/meeting",
            "counters": "/_sandbox/counters",
            "requests": "/_sandbox/requests",
            "faults": "/_sandbox/faults",
            "webhooks": "/_sandbox/webhooks",
            "agora": "/dev/v1",
            "health": "/healthz",
        },
    }


def _template_card(template: Template) -> JsonObject:
    return {"id": template.id, "name": template.name, "roles": list(template.roles)}


# Preloaded, so that the browser does not discover one module after the other.
_PRELOADED = "".join(
    f'<link rel="modulepreload" href="../{folder}/{name}">'
    for folder, names in (("page", sorted(path.name for path in FILES.glob("*.js"))), ("ui", ui.CALL_MODULES))
    for name in names
    if name != "call.js"
)
_STYLES = "".join(
    f'<link rel="stylesheet" href="{href}">'
    for href in ("../ui/tokens.css", "../ui/kit.css", "../page/call.css", "../ui/call.css")
)
_NEEDS_SCRIPTS = ("Just a moment", "The call needs JavaScript.")


def _meeting_page(state: SandboxState, request: Request) -> Response:
    try:
        code, room = usable_code(state, request.path_params["code"])
    except VendorError as error:
        refusal = refusal_of(error)
        config = {"refused": refusal.code}
        return _page(request, refusal.title, config, (refusal.title, refusal.sentence), status=error.status)
    config = {"vendor": "100ms", "code": code.code, "title": room.name, "role": code.role}
    return _page(request, room.name, config, _NEEDS_SCRIPTS)


def _page(request: Request, title: str, config: JsonObject, card: tuple[str, str], status: int = 200) -> Response:
    """The page. Without scripts, or if the person cannot join, it is a card with this text."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        f'<link rel="icon" href="../page/icon.svg">{_STYLES}'
        f'<script type="module" src="../page/call.js"></script>{_PRELOADED}</head>'
        f'<body><vb-call data-config="{escape(json.dumps(config))}"><main class="card">'
        f"<h1>{escape(card[0])}</h1><p>{escape(card[1])}</p></main></vb-call></body></html>"
    )
    return HTMLResponse(html, status, headers={**_HEADERS, "content-security-policy": _policy(request)})


def _policy(request: Request) -> str:
    # In some browsers, 'self' does not include WebSockets of the same host.
    host = request.headers.get("host", "")
    socket = f" {'wss' if request.url.scheme == 'https' else 'ws'}://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'{socket}; base-uri 'none'; form-action 'none'; "
        # Frontends show the meeting in a frame, so every ancestor is allowed.
        "frame-ancestors *"
    )
