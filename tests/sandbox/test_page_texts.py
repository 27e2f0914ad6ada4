"""The texts of the sandbox's page before and after the call, in every language."""

import re

import pytest

from browser.hosted_page import exported
from videobroker.sandbox import pages
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.meeting.refusals import KNOWN_REFUSALS, refusal_of

PAGE = pages.FILES
TRANSLATIONS: dict[str, dict[str, str]] = exported("texts.js", "translations", folder=PAGE)
PLACEHOLDER = re.compile(r"\{\w+\}")
CALLS = re.compile(r"\b(?:say|showCard|showEnd)\((.*)")
LITERAL = re.compile(r'"([A-Z][^"]+)"')


def _refusals() -> set[str]:
    known = [*KNOWN_REFUSALS.values(), refusal_of(VendorError(401, "any"))]
    return {text for refusal in known for text in (refusal.title, refusal.sentence)}


def _translated_in_scripts() -> set[str]:
    """The literals in calls that translate."""
    scripts = (PAGE / name for name in ("call.js", "view.js"))
    return {text for path in scripts for call in CALLS.findall(path.read_text()) for text in LITERAL.findall(call)}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_text_has_a_translation(language: str) -> None:
    assert not (_refusals() | _translated_in_scripts()) - TRANSLATIONS[language].keys()


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_translation_is_used(language: str) -> None:
    scripts = "\n".join(path.read_text() for path in PAGE.glob("*.js") if path.name != "texts.js")
    assert not {text for text in TRANSLATIONS[language] if f'"{text}"' not in scripts} - _refusals()


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_translations_have_the_placeholders_of_their_source(language: str) -> None:
    for source, translation in TRANSLATIONS[language].items():
        assert sorted(PLACEHOLDER.findall(source)) == sorted(PLACEHOLDER.findall(translation)), source
