"""What waits for the background work is in the results of `doctor`, and in the metrics."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from cli.program import new_database
from database_roles import owner_transaction
from polling import eventually
from servers import service_on
from tenants import HMS_ROLES, MovableClock, Sandbox, Tenant, make_tenant
from videobroker import wiring
from videobroker.domain.apps import ProviderName
from videobroker.domain.diagnostics import CheckResult, CheckStatus
from videobroker.domain.ids import SessionId, WebhookId, uuid7
from videobroker.settings import Settings
from videobroker.storage.attendance.inbox_writer import IncomingWebhook
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.usecases.journal.sealing import seal_journals
from videobroker.usecases.operations.diagnostics import check_background_work, check_database
from videobroker.usecases.operations.metrics import TTL_SECONDS, DatabaseMetrics
from videobroker.usecases.operations.sweeper import sweep
from videobroker.usecases.webhooks.delivery import fan_out


@pytest.fixture
def own_database(postgres: str, template_database: str) -> Iterator[str]:
    """The URL of a separate database: these numbers are about all apps."""
    with new_database(postgres, like=template_database) as url:
        yield url


@pytest.fixture
async def tenant(own_database: str, settings: Settings, clock: MovableClock, sandbox: Sandbox) -> AsyncIterator[Tenant]:
    """The only app of its database."""
    async with service_on(settings, own_database, clock=clock) as (broker, client):
        accounts = {ProviderName.HMS: sandbox.account("tutoring")}
        yield await make_tenant(broker, client, accounts, {ProviderName.HMS: HMS_ROLES})


async def execute(tenant: Tenant, statement: str, **values: object) -> None:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(text(statement), values)


async def check(tenant: Tenant) -> dict[str, CheckResult]:
    results = await check_background_work(tenant.broker, now=tenant.broker.now())
    return {result.check: result for result in results}


async def problems(tenant: Tenant) -> dict[str, CheckStatus]:
    """The verdicts of all checks that are not OK, apart from the one about the worker."""
    found = await check(tenant)
    assert all(result.next_step for result in found.values() if result.verdict is not CheckStatus.OK)
    return {
        name: result.verdict for name, result in found.items() if name != "worker" and result.verdict != CheckStatus.OK
    }


async def scrape(tenant: Tenant) -> dict[tuple[str, str], float]:
    """The values by metric name and label."""
    rendered = await DatabaseMetrics().render(tenant.broker)
    return {
        (sample.name.removeprefix("videobroker_"), next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(rendered.decode())
        for sample in family.samples
    }


async def sweep_ran(tenant: Tenant, *, seconds_ago: float) -> None:
    await execute(
        tenant,
        "insert into jobs.schedules (expression, entrypoint, last_run) "
        "values ('* * * * * */5', 'sweep', now() - make_interval(secs => :seconds))",
        seconds=seconds_ago,
    )


async def receive_webhook(tenant: Tenant) -> None:
    await tenant.broker.inbox_writer.record(
        IncomingWebhook(
            app_id=tenant.app.id,
            id=WebhookId(uuid7(tenant.broker.now())),
            provider=ProviderName.HMS,
            event_id=str(uuid4()),
            dedup_key=None,
            type="peer.join.success",
            provider_room_id=None,
            session_id=SessionId(uuid4()),
            sent_at=None,
            received_at=tenant.broker.now(),
            body=b"{}",
            ignored=None,
        )
    )


async def create_due_deliveries(tenant: Tenant) -> None:
    """An endpoint, and at least one event to deliver to it."""
    created = await tenant.post("/v1/webhook-endpoints", {"url": "https://backend.example/", "ordered": True})
    assert created.status_code == 201, created.text
    await tenant.book()
    while await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now()):
        pass


async def test_a_new_database_has_no_worker_and_nothing_to_do(tenant: Tenant) -> None:
    found = await check(tenant)
    assert set(found) == {"worker", "incoming webhooks", "lifecycle steps", "journal seals", "deliveries"}
    assert found["worker"].verdict is CheckStatus.WARNING
    assert "videobroker work" in (found["worker"].next_step or "")
    assert await problems(tenant) == {}
    assert ("worker_heartbeat_age_seconds", "") not in await scrape(tenant)


@pytest.mark.parametrize(("seconds", "verdict"), [(30, CheckStatus.OK), (100, CheckStatus.FAILED)])
async def test_a_worker_that_has_stopped_is_noticed(tenant: Tenant, seconds: float, verdict: CheckStatus) -> None:
    # A former version may have used another expression: its row remains, and is older.
    await sweep_ran(tenant, seconds_ago=seconds)
    await execute(
        tenant,
        "insert into jobs.schedules (expression, entrypoint, last_run) values ('* * * * *', 'sweep', '2020-01-01')",
    )
    assert (await check(tenant))["worker"].verdict is verdict
    assert seconds <= (await scrape(tenant))["worker_heartbeat_age_seconds", ""] < 1_000_000


async def test_removed_seals_are_noticed(tenant: Tenant) -> None:
    await tenant.book()

    async def is_sealed() -> bool:
        # Rows remain unsealed while a transaction of another test is open.
        await seal_journals(tenant.broker, now=tenant.broker.now())
        return (await scrape(tenant))["unsealed_journal_rows", ""] == 0

    await eventually(is_sealed)
    before = (await scrape(tenant))["journal_seals", ""]
    assert before >= 1
    async with owner_transaction(tenant.broker.store) as unit_of_work:
        await unit_of_work.execute(text("set local session_replication_role = replica"))
        await unit_of_work.execute(text("delete from journal_seals where app_id = :app"), {"app": tenant.app.id})
    assert (await scrape(tenant))["journal_seals", ""] < before


async def test_webhooks_that_are_not_processed_are_noticed(tenant: Tenant, clock: MovableClock) -> None:
    await receive_webhook(tenant)
    clock.move(seconds=30)
    await receive_webhook(tenant)
    assert await problems(tenant) == {}
    clock.move(seconds=40)
    assert await problems(tenant) == {"incoming webhooks": CheckStatus.FAILED}
    assert "2 incoming webhooks" in (await check(tenant))["incoming webhooks"].sentence
    values = await scrape(tenant)
    assert values["unprocessed_webhooks", ""] == 2
    assert 70 <= values["unprocessed_webhooks_age_seconds", ""] < 100


async def test_sessions_whose_step_no_worker_starts_are_noticed(tenant: Tenant, clock: MovableClock) -> None:
    await tenant.book()
    await seal_journals(tenant.broker, now=tenant.broker.now())
    clock.move(hours=3)
    assert await problems(tenant) == {"lifecycle steps": CheckStatus.FAILED}
    values = await scrape(tenant)
    assert values["overdue_lifecycle_steps", ""] == 1
    assert values["overdue_lifecycle_steps_age_seconds", ""] > 60
    # A worker starts it: from now on, the job counts.
    await sweep(tenant.broker, now=tenant.broker.now())
    assert await problems(tenant) == {}


async def test_journal_rows_that_are_not_sealed_are_noticed(tenant: Tenant, clock: MovableClock) -> None:
    await seal_journals(tenant.broker, now=tenant.broker.now())
    await tenant.book(starts_in=timedelta(hours=12))
    clock.move(minutes=6)
    assert await problems(tenant) == {"journal seals": CheckStatus.FAILED}
    values = await scrape(tenant)
    assert values["unsealed_journal_rows", ""] >= 1
    assert 360 <= values["unsealed_journal_rows_age_seconds", ""] < 390
    await seal_journals(tenant.broker, now=tenant.broker.now())
    assert await problems(tenant) == {}
    assert (await scrape(tenant))["unsealed_journal_rows", ""] == 0


async def test_deliveries_that_no_worker_attempts_are_noticed(tenant: Tenant, clock: MovableClock) -> None:
    await create_due_deliveries(tenant)
    assert await problems(tenant) == {}
    clock.move(seconds=90)
    assert await problems(tenant) == {"deliveries": CheckStatus.FAILED}
    values = await scrape(tenant)
    pending = values["pending_deliveries", "working"]
    assert values["due_deliveries", ""] == pending >= 1
    assert 90 <= values["due_deliveries_age_seconds", ""] < 120
    assert [values["webhook_endpoints", state] for state in ("working", "failing", "disabled")] == [1, 0, 0]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("update webhook_endpoints set failing_since = created_at", "failing"),
        ("update webhook_endpoints set disabled = 'by_app'", "disabled"),
    ],
    ids=["failing", "disabled"],
)
async def test_deliveries_to_an_endpoint_that_fails_are_not_the_workers_fault(
    tenant: Tenant, clock: MovableClock, change: str, state: str
) -> None:
    await create_due_deliveries(tenant)
    await execute(tenant, change)
    clock.move(seconds=90)
    assert await problems(tenant) == {}
    values = await scrape(tenant)
    assert values["due_deliveries", ""] == values["pending_deliveries", "working"] == 0
    assert values["pending_deliveries", state] >= 1
    assert values["webhook_endpoints", state] == 1


async def test_jobs_are_counted_by_kind(tenant: Tenant) -> None:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await enqueue(unit_of_work, Job(JobKind.RECONCILE, tenant.app.id, SessionId(uuid4())))
    await execute(tenant, "update jobs.queue set execute_after = now() - interval '90 seconds'")
    values = await scrape(tenant)
    assert {kind: value for (name, kind), value in values.items() if name == "queued_jobs" and value} == {
        "reconcile": 1
    }
    assert values["queued_jobs_age_seconds", "reconcile"] >= 90
    assert values["queued_jobs_age_seconds", "deliver"] == 0
    found = {result.check: result for result in await check_database(tenant.broker)}["background work"]
    assert found.verdict is CheckStatus.FAILED
    assert "reconcile 9" in found.sentence


async def test_open_calls_are_counted(tenant: Tenant) -> None:
    await tenant.book()
    assert (await tenant.join()).status_code == 200
    assert (await scrape(tenant))["open_calls", ""] == 1


@pytest.mark.parametrize(
    ("minimum", "status"),
    [("0001", CheckStatus.WARNING), ("9999", CheckStatus.FAILED)],
    ids=["compatible", "incompatible"],
)
async def test_a_database_of_a_newer_version_is_recognized(tenant: Tenant, minimum: str, status: CheckStatus) -> None:
    await execute(tenant, "update alembic_version set version_num = '9999'")
    await execute(tenant, f"comment on table alembic_version is '{minimum}'")
    found = {result.check: result for result in await check_database(tenant.broker)}["migrations"]
    assert found.verdict is status
    assert "newer version" in found.sentence
    assert "Upgrade this program" in (found.next_step or "")


async def test_accounts_that_get_no_requests_are_counted(tenant: Tenant, sandbox: Sandbox) -> None:
    assert (await scrape(tenant))["vendor_open_circuits", "100ms"] == 0
    await sandbox.inject_fault("status", status=503)
    await tenant.book("lesson-1")
    await tenant.book("lesson-2")
    await asyncio.gather(tenant.join("lesson-1"), tenant.join("lesson-2"))
    found = await scrape(tenant)
    assert (found["vendor_open_circuits", "100ms"], found["vendor_open_circuits", "Agora"]) == (1, 0)


async def test_frequent_scrapes_share_a_query(tenant: Tenant) -> None:
    moment = 1000.0
    metrics = DatabaseMetrics(clock=lambda: moment)
    first = await metrics.render(tenant.broker)
    await tenant.book()
    await tenant.join()
    moment += TTL_SECONDS / 2
    assert await metrics.render(tenant.broker) == first
    moment += TTL_SECONDS
    assert b"videobroker_open_calls 1.0" in await metrics.render(tenant.broker)


async def test_without_a_database_its_metrics_are_absent(settings: Settings) -> None:
    async with wiring.broker(settings, "postgresql://nobody@127.0.0.1:1/nothing") as broker:  # codespell:ignore nobody
        rendered = (await DatabaseMetrics().render(broker)).decode()
    assert "videobroker_database_up 0.0" in rendered
    assert "videobroker_open_calls" not in rendered


async def test_the_service_exports_them(tenant: Tenant) -> None:
    exported = (await tenant.api.get("/metrics")).text
    assert "videobroker_database_up 1.0" in exported
    assert "videobroker_request_seconds_bucket" in exported
