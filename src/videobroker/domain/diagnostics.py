"""What an examination of the service or of an account found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. What is not ok says what to try next."""

    check: str
    verdict: Verdict
    sentence: str
    next_step: str | None = None


def ok(check: str, sentence: str) -> Finding:
    """It is as it should be."""
    return Finding(check, Verdict.OK, sentence)


def warning(check: str, sentence: str, next_step: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(check, Verdict.WARNING, sentence, next_step)


def failed(check: str, sentence: str, next_step: str) -> Finding:
    """It does not work."""
    return Finding(check, Verdict.FAILED, sentence, next_step)


def is_healthy(findings: list[Finding]) -> bool:
    """Whether nothing has failed."""
    return all(finding.verdict is not Verdict.FAILED for finding in findings)
