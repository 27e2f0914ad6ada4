"""Languages of the console and the demo page: gettext catalogs in `locale`, compiled at start-up.

The language of a request is in a context variable while its route runs, so that texts made in Python are translated
where they are made. Module constants are marked with `N_` and translated when they are shown.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from fastapi import Request, Response

from videobroker.translatable import TranslatableText
from videobroker.web.console.cookies import read_cookie, set_cookie

COOKIE = "videobroker_language"
COOKIE_LIFETIME = timedelta(days=365)
QUERY_PARAMETER = "lang"
MAX_HEADER_LENGTH = 500
LOCALE_FOLDER = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the pages."""

    code: str
    name: str
    """In the language itself."""
    locale: Locale
    """Formats dates and numbers."""
    translations: NullTranslations
    script_messages: Mapping[str, str]
    """The messages of `static/*.js`."""


def read_catalog(code: str) -> Catalog:
    """The catalog of a language other than English."""
    with (LOCALE_FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def _translated(code: str, name: str, locale: Locale) -> Language:
    catalog = read_catalog(code)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    scripts = {
        str(message.id): str(message.string)
        for message in catalog
        if message.id and message.string and any(file.endswith(".js") for file, _ in message.locations)
    }
    return Language(code, name, locale, GNUTranslations(compiled), scripts)


# The messages are American English. Operators work in many time zones: 24-hour clock, and the day before the month.
ENGLISH = Language("en", "English", Locale("en", "150"), NullTranslations(), {})
LANGUAGES: Mapping[str, Language] = {each.code: each for each in (ENGLISH, _translated("de", "Deutsch", Locale("de")))}


@dataclass(frozen=True, slots=True)
class Localization:
    """The language of a request."""

    language: Language
    address: str | None = None
    """Path and query of the page, without the language. None for responses to forms, which have no address."""

    def switch_url(self, language: Language) -> str:
        """The URL of the page in this language."""
        address = self.address or "/console"
        return f"{address}{'&' if '?' in address else '?'}{QUERY_PARAMETER}={language.code}"


_IN_ENGLISH = Localization(ENGLISH)
_current: ContextVar[Localization] = ContextVar("localization", default=_IN_ENGLISH)


def current() -> Localization:
    """The language of the current request."""
    return _current.get()


@contextmanager
def localized(localization: Localization) -> Iterator[None]:
    """Translates into this language in the block."""
    token = _current.set(localization)
    try:
        yield
    finally:
        _current.reset(token)


def negotiate(request: Request) -> Localization:
    """The query parameter `lang` decides, then the cookie, then `Accept-Language`."""
    chosen = _chosen(request) or LANGUAGES.get(read_cookie(request, COOKIE) or "")
    language = chosen or _accepted(request.headers.get("accept-language", "")[:MAX_HEADER_LENGTH])
    if request.method != "GET":
        return Localization(language)
    others = request.url.remove_query_params(QUERY_PARAMETER)
    return Localization(language, others.path + (f"?{others.query}" if others.query else ""))


def remember(request: Request, response: Response) -> None:
    """Store the language that the query parameter chose."""
    chosen = _chosen(request)
    if chosen is not None:
        set_cookie(request, response, COOKIE, chosen.code, lifetime=COOKIE_LIFETIME, samesite="lax")


def _chosen(request: Request) -> Language | None:
    return LANGUAGES.get(request.query_params.get(QUERY_PARAMETER, ""))


def _accepted(header: str) -> Language:
    """The most preferred available language of `Accept-Language` (RFC 9110, section 12.5.4); English by default."""
    ranges = [_weighted(each) for each in header.split(",")]
    for tag, weight in sorted(ranges, key=lambda each: -each[1]):
        language = LANGUAGES.get(tag.partition("-")[0])
        if language is not None and weight > 0:
            return language
    return ENGLISH


def _weighted(language_range: str) -> tuple[str, float]:
    tag, _, parameter = language_range.partition(";")
    name, _, weight = parameter.strip().partition("=")
    try:
        return tag.strip().lower(), float(weight) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return tag.strip().lower(), 0.0


def N_(message: str) -> str:  # noqa: N802  the name by which gettext tools find messages
    """Marks a message that is translated when it is shown."""
    return message


def translate(message: str) -> str:
    """The translation, with its placeholders."""
    return _current.get().language.translations.gettext(message)


def translate_text(text: str) -> str:
    """The text of an error in the language of the request. Plain texts are returned as they are."""
    if not isinstance(text, TranslatableText):
        return text
    values = {name: translate_text(value) if isinstance(value, str) else value for name, value in text.values.items()}
    return translate(text.template) % values


def translate_plural(singular: str, plural: str, count: int) -> str:
    """The translation for this count, with its placeholders."""
    return _current.get().language.translations.ngettext(singular, plural, count)


def translate_in_context(context: str, message: str) -> str:
    """The translation of a message that has different ones elsewhere."""
    return _current.get().language.translations.pgettext(context, message)


def gettext(message: str, /, **values: Any) -> str:
    """The translation, formatted as in the templates: `_("Valid until %(time)s", time=...)`."""
    return translate(message) % values


def ngettext(singular: str, plural: str, count: int, /, **values: Any) -> str:
    """The translation for this count. `%(num)s` is the formatted count."""
    return translate_plural(singular, plural, count) % {"num": number(count), **values}


def number(value: float) -> str:
    """`1,234` in English."""
    return format_decimal(value, locale=_current.get().language.locale)
