"""What an app can find out about its own set-up."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.diagnosis import Finding, Verdict, is_healthy
from videobroker.usecases.examining import examine_app, examine_database
from videobroker.web.auth import Examiner
from videobroker.web.problems import described
from videobroker.web.reading import JsonRoute, by_name
from videobroker.web.v1.sessions import COMMON_PROBLEMS

router = APIRouter(
    prefix="/diagnostics", tags=["operations"], route_class=JsonRoute, generate_unique_id_function=by_name
)

_EXAMPLE: dict[str, Any] = {
    "check": "100ms roles",
    "verdict": "failed",
    "sentence": "The template clinic lacks Doctor; it has doctor, patient.",
    "next_step": "Roles are case-sensitive: correct the app's role map, or add the role to the template.",
}


class FindingOut(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    check: str
    verdict: Verdict
    sentence: str
    next_step: str | None = Field(description="What to try; null when nothing is wrong.")


class Diagnostics(BaseModel):
    """Everything that was looked at."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"healthy": False, "findings": [_EXAMPLE]}]})

    healthy: bool = Field(description="Nothing has failed.")
    findings: list[FindingOut]


def finding_out(finding: Finding) -> FindingOut:
    """As the API shows it."""
    return FindingOut(
        check=finding.check, verdict=finding.verdict, sentence=finding.sentence, next_step=finding.next_step
    )


@router.get("", summary="Examine the app's set-up", responses=described(*COMMON_PROBLEMS))
async def read_diagnostics(caller: Examiner) -> Diagnostics:
    """The checks of `videobroker doctor` for this app: database, credentials, clock, template roles, page."""
    findings = [*await examine_database(caller.broker), *await examine_app(caller.broker, caller.app)]
    return Diagnostics(healthy=is_healthy(findings), findings=[finding_out(finding) for finding in findings])
