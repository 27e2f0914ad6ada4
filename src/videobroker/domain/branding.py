"""Branding: how the hosted page presents an app, with its name, logo, colors, contact, way back, and languages."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import quote, urlsplit

from videobroker.domain.texts import check_name
from videobroker.translatable import TranslatableText

SUPPORTED_LANGUAGES = ("en", "de")
"""The languages of the hosted page."""
REFERENCE_PLACEHOLDER = "{reference}"
MAX_DISPLAY_NAME_LENGTH = 64
MAX_URL_LENGTH = 500
MAX_LOGO_BYTES = 200_000
MIN_TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3. The palette also meets 3:1 for controls, 1.4.11."""
LIGHT_BACKGROUNDS = ("#ffffff", "#ececec")
DARK_BACKGROUNDS = ("#0d0d0d", "#2f2f2f")
"""The brightest and the darkest surface in each color scheme. Text in the brand color is readable on both."""

_COLOR = re.compile(r"#[0-9a-f]{6}")
_EMAIL = re.compile(r"[^\s@<>\"',;:?&#%]{1,64}@[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?", re.IGNORECASE)
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{2,30}")
_LOCAL_HOST = re.compile(r"(.+\.)?localhost|127\.0\.0\.1|::1")
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Logo:
    """Identifies a stored logo. The digest is part of its URL, so that browsers may cache it forever."""

    digest: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Branding:
    """How the hosted page presents an app. Values that are None are left out, or as the page has them by default."""

    display_name: str | None = None
    """The name of the product as people know it."""
    logo: Logo | None = None
    color: str | None = None
    """The brand color as `#rrggbb`. `resolve_palette` makes it readable."""
    dark_color: str | None = None
    """The brand color in dark mode; None: derived from `color`."""
    contact_email: str | None = None
    contact_phone: str | None = None
    contact_url: str | None = None
    """Where people get help: shown where the page cannot help them."""
    return_url: str | None = None
    """Where people go after a call. `{reference}` in its path or query becomes the reference of the session."""
    languages: tuple[str, ...] = ()
    """The languages that the page may use. Empty: all supported ones."""
    default_language: str | None = None
    """The language for people whose languages are not offered; None: the first of `languages`."""

    @property
    def has_contact(self) -> bool:
        return bool(self.contact_email or self.contact_phone or self.contact_url)

    @property
    def offered_languages(self) -> tuple[str, ...]:
        """The languages of the page, with the default one first."""
        offered = self.languages or SUPPORTED_LANGUAGES
        default = self.default_language or offered[0]
        return (default, *(each for each in offered if each != default))

    def return_url_for(self, reference: str | None) -> str | None:
        """The return URL for a session. Without a reference, a URL that needs one leads to its origin."""
        if self.return_url is None or REFERENCE_PLACEHOLDER not in self.return_url:
            return self.return_url
        if reference is None:
            parts = urlsplit(self.return_url)
            return f"{parts.scheme}://{parts.netloc}/"
        return self.return_url.replace(REFERENCE_PLACEHOLDER, quote(reference, safe=""))

    def to_json(self) -> dict[str, Any]:
        """The values that are set, for storage and events."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        if self.logo is not None:
            values["logo"] = {"digest": self.logo.digest, "media_type": self.logo.media_type}
        values["languages"] = list(self.languages)
        return {name: value for name, value in values.items() if value not in (None, [])}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Branding":
        """The branding with these stored values. Unknown ones are ignored, because newer versions may add some."""
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        if "logo" in known:
            known["logo"] = Logo(known["logo"]["digest"], known["logo"]["media_type"])
        return cls(**{**known, "languages": tuple(known.get("languages", ()))})


NO_BRANDING = Branding()


def normalize_branding(branding: Branding) -> Branding:
    """The branding with its colors in lower case. Raises `ValueError` for a value that cannot work."""
    branding = replace(
        branding,
        color=branding.color and branding.color.lower(),
        dark_color=branding.dark_color and branding.dark_color.lower(),
    )
    if branding.display_name is not None:
        check_name(branding.display_name)
        if len(branding.display_name) > MAX_DISPLAY_NAME_LENGTH:
            raise ValueError(
                TranslatableText(
                    "`display_name` must have at most %(maximum)s characters.", maximum=MAX_DISPLAY_NAME_LENGTH
                )
            )
    for name in ("color", "dark_color"):
        _check_color(name, getattr(branding, name))
    if branding.dark_color is not None and branding.color is None:
        raise ValueError(TranslatableText("`dark_color` needs `color`, the color in light mode."))
    _check_contact(branding)
    if branding.return_url is not None:
        _check_return_url(branding.return_url)
    _check_languages(branding)
    return branding


@dataclass(frozen=True, slots=True)
class SchemeColors:
    """The brand color in one color scheme."""

    accent: str
    """For buttons and text. Readable on all backgrounds of the scheme."""
    on_accent: str
    """For text on `accent`."""
    is_adjusted: bool
    """Whether `accent` differs from the brand color, which is not readable on the backgrounds."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The brand color as the hosted page uses it."""

    light: SchemeColors
    dark: SchemeColors

    @property
    def adjustments(self) -> tuple[str, ...]:
        """A sentence for each color scheme in which the page uses another shade than the app's."""
        return tuple(
            f"In {name} mode, the page uses {scheme.accent}: the given color is not readable on its backgrounds."
            for name, scheme in (("light", self.light), ("dark", self.dark))
            if scheme.is_adjusted
        )


def resolve_palette(branding: Branding) -> Palette | None:
    """The brand color, darkened or lightened as little as readable text needs. None without a brand color."""
    if branding.color is None:
        return None
    light = _readable(branding.color, LIGHT_BACKGROUNDS, toward="#000000")
    dark = _readable(branding.dark_color or branding.color, DARK_BACKGROUNDS, toward="#ffffff")
    return Palette(
        SchemeColors(light, _text_on(light), light != branding.color),
        # A shade that was derived from the light one is no adjustment of a value of the app.
        SchemeColors(dark, _text_on(dark), branding.dark_color not in {None, dark}),
    )


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colors, from 1 to 21 (WCAG 2.2)."""
    brighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def identify_logo(content: bytes) -> Logo:
    """The media type and digest of an image. Raises `ValueError` unless it is a small PNG, JPEG, or WebP."""
    if len(content) > MAX_LOGO_BYTES:
        raise ValueError(
            TranslatableText(
                "The logo has %(size)s bytes. Use at most %(maximum)s.", size=len(content), maximum=MAX_LOGO_BYTES
            )
        )
    media_type = _image_type(content)
    if media_type is None:
        raise ValueError(
            TranslatableText(
                "The logo must be a PNG, JPEG, or WebP image. SVG is not accepted, because it can run scripts."
            )
        )
    return Logo(hashlib.sha256(content).hexdigest()[:32], media_type)


def _image_type(content: bytes) -> str | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _check_color(name: str, color: str | None) -> None:
    if color is not None and _COLOR.fullmatch(color) is None:
        raise ValueError(TranslatableText("`%(name)s` must be a color such as #1a73e8.", name=name))


def _check_contact(branding: Branding) -> None:
    if branding.contact_email is not None and _EMAIL.fullmatch(branding.contact_email) is None:
        raise ValueError(TranslatableText("`contact_email` must be an email address such as help@shop.example."))
    if branding.contact_phone is not None and _PHONE.fullmatch(branding.contact_phone) is None:
        raise ValueError(TranslatableText("`contact_phone` must be a phone number such as +49 30 123456."))
    if branding.contact_url is not None:
        _check_url("contact_url", branding.contact_url)


def _check_return_url(url: str) -> None:
    _check_url("return_url", url.replace(REFERENCE_PLACEHOLDER, "reference"))
    parts = urlsplit(url)
    if REFERENCE_PLACEHOLDER in parts.netloc or REFERENCE_PLACEHOLDER in parts.scheme:
        raise ValueError(
            TranslatableText("`return_url` may contain {reference} in its path and query, but not in its host.")
        )


def _check_url(name: str, url: str) -> None:
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(
            TranslatableText("`%(name)s` must have at most %(maximum)s characters.", name=name, maximum=MAX_URL_LENGTH)
        )
    if not url.isascii() or not url.isprintable() or set(url) & set(" <>\"'`\\{}|^"):
        raise ValueError(
            TranslatableText("`%(name)s` must be a URL in ASCII, with other characters percent-encoded.", name=name)
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            TranslatableText("`%(name)s` must be a URL such as https://shop.example/lessons.", name=name)
        ) from None
    if not host or parts.username is not None:
        raise ValueError(
            TranslatableText(
                "`%(name)s` must be a URL such as https://shop.example/lessons, without a user name.", name=name
            )
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _LOCAL_HOST.fullmatch(host)):
        raise ValueError(TranslatableText("`%(name)s` must use https; plain http is for localhost.", name=name))


def _check_languages(branding: Branding) -> None:
    for language in (*branding.languages, *filter(None, [branding.default_language])):
        if language not in SUPPORTED_LANGUAGES:
            raise ValueError(
                TranslatableText(
                    "%(language)r is not a language of the page. Use one of: %(supported)s.",
                    language=language,
                    supported=", ".join(SUPPORTED_LANGUAGES),
                )
            )
    if len(set(branding.languages)) < len(branding.languages):
        raise ValueError(TranslatableText("`languages` must name each language once."))
    if branding.languages and branding.default_language not in {None, *branding.languages}:
        raise ValueError(TranslatableText("`default_language` must be one of `languages`."))


def _readable(color: str, backgrounds: tuple[str, ...], *, toward: str) -> str:
    for step in range(_STEPS + 1):
        mixed = _mix(color, toward, step / _STEPS)
        if all(contrast(mixed, background) >= MIN_TEXT_CONTRAST for background in backgrounds):
            return mixed
    return toward


def _text_on(color: str) -> str:
    # One of the two always has a contrast of more than 4.5.
    return max(("#ffffff", "#000000"), key=lambda text: contrast(text, color))


def _mix(color: str, other: str, share: float) -> str:
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
