"""The results of `doctor` and of the diagnostics API."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check, with a next step unless it is `OK`."""

    check: str
    verdict: CheckStatus
    sentence: str
    next_step: str | None = None


def ok(check: str, sentence: str) -> CheckResult:
    """A passed check."""
    return CheckResult(check, CheckStatus.OK, sentence)


def warning(check: str, sentence: str, next_step: str) -> CheckResult:
    """A check of something that works but needs attention."""
    return CheckResult(check, CheckStatus.WARNING, sentence, next_step)


def failed(check: str, sentence: str, next_step: str) -> CheckResult:
    """A failed check."""
    return CheckResult(check, CheckStatus.FAILED, sentence, next_step)


def is_healthy(results: list[CheckResult]) -> bool:
    """Whether no check failed. Warnings are healthy."""
    return all(result.verdict is not CheckStatus.FAILED for result in results)
