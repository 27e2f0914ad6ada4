"""The health of the service, and diagnostics of an app's setup with next steps."""

import asyncio
import re
from uuid import uuid4

import pytest
from sqlalchemy import text

from consoles import Console
from tenants import Sandbox, Tenant, context_of
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import SessionId
from videobroker.errors import StorageUnavailable
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.usecases import management, tenants
from videobroker.usecases.journal.sealing import seal_journal


async def test_health_shows_jobs_webhooks_and_seals(console: Console, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
    await webhook_tenant.book()
    joined = (await webhook_tenant.join()).json()
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()
    while not await seal_journal(webhook_tenant.broker, webhook_tenant.app.id, now=webhook_tenant.broker.now()):
        pass
    async with webhook_tenant.broker.store.cross_app_transaction() as unit_of_work:
        await enqueue(unit_of_work, Job(JobKind.RECONCILE, webhook_tenant.app.id, SessionId(uuid4())))
    page = (await console.get(f"/console/health?app={webhook_tenant.app.id}")).text
    assert re.search(r'<th scope="row">ask</th><td>\d+</td>', page)
    (row,) = re.findall(rf'<th scope="row"><bdi>{webhook_tenant.app.name}</bdi></th>(.*?)</tr>', page, re.DOTALL)
    assert "2 waiting" in row
    assert "no. 1" in row
    assert "not checked" in row
    await console.get(f"/console/diagnostics?app={webhook_tenant.app.id}")
    (row,) = re.findall(
        rf'<th scope="row"><bdi>{webhook_tenant.app.name}</bdi></th>(.*?)</tr>',
        (await console.get(f"/console/health?app={webhook_tenant.app.id}")).text,
        re.DOTALL,
    )
    assert "OK" in row


async def test_health_shows_the_queue_also_when_jobs_have_waited_too_long(console: Console, tutoring: Tenant) -> None:
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        await enqueue(unit_of_work, Job(JobKind.ENFORCE_REMOVALS, tutoring.app.id, SessionId(uuid4())))
        await unit_of_work.execute(text("update jobs.queue set execute_after = now() - interval '5 minutes'"))
    page = (await console.get("/console/health")).text
    assert "Jobs have been waiting too long: " in page
    assert "enforce_removals 300 s" in page
    assert re.search(r'<th scope="row">expel</th><td>\d+</td>', page)


async def test_diagnostics_show_next_steps(console: Console, tutoring: Tenant) -> None:
    await management.change_app(
        context_of(tutoring.broker, tutoring.app), policy={}, role_maps={ProviderName.HMS: {"tutor": "Teacher"}}
    )
    page = (await console.get(f"/console/diagnostics?app={tutoring.app.id}")).text
    assert "Something is wrong" in page
    assert "lacks Teacher" in page
    assert "Try this:" in page
    assert "Roles are case-sensitive" in page


async def test_the_health_page_sends_no_provider_requests(console: Console, tutoring: Tenant, sandbox: Sandbox) -> None:
    before = await sandbox.counters()
    await console.get("/console/health")
    assert await sandbox.counters() == before


async def test_health_names_accounts_that_get_no_requests(console: Console, tutoring: Tenant, sandbox: Sandbox) -> None:
    page = f"/console/health?app={tutoring.app.id}"
    assert "The server sends requests to all accounts." in (await console.get(page)).text
    await sandbox.inject_fault("status", status=503)
    await tutoring.book("lesson-1")
    await tutoring.book("lesson-2")
    await asyncio.gather(tutoring.join("lesson-1"), tutoring.join("lesson-2"))
    assert f"{tutoring.app.name} (100ms)" in (await console.get(page)).text


async def test_a_database_outage_shows_an_error_page(
    console: Console, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise StorageUnavailable("The database does not answer just now.", retry_after=2)

    monkeypatch.setattr("videobroker.web.console.requests.list_apps", lost)
    response = await console.get("/console")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert response.headers["content-type"].startswith("text/html")
    assert "The database does not answer" in response.text


async def test_many_apps_are_chosen_from_a_list_of_limited_size(console: Console, tutoring: Tenant) -> None:
    for number in range(51):
        await management.create_app(
            context_of(tutoring.broker, tenants.SERVICE), f"many-{number}-{uuid4()}", policy={}, role_maps={}
        )
    page = (await console.get("/console/deliveries")).text
    assert f'<option value="{tutoring.app.id}">{tutoring.app.name}</option>' in page
    assert 'class="choice"' not in page
