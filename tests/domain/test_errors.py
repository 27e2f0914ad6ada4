"""Every error has a code of its own and says what to do."""

import re

import pytest

from videobroker import errors
from videobroker.domain.access import Reason, RefuseDecision
from videobroker.errors import AccessDenied, BrokerError

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BrokerError)]


def _drawn_tree() -> list[tuple[int, str]]:
    """Depth and name of every class in the drawing at the top of the module."""
    lines = re.findall(r"^ {4}([│├└─ ]*)(\w+)", errors.__doc__ or "", re.MULTILINE)
    return [(len(indent) // 4, name) for indent, name in lines]


def test_the_drawing_of_the_family_shows_every_error_below_its_parent() -> None:
    line_of_descent: list[str] = []
    drawn: dict[str, str | None] = {}
    for depth, name in _drawn_tree():
        del line_of_descent[depth:]
        drawn[name] = line_of_descent[-1] if line_of_descent else None
        line_of_descent.append(name)
    assert drawn == {error.__name__: None if error is BrokerError else error.__bases__[0].__name__ for error in ALL}


def test_no_two_errors_share_a_code_nor_a_code_with_a_reason_of_the_decision() -> None:
    codes = [error.code for error in ALL] + [reason.value for reason in Reason]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("error", ALL)
def test_a_code_is_for_programs_and_a_title_is_a_sentence(error: type[BrokerError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.__doc__ is not None
    assert re.fullmatch(r"[A-Z][^\n]*\.", error.__doc__)


def test_an_error_carries_its_sentence_the_wait_and_the_fields_of_the_answer() -> None:
    error = BrokerError("Ask again later.", retry_after=2.5, scope="join")
    assert str(error) == error.detail == "Ask again later."
    assert error.retry_after == 2.5
    assert error.fields == {"scope": "join"}


def test_an_error_asks_nobody_to_come_back_unless_told_so() -> None:
    assert BrokerError("No.").retry_after is None


def test_a_denial_carries_the_decision() -> None:
    decision = RefuseDecision(Reason.NOT_A_PARTICIPANT)
    denial = AccessDenied("Add them first.", decision=decision, retry_after=5)
    assert denial.decision == decision
    assert denial.detail == "Add them first."
    assert denial.retry_after == 5
