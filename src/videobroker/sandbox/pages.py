"""What a person sees: where they are, and for which room and role their code is."""

import base64
import hashlib
from html import escape

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox.config import SandboxConfig, Template
from videobroker.sandbox.exchange import usable_code
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.problems import Problem
from videobroker.sandbox.state import SandboxState

_STYLE = "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    # Frontends show the meeting in a frame, so every ancestor is welcome; nothing else is.
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors *"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_REFUSALS = {
    403: ("This meeting is closed", "The room or its code is switched off at the moment."),
    404: ("No such meeting", "Nobody has made this code. Please check the link."),
}


def page_routes(state: SandboxState) -> list[Route]:
    """The start page, the health check, and the pages a room code leads to."""

    async def home(_: Request) -> Response:
        return JSONResponse(_welcome(state.config))

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def meeting(request: Request) -> Response:
        return _meeting_page(state, request.path_params["code"])

    return [
        Route("/", home),
        Route("/healthz", healthz),
        Route("/meeting/{code}", meeting),
        Route("/preview/{code}", meeting),
    ]


def _welcome(config: SandboxConfig) -> JsonObject:
    return {
        "what": "A pretend 100ms and Agora for development. Nothing here is real, and nothing leaves this machine.",
        "templates": [_template_card(template) for workspace in config.workspaces for template in workspace.templates],
        "links": {
            "rest": "/v2",
            "code_for_token": "/v2/token",
            "meeting": "/meeting/{code}",
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


def _meeting_page(state: SandboxState, text: str) -> Response:
    try:
        code, room = usable_code(state, text)
    except Problem as problem:
        return _page(*_REFUSALS[problem.status], status=problem.status)
    return _page(f"Room {room.name}", f"This code lets you in as {code.role}.")


def _page(title: str, sentence: str, status: int = 200) -> Response:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(sentence)}</p></main></body></html>"
    )
    return HTMLResponse(html, status, headers=_HEADERS)
