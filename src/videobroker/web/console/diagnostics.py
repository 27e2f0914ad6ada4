"""Health of the service (database, jobs, webhooks, journal seals), and checks of an app's configuration."""

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
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, ViewRequest
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

MAX_APPS_SHOWN = 50
"""Apps on the health page: each needs a query."""

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

AppChoice = Annotated[UUID | Literal[""], Query(alias="app")]


@dataclass(frozen=True, slots=True)
class CheckRun:
    """The results of checking an app's configuration."""

    at: datetime
    results: Sequence[CheckResult]

    @property
    def is_healthy(self) -> bool:
        return is_healthy(list(self.results))


@dataclass(frozen=True, slots=True)
class AppHealth:
    """The line of an app on the health page."""

    app: App
    last_run: CheckRun | None
    """Of this process."""
    received: int
    pending: int
    ignored: int
    last_received_at: datetime | None
    sealed: int | None
    """The number of the newest seal of its journal."""
    sealed_at: datetime | None


def _check_runs(request: Request) -> dict[AppId, CheckRun]:
    runs: dict[AppId, CheckRun] = request.app.state.console_check_runs
    return runs


@router.get("/health")
async def console_health(request: Request, console: ViewRequest, app: AppChoice = "") -> Response:
    """The health of the service, and of one app or the first `MAX_APPS_SHOWN` by name. Queries only the database."""
    findings = await diagnostics.check_database(console.broker)
    workload, apps, more = Workload((), ()), list[AppHealth](), 0
    if diagnostics.can_be_checked(findings):
        findings = [
            *findings,
            *await diagnostics.check_background_work(console.broker, now=console.now),
            await diagnostics.check_rooms(console.broker, now=console.now),
            *await diagnostics.check_secret_keys(console.broker),
        ]
        workload = await diagnostics.workload(console.broker)
        chosen = [await console.app(app)] if app else await console.apps()
        findings.append(diagnostics.check_circuits(console.broker, chosen))
        more = max(len(chosen) - MAX_APPS_SHOWN, 0)
        apps = [await _health_of(request, console, workload, each) for each in chosen[:MAX_APPS_SHOWN]]
    return rendered(
        "health.html",
        operator=console.operator,
        now=console.now,
        here="health",
        findings=findings,
        queued_jobs=workload.queued_jobs,
        apps=apps,
        more=more,
    )


async def _health_of(request: Request, console: ConsoleRequest, workload: Workload, app: App) -> AppHealth:
    counts = await diagnostics.count_webhooks(console.broker, app, now=console.now)
    seal = next((each for each in workload.seals if each.app_id == app.id), None)
    return AppHealth(
        app=app,
        last_run=_check_runs(request).get(app.id),
        received=sum(each.count for each in counts),
        pending=sum(each.count for each in counts if each.state == "pending"),
        ignored=sum(each.count for each in counts if each.state == "ignored"),
        last_received_at=max((each.last_received_at for each in counts), default=None),
        sealed=None if seal is None else seal.number,
        sealed_at=None if seal is None else seal.sealed_at,
    )


@router.get("/diagnostics")
async def console_diagnostics(request: Request, console: ViewRequest, app: AppChoice = "") -> Response:
    """Check the database, and the accounts of the chosen app, which sends requests to the providers."""
    apps = await console.apps()
    findings = await diagnostics.check_database(console.broker)
    if diagnostics.can_be_checked(findings):
        findings = [*findings, *await diagnostics.check_secret_keys(console.broker)]
    chosen, run, counts = None, None, []
    if app:
        chosen = await console.app(app)
        run = CheckRun(console.now, await diagnostics.check_app(console.broker, chosen))
        _check_runs(request)[chosen.id] = run
        counts = await diagnostics.count_webhooks(console.broker, chosen, now=console.now)
    return rendered(
        "diagnostics.html",
        operator=console.operator,
        now=console.now,
        here="diagnostics",
        apps=apps,
        app=chosen,
        findings=findings,
        run=run,
        counts=counts,
        days=diagnostics.WEBHOOK_LOOKBACK.days,
    )
