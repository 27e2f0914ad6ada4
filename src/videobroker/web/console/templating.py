"""Pages out of templates: everything is escaped, and nothing but our own files may run or paint."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from importlib import resources
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from videobroker.domain.times import rfc3339
from videobroker.errors import PathNotFound
from videobroker.web.console import bidi
from videobroker.web.console.access import Operator

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not less: without it browsers do not say where a form comes from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_DIRECTIONAL = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
A_YEAR = 365 * 24 * 3600
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

_environment = Environment(
    loader=PackageLoader("videobroker.web.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _read_static() -> dict[str, bytes]:
    folder = resources.files("videobroker.web.console") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES}


_static = _read_static()


def static_url(name: str) -> str:
    """Where a file of ours is; another content has another address."""
    return f"/console/static/{name}?v={sha256(_static[name]).hexdigest()[:12]}"


def static_file(name: str) -> Response:
    """A file of ours. Raises `PathNotFound`."""
    if name not in _static:
        raise PathNotFound("There is no such file.")
    kind = _TYPES[name.rpartition(".")[2]]
    headers = {**HEADERS, "Cache-Control": f"public, max-age={A_YEAR}, immutable"}
    return Response(_static[name], headers=headers, media_type=f"{kind}; charset=utf-8")


def rendered(
    template: str,
    *,
    operator: Operator | None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page; its times are those of the operator's zone."""
    zone: tzinfo = UTC if operator is None else operator.zone
    page = _environment.get_template(template).render(
        **{"here": "", **values},
        operator=operator,
        clock=Clock(zone),
    )
    return HTMLResponse(page, status, headers={**HEADERS, **(headers or {})})


class Clock:
    """Writes moments as people in one zone read them."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone

    @property
    def name(self) -> str:
        """The zone's."""
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
        """Whether both are on one day here."""
        return self._local(one).date() == self._local(other).date()

    def stamp(self, moment: datetime) -> str:
        """As programs read it."""
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
    """JSON as people read it, with directional controls as escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return _DIRECTIONAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


SOURCE_TEXT = {"observed": "Live", "reconciled": "Confirmed later", "inferred": "Estimated"}
"""How it is known that a person was in a call."""
END_TEXT = {
    "requested": "ended for everyone",
    "window_closed": "ended on time",
    "session_shut": "session closed",
    "session_moved": "session moved",
    "empty": "everyone left",
}
"""Why a call ended."""

_environment.globals.update(
    static=static_url, duration=duration, pretty=pretty, source_text=SOURCE_TEXT, end_text=END_TEXT
)
_environment.filters.update(bdi=bidi.bdi, iso=bidi.isolated_if_needed, with_bdi=bidi.with_bdi)
