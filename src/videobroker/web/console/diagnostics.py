"""How the service is: database, workers, webhooks, seals; and what is right and wrong with an app's set-up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from videobroker.domain.apps import App
from videobroker.domain.diagnostics import CheckResult, is_healthy
from videobroker.domain.ids import AppId
from videobroker.usecases.operations import diagnostics
from videobroker.usecases.operations.diagnostics import Workload
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, Looking
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

SHOWN = 50
"""Apps on the health page: each is a query."""

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

AppChoice = Annotated[UUID | Literal[""], Query(alias="app")]


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found about an app's set-up, and when."""

    at: datetime
    findings: Sequence[CheckResult]

    @property
    def healthy(self) -> bool:
        """Nothing has failed."""
        return is_healthy(list(self.findings))


@dataclass(frozen=True, slots=True)
class AppHealth:
    """How an app is."""

    app: App
    examined: Examination | None
    """The last one that this process made."""
    heard: int
    pending: int
    ignored: int
    last_heard: datetime | None
    sealed: int | None
    """The number of the newest seal of its journal."""
    sealed_at: datetime | None


def _examinations(request: Request) -> dict[AppId, Examination]:
    known: dict[AppId, Examination] = request.app.state.console_examinations
    return known


@router.get("/health")
async def console_health(request: Request, visit: Looking, app: AppChoice = "") -> Response:
    """Everything at one look, of one app or of the first ones by name. It asks nobody but the database."""
    findings = await diagnostics.check_database(visit.broker)
    workload, apps, more = Workload((), ()), list[AppHealth](), 0
    if diagnostics.can_be_asked(findings):
        findings = [*findings, *await diagnostics.check_secret_keys(visit.broker)]
        workload = await diagnostics.workload(visit.broker)
        chosen = [await visit.app(app)] if app else await visit.apps()
        more = max(len(chosen) - SHOWN, 0)
        apps = [await _health_of(request, visit, workload, each) for each in chosen[:SHOWN]]
    return rendered(
        "health.html",
        operator=visit.operator,
        here="health",
        findings=findings,
        waiting=workload.waiting,
        apps=apps,
        more=more,
        now=visit.now,
    )


async def _health_of(request: Request, visit: ConsoleRequest, workload: Workload, app: App) -> AppHealth:
    counts = await diagnostics.count_webhooks(visit.broker, app, now=visit.now)
    seal = next((each for each in workload.seals if each.app_id == app.id), None)
    return AppHealth(
        app=app,
        examined=_examinations(request).get(app.id),
        heard=sum(each.count for each in counts),
        pending=sum(each.count for each in counts if each.state == "pending"),
        ignored=sum(each.count for each in counts if each.state == "ignored"),
        last_heard=max((each.last_received_at for each in counts), default=None),
        sealed=None if seal is None else seal.number,
        sealed_at=None if seal is None else seal.sealed_at,
    )


@router.get("/diagnostics")
async def console_diagnostics(request: Request, visit: Looking, app: AppChoice = "") -> Response:
    """Examine the database, and the accounts of the app that was chosen: that asks the providers."""
    apps = await visit.apps()
    findings = await diagnostics.check_database(visit.broker)
    if diagnostics.can_be_asked(findings):
        findings = [*findings, *await diagnostics.check_secret_keys(visit.broker)]
    chosen, examination, counts = None, None, []
    if app:
        chosen = await visit.app(app)
        examination = Examination(visit.now, await diagnostics.check_app(visit.broker, chosen))
        _examinations(request)[chosen.id] = examination
        counts = await diagnostics.count_webhooks(visit.broker, chosen, now=visit.now)
    return rendered(
        "diagnostics.html",
        operator=visit.operator,
        here="diagnostics",
        apps=apps,
        app=chosen,
        findings=findings,
        examination=examination,
        counts=counts,
        days=diagnostics.WEBHOOK_LOOKBACK.days,
    )
