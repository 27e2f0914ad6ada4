"""User IDs of the tutoring endpoints at 100ms: unique, and those of the old backend where possible."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.legacy_ids import build_tutoring_user_id

UUID = "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77"
OTHER = "1195d3c2-7a10-7c55-9c1e-6f2b8d1e4a78"
PARTS = st.text(st.sampled_from(list("ab1-:")), min_size=1, max_size=5) | st.sampled_from(
    [UUID, OTHER, f"{UUID}-a", f"a-{UUID}", ":1", "a:1", "-", "--"]
)


@given(PARTS, PARTS, PARTS, PARTS)
def test_ids_are_unique(user: str, booking: str, other_user: str, other_booking: str) -> None:
    same = (user, booking) == (other_user, other_booking)
    assert (build_tutoring_user_id(user, booking) == build_tutoring_user_id(other_user, other_booking)) == same


def test_ids_of_short_parts_are_unique() -> None:
    parts = ["".join(letters) for size in (1, 2, 3) for letters in product("a-:1", repeat=size)]
    pairs = list(product(parts, parts))
    assert len({build_tutoring_user_id(*pair) for pair in pairs}) == len(pairs)


@given(st.text(min_size=1), st.text(min_size=1))
def test_an_id_contains_both_parts_in_plain_text(user: str, booking: str) -> None:
    assert build_tutoring_user_id(user, booking).startswith(f"{user}-{booking}")


@pytest.mark.parametrize(
    ("user", "booking"),
    [
        ("42", "1017"),
        ("tutor-1", "lesson-1"),
        (UUID, OTHER),
        (UUID, "1017"),
        ("42", UUID),
        (UUID, "lesson-1"),
        ("auth0|5f7c8ec7c33c6c004bbafe82", "1017"),
        ("a-b", "c"),
    ],
)
def test_common_ids_are_those_of_the_old_backend(user: str, booking: str) -> None:
    assert build_tutoring_user_id(user, booking) == f"{user}-{booking}"


def test_an_ambiguous_pair_gets_a_different_id() -> None:
    assert build_tutoring_user_id("a", "b-c") == "a-b-c:1"
    assert build_tutoring_user_id("a-b", "c") == "a-b-c"


@pytest.mark.parametrize(("user", "booking"), [("a-b", "c-d"), ("a-b-c", "d-e-f"), ("a-b", "c"), ("a-b-c-d", "e")])
def test_the_plain_id_is_split_in_the_middle_or_else_at_the_last_hyphen(user: str, booking: str) -> None:
    assert build_tutoring_user_id(user, booking) == f"{user}-{booking}"


@pytest.mark.parametrize(("user", "booking", "length"), [("a-b-c", "d", 5), ("a-b", "c-d-e", 3), ("a", "b-c-d", 1)])
def test_other_pairs_with_the_same_plain_id_state_the_length_of_the_user_id(
    user: str, booking: str, length: int
) -> None:
    assert build_tutoring_user_id(user, booking) == f"{user}-{booking}:{length}"


def test_an_id_in_use_by_another_participant_is_not_used() -> None:
    assert build_tutoring_user_id("tutor-1", "lesson-1", is_taken=True) == "tutor-1-lesson-1:7"
