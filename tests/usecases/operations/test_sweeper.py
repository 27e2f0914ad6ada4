"""The sweeper enqueues one job for everything that is due, regardless of how often it runs."""

from sqlalchemy import text

from tenants import MovableClock, Sandbox, Tenant
from videobroker.usecases.operations.sweeper import sweep


async def jobs_of(tenant: Tenant) -> dict[str, int]:
    """How many jobs of each kind are queued for this app."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        rows = await unit_of_work.execute(
            text(
                "select entrypoint, count(*) as number from jobs.queue "
                "where convert_from(payload, 'UTF8')::jsonb ->> 'app' = :app group by entrypoint"
            ),
            {"app": str(tenant.app.id)},
        )
        return {row.entrypoint: row.number for row in rows}


async def test_a_due_booking_gets_one_job(webhook_tenant: Tenant, clock: MovableClock) -> None:
    await webhook_tenant.book()
    clock.move(hours=3)
    for _ in range(3):
        await sweep(webhook_tenant.broker, now=webhook_tenant.broker.now())
        clock.move(minutes=2)
    assert await jobs_of(webhook_tenant) == {"attend": 1}


async def test_an_open_call_is_reconciled_once_a_minute(webhook_tenant: Tenant, clock: MovableClock) -> None:
    await webhook_tenant.book()
    await webhook_tenant.join()
    await sweep(webhook_tenant.broker, now=webhook_tenant.broker.now())
    await sweep(webhook_tenant.broker, now=webhook_tenant.broker.now())
    assert (await jobs_of(webhook_tenant))["ask"] == 1


async def test_an_unenforced_removal_gets_another_job(
    webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await webhook_tenant.book()
    await webhook_tenant.join(user_id="student-1")
    await sandbox.inject_fault("status", status=503)
    await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove")
    await _delete_all_jobs(webhook_tenant)
    clock.move(minutes=2)
    await sweep(webhook_tenant.broker, now=webhook_tenant.broker.now())
    await sweep(webhook_tenant.broker, now=webhook_tenant.broker.now())
    assert (await jobs_of(webhook_tenant))["expel"] == 1


async def _delete_all_jobs(tenant: Tenant) -> None:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(text("delete from jobs.queue"))
