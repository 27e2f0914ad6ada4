"""Rendering of the console's templates, with autoescape and a strict Content-Security-Policy."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from videobroker.domain.times import rfc3339
from videobroker.web.console import bidi
from videobroker.web.console.access import Operator
from videobroker.web.http.content_security_policy import OWN_CODE_ONLY, content_security_policy
from videobroker.web.http.static_files import IMMUTABLE, static_file
from videobroker.web.http.templates import template_environment

_POLICY = {
    **OWN_CODE_ONLY,
    "img-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
HEADERS = {
    "Content-Security-Policy": content_security_policy(_POLICY),
    "X-Content-Type-Options": "nosniff",
    # With a stricter policy, browsers would send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_DIRECTIONAL = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_STATIC = Path(__file__).parent / "static"

_environment = template_environment("videobroker.web.console")


def static_url(name: str) -> str:
    """The URL of a static file; it changes with the content."""
    return f"/console/static/{name}?v={static_file(_STATIC, name).version}"


def static_response(name: str, request: Request) -> Response:
    """A static file of the console. Raises `PathNotFound`."""
    headers = {name: value for name, value in HEADERS.items() if name != "Cache-Control"}
    return static_file(_STATIC, name).response(request, cache_control=IMMUTABLE, **headers)


def rendered(
    template: str,
    *,
    operator: Operator | None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Renders a page; times are in the operator's time zone."""
    zone: tzinfo = UTC if operator is None else operator.zone
    page = _environment.get_template(template).render(
        **{"here": "", **values},
        operator=operator,
        clock=ConsoleClock(zone),
    )
    return HTMLResponse(page, status, headers={**HEADERS, **(headers or {})})


class ConsoleClock:
    """Formats times in one time zone."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone

    @property
    def name(self) -> str:
        return str(self.zone)

    def offset(self, moment: datetime) -> str:
        """`UTC+1`, `UTC+5:30`."""
        minutes = int((self._local(moment).utcoffset() or timedelta(0)).total_seconds()) // 60
        hours, rest = divmod(abs(minutes), 60)
        return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"

    def day(self, moment: datetime) -> str:
        """`Thu 12 Mar 2026`."""
        return f"{self._local(moment):%a %-d %b %Y}"

    def time(self, moment: datetime) -> str:
        """`14:00`."""
        return f"{self._local(moment):%H:%M}"

    def second(self, moment: datetime) -> str:
        """`14:00:07`."""
        return f"{self._local(moment):%H:%M:%S}"

    def full(self, moment: datetime) -> str:
        """`12 Mar 2026, 14:00:07`."""
        return f"{self._local(moment):%-d %b %Y, %H:%M:%S}"

    def brief(self, moment: datetime) -> str:
        """`12 Mar, 14:00`."""
        return f"{self._local(moment):%-d %b, %H:%M}"

    def same_day(self, one: datetime, other: datetime) -> bool:
        """Whether both are on the same day in this time zone."""
        return self._local(one).date() == self._local(other).date()

    def stamp(self, moment: datetime) -> str:
        """RFC 3339, for `datetime` attributes."""
        return rfc3339(moment)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)


def duration(seconds: float | timedelta | None) -> str:
    """`1 h 05 min`, `12 min`, `40 s`."""
    if seconds is None:
        return ""
    total = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    hours, minutes = total // 3600, total % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else f"{total} s"


def pretty(value: Any) -> str:
    """Indented JSON, with directional characters escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return _DIRECTIONAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


SOURCE_TEXT = {"observed": "Live", "reconciled": "Confirmed later", "inferred": "Estimated"}
"""Labels of the sources of attendance."""
END_TEXT = {
    "requested": "ended for everyone",
    "window_closed": "ended on time",
    "session_shut": "session closed",
    "session_moved": "session moved",
    "empty": "everyone left",
}
"""Labels of the reasons why a call ended."""

_environment.globals.update(
    static=static_url, duration=duration, pretty=pretty, source_text=SOURCE_TEXT, end_text=END_TEXT
)
_environment.filters.update(bdi=bidi.bdi, iso=bidi.isolated_if_needed, with_bdi=bidi.with_bdi)
