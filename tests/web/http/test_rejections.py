"""Rejected credentials are journaled at a limited rate and counted in a metric. The credentials are not stored."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import jwt
import pytest
from prometheus_client import REGISTRY

from polling import eventually
from tenants import MovableClock, Tenant, context_of, create_link, send_as
from videobroker.broker import Broker
from videobroker.domain.api_keys import Scope
from videobroker.domain.events import EventType
from videobroker.domain.ids import SERVICE_ID
from videobroker.domain.journal_proof.verification import ProofResult
from videobroker.domain.rejections import MAX_ADDRESSES, merge_tallies, start_tally
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import InvalidInput, StorageUnavailable
from videobroker.storage.rejections import Rejections
from videobroker.usecases import management, tenants
from videobroker.usecases.journal.queries import read_latest
from videobroker.usecases.journal.sealing import seal_journals
from videobroker.usecases.journal.verification import verify_journal

TYPE = EventType.AUTHENTICATION_REJECTED
USER_TOKEN_SECRET = "invented-secret-of-user-tokens-0123456789"


async def rejection_events(tenant: Tenant) -> list[dict[str, Any]]:
    """The rejections in the app's journal, after all of them are written."""
    await tenant.broker.rejections.flush()
    return await tenant.events(TYPE.value)


async def service_rejections(broker: Broker, reason: str) -> int:
    """The number of rejected credentials of unknown apps with this reason."""
    await broker.rejections.flush()
    events = await read_latest(broker, tenants.SERVICE, types=[TYPE], limit=10_000)
    return sum(each.event.data["count"] for each in events if each.event.data and each.event.data["reason"] == reason)


def metric(reason: str) -> float:
    return REGISTRY.get_sample_value("videobroker_authentications_rejected_total", {"reason": reason}) or 0.0


async def send(tenant: Tenant, credential: str) -> int:
    headers = {"Authorization": f"Bearer {credential}"}
    return (await tenant.api.post("/v1/bookings/lesson-1/join", json={"user_id": "u"}, headers=headers)).status_code


async def test_rejected_keys_of_an_app_are_in_its_journal(tutoring: Tenant, other: Tenant) -> None:
    now = tutoring.broker.now()
    secret, key = await management.create_key(
        context_of(tutoring.broker, tutoring.app, now=now), "former", scopes=Scope, expires_at=None
    )
    expired = await tutoring.create_key(expires_at=now - timedelta(seconds=1))
    await management.revoke_key(context_of(tutoring.broker, tutoring.app, now=now), key.id)
    before = metric("api_key_revoked")
    await tutoring.broker.rejections.flush()
    for credential in (secret, secret, secret, expired):
        assert await send(tutoring, credential) == 401
    events = await rejection_events(tutoring)
    counts: dict[str, int] = {}
    for event in events:
        counts[event["data"]["reason"]] = counts.get(event["data"]["reason"], 0) + event["data"]["count"]
        assert (event["asked_by"]["ip"], event["data"]["addresses"]) == ("127.0.0.1", 1)
    assert counts == {"api_key_revoked": 3, "api_key_expired": 1}
    assert metric("api_key_revoked") - before == 3
    assert await rejection_events(other) == []
    assert secret not in json.dumps(events)


async def test_rejected_credentials_of_unknown_apps_are_in_the_journal_of_the_service(tutoring: Tenant) -> None:
    before = {
        reason: await service_rejections(tutoring.broker, reason)
        for reason in ("api_key_invalid", "user_token_invalid")
    }
    for credential in ("vb_" + "x" * 40, "nonsense", "a.b.c"):
        assert await send(tutoring, credential) == 401
    assert await service_rejections(tutoring.broker, "api_key_invalid") == before["api_key_invalid"] + 2
    assert await service_rejections(tutoring.broker, "user_token_invalid") == before["user_token_invalid"] + 1
    assert await rejection_events(tutoring) == []


async def test_rejected_user_tokens_tickets_and_webhooks_are_in_the_journal_of_their_app(
    webhook_tenant: Tenant, clock: MovableClock
) -> None:
    secret = f"{USER_TOKEN_SECRET}{webhook_tenant.app.id}"
    await management.set_token_rules(context_of(webhook_tenant.broker, webhook_tenant.app), TokenRules(secret=secret))
    now = int(webhook_tenant.broker.now().timestamp())
    await webhook_tenant.book()
    link = await create_link(webhook_tenant)
    assert (await webhook_tenant.send("DELETE", f"/v1/bookings/lesson-1/links/{link['id']}")).is_success
    assert await send(webhook_tenant, jwt.encode({"sub": "u", "iat": now - 200, "exp": now - 100}, secret)) == 401
    assert (await send_as(webhook_tenant, link, "GET", "/v1/visit")).status_code == 401
    refused = await webhook_tenant.api.post(f"/hooks/100ms/{webhook_tenant.app.name}", content=b"{}")
    assert refused.status_code == 401
    reasons = sorted(each["data"]["reason"] for each in await rejection_events(webhook_tenant))
    assert reasons == ["ticket_revoked", "user_token_expired", "webhook_refused"]


async def test_a_missing_credential_is_not_journaled(api: httpx.AsyncClient, tutoring: Tenant) -> None:
    before = metric("api_key_missing")
    assert (await api.get("/v1/bookings")).status_code == 401
    assert metric("api_key_missing") == before
    assert await rejection_events(tutoring) == []


async def test_an_attacker_cannot_fill_the_journal(tutoring: Tenant) -> None:
    rejections = Rejections(tutoring.broker.journal_writer)
    for number in range(10_000):
        rejections.count(tutoring.app.id, "api_key_revoked", f"192.0.2.{number % 250}", now=tutoring.broker.now())
        if number % 100 == 0:
            # As in a service, other tasks run between the requests.
            await asyncio.sleep(0)
    await rejections.aclose()
    events = await tutoring.events(TYPE.value)
    assert sum(each["data"]["count"] for each in events) == 10_000
    assert len(events) <= 2
    assert events[-1]["data"]["addresses"] == MAX_ADDRESSES
    assert events[-1]["asked_by"]["ip"] is None


async def test_the_first_rejection_is_written_immediately(tutoring: Tenant) -> None:
    rejections = Rejections(tutoring.broker.journal_writer)
    rejections.count(tutoring.app.id, "ticket_expired", None, now=tutoring.broker.now())
    await eventually(lambda: tutoring.events(TYPE.value))
    await rejections.aclose()
    assert len(await tutoring.events(TYPE.value)) == 1


@pytest.mark.parametrize(
    "error", [StorageUnavailable("unavailable"), asyncpg.ReadOnlySQLTransactionError("read-only"), ValueError()]
)
async def test_rejections_are_written_after_an_outage(
    tutoring: Tenant, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    rejections, now = Rejections(tutoring.broker.journal_writer), tutoring.broker.now()

    async def fail(_: object) -> bool:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(tutoring.broker.journal_writer, "record", fail)
        rejections.count(tutoring.app.id, "ticket_expired", "192.0.2.1", now=now)
        await rejections.flush()
    rejections.count(tutoring.app.id, "ticket_expired", "192.0.2.2", now=now + timedelta(seconds=1))
    await rejections.aclose()
    (event,) = await tutoring.events(TYPE.value)
    assert (event["data"]["count"], event["data"]["addresses"]) == (2, 2)


async def test_the_journal_of_the_service_is_sealed_and_verifiable(broker: Broker) -> None:
    broker.rejections.count(None, "api_key_invalid", None, now=broker.now())
    await broker.rejections.flush()

    async def sealed() -> ProofResult | None:
        await seal_journals(broker, now=broker.now())
        result = await verify_journal(broker, tenants.SERVICE)
        return result if result.rows else None

    assert (await eventually(sealed)).is_whole


async def test_no_app_can_take_the_name_of_the_service(broker: Broker) -> None:
    with pytest.raises(InvalidInput, match="@service"):
        await management.create_app(context_of(broker, tenants.SERVICE), "@service", policy={}, role_maps={})


def test_tallies_before_and_after_an_outage_are_merged(clock: MovableClock) -> None:
    now = clock()
    first = start_tally(SERVICE_ID, "x", "a", now).plus("b", now + timedelta(seconds=5))
    other = start_tally(SERVICE_ID, "x", "b", now + timedelta(seconds=2)).plus(None, now + timedelta(seconds=9))
    both = merge_tallies(first, other)
    assert (both.count, both.first_at, both.last_at) == (4, now, now + timedelta(seconds=9))
    assert both.addresses == {"a", "b"}
