"""Results of checks."""

import pytest

from videobroker.domain.diagnostics import CheckResult, CheckStatus, failed, is_healthy, ok, warning

OK = CheckResult("database", CheckStatus.OK, "It answers.", None)
WARNING = CheckResult("clock", CheckStatus.WARNING, "It is off.", "Set it.")
FAILED = CheckResult("account", CheckStatus.FAILED, "It is refused.", "Renew it.")


def test_a_result_has_a_next_step_unless_it_is_ok() -> None:
    assert ok("database", "It answers.") == OK
    assert warning("clock", "It is off.", "Set it.") == WARNING
    assert failed("account", "It is refused.", "Renew it.") == FAILED


@pytest.mark.parametrize(
    ("results", "expected"), [([], True), ([OK], True), ([OK, WARNING], True), ([OK, FAILED, WARNING], False)]
)
def test_warnings_are_healthy_and_failures_are_not(results: list[CheckResult], expected: bool) -> None:
    assert is_healthy(results) is expected
