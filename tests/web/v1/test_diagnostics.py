"""Diagnostics of an app's setup."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from tenants import HMS_ROLES, MovableClock, Sandbox, Tenant, context_of, make_tenant, with_notifications, with_webhooks
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import SessionId
from videobroker.providers.hms.tokens import AccountKeys, sign_management_token
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.usecases import management


@pytest.fixture(autouse=True)
async def empty_queue(broker: Broker) -> None:
    """No worker runs in these tests: jobs of other tests would remain in the queue."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(text("delete from jobs.queue"))


async def diagnose(tenant: Tenant) -> dict[str, Any]:
    response = await tenant.get("/v1/diagnostics")
    assert response.status_code == 200, response.text
    findings = {finding["check"]: finding for finding in response.json()["findings"]}
    return {"healthy": response.json()["healthy"], **findings}


async def with_account(broker: Broker, api: httpx.AsyncClient, **settings: str) -> Tenant:
    return await make_tenant(broker, api, {ProviderName.HMS: settings}, {ProviderName.HMS: HMS_ROLES})


async def test_a_correct_setup_is_healthy(tutoring: Tenant, sandbox: Sandbox) -> None:
    found = await diagnose(await with_webhooks(tutoring, sandbox))
    assert found.pop("healthy") is True
    assert {finding["verdict"] for finding in found.values()} == {"ok"}
    assert set(found) == {
        "database",
        "migrations",
        "journal",
        "background work",
        "100ms credentials",
        "100ms roles",
        "100ms clock",
        "100ms page",
        "100ms webhooks",
    }


@pytest.mark.parametrize(("waited", "verdict"), [(timedelta(seconds=30), "ok"), (timedelta(seconds=90), "failed")])
async def test_a_job_that_has_waited_for_more_than_a_minute_shows_that_no_worker_runs(
    tutoring: Tenant, waited: timedelta, verdict: str
) -> None:
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        job = Job(JobKind.RUN_DUE_STEPS, tutoring.app.id, SessionId(uuid4()))
        await enqueue(unit_of_work, job)
        await unit_of_work.execute(
            text("update jobs.queue set execute_after = now() - make_interval(secs => :seconds)"),
            {"seconds": waited.total_seconds()},
        )
    found = (await diagnose(tutoring))["background work"]
    assert found["verdict"] == verdict
    if verdict == "failed":
        assert "videobroker work" in found["next_step"]


async def test_an_app_without_webhooks_is_healthy_and_learns_what_it_misses(tutoring: Tenant) -> None:
    found = await diagnose(tutoring)
    assert found["healthy"] is True
    assert {check for check, finding in found.items() if check != "healthy" and finding["verdict"] != "ok"} == {
        "100ms webhooks"
    }
    assert found["100ms webhooks"]["verdict"] == "warning"
    assert "None are taken" in found["100ms webhooks"]["sentence"]
    assert "HMS_WEBHOOK_SECRET" in found["100ms webhooks"]["next_step"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"webhook_secret": "invented-hook-secret"}, "New rooms get no webhook URL"),
        ({"webhook_signing_secret": "invented-signing-secret"}, "taken with their signature"),
        (
            {
                "webhook_secret": "invented-hook-secret",
                "webhook_url": "https://video.example/hooks/100ms/acme",
                "room_id": "65f0c1a2b3d4e5f60718293a",
            },
            "fixed room",
        ),
    ],
)
async def test_without_a_webhook_for_its_rooms_an_app_has_to_set_it_in_the_dashboard(
    broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox, change: dict[str, str], error: str
) -> None:
    found = await diagnose(await with_account(broker, api, **sandbox.account("tutoring") | change))
    assert found["100ms webhooks"]["verdict"] == "warning"
    assert error in found["100ms webhooks"]["sentence"]
    assert "dashboard" in found["100ms webhooks"]["next_step"]
    assert "invented" not in str(found)


async def test_a_role_that_the_template_lacks_is_reported_with_the_roles_it_has(tutoring: Tenant) -> None:
    roles = {ProviderName.HMS: {"tutor": "Teacher", "student": "student"}}
    await management.change_app(context_of(tutoring.broker, tutoring.app), policy={}, role_maps=roles)
    found = await diagnose(tutoring)
    assert found["healthy"] is False
    assert "lacks Teacher" in found["100ms roles"]["sentence"]
    assert "student, teacher" in found["100ms roles"]["sentence"]
    assert "case-sensitive" in found["100ms roles"]["next_step"]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"secret": "not-the-secret-of-this-workspace-at-all"}, "100ms credentials"),
        ({"template_id": "f" * 24}, "100ms template"),
        ({"api_url": "http://127.0.0.1:9/v2"}, "100ms credentials"),
    ],
)
async def test_an_account_error_fails_with_a_next_step(
    broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox, change: dict[str, str], check: str
) -> None:
    found = await diagnose(await with_account(broker, api, **sandbox.account("tutoring") | change))
    assert found["healthy"] is False
    assert found[check]["verdict"] == "failed"
    assert found[check]["next_step"]


async def test_a_clock_difference_is_detected(tutoring: Tenant, clock: MovableClock) -> None:
    # The date of an HTTP response is real, so a moved clock is a wrong one.
    clock.move(minutes=3)
    found = await diagnose(tutoring)
    assert found["100ms clock"]["verdict"] == "failed"
    assert "-18" in found["100ms clock"]["sentence"]


async def test_an_app_without_an_account_learns_how_to_add_one(broker: Broker, api: httpx.AsyncClient) -> None:
    found = await diagnose(await make_tenant(broker, api, {}, {}))
    assert "videobroker accounts set" in found["accounts"]["next_step"]


async def test_what_cannot_be_checked_at_agora_is_reported(agora: Tenant) -> None:
    found = await diagnose(agora)
    assert found["healthy"] is True
    assert found["agora co-host authentication"]["verdict"] == "warning"
    assert found["agora customer credentials"]["verdict"] == "warning"
    assert found["agora webhooks"]["verdict"] == "warning"


async def test_a_complete_agora_account_is_healthy(agora: Tenant, sandbox: Sandbox) -> None:
    found = await diagnose(await with_notifications(agora, sandbox))
    assert found["agora customer credentials"]["verdict"] == "ok"
    assert found["agora webhooks"]["verdict"] == "ok"


async def test_customer_credentials_that_agora_refuses_are_a_failure(agora: Tenant, sandbox: Sandbox) -> None:
    account = {
        "app_id": sandbox.agora.app_id,
        "app_certificate": sandbox.agora.app_certificate,
        "customer_id": sandbox.agora.customer_id,
        "customer_secret": "not-the-secret",
        "api_url": sandbox.url,
    }
    app = await management.set_account(context_of(agora.broker, agora.app), ProviderName.AGORA, account)
    found = await diagnose(replace(agora, app=app))
    assert found["healthy"] is False
    assert found["agora customer credentials"]["verdict"] == "failed"


class TestManualManagementToken:
    @pytest.fixture
    def keys(self, sandbox: Sandbox) -> AccountKeys:
        return AccountKeys(sandbox.workspace.access_key, sandbox.workspace.secret)

    def given(self, keys: AccountKeys, *, lasts: timedelta) -> str:
        now = datetime.now(UTC)
        return sign_management_token(keys, issued_at=now, expires_at=now + lasts, token_id="by-hand")

    async def test_it_is_used_while_valid_and_replaced_when_it_is_refused(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox, keys: AccountKeys
    ) -> None:
        wrong = AccountKeys(sandbox.workspace.access_key, "the-secret-before-it-was-rotated-away")
        for given_by in (keys, wrong):
            token = self.given(given_by, lasts=timedelta(days=5))
            tenant = await with_account(broker, api, **sandbox.account("tutoring") | {"management_token": token})
            await tenant.book()
            assert (await tenant.join()).status_code == 200

    @pytest.mark.parametrize(
        ("lasts", "verdict", "error"),
        [(timedelta(days=5), "ok", "used until"), (timedelta(hours=30), "warning", "expires at")],
    )
    async def test_a_warning_precedes_its_expiry(
        self,
        broker: Broker,
        api: httpx.AsyncClient,
        sandbox: Sandbox,
        keys: AccountKeys,
        lasts: timedelta,
        verdict: str,
        error: str,
    ) -> None:
        account = sandbox.account("tutoring") | {"management_token": self.given(keys, lasts=lasts)}
        finding = (await diagnose(await with_account(broker, api, **account)))["100ms management token"]
        assert finding["verdict"] == verdict
        assert error in finding["sentence"]

    async def test_an_expired_token_is_only_a_warning_because_the_service_signs_its_own(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox, keys: AccountKeys
    ) -> None:
        account = sandbox.account("tutoring") | {"management_token": self.given(keys, lasts=-timedelta(hours=1))}
        tenant = await with_account(broker, api, **account)
        assert (await diagnose(tenant))["100ms management token"]["verdict"] == "warning"
        await tenant.book()
        assert (await tenant.join()).status_code == 200


async def test_a_fixed_room_is_used_by_every_session_and_never_created_or_closed(
    broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    room_id = "65f0c1a2b3d4e5f60718293a"
    tenant = await with_account(broker, api, **sandbox.account("tutoring") | {"room_id": room_id})
    for reference in ("a", "b"):
        await tenant.book(reference)
        assert (await tenant.join(reference)).json()["room_id"] == room_id
    assert (await tenant.post("/v1/bookings/a/end")).status_code == 200
    counters = await sandbox.counters()
    assert not {"create_room", "end_room", "update_room"} & set(counters)
