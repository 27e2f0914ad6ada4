"""Failures of the vendor, which the service survives."""

import asyncio

import httpx
import pytest

from tenants import HMS_ROLES, Sandbox, Tenant, make_tenant
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName


async def test_two_consecutive_failures_are_retried(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    await sandbox.inject_fault("status", operation="create_room", status=500, times=1)
    await sandbox.inject_fault("drop", operation="create_room", times=1)
    response = await tutoring.join()
    assert response.status_code == 200, response.text
    assert (await sandbox.counters())["create_room"] == 3


async def test_a_lost_response_creates_no_second_room(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    await sandbox.inject_fault("drop", operation="create_room", times=1, after=True)
    await sandbox.inject_fault("truncate", operation="create_room", times=1)
    assert (await tutoring.join()).status_code == 200
    assert (await sandbox.counters())["rooms_created"] == 1


async def test_too_many_requests_are_retried_when_the_vendor_allows_it(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    await sandbox.inject_fault("status", operation="create_room", status=429, retry_after=1, times=1)
    assert (await tutoring.join()).status_code == 200


async def test_a_vendor_outage_is_a_503_and_joining_works_after_it(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    await sandbox.inject_fault("drop")
    response = await tutoring.join()
    assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["Retry-After"]) >= 1
    assert not await tutoring.events("credentials.issued", "call.started", "room.opened")
    await sandbox.clear_faults()
    assert (await tutoring.join()).status_code == 200


async def test_concurrent_joins_share_a_failed_attempt_instead_of_repeating_it(
    tutoring: Tenant, sandbox: Sandbox
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("status", status=500)
    responses = await asyncio.gather(*(tutoring.join() for _ in range(20)))
    assert {response.json()["code"] for response in responses} == {"provider_unavailable"}
    assert (await sandbox.counters())["create_room"] <= 8  # One or two attempts with their retries, not twenty.


async def test_wrong_credentials_are_a_502_that_says_what_to_check(
    broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    account = sandbox.account("tutoring") | {"secret": "not-the-secret-of-this-workspace-at-all"}
    tenant = await make_tenant(broker, api, {ProviderName.HMS: account}, {ProviderName.HMS: HMS_ROLES})
    await tenant.book()
    response = await tenant.join()
    assert (response.status_code, response.json()["code"]) == (502, "provider_refused")
    assert "secret" in response.json()["detail"]
    assert account["secret"] not in response.text


async def test_an_app_without_an_account_learns_to_add_one(broker: Broker, api: httpx.AsyncClient) -> None:
    tenant = await make_tenant(broker, api, {}, {ProviderName.HMS: HMS_ROLES})
    await tenant.book()
    response = await tenant.join()
    assert (response.status_code, response.json()["code"]) == (503, "provider_not_configured")
    assert "videobroker accounts set" in response.json()["detail"]


class TestFailover:
    @pytest.fixture
    async def both(self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
        accounts = {
            ProviderName.HMS: sandbox.account("tutoring", prebuilt=True),
            ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4},
        }
        roles = {"tutor": "publisher", "student": "publisher"}
        return await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES, ProviderName.AGORA: roles})

    async def test_the_next_provider_takes_over_and_the_session_remains_there(
        self, both: Tenant, sandbox: Sandbox
    ) -> None:
        await both.book(providers=["100ms", "agora"])
        await sandbox.inject_fault("drop")
        assert (await both.join()).json()["type"] == "agora_token"
        await sandbox.clear_faults()
        student = (await both.join(user_id="student-1")).json()
        assert (student["type"], student["role"]) == ("agora_token", "publisher")
        assert len(await both.events("provider.switched")) == 1
        assert (await both.get("/v1/bookings/lesson-1")).json()["provider"] == "agora"

    async def test_the_order_of_the_session_decides(self, both: Tenant, sandbox: Sandbox) -> None:
        await both.book(providers=["agora", "100ms"])
        assert (await both.join()).json()["provider"] == "agora"
        assert "create_room" not in await sandbox.counters()

    async def test_the_prebuilt_page_is_used_where_it_exists(self, both: Tenant) -> None:
        await both.book(providers=["agora", "100ms"])
        assert (await both.join(surface="prebuilt")).json()["type"] == "100ms_room_code"
