"""Diagnostics: configuration checks of an app, and counts of its incoming webhooks."""

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


class CheckResultOut(BaseModel):
    """The result of one check."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    check: str
    verdict: CheckStatus
    sentence: str = Field(description="What was found.")
    next_step: str | None = Field(description="A suggested fix. Null if there is no problem.")


class Diagnostics(BaseModel):
    """The results of all checks."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"healthy": False, "findings": [_EXAMPLE]}]})

    healthy: bool = Field(description="Whether no check has failed.")
    findings: list[CheckResultOut]


class IncomingWebhookCount(BaseModel):
    """The number of incoming webhooks of one type and processing state."""

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
    type: str = Field(description="The provider's event type.")
    state: Literal["pending", "applied", "ignored"] = Field(
        description="`pending`: not processed yet. `applied`: processed. `ignored`: see `note`."
    )
    note: str | None = Field(description="Why the webhooks were ignored. Only with `ignored`.")
    count: int
    last_received_at: Moment


class IncomingWebhookCountList(BaseModel):
    """The counts of incoming webhooks."""

    data: list[IncomingWebhookCount]
    next: None = Field(default=None, description="Always null: there is only one page.")


def finding_out(finding: CheckResult) -> CheckResultOut:
    return CheckResultOut(
        check=finding.check, verdict=finding.verdict, sentence=finding.sentence, next_step=finding.next_step
    )


@router.get("", summary="Run configuration checks", responses=described(*COMMON_PROBLEMS))
async def get_diagnostics(caller: Examiner) -> Diagnostics:
    """Runs the checks of `videobroker doctor` for this app: database, provider credentials, clocks, template roles,
    webhooks, and the ready-made call page."""
    findings = [*await check_database(caller.broker), *await check_app(caller.broker, caller.app)]
    return Diagnostics(healthy=is_healthy(findings), findings=[finding_out(finding) for finding in findings])


@router.get("/webhooks", summary="Count incoming webhooks", responses=described(*COMMON_PROBLEMS))
async def get_incoming_webhook_counts(caller: Examiner) -> IncomingWebhookCountList:
    """Returns the number of provider webhooks of the last seven days, by type and processing state. Use it to see
    whether webhooks arrive, and which types are ignored."""
    return IncomingWebhookCountList(
        data=[
            IncomingWebhookCount(
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
