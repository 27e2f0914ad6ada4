"""What an app can find out about its own set-up."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.apps import ProviderName
from videobroker.domain.diagnostics import CheckResult, CheckStatus, is_healthy
from videobroker.usecases.operations.diagnostics import check_app, check_database, count_webhooks
from videobroker.web.http.auth import Examiner
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import Moment
from videobroker.web.v1.session_schemas import COMMON_PROBLEMS

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
    verdict: CheckStatus
    sentence: str
    next_step: str | None = Field(description="What to try; null when nothing is wrong.")


class Diagnostics(BaseModel):
    """Everything that was looked at."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"healthy": False, "findings": [_EXAMPLE]}]})

    healthy: bool = Field(description="Nothing has failed.")
    findings: list[FindingOut]


class HeardOut(BaseModel):
    """How many webhooks of one kind came, and what became of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "provider": "100ms",
                    "type": "beam.started.success",
                    "state": "ignored",
                    "note": "says nothing about who is in a call",
                    "count": 3,
                    "last_received_at": "2026-03-12T14:00:03Z",
                }
            ]
        }
    )

    provider: ProviderName
    type: str = Field(description="In the provider's word.")
    state: Literal["pending", "applied", "ignored"]
    note: str | None = Field(description="With `ignored`: why.")
    count: int
    last_received_at: Moment


class HeardPage(BaseModel):
    """Everything that the providers told."""

    data: list[HeardOut]
    next: None = Field(default=None, description="There is one page.")


def finding_out(finding: CheckResult) -> FindingOut:
    """As the API shows it."""
    return FindingOut(
        check=finding.check, verdict=finding.verdict, sentence=finding.sentence, next_step=finding.next_step
    )


@router.get("", summary="Examine the app's set-up", responses=described(*COMMON_PROBLEMS))
async def read_diagnostics(caller: Examiner) -> Diagnostics:
    """The checks of `videobroker doctor` for this app: database, credentials, clock, template roles, page."""
    findings = [*await check_database(caller.broker), *await check_app(caller.broker, caller.app)]
    return Diagnostics(healthy=is_healthy(findings), findings=[finding_out(finding) for finding in findings])


@router.get("/webhooks", summary="Count the providers' webhooks", responses=described(*COMMON_PROBLEMS))
async def read_webhooks(caller: Examiner) -> HeardPage:
    """What came in for this app in the last seven days, by type, and what became of it: whether webhooks arrive at
    all, and which of them nothing follows from."""
    return HeardPage(
        data=[
            HeardOut(
                provider=each.provider,
                type=each.type,
                state=each.state,
                note=each.note,
                count=each.count,
                last_received_at=each.last_received_at,
            )
            for each in await count_webhooks(caller.broker, caller.app, now=caller.now)
        ]
    )
