"""Identifiers and display names: which texts all interfaces accept."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.texts import (
    IDENTIFIER_PATTERN,
    MAX_IDENTIFIER_LENGTH,
    MAX_NAME_LENGTH,
    NAME_PATTERN,
    NEVER_A_NAME,
    NEVER_IN_LINE,
    check_identifier,
    check_name,
    is_name,
)
from videobroker.domain.user_tokens import read_user_id
from videobroker.errors import UserTokenInvalid

CONTROLS = ["\x00", "\t", "\n", "\r", "\x1b", "\x7f", "\x80", "\x85", "\x9b", "\u2028", "\u2029"]
BIDI_CONTROLS = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"]
ORDINARY = [
    "Ada",
    "Zoë",
    "Zoe\u0308",  # decomposed
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # ZWNJ, as Persian is spelled
    "क्\u200dष",  # ZWJ
    "👩\u200d💻",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "12\u00a0rue",  # codespell:ignore ue
    "a\u202fb",
    "\u200f\u05e2\u05d1\u05e8\u05d9\u05ea",  # RLM
    "O'Hara <b>&\"",
    "auth0|65f0c1",
    "a%2Fb?c#d+e;f",
    "名前",
    "\u3000",
]
INVISIBLE = [
    " ",
    "   ",
    "\u00a0",
    "\u3000",
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u034f",
    "\u115f",
    "\u3164",
    "\uffa0",
    "\u2800",
    "\ufe0f",
    "\u180e",
    "\u0301",
    "\ufffe",
    "\U000e0041",
    "\U0001d159",
    "\u200b \u200e\ufeff",
]


def accepts(check: Callable[[str], str], text: str) -> bool:
    try:
        return check(text) == text
    except ValueError:
        return False


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_are_valid_identifiers(text: str) -> None:
    assert check_identifier(text) == text


@pytest.mark.parametrize("text", ORDINARY[:-1])
def test_ordinary_texts_are_valid_names(text: str) -> None:
    assert check_name(text) == text


@pytest.mark.parametrize("character", [*CONTROLS, *BIDI_CONTROLS, chr(0xD800), chr(0xDFFF)])
@pytest.mark.parametrize("text", ["{}", "a{}", "{}a", "a{}b"])
def test_control_characters_are_invalid_in_identifiers_and_names(text: str, character: str) -> None:
    assert not accepts(check_identifier, text.format(character))
    assert not accepts(check_name, text.format(character))


@pytest.mark.parametrize("text", ["", "a" * (MAX_IDENTIFIER_LENGTH + 1), "a/b", "/", ".", "..", " a", "a ", " "])
def test_texts_that_do_not_fit_a_path_or_a_header_are_invalid_identifiers(text: str) -> None:
    assert not accepts(check_identifier, text)


@pytest.mark.parametrize("text", INVISIBLE)
def test_a_name_needs_a_visible_character(text: str) -> None:
    assert not accepts(check_name, text)
    assert check_name(f"{text}a") == f"{text}a"


def test_lengths_count_characters() -> None:
    assert accepts(check_identifier, "😀" * MAX_IDENTIFIER_LENGTH)
    assert accepts(check_name, "😀" * MAX_NAME_LENGTH)
    assert not accepts(check_name, "😀" * (MAX_NAME_LENGTH + 1))
    assert not accepts(check_name, "")


@pytest.mark.parametrize("text", ["a", "a" * MAX_NAME_LENGTH, *ORDINARY[:-1]])
def test_the_predicate_accepts_the_names_that_the_check_accepts(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "a" * (MAX_NAME_LENGTH + 1), "a\nb", *INVISIBLE])
def test_the_predicate_rejects_the_names_that_the_check_rejects(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "1 to 128 characters"), ("a\nb", "control characters"), ("a/b", "`/`"), (" a", "space"), ("a ", "space")],
)
def test_the_error_about_an_identifier_names_the_problem(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_identifier(text)


@pytest.mark.parametrize(
    ("text", "problem"), [("", "1 to 200 characters"), ("a\nb", "control characters"), ("\u200b", "visible character")]
)
def test_the_error_about_a_name_names_the_problem(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_name(text)


def matches(pattern: str, never: str, text: str, longest: int) -> bool:
    """Matches as JSON Schema does: `$` is the end of the text."""
    return (
        1 <= len(text) <= longest
        and re.search(pattern.replace("$", r"\Z"), text) is not None
        and re.search(never.replace("$", r"\Z"), text) is None
    )


characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    [*CONTROLS, *BIDI_CONTROLS, *(text[0] for text in INVISIBLE), ".", "/", " "]
)


@given(st.text(characters, max_size=5) | st.text(characters, max_size=MAX_IDENTIFIER_LENGTH + 2))
def test_the_published_pattern_of_identifiers_matches_the_check(text: str) -> None:
    assert matches(IDENTIFIER_PATTERN, NEVER_IN_LINE, text, MAX_IDENTIFIER_LENGTH) is accepts(check_identifier, text)


@given(st.text(characters, max_size=5))
def test_the_published_pattern_of_names_matches_the_check_within_the_basic_plane(text: str) -> None:
    if all(character <= "\uffff" for character in text):
        assert matches(NAME_PATTERN, NEVER_A_NAME, text, MAX_NAME_LENGTH) is accepts(check_name, text)


@given(st.text(characters, max_size=5) | st.text(characters, max_size=MAX_IDENTIFIER_LENGTH + 2))
def test_the_same_user_ids_can_be_registered_and_authenticated(text: str) -> None:
    try:
        signed_in = read_user_id({"sub": text}) == text
    except UserTokenInvalid:
        signed_in = False
    assert signed_in is accepts(check_identifier, text)
