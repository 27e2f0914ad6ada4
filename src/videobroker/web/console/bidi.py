"""Bidirectional isolation: user-supplied text must not reorder the text around it (Unicode UAX #9).

Names, titles, references, and user IDs may be right-to-left, or contain characters that override the direction. In
markup they are wrapped in `<bdi>`; elsewhere in isolate characters.
"""

import re
import unicodedata

from markupsafe import Markup, escape

FIRST_STRONG_ISOLATE = "\u2068"
POP_ISOLATE = "\u2069"
# Embeddings, overrides, and isolates: an unmatched one inside would end the isolation. Marks (U+200E, U+200F, U+061C)
# are harmless, and some names need them.
_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LEFT_TO_RIGHT = frozenset({"L", "EN", "ES", "ET", "CS", "NSM", "BN", "B", "S", "WS", "ON"})
_ISOLATED = re.compile(f"{FIRST_STRONG_ISOLATE}([^{FIRST_STRONG_ISOLATE}{POP_ISOLATE}]*){POP_ISOLATE}")


def isolated(value: object) -> str:
    """The text between isolate characters, without directional controls of its own."""
    return f"{FIRST_STRONG_ISOLATE}{_CONTROLS.sub('', str(value))}{POP_ISOLATE}"


def isolated_if_needed(value: object) -> str:
    """For attributes, page titles, options, and SVG: isolated only if the text could reorder its surroundings.

    Most labels then contain no invisible characters, which would interfere with searching and copying.
    """
    text = str(value)
    if all(unicodedata.bidirectional(character) in _LEFT_TO_RIGHT for character in text):
        return text
    return isolated(text)


def bdi(value: object) -> Markup:
    """The text in a `<bdi>` element."""
    return Markup("<bdi>{}</bdi>").format(_CONTROLS.sub("", str(value)))


def with_bdi(sentence: str) -> Markup:
    """The sentence as markup, with `<bdi>` instead of the isolate characters of `isolated`."""
    return Markup(_ISOLATED.sub(r"<bdi>\1</bdi>", str(escape(sentence))))  # noqa: S704  escaped before


def without_isolates(sentence: str) -> str:
    """The sentence without isolate characters, for files."""
    return sentence.replace(FIRST_STRONG_ISOLATE, "").replace(POP_ISOLATE, "")
