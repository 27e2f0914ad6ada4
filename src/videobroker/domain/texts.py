"""Validation of identifiers and display names: one rule each, used by every interface of the service."""

import re

from videobroker.translatable import TranslatableText

MAX_IDENTIFIER_LENGTH = 128
MAX_NAME_LENGTH = 200
MAX_ROLE_LENGTH = 64

_CONTROLS_C0 = r"\u0000-\u001f"
_CONTROLS_BUT_BREAKS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f"
_UNSAFE = _CONTROLS_C0 + r"\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Controls (C0, C1), line and paragraph separators, and bidi embeddings, overrides, and isolates, which reorder the
text around them. Joiners, no-break spaces, and the marks LRM, RLM, and ALM belong to ordinary spelling."""
_INVISIBLE = (
    r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2800"  # spaces and blanks
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\ufdd0-\ufdef\ufffe\uffff"  # default ignorables, annotation marks, and noncharacters
    r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # combining marks without a letter
)
_INVISIBLE_BEYOND_BMP = "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
_SURROGATES = r"\ud800-\udfff"

_CONTROL = r"\x00-\x1f\x7f"
_OUTER, _INNER = f"[^{_CONTROL}/ ]", f"[^{_CONTROL}/]"

LINE_PATTERN = f"^[^{_CONTROL}]*$"
"""Regular expressions for JSON Schema that mean the same in every language: without Unicode escapes and lookaheads,
which Go and PHP do not support. `NEVER_...` is what they leave out."""
IDENTIFIER_PATTERN = rf"^([^{_CONTROL}/ .]|[^{_CONTROL}/ .]{_OUTER}|\.[^{_CONTROL}/ .]|{_OUTER}{_INNER}+{_OUTER})$"
NAME_PATTERN = rf"^[^{_CONTROL}]*[^{_CONTROL} ][^{_CONTROL}]*$"

TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""For any number of lines: tabs and line breaks are allowed."""

NEVER_IN_LINE = f"[{_UNSAFE}]"
"""ECMA-262 regular expressions. They need not match unpaired surrogates, which JSON cannot carry."""
NEVER_IN_TEXT = f"[{_UNSAFE.replace(_CONTROLS_C0, _CONTROLS_BUT_BREAKS)}]"
NEVER_A_NAME = f"{NEVER_IN_LINE}|^[{_INVISIBLE}]*$"

_BREAKS_AS_SPACES = str.maketrans("\t\n\r", "   ")
_LINE = re.compile(f"[^{_UNSAFE}{_SURROGATES}]*")
_VISIBLE = re.compile(f"[^{_INVISIBLE}{_INVISIBLE_BEYOND_BMP}]")


def is_line(text: str) -> bool:
    """Whether the text is one line without control characters that can be stored and displayed."""
    # Most IDs are ASCII, where these two methods agree with the pattern and take a third of its time.
    return (text.isascii() and text.isprintable()) or _LINE.fullmatch(text) is not None


def is_role(text: str) -> bool:
    """Whether the text can be the name of a role, in an app or at a provider."""
    return 1 <= len(text) <= MAX_ROLE_LENGTH and is_line(text)


def is_text(text: str) -> bool:
    """Whether the text, of any number of lines, can be stored and displayed."""
    return is_line(text.translate(_BREAKS_AS_SPACES))


def check_identifier(text: str) -> str:
    """Return the text if it can identify a user or a session. Raises `ValueError`.

    A valid identifier fits in a path segment, in a header, and in the `sub` of a token. Identifiers are compared
    exactly, without normalization.
    """
    if not 1 <= len(text) <= MAX_IDENTIFIER_LENGTH:
        raise ValueError(TranslatableText("an ID must have 1 to %(maximum)s characters", maximum=MAX_IDENTIFIER_LENGTH))
    if not is_line(text):
        raise ValueError(TranslatableText("an ID must not contain control characters, line breaks, or bidi controls"))
    if "/" in text or text in {".", ".."}:
        raise ValueError(
            TranslatableText(
                "an ID must not contain `/`, and must not be `.` or `..`, because these cannot be part of a URL path"
            )
        )
    if text[0] == " " or text[-1] == " ":
        raise ValueError(TranslatableText("an ID must not begin or end with a space, because HTTP headers drop it"))
    return text


def is_name(text: str) -> bool:
    """Whether `check_name` accepts the text."""
    try:
        check_name(text)
    except ValueError:
        return False
    return True


def check_name(text: str) -> str:
    """Return the text if it can be displayed as a person's name or a session's title. Raises `ValueError`."""
    if not 1 <= len(text) <= MAX_NAME_LENGTH:
        raise ValueError(f"a name must have 1 to {MAX_NAME_LENGTH} characters")
    if not is_line(text):
        raise ValueError("a name must not contain control characters, line breaks, or bidi controls")
    if _VISIBLE.search(text) is None:
        raise ValueError("a name must contain at least one visible character")
    return text
