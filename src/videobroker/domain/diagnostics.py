"""What an examination of the service or of an account found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at. What is not ok says what to try next."""

    check: str
    verdict: CheckStatus
    sentence: str
    next_step: str | None = None


def ok(check: str, sentence: str) -> CheckResult:
    """It is as it should be."""
    return CheckResult(check, CheckStatus.OK, sentence)


def warning(check: str, sentence: str, next_step: str) -> CheckResult:
    """It works, and somebody should look at it."""
    return CheckResult(check, CheckStatus.WARNING, sentence, next_step)


def failed(check: str, sentence: str, next_step: str) -> CheckResult:
    """It does not work."""
    return CheckResult(check, CheckStatus.FAILED, sentence, next_step)


def is_healthy(findings: list[CheckResult]) -> bool:
    """Whether nothing has failed."""
    return all(finding.verdict is not CheckStatus.FAILED for finding in findings)
