"""Text of others inside our sentences: its direction must not reorder what stands around it.

Names, titles, references, and user IDs may be right-to-left, or hold control characters that override the direction.
In markup they go into `<bdi>`; where markup is impossible they are enclosed in isolate characters (Unicode UAX #9).
"""

import re
import unicodedata

from markupsafe import Markup, escape

FIRST_STRONG_ISOLATE = "\u2068"
POP_ISOLATE = "\u2069"
# Embeddings, overrides, and isolates: an unmatched one inside would end the isolation from within. Marks (U+200E,
# U+200F, U+061C) are harmless, and part of correctly written names.
_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LEFT_TO_RIGHT = frozenset({"L", "EN", "ES", "ET", "CS", "NSM", "BN", "B", "S", "WS", "ON"})
_ISOLATED = re.compile(f"{FIRST_STRONG_ISOLATE}([^{FIRST_STRONG_ISOLATE}{POP_ISOLATE}]*){POP_ISOLATE}")


def isolated(value: object) -> str:
    """The text between isolate characters, without directional controls of its own."""
    return f"{FIRST_STRONG_ISOLATE}{_CONTROLS.sub('', str(value))}{POP_ISOLATE}"


def isolated_if_needed(value: object) -> str:
    """For attributes, page titles, options, and SVG: isolated only if the text could reorder its surroundings.

    So that most labels hold no invisible characters, which searching and copying would meet.
    """
    text = str(value)
    if all(unicodedata.bidirectional(character) in _LEFT_TO_RIGHT for character in text):
        return text
    return isolated(text)


def bdi(value: object) -> Markup:
    """The text in a `<bdi>` element."""
    return Markup("<bdi>{}</bdi>").format(_CONTROLS.sub("", str(value)))


def with_bdi(sentence: str) -> Markup:
    """A sentence as markup: what `isolated` has enclosed goes into `<bdi>`."""
    return Markup(_ISOLATED.sub(r"<bdi>\1</bdi>", str(escape(sentence))))  # noqa: S704  escaped before
