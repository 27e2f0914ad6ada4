"""Webhook endpoints and deliveries over HTTP: who receives what, retries, and failures."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from sqlalchemy import text

from delivery.backend import Backend, deliver_due, hang, respond, start_backend
from polling import eventually
from tenants import HMS_ROLES, MovableClock, Sandbox, Tenant, context_of, make_tenant
from videobroker.broker import Broker
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.events import OPT_IN_EVENTS, EventType, create_session_event
from videobroker.domain.ids import EndpointId
from videobroker.domain.operators import OperatorRole
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.times import rfc3339
from videobroker.domain.webhooks import EARLY_PROBE_AFTER, RETRY_DELAYS
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.encryption import SecretBox, new_key
from videobroker.storage.sessions import sessions
from videobroker.usecases.journal.app_events import report
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.delivery import deliver, fan_out, fan_out_all
from videobroker.web.app import create_app

# Responses are compared as a whole.
pytestmark = pytest.mark.usefixtures("same_ids")

ENDPOINTS = "/v1/webhook-endpoints"
PATIENCE = 60.0
"""For one delivery: longer than any response takes on a busy machine."""


@pytest.fixture(scope="session")
async def sender() -> AsyncIterator[WebhookSender]:
    """Delivers to this machine."""
    sender = WebhookSender(allow_private=True, seconds=PATIENCE)
    yield sender
    await sender.aclose()


@pytest.fixture(scope="session")
def local_broker(broker: Broker, sender: WebhookSender) -> Broker:
    """The service with a sender that can deliver to this machine, as in development."""
    return replace(broker, webhook_sender=sender)


@pytest.fixture
async def local_api(local_broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `local_broker`."""

    def lifetime() -> AbstractAsyncContextManager[Broker]:
        raise RuntimeError("the broker is given")

    service = create_app(lifetime)
    service.state.broker = local_broker
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker") as client:
        yield client


async def product(broker: Broker, api: httpx.AsyncClient) -> Tenant:
    accounts = {ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}}
    return await make_tenant(
        broker, api, accounts, {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"}}
    )


@pytest.fixture
async def tenant(local_broker: Broker, local_api: httpx.AsyncClient) -> Tenant:
    """An app with webhooks."""
    return await product(local_broker, local_api)


@pytest.fixture
async def other_tenant(local_broker: Broker, local_api: httpx.AsyncClient) -> Tenant:
    """Another app, which must receive nothing of the first."""
    return await product(local_broker, local_api)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """The app's backend."""
    async with start_backend() as backend:
        yield backend


async def add_endpoint(tenant: Tenant, url: str | Backend, **fields: Any) -> dict[str, Any]:
    created = await tenant.post(ENDPOINTS, {"url": url.url if isinstance(url, Backend) else url, **fields})
    assert created.status_code == 201, created.text
    endpoint: dict[str, Any] = created.json()
    return endpoint


async def read_endpoint(tenant: Tenant, endpoint: dict[str, Any]) -> dict[str, Any]:
    response = await tenant.get(f"{ENDPOINTS}/{endpoint['id']}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def change_endpoint(tenant: Tenant, endpoint: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = await tenant.send("PATCH", f"{ENDPOINTS}/{endpoint['id']}", json=fields)
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()
    return changed


async def deliveries(tenant: Tenant, endpoint: dict[str, Any], **filters: Any) -> list[dict[str, Any]]:
    """All deliveries to an endpoint, newest first."""
    response = await tenant.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", params={"limit": 100, **filters})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]
    return found


async def log_of(tenant: Tenant, delivery: dict[str, Any]) -> list[dict[str, Any]]:
    """Every attempt of a delivery."""
    response = await tenant.get(f"/v1/deliveries/{delivery['id']}")
    assert response.status_code == 200, response.text
    log: list[dict[str, Any]] = response.json()["log"]
    return log


async def write_events(tenant: Tenant, reference: str, *marks: str) -> None:
    """Journal events about a session, in this order."""
    key = SessionKey(tenant.app.id, SessionKind.BOOKING, reference)
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        assert session is not None
        now = tenant.broker.now()
        await record(
            unit_of_work,
            *(
                create_session_event(
                    session,
                    EventType.APP_REPORTED,
                    actor=Actor(tenant.app.id),
                    now=now,
                    data={"event": mark, "reported_at": None, "details": {}},
                )
                for mark in marks
            ),
        )


def marks(backend: Backend) -> list[str]:
    """The marks of the received events, in order."""
    return [each.body["data"]["data"]["event"] for each in backend.received if each.body["type"] == "app.reported"]


# --- endpoints --------------------------------------------------------------------------------------------------------


class TestAnEndpoint:
    async def test_is_created_read_changed_and_deleted(self, tenant: Tenant) -> None:
        endpoint = await add_endpoint(
            tenant, "https://backend.example/hooks", description="bookings", types=["call.ended"]
        )
        secret = endpoint.pop("secret")
        assert secret.startswith("whsec_")
        assert endpoint == {
            "id": endpoint["id"],
            "url": "https://backend.example/hooks",
            "description": "bookings",
            "types": ["call.ended"],
            "ordered": False,
            "enabled": True,
            "disabled": None,
            "failing_since": None,
            "created_at": endpoint["created_at"],
        }
        assert await read_endpoint(tenant, endpoint) == endpoint
        assert (await tenant.get(ENDPOINTS)).json() == {"data": [endpoint], "next": None}
        changed = await change_endpoint(tenant, endpoint, url="https://backend.example/other", types=[], ordered=True)
        assert changed == {**endpoint, "url": "https://backend.example/other", "types": [], "ordered": True}
        removed = await tenant.send("DELETE", f"{ENDPOINTS}/{endpoint['id']}")
        assert (removed.status_code, removed.content) == (204, b"")
        assert (await tenant.get(ENDPOINTS)).json() == {"data": [], "next": None}

    async def test_that_was_deleted_is_unknown_to_every_operation(self, tenant: Tenant) -> None:
        """A second deletion changes nothing."""
        endpoint = await add_endpoint(tenant, "https://backend.example/hooks")
        statuses = [(await tenant.send("DELETE", f"{ENDPOINTS}/{endpoint['id']}")).status_code for _ in range(3)]
        assert statuses == [204, 404, 404]
        repeated = await tenant.get(f"{ENDPOINTS}/{endpoint['id']}")
        assert (repeated.status_code, repeated.json()["code"]) == (404, "endpoint_not_found")

    async def test_returns_its_secret_once_and_it_is_stored_nowhere_else(
        self, tenant: Tenant, backend: Backend, log: Path
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        rotated = (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/rotate-secret")).json()
        assert rotated["secret"] != endpoint["secret"]
        await tenant.book()
        await deliver_due(tenant)
        [delivery] = await deliveries(tenant, endpoint)
        stored_texts = [
            (await tenant.get(ENDPOINTS)).text,
            (await tenant.get(f"{ENDPOINTS}/{endpoint['id']}")).text,
            (await tenant.send("PATCH", f"{ENDPOINTS}/{endpoint['id']}", json={"description": "x"})).text,
            (await tenant.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries")).text,
            (await tenant.get(f"/v1/deliveries/{delivery['id']}")).text,
            (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/test")).text,
            json.dumps(await tenant.events()),
            await asyncio.to_thread(log.read_text),
        ]
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            rows = await unit_of_work.execute(text("select * from webhook_endpoints"))
            stored_texts.append(repr([tuple(row) for row in rows]))
        for secret in (endpoint["secret"], rotated["secret"]):
            for each in stored_texts:
                assert secret.removeprefix("whsec_") not in each

    @pytest.mark.parametrize(
        "url",
        [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[fd00:ec2::254]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://localhost/",
            "http://backend.example/",
            "https://user:password@backend.example/",
            "https://backend.example/#fragment",
            "nonsense",
            "https://backend.example/" + "x" * 2048,
        ],
    )
    async def test_is_refused_where_nothing_may_be_sent(self, agora: Tenant, url: str) -> None:
        """As in production."""
        refused = await agora.post(ENDPOINTS, {"url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        endpoint = await add_endpoint(agora, "https://backend.example/")
        refused = await agora.send("PATCH", f"{ENDPOINTS}/{endpoint['id']}", json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert (await read_endpoint(agora, endpoint))["url"] == "https://backend.example/"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"url": 5},
            {"url": "https://backend.example/", "types": ["nothing.of.ours"]},
            {"url": "https://backend.example/", "ordered": "yes"},
            {"url": "https://backend.example/", "secret": "whsec_bXlvd24="},
            {"url": "https://backend.example/", "description": "x" * 201},
            {"url": "https://backend.example/", "description": "a\u0000b"},
        ],
    )
    async def test_is_refused_if_invalid(self, tenant: Tenant, body: dict[str, Any]) -> None:
        refused = await tenant.post(ENDPOINTS, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")

    async def test_is_limited_to_twenty_per_app(self, tenant: Tenant) -> None:
        responses = await asyncio.gather(
            *(tenant.post(ENDPOINTS, {"url": f"https://backend.example/{n}"}) for n in range(24))
        )
        assert sorted(each.status_code for each in responses) == [201] * 20 + [409] * 4
        assert {each.json()["code"] for each in responses if each.status_code == 409} == {"too_many_endpoints"}
        first = (await tenant.get(ENDPOINTS)).json()["data"][0]
        await tenant.send("DELETE", f"{ENDPOINTS}/{first['id']}")
        await add_endpoint(tenant, "https://backend.example/once-more")


class TestAScope:
    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("POST", ENDPOINTS, "webhooks:write events:read"),
            ("GET", ENDPOINTS, "webhooks:read"),
            ("GET", f"{ENDPOINTS}/{{endpoint}}", "webhooks:read"),
            ("PATCH", f"{ENDPOINTS}/{{endpoint}}", "webhooks:write events:read"),
            ("POST", f"{ENDPOINTS}/{{endpoint}}/rotate-secret", "webhooks:write"),
            ("POST", f"{ENDPOINTS}/{{endpoint}}/test", "webhooks:write"),
            ("POST", f"{ENDPOINTS}/{{endpoint}}/replay", "webhooks:write events:read"),
            ("GET", f"{ENDPOINTS}/{{endpoint}}/deliveries", "webhooks:read"),
            ("GET", "/v1/deliveries/{delivery}", "webhooks:read"),
            ("POST", "/v1/deliveries/{delivery}/retry", "webhooks:write events:read"),
            ("DELETE", f"{ENDPOINTS}/{{endpoint}}", "webhooks:write"),
        ],
    )
    async def test_is_required_for_each_operation(
        self, tenant: Tenant, other_tenant: Tenant, backend: Backend, method: str, path: str, scope: str
    ) -> None:
        """With it, the owner is permitted. Without it, no one is. Another app finds nothing."""
        endpoint = await add_endpoint(tenant, backend)
        await tenant.book()
        await deliver_due(tenant)
        [delivery] = await deliveries(tenant, endpoint)
        place = path.format(endpoint=endpoint["id"], delivery=delivery["id"])
        nowhere = path.format(endpoint=uuid4(), delivery=uuid4())
        body: Any = None
        if method == "PATCH":
            body = {"description": "mine now"}
        elif path == ENDPOINTS and method == "POST":
            body = {"url": backend.url}
        elif path.endswith("/replay"):
            body = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}

        needed = [Scope(each) for each in scope.split()]
        for missing in needed:
            without_scope = replace(
                tenant, key=await tenant.create_key(scopes=[each for each in Scope if each != missing])
            )
            refused = await without_scope.send(method, place, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        if "{" in path:
            before = await read_endpoint(tenant, endpoint)
            foreign, unknown = [await other_tenant.send(method, each, json=body) for each in (place, nowhere)]
            assert foreign.status_code == 404
            assert foreign.json()["code"] in {"endpoint_not_found", "delivery_not_found"}
            assert (foreign.text, dict(foreign.headers)) == (unknown.text, dict(unknown.headers))
            assert await read_endpoint(tenant, endpoint) == before
        allowed = replace(tenant, key=await tenant.create_key(scopes=needed))
        assert (await allowed.send(method, place, json=body)).is_success

    async def test_receives_events_of_its_own_app_only(
        self, tenant: Tenant, other_tenant: Tenant, backend: Backend
    ) -> None:
        await add_endpoint(tenant, backend)
        async with start_backend() as other_backend:
            await add_endpoint(other_tenant, other_backend)
            await tenant.book("ours")
            await other_tenant.book("theirs")
            await deliver_due(tenant)
            await deliver_due(other_tenant)
            assert [each.body["data"]["session"]["reference"] for each in backend.received] == ["ours"]
            assert [each.body["data"]["session"]["reference"] for each in other_backend.received] == ["theirs"]
        assert (await other_tenant.get(ENDPOINTS)).json()["data"][0]["url"] == other_backend.url


# --- events -----------------------------------------------------------------------------------------------------------


class TestAnEvent:
    async def test_is_delivered_signed_with_the_content_of_the_journal(self, tenant: Tenant, backend: Backend) -> None:
        endpoint = await add_endpoint(tenant, backend)
        await tenant.book(title="Zoë's lesson 🎓")
        await tenant.join()
        await write_events(tenant, "lesson-1", "line\u2028separator", "'\"\\</script>\u0085")
        await deliver_due(tenant)
        listed = await tenant.events()
        assert len(listed) == len(backend.received) == 6
        arrived = {each.id: each.verified(endpoint["secret"]) for each in backend.received}
        for event in listed:
            body = arrived[event["id"]]
            assert list(body) == sorted(body) == ["data", "timestamp", "type"]
            assert (body["type"], body["timestamp"]) == (event["type"], event["occurred_at"])
            assert json.dumps(body["data"], sort_keys=True) == json.dumps(event, sort_keys=True)

    async def test_is_sent_if_it_happens_after_the_endpoint_was_created(self, tenant: Tenant, backend: Backend) -> None:
        await tenant.book("before")
        await add_endpoint(tenant, backend)
        await tenant.book("after")
        await deliver_due(tenant)
        assert [each.body["data"]["session"]["reference"] for each in backend.received] == ["after"]

    async def test_is_sent_to_endpoints_that_subscribe_to_its_type(self, tenant: Tenant, backend: Backend) -> None:
        async with start_backend() as choosy:
            await add_endpoint(tenant, backend)
            await add_endpoint(tenant, choosy, types=["call.started", "call.ended"])
            await tenant.book()
            await tenant.join()
            await tenant.post("/v1/bookings/lesson-1/end")
            await deliver_due(tenant)
            assert sorted(choosy.types) == ["call.ended", "call.started"]
        assert sorted(backend.types) == sorted(event["type"] for event in await tenant.events())

    async def test_is_sent_once_if_no_error_occurs(self, tenant: Tenant, backend: Backend) -> None:
        await add_endpoint(tenant, backend)
        for n in range(20):
            await tenant.book(f"lesson-{n}")
        await asyncio.gather(*(deliver_due(tenant) for _ in range(4)))
        await deliver_due(tenant)
        assert len(backend.ids) == len(set(backend.ids)) == 20

    async def test_is_signed_with_both_secrets_until_the_overlap_of_a_rotation_ends(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        rotated = (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/rotate-secret", {"overlap_seconds": 3600})).json()
        await tenant.book()
        await deliver_due(tenant)
        assert backend.received[0].verified(endpoint["secret"]) == backend.received[0].verified(rotated["secret"])
        clock.move(hours=2)
        await tenant.book("later")
        await deliver_due(tenant)
        # The clock was moved, but the official library uses its own: count the signatures instead.
        assert [len(each.headers["webhook-signature"].split()) for each in backend.received] == [2, 1]

    async def test_does_not_wait_for_events_of_another_app(self, tenant: Tenant, other_tenant: Tenant) -> None:
        """An app whose endpoints cannot be read does not delay others."""
        async with start_backend() as backend:
            await add_endpoint(tenant, backend)
            broken = await add_endpoint(other_tenant, backend)
            foreign = SecretBox([new_key()]).encrypt({"secrets": []})
            async with tenant.broker.store.cross_app_transaction() as unit_of_work:
                statement = text("update webhook_endpoints set sealed_secrets = :sealed where id = :id")
                await unit_of_work.execute(statement, {"sealed": foreign, "id": UUID(broken["id"])})
            await other_tenant.book()
            await tenant.book()
            await fan_out_all(tenant.broker, now=tenant.broker.now())
            await deliver_due(tenant)
            assert len(backend.received) == 1
        assert (await other_tenant.send("DELETE", f"{ENDPOINTS}/{broken['id']}")).status_code == 204


# --- failures ---------------------------------------------------------------------------------------------------------


class TestADelivery:
    async def test_that_failed_is_retried_and_every_attempt_is_recorded(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.next_behaviors = [respond(500, b"down\x00"), respond(302, location="/elsewhere"), respond(204)]
        await tenant.book()
        assert await deliver_due(tenant) == 1
        [waiting] = await deliveries(tenant, endpoint)
        assert (waiting["state"], waiting["attempts"]) == ("pending", 1)
        assert waiting["next_at"] is not None
        assert await deliver_due(tenant) == 0
        clock.move(seconds=6)
        assert await deliver_due(tenant) == 1
        clock.move(minutes=6)
        assert await deliver_due(tenant) == 1
        [done] = await deliveries(tenant, endpoint)
        assert (done["state"], done["attempts"], done["next_at"]) == ("delivered", 3, None)
        log = await log_of(tenant, done)
        assert [(each["number"], each["status"], each["taken"]) for each in log] == [
            (1, 500, False),
            (2, 302, False),
            (3, 204, True),
        ]
        assert log[0]["body"] == "down\N{REPLACEMENT CHARACTER}"
        assert len(set(backend.ids)) == 1
        assert len({each.raw for each in backend.received}) == 1
        timestamps = [int(each.headers["webhook-timestamp"]) for each in backend.received]
        assert timestamps == sorted(set(timestamps))

    async def test_survives_an_hour_without_a_response(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.default_behavior = respond(503)
        for n in range(30):
            await tenant.book(f"lesson-{n}")
        for _ in range(12):
            await deliver_due(tenant)
            clock.move(minutes=5)
        assert {each["state"] for each in await deliveries(tenant, endpoint)} == {"pending"}
        backend.default_behavior = respond(200)
        backend.received.clear()
        clock.move(hours=3)
        await deliver_due(tenant)
        assert {each["state"] for each in await deliveries(tenant, endpoint)} == {"delivered"}
        assert sorted(backend.ids) == sorted(event["id"] for event in await tenant.events())

    async def test_fails_permanently_after_more_than_a_day_and_can_be_retried(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.default_behavior = respond(500)
        await tenant.book()
        started_at = tenant.broker.now()
        attempts = await deliver_due(tenant)
        while (await deliveries(tenant, endpoint, state="pending")) != []:
            clock.move(minutes=5)
            attempts += await deliver_due(tenant)
        lasted = tenant.broker.now() - started_at
        assert lasted > timedelta(hours=24)
        assert len(RETRY_DELAYS) + 1 < attempts <= len(RETRY_DELAYS) + 1 + lasted / EARLY_PROBE_AFTER
        [failed] = await deliveries(tenant, endpoint, state="failed")
        backend.default_behavior = respond(200)
        retried = await tenant.post(f"/v1/deliveries/{failed['id']}/retry")
        assert (retried.status_code, retried.json()["state"]) == (200, "pending")
        assert await deliver_due(tenant) == 1
        [done] = await deliveries(tenant, endpoint)
        assert (done["state"], done["attempts"]) == ("delivered", attempts + 1)

    async def test_honors_the_retry_after_of_the_receiver(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.next_behaviors = [respond(429, retry_after="600")]
        await tenant.book()
        await deliver_due(tenant)
        clock.move(minutes=9)
        assert await deliver_due(tenant) == 0
        clock.move(minutes=2)
        assert await deliver_due(tenant) == 1
        assert (await deliveries(tenant, endpoint))[0]["state"] == "delivered"

    async def test_is_recorded_whatever_the_response_contains(self, tenant: Tenant, backend: Backend) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.next_behaviors = [respond(503, retry_after="Thu, 12 Mar 2026 14:02:00 +99999999999999999999")]
        await tenant.book()
        await deliver_due(tenant)
        [waiting] = await deliveries(tenant, endpoint)
        assert (waiting["state"], waiting["attempts"]) == ("pending", 1)

    async def test_that_another_process_is_attempting_is_skipped_until_its_lease_expires(
        self, tenant: Tenant, backend: Backend
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.next_behaviors = [hang]
        await tenant.book()
        await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now())
        interrupted = asyncio.create_task(
            deliver(tenant.broker, tenant.app.id, EndpointId(UUID(endpoint["id"])), now=tenant.broker.now())
        )
        await eventually(lambda: len(backend.received) == 1)
        interrupted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await interrupted
        assert await deliver_due(tenant) == 0
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                text("update deliveries set lease_until = lease_until - interval '31 seconds' where app_id = :app"),
                {"app": tenant.app.id},
            )
        assert await deliver_due(tenant) == 1
        assert len(set(backend.ids)) == 1
        assert (await deliveries(tenant, endpoint))[0]["state"] == "delivered"

    async def test_without_a_free_connection_is_postponed_and_has_not_failed(
        self, tenant: Tenant, backend: Backend, sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        await tenant.book()
        with monkeypatch.context() as patched:
            patched.setattr(sender, "_free", asyncio.Semaphore(0))
            patched.setattr(sender, "_queue_seconds", 0.05)
            await deliver_due(tenant)
        [waiting] = await deliveries(tenant, endpoint)
        assert (waiting["state"], waiting["attempts"], backend.received) == ("pending", 0, [])
        assert (await read_endpoint(tenant, endpoint))["failing_since"] is None
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                text("update deliveries set lease_until = lease_until - interval '31 seconds' where app_id = :app"),
                {"app": tenant.app.id},
            )
        assert await deliver_due(tenant) == 1
        assert (await deliveries(tenant, endpoint))[0]["state"] == "delivered"

    async def test_is_one_of_at_most_eight_concurrent_ones_per_endpoint(self, tenant: Tenant, backend: Backend) -> None:
        """With any number of workers: a receiver that hangs must not use up the capacity for other receivers."""
        await add_endpoint(tenant, backend)
        backend.default_behavior = hang
        for n in range(30):
            await tenant.book(f"lesson-{n}")
        workers = [asyncio.create_task(deliver_due(tenant)) for _ in range(6)]
        await eventually(lambda: len(backend.received) >= 8)
        # A ninth request must not be sent during this time.
        await asyncio.sleep(0.3)
        assert len(backend.received) == 8
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def test_can_be_retried_while_it_is_in_progress(self, tenant: Tenant, backend: Backend) -> None:
        endpoint = await add_endpoint(tenant, backend)
        released = asyncio.Event()

        async def slowly(_: object, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        backend.next_behaviors = [slowly]
        await tenant.book()
        first = asyncio.create_task(deliver_due(tenant))
        await eventually(lambda: len(backend.received) == 1)
        all_time = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
        assert (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/replay", all_time)).json() == {"events": 1}
        assert await deliver_due(tenant) == 1
        released.set()
        await first
        [done] = await deliveries(tenant, endpoint)
        assert (done["state"], done["attempts"]) == ("delivered", 2)
        assert [each["number"] for each in await log_of(tenant, done)] == [1, 2]

    async def test_is_listed_newest_first_in_pages(self, tenant: Tenant, backend: Backend) -> None:
        endpoint = await add_endpoint(tenant, backend)
        for n in range(7):
            await tenant.book(f"lesson-{n}")
            await deliver_due(tenant)
        pages: list[list[str]] = []
        cursor: str | None = None
        while cursor is not None or not pages:
            params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
            page = (await tenant.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", params=params)).json()
            pages.append([each["event"] for each in page["data"]])
            cursor = page["next"]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [event for page in pages for event in page] == backend.ids[::-1]
        refused = await tenant.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", params={"cursor": "nonsense"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


class TestOrder:
    async def test_is_preserved_for_the_events_of_one_session_despite_failures(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        await tenant.book("a")
        await tenant.book("b")
        await add_endpoint(tenant, backend, ordered=True)
        await write_events(tenant, "a", "a1", "a2", "a3")
        await write_events(tenant, "b", "b1", "b2", "b3")
        to_fail = {"a1", "a2", "b2"}

        async def fail_sometimes(received: Any, writer: asyncio.StreamWriter) -> None:
            mark = received.body["data"]["data"]["event"]
            await respond(500 if mark in to_fail else 200)(received, writer)
            if mark in to_fail:
                to_fail.remove(mark)
                backend.received.remove(received)

        backend.default_behavior = fail_sometimes
        await deliver_due(tenant)
        assert marks(backend) == ["b1"]
        for _ in range(3):
            clock.move(minutes=6)
            await deliver_due(tenant)
        assert [mark for mark in marks(backend) if mark[0] == "a"] == ["a1", "a2", "a3"]
        assert [mark for mark in marks(backend) if mark[0] == "b"] == ["b1", "b2", "b3"]
        assert to_fail == set()

    async def test_is_that_of_the_journal_with_many_workers(self, tenant: Tenant, backend: Backend) -> None:
        for reference in ("a", "b", "c"):
            await tenant.book(reference)
        await add_endpoint(tenant, backend, ordered=True)
        for n in range(15):
            await asyncio.gather(
                *(write_events(tenant, reference, f"{reference}{n:02}") for reference in ("a", "b", "c"))
            )
        while len(backend.received) < 45:
            await asyncio.gather(*(deliver_due(tenant) for _ in range(4)))
        for reference in ("a", "b", "c"):
            assert [mark for mark in marks(backend) if mark[0] == reference] == [
                f"{reference}{n:02}" for n in range(15)
            ]

    async def test_continues_after_an_event_that_failed_permanently(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        await tenant.book()
        endpoint = await add_endpoint(tenant, backend, ordered=True)
        await write_events(tenant, "lesson-1", "first", "second")

        async def refuse_first(received: Any, writer: asyncio.StreamWriter) -> None:
            await respond(400 if received.body["data"]["data"]["event"] == "first" else 200)(received, writer)

        backend.default_behavior = refuse_first
        while "second" not in marks(backend):
            await deliver_due(tenant)
            clock.move(hours=1)
        assert [each["state"] for each in await deliveries(tenant, endpoint)] == ["delivered", "failed"]

    async def test_is_fast_behind_a_long_queue(self, tenant: Tenant, backend: Backend) -> None:
        """Twenty thousand events wait because the receiver was down: finding the next ones remains fast."""
        for n in range(4):
            await tenant.book(f"lesson-{n}")
        endpoint = await add_endpoint(tenant, backend, ordered=True)
        await tenant.book("last")
        await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now())
        started_at = time.monotonic()
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                text(
                    "insert into deliveries (app_id, id, endpoint_id, event_id, xid, seq, type, session_id, state,"
                    " attempts, failures, next_at, created_at)"
                    " select app_id, gen_random_uuid(), endpoint_id, gen_random_uuid(), 1, n, type,"
                    " ('00000000-0000-0000-0000-' || lpad((n % 500)::text, 12, '0'))::uuid, 'pending', 0, 0,"
                    " now() + case when n <= 500 then interval '1 hour' else interval '0' end, now()"
                    " from deliveries, generate_series(1, 20000) as n where app_id = :app"
                ),
                {"app": tenant.app.id},
            )
        seconds_to_write = time.monotonic() - started_at
        seconds_to_deliver = []
        for _ in range(5):
            started_at = time.monotonic()
            now = tenant.broker.now()
            assert await deliver(tenant.broker, tenant.app.id, EndpointId(UUID(endpoint["id"])), now=now) == 1
            seconds_to_deliver.append(time.monotonic() - started_at)
            async with tenant.broker.store.cross_app_transaction() as unit_of_work:
                await unit_of_work.execute(
                    text("update deliveries set state = 'pending', next_at = now() where app_id = :app and xid <> 1"),
                    {"app": tenant.app.id},
                )
        # The best of several: other programs can delay one of them.
        assert min(seconds_to_deliver) < seconds_to_write
        assert len(backend.received) == 5


# --- recovery ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordered", [False, True], ids=["unordered", "ordered"])
class TestRecovery:
    """An endpoint that fails and recovers."""

    async def test_after_six_seconds_delivers_everything_within_ten(
        self, tenant: Tenant, backend: Backend, clock: MovableClock, ordered: bool
    ) -> None:
        await tenant.book("a")
        await tenant.book("b")
        endpoint = await add_endpoint(tenant, backend, ordered=ordered)
        await write_events(tenant, "a", *(f"a{n}" for n in range(20)))
        await write_events(tenant, "b", *(f"b{n}" for n in range(20)))
        backend.default_behavior = respond(503)
        started_at = tenant.broker.now()
        for second in range(6):
            await deliver_due(tenant)
            await write_events(tenant, "b", f"b{20 + second}")
            clock.move(seconds=1)
        backend.default_behavior = respond(200)
        backend.received.clear()
        while len(backend.received) < 46:
            clock.move(seconds=1)
            await deliver_due(tenant)
        assert tenant.broker.now() - started_at < timedelta(seconds=20)
        assert {each["state"] for each in await deliveries(tenant, endpoint)} == {"delivered"}
        if ordered:
            assert [mark for mark in marks(backend) if mark[0] == "a"] == [f"a{n}" for n in range(20)]
            assert [mark for mark in marks(backend) if mark[0] == "b"] == [f"b{n}" for n in range(26)]

    async def test_is_noticed_by_single_attempts_at_different_events(
        self, tenant: Tenant, backend: Backend, clock: MovableClock, ordered: bool
    ) -> None:
        """However many events wait: probes are about a minute apart at most."""
        for n in range(30):
            await tenant.book(f"lesson-{n}")
        await add_endpoint(tenant, backend, ordered=ordered)
        for n in range(30):
            await write_events(tenant, f"lesson-{n}", str(n))
        backend.default_behavior = respond(503)
        await deliver_due(tenant)
        first = len(backend.received)
        assert first <= 8
        for _ in range(20):
            clock.move(minutes=2)
            assert await deliver_due(tenant) == 1
        assert len(set(backend.ids)) == first + 20

    async def test_makes_postponed_deliveries_due_at_once(
        self, tenant: Tenant, backend: Backend, clock: MovableClock, ordered: bool
    ) -> None:
        for reference in ("a", "b", "c"):
            await tenant.book(reference)
        endpoint = await add_endpoint(tenant, backend, ordered=ordered)
        for reference in ("a", "b", "c"):
            await write_events(tenant, reference, f"{reference}1", f"{reference}2")
        backend.default_behavior = respond(503)
        for _ in range(60):
            await deliver_due(tenant)
            clock.move(minutes=2)
        waiting = await deliveries(tenant, endpoint, state="pending")
        assert max(each["next_at"] for each in waiting) > rfc3339(tenant.broker.now() + timedelta(minutes=2))
        await tenant.book("new")
        backend.default_behavior = respond(200)
        backend.received.clear()
        await deliver_due(tenant)
        assert sorted(marks(backend)) == ["a1", "a2", "b1", "b2", "c1", "c2"]

    async def test_does_not_retry_an_event_more_often_that_is_always_rejected(
        self, tenant: Tenant, backend: Backend, clock: MovableClock, ordered: bool
    ) -> None:
        """The endpoint is paused and recovers twenty times in less than 15 hours."""
        await tenant.book("bad")
        await tenant.book("good")
        endpoint = await add_endpoint(tenant, backend, ordered=ordered)
        await write_events(tenant, "bad", "bad")
        backend.default_behavior = respond(500)

        async def reject(received: Any, writer: asyncio.StreamWriter) -> None:
            is_bad = received.body["data"]["data"]["event"] == "bad"
            await respond(500 if is_bad else 200)(received, writer)

        recoveries = 20
        for n in range(recoveries):
            backend.default_behavior = respond(500)
            await write_events(tenant, "good", f"good{n}")
            for _ in range(4):
                await deliver_due(tenant)
                clock.move(minutes=1)
            backend.default_behavior = reject
            # Two early probes at most: the first may attempt the event that is rejected.
            for _ in range(4):
                clock.move(minutes=10)
                await deliver_due(tenant)
        [bad] = [each for each in await deliveries(tenant, endpoint) if each["state"] != "delivered"]
        assert bad["state"] == "pending"
        assert bad["attempts"] <= 2 * len(RETRY_DELAYS) + recoveries

    async def test_finds_out_within_a_quarter_of_an_hour_that_a_receiver_answers_again(
        self, tenant: Tenant, backend: Backend, clock: MovableClock, ordered: bool
    ) -> None:
        """After eight hours without an answer, the next retry is ten hours away, and no new session begins."""
        await tenant.book("lesson")
        endpoint = await add_endpoint(tenant, backend, ordered=ordered)
        await write_events(tenant, "lesson", "first", "second")
        backend.default_behavior = respond(500)
        for _ in range(8 * 12):
            await deliver_due(tenant)
            clock.move(minutes=5)
        waiting = await deliveries(tenant, endpoint)
        assert {each["state"] for each in waiting} == {"pending"}
        backend.default_behavior = respond(200)
        for _ in range(17):
            clock.move(minutes=1)
            await deliver_due(tenant)
        assert {each["state"] for each in await deliveries(tenant, endpoint)} == {"delivered"}
        assert sorted(marks(backend)[-2:]) == ["first", "second"]

    async def test_waits_as_long_as_the_receiver_asks(
        self, tenant: Tenant, backend: Backend, clock: MovableClock, ordered: bool
    ) -> None:
        for reference in ("a", "b", "c"):
            await tenant.book(reference)
        await add_endpoint(tenant, backend, ordered=ordered)
        for reference in ("a", "b", "c"):
            await write_events(tenant, reference, reference)
        backend.default_behavior = respond(503, retry_after="600")
        await deliver_due(tenant)
        assert len(backend.received) == 3
        backend.default_behavior = respond(200)
        clock.move(minutes=9)
        await tenant.book("d")
        assert await deliver_due(tenant) == 0
        clock.move(minutes=2)
        assert await deliver_due(tenant) >= 3

    async def test_is_tried_at_once_on_request(
        self, tenant: Tenant, backend: Backend, clock: MovableClock, ordered: bool
    ) -> None:
        await tenant.book()
        endpoint = await add_endpoint(tenant, backend, ordered=ordered)
        await write_events(tenant, "lesson-1", "late")
        backend.default_behavior = respond(503)
        for _ in range(10):
            await deliver_due(tenant)
            clock.move(minutes=1)
        await deliver_due(tenant)
        assert await deliver_due(tenant) == 0
        backend.default_behavior = respond(200)
        [waiting] = await deliveries(tenant, endpoint)
        assert (await tenant.post(f"/v1/deliveries/{waiting['id']}/retry")).status_code == 200
        assert await deliver_due(tenant) == 1


# --- disabling --------------------------------------------------------------------------------------------------------


class TestDisabling:
    async def test_by_the_app_preserves_events_for_later(self, tenant: Tenant, backend: Backend) -> None:
        endpoint = await add_endpoint(tenant, backend)
        off = await change_endpoint(tenant, endpoint, enabled=False)
        assert (off["enabled"], off["disabled"]) == (False, "by_app")
        await tenant.book("missed")
        assert await deliver_due(tenant) == 0
        on = await change_endpoint(tenant, endpoint, enabled=True)
        assert (on["enabled"], on["disabled"]) == (True, None)
        await deliver_due(tenant)
        assert [each.body["data"]["session"]["reference"] for each in backend.received] == ["missed"]

    async def test_an_endpoint_can_be_created_disabled(self, tenant: Tenant, backend: Backend) -> None:
        endpoint = await add_endpoint(tenant, backend, enabled=False)
        assert (endpoint["enabled"], endpoint["disabled"]) == (False, "by_app")
        await tenant.book()
        assert await deliver_due(tenant) == 0

    async def test_follows_a_410_at_once_and_is_reported_to_other_endpoints(
        self, tenant: Tenant, backend: Backend
    ) -> None:
        async with start_backend() as doomed_backend:
            doomed_backend.default_behavior = respond(410)
            removed = await add_endpoint(tenant, doomed_backend)
            await add_endpoint(tenant, backend, types=["endpoint.disabled"])
            await tenant.book("one")
            await deliver_due(tenant)
            await tenant.book("two")
            await deliver_due(tenant)
            assert len(doomed_backend.received) == 1
            assert (await read_endpoint(tenant, removed))["disabled"] == "gone"
            [request] = backend.received
            assert request.body["data"]["data"] == {"endpoint": removed["id"], "reason": "gone"}
            doomed_backend.default_behavior = respond(200)
            assert (await change_endpoint(tenant, removed, enabled=True))["disabled"] is None
            await deliver_due(tenant)
            assert {each["state"] for each in await deliveries(tenant, removed)} <= {"delivered", "pending"}
            assert len(doomed_backend.received) >= 3

    async def test_follows_five_days_of_failures(self, tenant: Tenant, backend: Backend, clock: MovableClock) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.default_behavior = respond(500)
        started_at = tenant.broker.now()
        n = 0
        while (found := await read_endpoint(tenant, endpoint))["enabled"]:
            n += 1
            await tenant.book(f"lesson-{n}")
            await deliver_due(tenant)
            clock.move(hours=6)
        assert found["disabled"] == "failing"
        took = tenant.broker.now() - started_at
        assert timedelta(days=5) <= took <= timedelta(days=5, hours=13)
        assert len(await tenant.events("endpoint.disabled")) == 1
        sent = len(backend.received)
        await tenant.book("afterwards")
        await deliver_due(tenant)
        assert len(backend.received) == sent

    async def test_starts_to_count_again_after_every_success(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        for day in range(8):
            backend.next_behaviors = [respond(500)]
            await tenant.book(f"lesson-{day}")
            await deliver_due(tenant)
            assert (await read_endpoint(tenant, endpoint))["failing_since"] is not None
            clock.move(minutes=1)
            await deliver_due(tenant)
            assert (await read_endpoint(tenant, endpoint))["failing_since"] is None
            clock.move(days=1)
        assert (await read_endpoint(tenant, endpoint))["enabled"]

    async def test_is_not_undone_by_deliveries_in_progress(self, tenant: Tenant, backend: Backend) -> None:
        """Eight deliveries get a 410 together: one event reports it."""
        await add_endpoint(tenant, backend)
        backend.default_behavior = respond(410)
        for n in range(8):
            await tenant.book(f"lesson-{n}")
        await deliver_due(tenant)
        assert len(await tenant.events("endpoint.disabled")) == 1


class TestDeletion:
    async def test_of_an_endpoint_with_deliveries_in_progress_causes_no_error(
        self, tenant: Tenant, backend: Backend
    ) -> None:
        released = asyncio.Event()

        async def slowly(received: Any, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            await respond(500)(received, writer)

        backend.default_behavior = slowly
        endpoint = await add_endpoint(tenant, backend)
        await tenant.book()
        carrying = asyncio.create_task(deliver_due(tenant))
        await eventually(lambda: len(backend.received) == 1)
        assert (await tenant.send("DELETE", f"{ENDPOINTS}/{endpoint['id']}")).status_code == 204
        released.set()
        assert await carrying == 1

    async def test_and_delivery_never_wait_for_each_other(self, tenant: Tenant, backend: Backend) -> None:
        """Deleting an endpoint while attempts are recorded causes no deadlock."""
        for n in range(3):
            await tenant.book(f"lesson-{n}")
        backend.default_behavior = respond(500)
        for _ in range(10):
            endpoint = await add_endpoint(tenant, backend)
            await write_events(tenant, "lesson-0", *(f"{n}" for n in range(8)))
            await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now())
            carrying = asyncio.create_task(deliver_due(tenant))
            count = len(backend.received)
            await eventually(lambda count=count: len(backend.received) > count)  # type: ignore[misc]
            assert (await tenant.send("DELETE", f"{ENDPOINTS}/{endpoint['id']}")).status_code == 204
            await carrying


# --- on request -------------------------------------------------------------------------------------------------------


class TestATestEvent:
    async def test_is_sent_at_once_signed_and_leaves_no_record(self, tenant: Tenant, backend: Backend) -> None:
        endpoint = await add_endpoint(tenant, backend, types=["call.ended"], enabled=False)
        backend.next_behaviors = [respond(202, b"fine")]
        test_result = (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/test")).json()
        assert (test_result["number"], test_result["status"], test_result["taken"], test_result["body"]) == (
            1,
            202,
            True,
            "fine",
        )
        [received] = backend.received
        body = received.verified(endpoint["secret"])
        assert body["type"] == body["data"]["type"] == "endpoint.test"
        assert body["data"]["id"] == received.id
        assert body["data"]["data"] == {"endpoint": endpoint["id"]}
        assert body["data"]["asked_by"]["key_id"] is not None
        document = (await tenant.api.get("/openapi.json")).json()
        schema = {"$ref": "#/components/schemas/WebhookMessage", "components": document["components"]}
        OAS31Validator(schema, format_checker=oas31_format_checker).validate(body)
        assert await deliveries(tenant, endpoint) == []
        assert await tenant.events() == []

    async def test_reports_what_went_wrong(
        self, tenant: Tenant, backend: Backend, sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        backend.next_behaviors = [hang]
        monkeypatch.setattr(sender, "_seconds", 1.0)
        test_result = (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/test")).json()
        assert (test_result["status"], test_result["taken"], test_result["error"]) == (
            None,
            False,
            "no response within 1 s",
        )
        assert (await read_endpoint(tenant, endpoint))["failing_since"] is None

    async def test_reveals_nothing_about_the_internal_network(self, agora: Tenant, backend: Backend) -> None:
        """As in production, where an endpoint whose name resolves to a private address reaches nothing."""
        endpoint = await add_endpoint(agora, "https://backend.example/")
        async with agora.broker.store.cross_app_transaction() as unit_of_work:
            statement = text("update webhook_endpoints set url = :url where id = :id")
            await unit_of_work.execute(statement, {"url": backend.url, "id": UUID(endpoint["id"])})
        test_result = (await agora.post(f"{ENDPOINTS}/{endpoint['id']}/test")).json()
        assert (test_result["status"], test_result["body"]) == (None, "")
        assert test_result["error"].startswith("PrivateAddress")
        assert backend.connections == 0


class TestAReplay:
    async def test_sends_the_events_of_a_period_with_their_original_ids(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        endpoint = await add_endpoint(tenant, backend)
        await tenant.book("one")
        clock.move(hours=1)
        since = tenant.broker.now()
        await tenant.book("two")
        await tenant.book("three")
        clock.move(hours=1)
        until_ = tenant.broker.now()
        await tenant.book("four")
        await deliver_due(tenant)
        before, backend.received = {each.id: each.raw for each in backend.received}, []
        body = {"since": rfc3339(since), "until": rfc3339(until_)}
        assert (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/replay", body)).json() == {"events": 2}
        await deliver_due(tenant)
        assert sorted(each.body["data"]["session"]["reference"] for each in backend.received) == ["three", "two"]
        assert all(before[each.id] == each.raw for each in backend.received)
        assert {each["attempts"] for each in await deliveries(tenant, endpoint)} == {1, 2}

    async def test_sends_a_new_endpoint_earlier_events(self, tenant: Tenant, backend: Backend) -> None:
        await tenant.book()
        await tenant.join()
        endpoint = await add_endpoint(tenant, backend, types=["call.started", "room.opened"])
        body = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "types": ["call.started"]}
        assert (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/replay", body)).json() == {"events": 1}
        await deliver_due(tenant)
        assert backend.types == ["call.started"]

    async def test_respects_the_types_of_the_endpoint_and_the_order(self, tenant: Tenant, backend: Backend) -> None:
        await tenant.book()
        endpoint = await add_endpoint(tenant, backend, ordered=True, types=["app.reported"])
        await write_events(tenant, "lesson-1", *(f"{n:02}" for n in range(20)))
        await deliver_due(tenant)
        backend.received.clear()
        body = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
        assert (await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/replay", body)).json() == {"events": 20}
        await write_events(tenant, "lesson-1", "20")
        await deliver_due(tenant)
        assert marks(backend) == [f"{n:02}" for n in range(21)]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"since": "2026-03-12T14:00:00Z", "until": "2026-03-12T14:00:00Z"},
            {"since": "2026-03-12T14:00:00Z", "until": "2026-03-12T13:00:00Z"},
            {"since": "2026-03-12T14:00:00", "until": "2026-03-13T14:00:00"},
            {"since": "yesterday", "until": "today"},
        ],
    )
    async def test_needs_a_valid_period(self, tenant: Tenant, body: dict[str, Any]) -> None:
        endpoint = await add_endpoint(tenant, "https://backend.example/")
        refused = await tenant.post(f"{ENDPOINTS}/{endpoint['id']}/replay", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


# --- the event catalog ------------------------------------------------------------------------------------------------


async def story(tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    """Every kind of event of an app on 100ms."""
    await tenant.book("moved", starts_in=timedelta(hours=9))
    await tenant.join("moved")
    await tenant.send("PATCH", "/v1/bookings/moved", json={"title": "Algebra"})
    terms = [{"role": "student"}, {"role": "tutor"}]
    for each in terms:
        await tenant.send("PUT", "/v1/bookings/moved/participants/student-2", json=each)
    await tenant.send("DELETE", "/v1/bookings/moved/participants/student-2")
    await tenant.post("/v1/bookings/moved/cancel")

    await tenant.create_group("lobby", policy={"waiting_room": "admit"})
    link = (await tenant.post("/v1/groups/lobby/links", {"user_id": "student-1"})).json()
    await tenant.post("/v1/groups/lobby/join", {"user_id": "student-1"})
    holder = {"Authorization": f"Bearer {link['ticket']}"}
    assert (await tenant.api.request("DELETE", "/v1/visit/knock", headers=holder)).is_success
    assert (await tenant.send("DELETE", "/v1/groups/lobby/links")).json() == {"revoked": 1}
    await tenant.post("/v1/groups/lobby/join", {"user_id": "student-1"})
    (waiting,) = (await tenant.get("/v1/groups/lobby/lobby")).json()["data"]
    for verb in ("deny", "admit"):
        await tenant.post(f"/v1/groups/lobby/lobby/{waiting['entry']}/{verb}")

    await tenant.book("missed")
    alone = (await tenant.join("missed")).json()
    await sandbox.join_room(alone["room_id"], token=alone["token"])

    await tenant.book("lesson-1", policy={"guests_allowed": True})
    tutor, student = [(await tenant.join("lesson-1", who)).json() for who in ("tutor-1", "student-1")]
    await tenant.join("lesson-1", "tutor-1", surface="prebuilt")
    await tenant.post("/v1/bookings/lesson-1/guests", {"name": "Grandma"})
    await sandbox.set_webhook_behavior(drop_types=["peer.leave.success"])
    peers = [await sandbox.join_room(each["room_id"], token=each["token"]) for each in (tutor, student)]
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()
    for error in ({}, {"error_type": "UPLOAD_ERROR"}):
        await sandbox.client.post(f"/_sandbox/rooms/{tutor['room_id']}/recorder")
        clock.move(minutes=1)
        await sandbox.client.delete(f"/_sandbox/rooms/{tutor['room_id']}/recorder", params=error)
    clock.move(minutes=3)
    await sandbox.leave_room(tutor["room_id"], peers[1])
    clock.move(minutes=5)
    await sandbox.leave_room(tutor["room_id"], peers[0])
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()
    await tenant.reconcile_calls()
    feedback = {"user_id": "student-1", "rating": 2, "problems": ["audio"], "comment": "No sound."}
    assert (await tenant.post("/v1/bookings/lesson-1/feedback", feedback)).is_success
    await tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
    await tenant.post("/v1/bookings/lesson-1/participants/student-1/readmit")
    key = SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1")
    now = tenant.broker.now()
    await report(
        context_of(tenant.broker, tenant.app, actor=Actor(tenant.app.id), now=now),
        key,
        "whiteboard opened",
        details={"pages": [1, 2.5, None]},
        user_id="tutor-1",
        reported_at=now,
    )
    for minutes in (30, 60, 30, 60 * 24):
        clock.move(minutes=minutes)
        await tenant.run_due_jobs()
        await tenant.reconcile_calls()


async def test_every_event_matches_the_schema_of_its_type(
    webhook_tenant: Tenant,
    local_broker: Broker,
    local_api: httpx.AsyncClient,
    sandbox: Sandbox,
    clock: MovableClock,
    backend: Backend,
) -> None:
    """Deliveries match the schemas under `webhooks` in the OpenAPI document."""
    tenant = replace(webhook_tenant, broker=local_broker, api=local_api)
    async with start_backend() as doomed_backend:
        doomed_backend.default_behavior = respond(410)
        await add_endpoint(tenant, doomed_backend, types=["session.registered"])
        await add_endpoint(tenant, backend)
        await story(tenant, sandbox, clock)
        await deliver_due(tenant)
        await deliver_due(tenant)
    both = await make_tenant(
        local_broker,
        local_api,
        {
            ProviderName.HMS: sandbox.account("tutoring"),
            ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4},
        },
        {ProviderName.HMS: HMS_ROLES, ProviderName.AGORA: dict.fromkeys(HMS_ROLES, "publisher")},
    )
    await add_endpoint(both, backend)
    await both.book("deleted")
    assert (await both.send("DELETE", "/v1/bookings/deleted")).status_code == 204
    await both.book()
    await sandbox.inject_fault("status", status=500)
    await both.join()
    (known,) = await endpoints.list_endpoints(context_of(local_broker, both.app, actor=both.actor))
    olive, now = Actor(both.app.id, operator="Olive", operator_role=OperatorRole.ADMIN), local_broker.now()
    week = {"since": now - timedelta(days=7), "until": now + timedelta(days=1)}
    await endpoints.replay(context_of(local_broker, both.app, now=now, actor=olive), known.id, types=(), **week)
    await deliver_due(both)

    document = (await local_api.get("/openapi.json")).json()
    assert set(document["webhooks"]) == {*(each.value for each in EventType), "endpoint.test"}
    for received in backend.received:
        schema = document["webhooks"][received.body["type"]]["post"]["requestBody"]["content"]["application/json"]
        validator = OAS31Validator(
            {**schema["schema"], "components": document["components"]}, format_checker=oas31_format_checker
        )
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(received.body)]
        assert problems == [], received.body
    # Events about erasure are journaled by commands: `tests/usecases/journal/test_journal_proof.py`.
    by_command = {EventType.PERSON_ERASED.value, EventType.JOURNAL_RETIRED.value}
    assert set(backend.types) == {each.value for each in set(EventType) - OPT_IN_EVENTS} - by_command
