"""The check of camera, microphone, and connection without a booking, and what it measures the connection with."""

import os

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from videobroker.web.http.requests import by_name
from videobroker.web.http.templates import template_environment
from videobroker.web.pages.policy import lobby_headers

SAMPLE_BYTES = 512 * 1024
"""A connection that is good enough takes at most two seconds. Anonymous requests are limited (`rate_limits`)."""
_SAMPLE = os.urandom(SAMPLE_BYTES)
"""Random, so that no proxy can compress it."""
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex"}

_templates = template_environment("videobroker.web.pages")

router = APIRouter(prefix="/test", include_in_schema=False, generate_unique_id_function=by_name)


@router.get("")
async def show_call_check() -> Response:
    return HTMLResponse(
        _templates.get_template("test.html").render(), headers=lobby_headers(embedders=[], call_pages=[])
    )


@router.get("/ping")
async def measure_round_trip() -> Response:
    return Response(status_code=204, headers=_HEADERS)


@router.get("/sample")
async def measure_download() -> Response:
    return Response(_SAMPLE, media_type="application/octet-stream", headers=_HEADERS)
