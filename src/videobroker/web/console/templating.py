"""Rendering of the console's templates, with autoescape and a strict Content-Security-Policy."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_skeleton
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from videobroker.domain.times import rfc3339
from videobroker.translatable import TranslatableText
from videobroker.web.console import bidi, i18n
from videobroker.web.console.access import Operator
from videobroker.web.console.i18n import LANGUAGES, N_
from videobroker.web.console.i18n import gettext as _
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

_environment = template_environment("videobroker.web.console", extensions=["jinja2.ext.i18n"])
_environment.policies["ext.i18n.trimmed"] = True
# Of the extension. Placeholders are formatted, and their values escaped, after the translation.
_environment.install_gettext_callables(  # type: ignore[attr-defined]
    i18n.translate, i18n.translate_plural, newstyle=True, pgettext=i18n.translate_in_context
)


def _localize(value: object) -> object:
    """Applied to every value that a template shows: translatable texts are in the language of the request."""
    return i18n.translate_text(value) if isinstance(value, TranslatableText) else value


def _english_only(text: str) -> Markup:
    """The attribute `lang` of an element with this text, if it has no translation."""
    return Markup("") if isinstance(text, TranslatableText) else Markup(' lang="en"')


_environment.finalize = _localize


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
    """Renders a page in the language of the request; times are in the operator's time zone."""
    zone: tzinfo = UTC if operator is None else operator.zone
    localization = i18n.current()
    page = _environment.get_template(template).render(
        **{"here": "", **values},
        operator=operator,
        clock=ConsoleClock(zone, localization.language.locale),
        language=localization.language,
        languages=LANGUAGES.values(),
        localization=localization,
    )
    return HTMLResponse(
        page, status, headers={**HEADERS, "Content-Language": localization.language.code, **(headers or {})}
    )


class ConsoleClock:
    """Formats times in one time zone and language."""

    def __init__(self, zone: tzinfo, locale: Locale) -> None:
        self.zone = zone
        self._locale = locale

    @property
    def name(self) -> str:
        return str(self.zone)

    def offset(self, moment: datetime) -> str:
        """`UTC+1`, `UTC+5:30`."""
        minutes = int((self._local(moment).utcoffset() or timedelta(0)).total_seconds()) // 60
        hours, rest = divmod(abs(minutes), 60)
        return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"

    def day(self, moment: datetime) -> str:
        """`Thu, 12 Mar 2026`."""
        return str(format_skeleton("yMMMEd", self._local(moment), locale=self._locale))

    def time(self, moment: datetime) -> str:
        """`14:00`."""
        return f"{self._local(moment):%H:%M}"

    def second(self, moment: datetime) -> str:
        """`14:00:07`."""
        return f"{self._local(moment):%H:%M:%S}"

    def full(self, moment: datetime) -> str:
        """`12 Mar 2026, 14:00:07`."""
        return f"{format_skeleton('yMMMd', self._local(moment), locale=self._locale)}, {self.second(moment)}"

    def brief(self, moment: datetime) -> str:
        """`12 Mar, 14:00`."""
        return f"{format_skeleton('MMMd', self._local(moment), locale=self._locale)}, {self.time(moment)}"

    def same_day(self, one: datetime, other: datetime) -> bool:
        """Whether both are on the same day in this time zone."""
        return self._local(one).date() == self._local(other).date()

    def stamp(self, moment: datetime) -> str:
        """RFC 3339, for `datetime` attributes."""
        return rfc3339(moment)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)


def duration(seconds: float | timedelta | None) -> str:
    """`1 h 05 min`, `12 min`, `40 s` in English."""
    if seconds is None:
        return ""
    total = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    hours, minutes = total // 3600, total % 3600 // 60
    if hours:
        padded = f"{minutes:02}"
        return _("%(hours)s h %(minutes)s min", hours=hours, minutes=padded)
    return _("%(minutes)s min", minutes=minutes) if minutes else _("%(seconds)s s", seconds=total)


def pretty(value: Any) -> str:
    """Indented JSON, with directional characters escaped."""
    return literal(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str))


def literal(text: str) -> str:
    """Foreign text with directional characters escaped, so that it cannot change the order of what is around it."""
    return _DIRECTIONAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


SOURCE_TEXT = {"observed": N_("Live"), "reconciled": N_("Confirmed later"), "inferred": N_("Estimated")}
"""Labels of the sources of attendance."""
END_TEXT = {
    "requested": N_("ended for everyone"),
    "window_closed": N_("ended on time"),
    "session_shut": N_("session closed"),
    "session_moved": N_("session moved"),
    "empty": N_("everyone left"),
}
"""Labels of the reasons why a call ended."""

PHASE_TEXT = {
    "upcoming": N_("Upcoming"),
    "in_progress": N_("In progress"),
    "completed": N_("Completed"),
    "cancelled": N_("Canceled"),
}
STATUS_TEXT = {
    "pending": N_("Pending"),
    "confirmed": N_("Confirmed"),
    "completed": N_("Completed"),
    "cancelled": N_("Canceled"),
}
KIND_TEXT = {"booking": N_("Booking"), "group": N_("Group")}
WAITING_ROOM_TEXT = {
    "off": N_("off"),
    "until_host": N_("until the host joins"),
    "admit": N_("the host admits each person"),
}
ROOM_TEXT = {
    "preparing": N_("being created"),
    "ready": N_("open"),
    "closing": N_("being closed"),
    "closed": N_("closed"),
}
DELIVERY_TEXT = {"pending": N_("Pending"), "delivered": N_("Delivered"), "failed": N_("Failed")}
WEBHOOK_TEXT = {"pending": N_("Not processed yet"), "applied": N_("Processed"), "ignored": N_("Ignored")}
CHECK_TEXT = {"ok": N_("OK"), "warning": N_("Warning"), "failed": N_("Failed")}

ROLE_TEXT = {"viewer": N_("Viewer"), "support": N_("Support"), "admin": N_("Administrator")}
"""Labels of the roles of operators."""
PROVIDER_TEXT = {"100ms": "100ms", "agora": "Agora"}
"""Names of the providers."""


def named_providers(providers: Iterable[str]) -> str:
    """`100ms, Agora`."""
    return ", ".join(PROVIDER_TEXT.get(each, each) for each in providers)


_environment.globals.update(
    role_text=ROLE_TEXT,
    named_providers=named_providers,
    static=static_url,
    duration=duration,
    pretty=pretty,
    literal=literal,
    number=i18n.number,
    source_text=SOURCE_TEXT,
    end_text=END_TEXT,
    phase_text=PHASE_TEXT,
    status_text=STATUS_TEXT,
    kind_text=KIND_TEXT,
    waiting_room_text=WAITING_ROOM_TEXT,
    room_text=ROOM_TEXT,
    delivery_text=DELIVERY_TEXT,
    check_text=CHECK_TEXT,
    webhook_text=WEBHOOK_TEXT,
    english_only=_english_only,
)
_environment.filters.update(
    localized=_localize,
    bdi=lambda value: bidi.bdi(_localize(value)),
    iso=lambda value: bidi.isolated_if_needed(_localize(value)),
    with_bdi=bidi.with_bdi,
)
