"""Branding: which values are accepted, and that every brand color ends up readable."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.branding import (
    DARK_BACKGROUNDS,
    LIGHT_BACKGROUNDS,
    MAX_LOGO_BYTES,
    MIN_TEXT_CONTRAST,
    NO_BRANDING,
    Branding,
    Logo,
    contrast,
    identify_logo,
    normalize_branding,
    resolve_palette,
)

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20)
FULL = Branding(
    display_name="Algebra Club",
    logo=Logo("0" * 32, "image/png"),
    color="#1a73e8",
    dark_color="#8ab4f8",
    contact_email="help@algebra.example",
    contact_phone="+49 (30) 123 456",
    contact_url="https://algebra.example/help",
    return_url="https://algebra.example/lessons/{reference}?from=call",
    languages=("de", "en"),
    default_language="en",
)


def test_a_branding_is_stored_as_the_values_that_are_set() -> None:
    assert NO_BRANDING.to_json() == {}
    assert Branding.from_json({}) == NO_BRANDING
    assert normalize_branding(FULL) == FULL
    assert Branding.from_json(FULL.to_json()) == FULL
    assert Branding.from_json({**FULL.to_json(), "added_later": 1}) == FULL


def test_colors_are_stored_in_lower_case() -> None:
    assert normalize_branding(Branding(color="#AABBCC", dark_color="#FFF000")) == Branding(
        color="#aabbcc", dark_color="#fff000"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"display_name": "x" * 65}, "at most 64"),
        ({"display_name": " "}, "visible"),
        ({"display_name": "a\nb"}, "control characters"),
        ({"color": "red"}, "#1a73e8"),
        ({"color": "#fff"}, "#1a73e8"),
        ({"color": "#ffffff;}"}, "#1a73e8"),
        ({"dark_color": "#ffffff"}, "needs `color`"),
        ({"contact_email": "help@"}, "email address"),
        ({"contact_email": "a@b.example?cc=x"}, "email address"),
        ({"contact_phone": "call me"}, "phone number"),
        ({"contact_url": "javascript:alert(1)"}, "such as https"),
        ({"contact_url": "http://shop.example/"}, "must use https"),
        ({"contact_url": "https://me:secret@shop.example/"}, "without a user name"),
        ({"contact_url": "https://shop.example/{reference}"}, "ASCII"),
        ({"return_url": "https://{reference}.shop.example/"}, "not in its host"),
        ({"return_url": "https://shop.example/{other}"}, "ASCII"),
        ({"return_url": "https://shop.example:99999/"}, "such as https"),
        ({"return_url": "https://münchen.example/"}, "ASCII"),
        ({"return_url": "https://shop.example/" + "x" * 500}, "at most 500"),
        ({"return_url": "/lessons"}, "such as https"),
        ({"languages": ("en", "fr")}, "not a language"),
        ({"languages": ("en", "en")}, "once"),
        ({"languages": ("en",), "default_language": "de"}, "one of `languages`"),
    ],
)
def test_a_value_that_cannot_work_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        normalize_branding(replace(NO_BRANDING, **values))


def test_plain_http_is_for_localhost() -> None:
    for url in ("http://localhost:3000/x", "http://shop.localhost/", "http://127.0.0.1/"):
        assert normalize_branding(Branding(return_url=url)).return_url == url


def test_the_return_url_names_the_session() -> None:
    url = "https://shop.example/a/{reference}?b={reference}"
    branding = Branding(return_url=url)
    assert branding.return_url_for("lesson 1&x") == "https://shop.example/a/lesson%201%26x?b=lesson%201%26x"
    assert branding.return_url_for(None) == "https://shop.example/"
    assert Branding(return_url="https://shop.example/a").return_url_for(None) == "https://shop.example/a"
    assert NO_BRANDING.return_url_for("lesson-1") is None


def test_the_default_language_is_the_first() -> None:
    assert NO_BRANDING.offered_languages == ("en", "de")
    assert Branding(languages=("de",)).offered_languages == ("de",)
    assert FULL.offered_languages == ("en", "de")
    assert Branding(default_language="de").offered_languages == ("de", "en")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(color=colors, dark=st.none() | colors)
def test_every_brand_color_becomes_readable(color: str, dark: str | None) -> None:
    palette = resolve_palette(Branding(color=color, dark_color=dark))
    assert palette is not None
    for scheme, backgrounds in ((palette.light, LIGHT_BACKGROUNDS), (palette.dark, DARK_BACKGROUNDS)):
        assert contrast(scheme.on_accent, scheme.accent) >= MIN_TEXT_CONTRAST
        assert all(contrast(scheme.accent, each) >= MIN_TEXT_CONTRAST for each in backgrounds)
    assert palette.light.is_adjusted == (palette.light.accent != color)
    assert palette.dark.is_adjusted == (dark is not None and palette.dark.accent != dark)


def test_a_readable_color_is_used_as_it_is_and_another_shade_is_reported() -> None:
    assert resolve_palette(NO_BRANDING) is None
    blue = resolve_palette(Branding(color="#1a3f8b"))
    assert blue is not None
    assert (blue.light.accent, blue.light.on_accent, blue.adjustments) == ("#1a3f8b", "#ffffff", ())
    orange = resolve_palette(Branding(color="#f97316"))
    assert orange is not None
    assert orange.adjustments == (
        f"In light mode, the page uses {orange.light.accent}: the given color is not readable on its backgrounds.",
    )


def test_a_logo_is_recognized_by_its_content() -> None:
    assert identify_logo(PNG).media_type == "image/png"
    assert identify_logo(b"\xff\xd8\xff\xe0").media_type == "image/jpeg"
    assert identify_logo(b"RIFF\x00\x00\x00\x00WEBPVP8 ").media_type == "image/webp"
    assert identify_logo(PNG) == identify_logo(PNG)
    assert identify_logo(PNG).digest != identify_logo(PNG + b"\0").digest


@pytest.mark.parametrize("content", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", PNG[:10]])
def test_another_image_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="PNG, JPEG, or WebP"):
        identify_logo(content)


def test_a_large_logo_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 200000"):
        identify_logo(PNG + bytes(MAX_LOGO_BYTES))
