"""Failures of the vendor, which the service survives."""

import asyncio

import httpx
import pytest

from tenants import HMS_ROLES, MovableClock, Sandbox, Tenant, context_of, make_tenant
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.contract import Surface
from videobroker.usecases import management
from videobroker.usecases.access import load_join_context
from videobroker.usecases.calls.rooms import open_room


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

    async def test_an_open_circuit_costs_no_request(self, both: Tenant, sandbox: Sandbox) -> None:
        await sandbox.inject_fault("status", status=503)
        for number in range(2):
            await both.book(f"before-{number}", providers=["100ms"])
        await asyncio.gather(*(both.join(f"before-{number}") for number in range(2)))
        before = (await sandbox.counters())["create_room"]
        await both.book(providers=["100ms", "agora"])
        assert (await both.join()).json()["provider"] == "agora"
        assert (await sandbox.counters())["create_room"] == before
        response = await both.join("before-0")
        assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
        assert response.headers["Retry-After"] == "1"


class TestFailoverOfALaterCall:
    """A session whose room at its provider is closed."""

    @pytest.fixture
    async def lesson(self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
        """An app with both providers. Its lesson has had a call at 100ms."""
        accounts = {
            ProviderName.HMS: sandbox.account("tutoring", prebuilt=True),
            ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4},
        }
        roles = {"tutor": "publisher", "student": "publisher"}
        tenant = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES, ProviderName.AGORA: roles})
        await tenant.book(providers=["100ms", "agora"])
        assert (await tenant.join()).json()["provider"] == "100ms"
        return tenant

    @staticmethod
    async def end_call(tenant: Tenant) -> None:
        assert (await tenant.post("/v1/bookings/lesson-1/end")).status_code == 200

    async def test_it_takes_place_at_the_next_provider(self, lesson: Tenant, sandbox: Sandbox) -> None:
        await self.end_call(lesson)
        await sandbox.inject_fault("drop")
        assert (await lesson.join()).json()["provider"] == "agora"
        await sandbox.clear_faults()
        student = (await lesson.join(user_id="student-1")).json()
        assert student["provider"] == "agora"
        assert (await lesson.get("/v1/bookings/lesson-1")).json()["provider"] == "agora"
        calls = (await lesson.get("/v1/bookings/lesson-1/calls")).json()["data"]
        assert [(call["provider"], call["ended_at"] is None) for call in calls] == [("100ms", False), ("agora", True)]
        assert len(await lesson.events("provider.switched")) == 1

    async def test_without_an_outage_it_takes_place_at_the_former_provider(self, lesson: Tenant) -> None:
        await self.end_call(lesson)
        assert (await lesson.join()).json()["provider"] == "100ms"
        assert not await lesson.events("provider.switched")

    async def test_a_provider_without_its_roles_is_not_used(self, lesson: Tenant, sandbox: Sandbox) -> None:
        await self.end_call(lesson)
        role_maps = {ProviderName.HMS: HMS_ROLES, ProviderName.AGORA: {"tutor": "publisher"}}
        await management.change_app(context_of(lesson.broker, lesson.app), policy={}, role_maps=role_maps)
        await sandbox.inject_fault("drop")
        assert (await lesson.join()).json()["code"] == "provider_unavailable"

    async def test_a_former_room_that_could_not_be_closed_is_closed_later(
        self, lesson: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        former = (await lesson.join()).json()
        await sandbox.inject_fault("drop")
        await self.end_call(lesson)
        assert (await lesson.join()).json()["provider"] == "agora"
        await sandbox.clear_faults()
        await lesson.wait_for_probe()
        clock.move(minutes=1)
        await lesson.run_due_jobs()
        assert len(await lesson.events("room.closed")) == 1
        peers = f"/_sandbox/rooms/{former['room_id']}/peers"
        refused = await sandbox.client.post(peers, json={"token": former["token"], "name": "Ada"})
        assert refused.status_code == 403
        assert (await lesson.join()).json()["provider"] == "agora"

    async def test_a_former_room_is_closed_later_also_if_it_was_not_tried_again(
        self, lesson: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await sandbox.inject_fault("drop")
        await self.end_call(lesson)
        session = (
            await load_join_context(lesson.broker, SessionKey(lesson.app.id, SessionKind.BOOKING, "lesson-1"), None)
        ).session
        context = context_of(lesson.broker, lesson.app)
        await open_room(context, session, surface=Surface.SDK, provider=ProviderName.AGORA)
        await sandbox.clear_faults()
        await lesson.wait_for_probe()
        clock.move(minutes=1)
        await lesson.run_due_jobs()
        assert len(await lesson.events("room.closed")) == 1

    async def test_while_the_room_is_open_everyone_joins_there(self, lesson: Tenant, sandbox: Sandbox) -> None:
        await sandbox.inject_fault("drop")
        assert (await lesson.join(user_id="student-1")).json()["provider"] == "100ms"
        # The room has no codes yet, and 100ms cannot create them.
        prebuilt = await lesson.join(surface="prebuilt")
        assert (prebuilt.status_code, prebuilt.json()["code"]) == (503, "provider_unavailable")
        assert (await lesson.get("/v1/bookings/lesson-1")).json()["provider"] == "100ms"

    async def test_a_room_that_was_opened_meanwhile_is_used(
        self, lesson: Tenant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.end_call(lesson)
        opened = AgoraProvider.open_room

        async def open_late(provider: AgoraProvider, name: str, *, closure: str | None = None) -> str:
            monkeypatch.setattr(AgoraProvider, "open_room", opened)
            await sandbox.clear_faults()
            meanwhile = await lesson.join(surface="prebuilt")
            assert meanwhile.json()["provider"] == "100ms"
            return await opened(provider, name, closure=closure)

        monkeypatch.setattr(AgoraProvider, "open_room", open_late)
        await sandbox.inject_fault("drop")
        late = await lesson.join()
        assert (late.status_code, late.json()["code"]) == (503, "room_not_ready")
        assert (await lesson.join()).json()["provider"] == "100ms"
        assert not await lesson.events("provider.switched")
