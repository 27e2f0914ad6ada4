"""Webhooks out, over HTTP: who hears what, what became of it, and what happens when it does not arrive."""

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
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.times import rfc3339
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.encryption import SecretBox, new_key
from videobroker.storage.sessions import sessions
from videobroker.usecases.journal.app_events import report
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.delivery import deliver, fan_out, fan_out_all
from videobroker.web.app import create_app

ENDPOINTS = "/v1/webhook-endpoints"
PATIENCE = 60.0
"""Seconds for one delivery: more than any answer takes, however busy the machine is."""


@pytest.fixture(scope="session")
async def courier() -> AsyncIterator[WebhookSender]:
    """Delivers on this machine."""
    courier = WebhookSender(allow_private=True, seconds=PATIENCE)
    yield courier
    await courier.aclose()


@pytest.fixture(scope="session")
def nearby(broker: Broker, courier: WebhookSender) -> Broker:
    """The service, as in development: it delivers on this machine too."""
    return replace(broker, webhook_sender=courier)


@pytest.fixture
async def near_api(nearby: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that service."""

    def lifetime() -> AbstractAsyncContextManager[Broker]:
        raise RuntimeError("the broker is given")

    service = create_app(lifetime)
    service.state.broker = nearby
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker") as client:
        yield client


async def product(broker: Broker, api: httpx.AsyncClient) -> Tenant:
    accounts = {ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}}
    return await make_tenant(
        broker, api, accounts, {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"}}
    )


@pytest.fixture
async def tenant(nearby: Broker, near_api: httpx.AsyncClient) -> Tenant:
    """An app that wants webhooks."""
    return await product(nearby, near_api)


@pytest.fixture
async def stranger(nearby: Broker, near_api: httpx.AsyncClient) -> Tenant:
    """Another app, which must never hear anything of the first."""
    return await product(nearby, near_api)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """The app's backend."""
    async with start_backend() as backend:
        yield backend


async def add(tenant: Tenant, url: str | Backend, **fields: Any) -> dict[str, Any]:
    """Add an endpoint."""
    created = await tenant.post(ENDPOINTS, {"url": url.url if isinstance(url, Backend) else url, **fields})
    assert created.status_code == 201, created.text
    endpoint: dict[str, Any] = created.json()
    return endpoint


async def read(tenant: Tenant, endpoint: dict[str, Any]) -> dict[str, Any]:
    response = await tenant.get(f"{ENDPOINTS}/{endpoint['id']}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def change(tenant: Tenant, endpoint: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = await tenant.send("PATCH", f"{ENDPOINTS}/{endpoint['id']}", json=fields)
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()
    return changed


async def deliveries(tenant: Tenant, endpoint: dict[str, Any], **filters: Any) -> list[dict[str, Any]]:
    """All deliveries to it, newest first."""
    response = await tenant.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", params={"limit": 100, **filters})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]
    return found


async def log_of(tenant: Tenant, delivery: dict[str, Any]) -> list[dict[str, Any]]:
    """Every attempt at a delivery."""
    response = await tenant.get(f"/v1/deliveries/{delivery['id']}")
    assert response.status_code == 200, response.text
    log: list[dict[str, Any]] = response.json()["log"]
    return log


async def note(tenant: Tenant, reference: str, *marks: str) -> None:
    """Write events about a session into the journal, in this order."""
    key = SessionKey(tenant.app.id, SessionKind.BOOKING, reference)
    async with tenant.broker.store.transaction() as unit_of_work:
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
    """The marks of the notes that came, in order."""
    return [each.body["data"]["data"]["event"] for each in backend.received if each.body["type"] == "app.reported"]


# --- endpoints --------------------------------------------------------------------------------------------------------


class TestAnEndpoint:
    async def test_is_made_read_changed_and_removed(self, tenant: Tenant) -> None:
        made = await add(tenant, "https://backend.example/hooks", description="bookings", types=["call.ended"])
        secret = made.pop("secret")
        assert secret.startswith("whsec_")
        assert made == {
            "id": made["id"],
            "url": "https://backend.example/hooks",
            "description": "bookings",
            "types": ["call.ended"],
            "ordered": False,
            "enabled": True,
            "disabled": None,
            "failing_since": None,
            "created_at": made["created_at"],
        }
        assert await read(tenant, made) == made
        assert (await tenant.get(ENDPOINTS)).json() == {"data": [made], "next": None}
        changed = await change(tenant, made, url="https://backend.example/other", types=[], ordered=True)
        assert changed == {**made, "url": "https://backend.example/other", "types": [], "ordered": True}
        gone = await tenant.send("DELETE", f"{ENDPOINTS}/{made['id']}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await tenant.get(ENDPOINTS)).json() == {"data": [], "next": None}

    async def test_that_was_removed_is_not_there_whatever_is_asked(self, tenant: Tenant) -> None:
        """Removing it twice leaves what removing it once did: nothing."""
        made = await add(tenant, "https://backend.example/hooks")
        statuses = [(await tenant.send("DELETE", f"{ENDPOINTS}/{made['id']}")).status_code for _ in range(3)]
        assert statuses == [204, 404, 404]
        again = await tenant.get(f"{ENDPOINTS}/{made['id']}")
        assert (again.status_code, again.json()["code"]) == (404, "endpoint_not_found")

    async def test_shows_its_secret_once_and_nobody_writes_it_down(
        self, tenant: Tenant, backend: Backend, log: Path
    ) -> None:
        made = await add(tenant, backend)
        rotated = (await tenant.post(f"{ENDPOINTS}/{made['id']}/rotate-secret")).json()
        assert rotated["secret"] != made["secret"]
        await tenant.book()
        await deliver_due(tenant)
        [delivery] = await deliveries(tenant, made)
        said = [
            (await tenant.get(ENDPOINTS)).text,
            (await tenant.get(f"{ENDPOINTS}/{made['id']}")).text,
            (await tenant.send("PATCH", f"{ENDPOINTS}/{made['id']}", json={"description": "x"})).text,
            (await tenant.get(f"{ENDPOINTS}/{made['id']}/deliveries")).text,
            (await tenant.get(f"/v1/deliveries/{delivery['id']}")).text,
            (await tenant.post(f"{ENDPOINTS}/{made['id']}/test")).text,
            json.dumps(await tenant.events()),
            await asyncio.to_thread(log.read_text),
        ]
        async with tenant.broker.store.transaction() as unit_of_work:
            rows = await unit_of_work.execute(text("select * from webhook_endpoints"))
            said.append(repr([tuple(row) for row in rows]))
        for secret in (made["secret"], rotated["secret"]):
            for each in said:
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
        made = await add(agora, "https://backend.example/")
        refused = await agora.send("PATCH", f"{ENDPOINTS}/{made['id']}", json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert (await read(agora, made))["url"] == "https://backend.example/"

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
    async def test_is_refused_when_it_is_not_understood(self, tenant: Tenant, body: dict[str, Any]) -> None:
        refused = await tenant.post(ENDPOINTS, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")

    async def test_is_one_of_twenty_at_most(self, tenant: Tenant) -> None:
        responses = await asyncio.gather(
            *(tenant.post(ENDPOINTS, {"url": f"https://backend.example/{n}"}) for n in range(24))
        )
        assert sorted(each.status_code for each in responses) == [201] * 20 + [409] * 4
        assert {each.json()["code"] for each in responses if each.status_code == 409} == {"too_many_endpoints"}
        first = (await tenant.get(ENDPOINTS)).json()["data"][0]
        await tenant.send("DELETE", f"{ENDPOINTS}/{first['id']}")
        await add(tenant, "https://backend.example/once-more")


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
    async def test_is_needed_for_each_operation(
        self, tenant: Tenant, stranger: Tenant, backend: Backend, method: str, path: str, scope: str
    ) -> None:
        """With it the owner is answered; without it nobody; and another app finds nothing there, ever."""
        made = await add(tenant, backend)
        await tenant.book()
        await deliver_due(tenant)
        [delivery] = await deliveries(tenant, made)
        place = path.format(endpoint=made["id"], delivery=delivery["id"])
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
            lacking = replace(tenant, key=await tenant.create_key(scopes=[each for each in Scope if each != missing]))
            refused = await lacking.send(method, place, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        if "{" in path:
            before = await read(tenant, made)
            theirs, nobodys = [await stranger.send(method, each, json=body) for each in (place, nowhere)]
            assert theirs.status_code == 404
            assert theirs.json()["code"] in {"endpoint_not_found", "delivery_not_found"}
            assert (theirs.text, dict(theirs.headers)) == (nobodys.text, dict(nobodys.headers))
            assert await read(tenant, made) == before
        allowed = replace(tenant, key=await tenant.create_key(scopes=needed))
        assert (await allowed.send(method, place, json=body)).is_success

    async def test_hears_of_its_own_app_only(self, tenant: Tenant, stranger: Tenant, backend: Backend) -> None:
        await add(tenant, backend)
        async with start_backend() as elsewhere:
            await add(stranger, elsewhere)
            await tenant.book("ours")
            await stranger.book("theirs")
            await deliver_due(tenant)
            await deliver_due(stranger)
            assert [each.body["data"]["session"]["reference"] for each in backend.received] == ["ours"]
            assert [each.body["data"]["session"]["reference"] for each in elsewhere.received] == ["theirs"]
        assert (await stranger.get(ENDPOINTS)).json()["data"][0]["url"] == elsewhere.url


# --- events -----------------------------------------------------------------------------------------------------------


class TestAnEvent:
    async def test_arrives_signed_and_says_what_the_journal_says(self, tenant: Tenant, backend: Backend) -> None:
        made = await add(tenant, backend)
        await tenant.book(title="Zoë's lesson 🎓")
        await tenant.join()
        await note(tenant, "lesson-1", "line\u2028separator", "'\"\\</script>\u0085")
        await deliver_due(tenant)
        listed = await tenant.events()
        assert len(listed) == len(backend.received) == 6
        arrived = {each.id: each.verified(made["secret"]) for each in backend.received}
        for event in listed:
            body = arrived[event["id"]]
            assert list(body) == sorted(body) == ["data", "timestamp", "type"]
            assert (body["type"], body["timestamp"]) == (event["type"], event["occurred_at"])
            assert json.dumps(body["data"], sort_keys=True) == json.dumps(event, sort_keys=True)

    async def test_is_sent_when_it_happens_after_the_endpoint_was_made(self, tenant: Tenant, backend: Backend) -> None:
        await tenant.book("before")
        await add(tenant, backend)
        await tenant.book("after")
        await deliver_due(tenant)
        assert [each.body["data"]["session"]["reference"] for each in backend.received] == ["after"]

    async def test_is_sent_to_those_who_want_it(self, tenant: Tenant, backend: Backend) -> None:
        async with start_backend() as choosy:
            await add(tenant, backend)
            await add(tenant, choosy, types=["call.started", "call.ended"])
            await tenant.book()
            await tenant.join()
            await tenant.post("/v1/bookings/lesson-1/end")
            await deliver_due(tenant)
            assert sorted(choosy.types) == ["call.ended", "call.started"]
        assert sorted(backend.types) == sorted(event["type"] for event in await tenant.events())

    async def test_is_sent_once_when_all_is_well(self, tenant: Tenant, backend: Backend) -> None:
        await add(tenant, backend)
        for n in range(20):
            await tenant.book(f"lesson-{n}")
        await asyncio.gather(*(deliver_due(tenant) for _ in range(4)))
        await deliver_due(tenant)
        assert len(backend.ids) == len(set(backend.ids)) == 20

    async def test_is_sent_with_both_secrets_after_a_rotation_until_the_overlap_is_over(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        made = await add(tenant, backend)
        fresh = (await tenant.post(f"{ENDPOINTS}/{made['id']}/rotate-secret", {"overlap_seconds": 3600})).json()
        await tenant.book()
        await deliver_due(tenant)
        assert backend.received[0].verified(made["secret"]) == backend.received[0].verified(fresh["secret"])
        clock.move(hours=2)
        await tenant.book("later")
        await deliver_due(tenant)
        # The clock was moved, and the standard's library looks at its own: the number of signatures tells.
        assert [len(each.headers["webhook-signature"].split()) for each in backend.received] == [2, 1]

    async def test_does_not_wait_for_the_events_of_another_app(self, tenant: Tenant, stranger: Tenant) -> None:
        """One app whose endpoints cannot be read keeps nobody else waiting."""
        async with start_backend() as backend:
            await add(tenant, backend)
            broken = await add(stranger, backend)
            foreign = SecretBox([new_key()]).encrypt({"secrets": []})
            async with tenant.broker.store.transaction() as unit_of_work:
                statement = text("update webhook_endpoints set sealed_secrets = :sealed where id = :id")
                await unit_of_work.execute(statement, {"sealed": foreign, "id": UUID(broken["id"])})
            await stranger.book()
            await tenant.book()
            await fan_out_all(tenant.broker, now=tenant.broker.now())
            await deliver_due(tenant)
            assert len(backend.received) == 1
        assert (await stranger.send("DELETE", f"{ENDPOINTS}/{broken['id']}")).status_code == 204


# --- failures ---------------------------------------------------------------------------------------------------------


class TestADelivery:
    async def test_that_failed_is_tried_again_and_every_attempt_is_kept(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        made = await add(tenant, backend)
        backend.next_behaviors = [respond(500, b"down\x00"), respond(302, location="/elsewhere"), respond(204)]
        await tenant.book()
        assert await deliver_due(tenant) == 1
        [waiting] = await deliveries(tenant, made)
        assert (waiting["state"], waiting["attempts"]) == ("pending", 1)
        assert waiting["next_at"] is not None
        assert await deliver_due(tenant) == 0
        clock.move(seconds=6)
        assert await deliver_due(tenant) == 1
        clock.move(minutes=6)
        assert await deliver_due(tenant) == 1
        [done] = await deliveries(tenant, made)
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

    async def test_survives_an_hour_in_which_nobody_answers(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        made = await add(tenant, backend)
        backend.default_behavior = respond(503)
        for n in range(30):
            await tenant.book(f"lesson-{n}")
        for _ in range(12):
            await deliver_due(tenant)
            clock.move(minutes=5)
        assert {each["state"] for each in await deliveries(tenant, made)} == {"pending"}
        backend.default_behavior = respond(200)
        backend.received.clear()
        clock.move(hours=3)
        await deliver_due(tenant)
        assert {each["state"] for each in await deliveries(tenant, made)} == {"delivered"}
        assert sorted(backend.ids) == sorted(event["id"] for event in await tenant.events())

    async def test_fails_for_good_after_more_than_a_day_and_can_be_retried(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        made = await add(tenant, backend)
        backend.default_behavior = respond(500)
        await tenant.book()
        began = tenant.broker.now()
        attempts = await deliver_due(tenant)
        while (await deliveries(tenant, made, state="pending")) != []:
            clock.move(minutes=5)
            attempts += await deliver_due(tenant)
        assert attempts == 8
        assert tenant.broker.now() - began > timedelta(hours=24)
        [failed] = await deliveries(tenant, made, state="failed")
        backend.default_behavior = respond(200)
        retried = await tenant.post(f"/v1/deliveries/{failed['id']}/retry")
        assert (retried.status_code, retried.json()["state"]) == (200, "pending")
        assert await deliver_due(tenant) == 1
        [done] = await deliveries(tenant, made)
        assert (done["state"], done["attempts"]) == ("delivered", 9)

    async def test_waits_as_long_as_the_receiver_asks(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        made = await add(tenant, backend)
        backend.next_behaviors = [respond(429, retry_after="600")]
        await tenant.book()
        await deliver_due(tenant)
        clock.move(minutes=9)
        assert await deliver_due(tenant) == 0
        clock.move(minutes=2)
        assert await deliver_due(tenant) == 1
        assert (await deliveries(tenant, made))[0]["state"] == "delivered"

    async def test_is_written_down_whatever_nonsense_is_answered(self, tenant: Tenant, backend: Backend) -> None:
        made = await add(tenant, backend)
        backend.next_behaviors = [respond(503, retry_after="Thu, 12 Mar 2026 14:02:00 +99999999999999999999")]
        await tenant.book()
        await deliver_due(tenant)
        [waiting] = await deliveries(tenant, made)
        assert (waiting["state"], waiting["attempts"]) == ("pending", 1)

    async def test_that_another_process_is_attempting_is_left_to_it_until_its_lease_ends(
        self, tenant: Tenant, backend: Backend
    ) -> None:
        made = await add(tenant, backend)
        backend.next_behaviors = [hang]
        await tenant.book()
        await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now())
        doomed = asyncio.create_task(
            deliver(tenant.broker, tenant.app.id, EndpointId(UUID(made["id"])), now=tenant.broker.now())
        )
        await eventually(lambda: len(backend.received) == 1)
        doomed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doomed
        assert await deliver_due(tenant) == 0
        async with tenant.broker.store.transaction() as unit_of_work:
            await unit_of_work.execute(
                text("update deliveries set lease_until = lease_until - interval '31 seconds' where app_id = :app"),
                {"app": tenant.app.id},
            )
        assert await deliver_due(tenant) == 1
        assert len(set(backend.ids)) == 1
        assert (await deliveries(tenant, made))[0]["state"] == "delivered"

    async def test_for_which_no_connection_was_free_is_left_for_later_and_did_not_fail(
        self, tenant: Tenant, backend: Backend, courier: WebhookSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await add(tenant, backend)
        await tenant.book()
        with monkeypatch.context() as patched:
            patched.setattr(courier, "_free", asyncio.Semaphore(0))
            patched.setattr(courier, "_queue_seconds", 0.05)
            await deliver_due(tenant)
        [waiting] = await deliveries(tenant, made)
        assert (waiting["state"], waiting["attempts"], backend.received) == ("pending", 0, [])
        assert (await read(tenant, made))["failing_since"] is None
        async with tenant.broker.store.transaction() as unit_of_work:
            await unit_of_work.execute(
                text("update deliveries set lease_until = lease_until - interval '31 seconds' where app_id = :app"),
                {"app": tenant.app.id},
            )
        assert await deliver_due(tenant) == 1
        assert (await deliveries(tenant, made))[0]["state"] == "delivered"

    async def test_is_one_of_eight_that_are_under_way_to_one_endpoint(self, tenant: Tenant, backend: Backend) -> None:
        """However many workers are at it: a receiver that hangs must not take what other receivers need."""
        await add(tenant, backend)
        backend.default_behavior = hang
        for n in range(30):
            await tenant.book(f"lesson-{n}")
        workers = [asyncio.create_task(deliver_due(tenant)) for _ in range(6)]
        await eventually(lambda: len(backend.received) >= 8)
        # A ninth request must not be sent in this time.
        await asyncio.sleep(0.3)
        assert len(backend.received) == 8
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def test_can_be_put_on_its_way_again_while_it_is_on_its_way(self, tenant: Tenant, backend: Backend) -> None:
        made = await add(tenant, backend)
        let_go = asyncio.Event()

        async def slowly(_: object, writer: asyncio.StreamWriter) -> None:
            await let_go.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        backend.next_behaviors = [slowly]
        await tenant.book()
        first = asyncio.create_task(deliver_due(tenant))
        await eventually(lambda: len(backend.received) == 1)
        everything = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
        assert (await tenant.post(f"{ENDPOINTS}/{made['id']}/replay", everything)).json() == {"events": 1}
        assert await deliver_due(tenant) == 1
        let_go.set()
        await first
        [done] = await deliveries(tenant, made)
        assert (done["state"], done["attempts"]) == ("delivered", 2)
        assert [each["number"] for each in await log_of(tenant, done)] == [1, 2]

    async def test_is_listed_newest_first_page_by_page(self, tenant: Tenant, backend: Backend) -> None:
        made = await add(tenant, backend)
        for n in range(7):
            await tenant.book(f"lesson-{n}")
            await deliver_due(tenant)
        pages: list[list[str]] = []
        cursor: str | None = None
        while cursor is not None or not pages:
            params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
            page = (await tenant.get(f"{ENDPOINTS}/{made['id']}/deliveries", params=params)).json()
            pages.append([each["event"] for each in page["data"]])
            cursor = page["next"]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [event for page in pages for event in page] == backend.ids[::-1]
        refused = await tenant.get(f"{ENDPOINTS}/{made['id']}/deliveries", params={"cursor": "nonsense"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


class TestAnOrder:
    async def test_holds_for_the_events_of_one_session_whatever_fails(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        await tenant.book("a")
        await tenant.book("b")
        await add(tenant, backend, ordered=True)
        await note(tenant, "a", "a1", "a2", "a3")
        await note(tenant, "b", "b1", "b2", "b3")
        to_fail = {"a1", "a2", "b2"}

        async def moody(received: Any, writer: asyncio.StreamWriter) -> None:
            mark = received.body["data"]["data"]["event"]
            await respond(500 if mark in to_fail else 200)(received, writer)
            if mark in to_fail:
                to_fail.remove(mark)
                backend.received.remove(received)

        backend.default_behavior = moody
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
        await add(tenant, backend, ordered=True)
        for n in range(15):
            await asyncio.gather(*(note(tenant, reference, f"{reference}{n:02}") for reference in ("a", "b", "c")))
        while len(backend.received) < 45:
            await asyncio.gather(*(deliver_due(tenant) for _ in range(4)))
        for reference in ("a", "b", "c"):
            assert [mark for mark in marks(backend) if mark[0] == reference] == [
                f"{reference}{n:02}" for n in range(15)
            ]

    async def test_goes_on_behind_an_event_that_failed_for_good(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        await tenant.book()
        made = await add(tenant, backend, ordered=True)
        await note(tenant, "lesson-1", "first", "second")

        async def picky(received: Any, writer: asyncio.StreamWriter) -> None:
            await respond(400 if received.body["data"]["data"]["event"] == "first" else 200)(received, writer)

        backend.default_behavior = picky
        while "second" not in marks(backend):
            await deliver_due(tenant)
            clock.move(hours=1)
        assert [each["state"] for each in await deliveries(tenant, made)] == ["delivered", "failed"]

    async def test_is_quick_behind_a_long_queue(self, tenant: Tenant, backend: Backend) -> None:
        """Twenty thousand events wait because the receiver was down: finding the next ones is still quick."""
        for n in range(4):
            await tenant.book(f"lesson-{n}")
        made = await add(tenant, backend, ordered=True)
        await tenant.book("last")
        await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now())
        began = time.monotonic()
        async with tenant.broker.store.transaction() as unit_of_work:
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
        seconds_to_write = time.monotonic() - began
        seconds_to_deliver = []
        for _ in range(5):
            began = time.monotonic()
            now = tenant.broker.now()
            assert await deliver(tenant.broker, tenant.app.id, EndpointId(UUID(made["id"])), now=now) == 1
            seconds_to_deliver.append(time.monotonic() - began)
            async with tenant.broker.store.transaction() as unit_of_work:
                await unit_of_work.execute(
                    text("update deliveries set state = 'pending', next_at = now() where app_id = :app and xid <> 1"),
                    {"app": tenant.app.id},
                )
        # The best of a few: other programs may delay one of them.
        assert min(seconds_to_deliver) < seconds_to_write
        assert len(backend.received) == 5


# --- disabling --------------------------------------------------------------------------------------------------------


class TestDisabling:
    async def test_by_the_app_keeps_what_happens_for_later(self, tenant: Tenant, backend: Backend) -> None:
        made = await add(tenant, backend)
        off = await change(tenant, made, enabled=False)
        assert (off["enabled"], off["disabled"]) == (False, "by_app")
        await tenant.book("missed")
        assert await deliver_due(tenant) == 0
        on = await change(tenant, made, enabled=True)
        assert (on["enabled"], on["disabled"]) == (True, None)
        await deliver_due(tenant)
        assert [each.body["data"]["session"]["reference"] for each in backend.received] == ["missed"]

    async def test_an_endpoint_can_be_made_disabled(self, tenant: Tenant, backend: Backend) -> None:
        made = await add(tenant, backend, enabled=False)
        assert (made["enabled"], made["disabled"]) == (False, "by_app")
        await tenant.book()
        assert await deliver_due(tenant) == 0

    async def test_follows_a_410_at_once_and_others_are_told(self, tenant: Tenant, backend: Backend) -> None:
        async with start_backend() as going:
            going.default_behavior = respond(410)
            gone = await add(tenant, going)
            await add(tenant, backend, types=["endpoint.disabled"])
            await tenant.book("one")
            await deliver_due(tenant)
            await tenant.book("two")
            await deliver_due(tenant)
            assert len(going.received) == 1
            assert (await read(tenant, gone))["disabled"] == "gone"
            [told] = backend.received
            assert told.body["data"]["data"] == {"endpoint": gone["id"], "reason": "gone"}
            going.default_behavior = respond(200)
            assert (await change(tenant, gone, enabled=True))["disabled"] is None
            await deliver_due(tenant)
            assert {each["state"] for each in await deliveries(tenant, gone)} <= {"delivered", "pending"}
            assert len(going.received) >= 3

    async def test_follows_five_days_of_failures(self, tenant: Tenant, backend: Backend, clock: MovableClock) -> None:
        made = await add(tenant, backend)
        backend.default_behavior = respond(500)
        began = tenant.broker.now()
        n = 0
        while (found := await read(tenant, made))["enabled"]:
            n += 1
            await tenant.book(f"lesson-{n}")
            await deliver_due(tenant)
            clock.move(hours=6)
        assert found["disabled"] == "failing"
        took = tenant.broker.now() - began
        assert timedelta(days=5) <= took <= timedelta(days=5, hours=13)
        assert len(await tenant.events("endpoint.disabled")) == 1
        sent = len(backend.received)
        await tenant.book("afterwards")
        await deliver_due(tenant)
        assert len(backend.received) == sent

    async def test_begins_to_count_anew_with_every_success(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        made = await add(tenant, backend)
        for day in range(8):
            backend.next_behaviors = [respond(500)]
            await tenant.book(f"lesson-{day}")
            await deliver_due(tenant)
            assert (await read(tenant, made))["failing_since"] is not None
            clock.move(minutes=1)
            await deliver_due(tenant)
            assert (await read(tenant, made))["failing_since"] is None
            clock.move(days=1)
        assert (await read(tenant, made))["enabled"]

    async def test_does_not_come_back_because_of_what_was_under_way(self, tenant: Tenant, backend: Backend) -> None:
        """Eight deliveries are answered 410 at once: one event says so."""
        await add(tenant, backend)
        backend.default_behavior = respond(410)
        for n in range(8):
            await tenant.book(f"lesson-{n}")
        await deliver_due(tenant)
        assert len(await tenant.events("endpoint.disabled")) == 1


class TestRemoving:
    async def test_an_endpoint_while_deliveries_are_under_way_troubles_nobody(
        self, tenant: Tenant, backend: Backend
    ) -> None:
        let_go = asyncio.Event()

        async def slowly(received: Any, writer: asyncio.StreamWriter) -> None:
            await let_go.wait()
            await respond(500)(received, writer)

        backend.default_behavior = slowly
        made = await add(tenant, backend)
        await tenant.book()
        carrying = asyncio.create_task(deliver_due(tenant))
        await eventually(lambda: len(backend.received) == 1)
        assert (await tenant.send("DELETE", f"{ENDPOINTS}/{made['id']}")).status_code == 204
        let_go.set()
        assert await carrying == 1

    async def test_and_delivering_never_wait_for_each_other(self, tenant: Tenant, backend: Backend) -> None:
        """Whoever removes an endpoint while attempts are written down is not the victim of a deadlock."""
        for n in range(3):
            await tenant.book(f"lesson-{n}")
        backend.default_behavior = respond(500)
        for _ in range(10):
            made = await add(tenant, backend)
            await note(tenant, "lesson-0", *(f"{n}" for n in range(8)))
            await fan_out(tenant.broker, tenant.app.id, now=tenant.broker.now())
            carrying = asyncio.create_task(deliver_due(tenant))
            seen = len(backend.received)
            await eventually(lambda seen=seen: len(backend.received) > seen)  # type: ignore[misc]
            assert (await tenant.send("DELETE", f"{ENDPOINTS}/{made['id']}")).status_code == 204
            await carrying


# --- on request -------------------------------------------------------------------------------------------------------


class TestATestEvent:
    async def test_is_sent_at_once_signed_and_leaves_no_trace(self, tenant: Tenant, backend: Backend) -> None:
        made = await add(tenant, backend, types=["call.ended"], enabled=False)
        backend.next_behaviors = [respond(202, b"fine")]
        tried = (await tenant.post(f"{ENDPOINTS}/{made['id']}/test")).json()
        assert (tried["number"], tried["status"], tried["taken"], tried["body"]) == (1, 202, True, "fine")
        [received] = backend.received
        body = received.verified(made["secret"])
        assert body["type"] == body["data"]["type"] == "endpoint.test"
        assert body["data"] == {"id": received.id, "type": "endpoint.test", "endpoint": made["id"]}
        assert await deliveries(tenant, made) == []
        assert await tenant.events() == []

    async def test_tells_what_went_wrong(
        self, tenant: Tenant, backend: Backend, courier: WebhookSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await add(tenant, backend)
        backend.next_behaviors = [hang]
        monkeypatch.setattr(courier, "_seconds", 1.0)
        tried = (await tenant.post(f"{ENDPOINTS}/{made['id']}/test")).json()
        assert (tried["status"], tried["taken"], tried["error"]) == (None, False, "no response within 1 s")
        assert (await read(tenant, made))["failing_since"] is None

    async def test_says_nothing_of_what_is_inside(self, agora: Tenant, backend: Backend) -> None:
        """As in production, where an endpoint whose name leads inside reaches nothing."""
        made = await add(agora, "https://backend.example/")
        async with agora.broker.store.transaction() as unit_of_work:
            statement = text("update webhook_endpoints set url = :url where id = :id")
            await unit_of_work.execute(statement, {"url": backend.url, "id": UUID(made["id"])})
        tried = (await agora.post(f"{ENDPOINTS}/{made['id']}/test")).json()
        assert (tried["status"], tried["body"]) == (None, "")
        assert tried["error"].startswith("PrivateAddress")
        assert backend.connections == 0


class TestAReplay:
    async def test_sends_the_events_of_some_time_with_their_old_ids(
        self, tenant: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        made = await add(tenant, backend)
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
        assert (await tenant.post(f"{ENDPOINTS}/{made['id']}/replay", body)).json() == {"events": 2}
        await deliver_due(tenant)
        assert sorted(each.body["data"]["session"]["reference"] for each in backend.received) == ["three", "two"]
        assert all(before[each.id] == each.raw for each in backend.received)
        assert {each["attempts"] for each in await deliveries(tenant, made)} == {1, 2}

    async def test_brings_a_new_endpoint_what_happened_before_it_was_made(
        self, tenant: Tenant, backend: Backend
    ) -> None:
        await tenant.book()
        await tenant.join()
        made = await add(tenant, backend, types=["call.started", "room.opened"])
        body = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "types": ["call.started"]}
        assert (await tenant.post(f"{ENDPOINTS}/{made['id']}/replay", body)).json() == {"events": 1}
        await deliver_due(tenant)
        assert backend.types == ["call.started"]

    async def test_keeps_to_what_the_endpoint_wants_and_to_the_order(self, tenant: Tenant, backend: Backend) -> None:
        await tenant.book()
        made = await add(tenant, backend, ordered=True, types=["app.reported"])
        await note(tenant, "lesson-1", *(f"{n:02}" for n in range(20)))
        await deliver_due(tenant)
        backend.received.clear()
        body = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
        assert (await tenant.post(f"{ENDPOINTS}/{made['id']}/replay", body)).json() == {"events": 20}
        await note(tenant, "lesson-1", "20")
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
    async def test_needs_a_time_that_is_one(self, tenant: Tenant, body: dict[str, Any]) -> None:
        made = await add(tenant, "https://backend.example/")
        refused = await tenant.post(f"{ENDPOINTS}/{made['id']}/replay", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


# --- the catalogue ----------------------------------------------------------------------------------------------------


async def story(tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    """Whatever can happen in an app on 100ms."""
    await tenant.book("moved", starts_in=timedelta(hours=9))
    await tenant.join("moved")
    await tenant.send("PATCH", "/v1/bookings/moved", json={"title": "Algebra"})
    terms = [{"role": "student"}, {"role": "tutor"}]
    for each in terms:
        await tenant.send("PUT", "/v1/bookings/moved/participants/student-2", json=each)
    await tenant.send("DELETE", "/v1/bookings/moved/participants/student-2")
    await tenant.post("/v1/bookings/moved/cancel")

    await tenant.create_group("kept", policy={"waiting_room": "admit"})
    link = (await tenant.post("/v1/groups/kept/links", {"user_id": "student-1"})).json()
    await tenant.post("/v1/groups/kept/join", {"user_id": "student-1"})
    holder = {"Authorization": f"Bearer {link['ticket']}"}
    assert (await tenant.api.request("DELETE", "/v1/visit/knock", headers=holder)).is_success
    assert (await tenant.send("DELETE", "/v1/groups/kept/links")).json() == {"revoked": 1}
    await tenant.post("/v1/groups/kept/join", {"user_id": "student-1"})
    (waiting,) = (await tenant.get("/v1/groups/kept/lobby")).json()["data"]
    for verb in ("deny", "admit"):
        await tenant.post(f"/v1/groups/kept/lobby/{waiting['entry']}/{verb}")

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


async def test_every_event_fits_the_schema_of_its_type(
    webhook_tenant: Tenant,
    nearby: Broker,
    near_api: httpx.AsyncClient,
    sandbox: Sandbox,
    clock: MovableClock,
    backend: Backend,
) -> None:
    """What the document promises under `webhooks` is what arrives."""
    tenant = replace(webhook_tenant, broker=nearby, api=near_api)
    async with start_backend() as going:
        going.default_behavior = respond(410)
        await add(tenant, going, types=["session.registered"])
        await add(tenant, backend)
        await story(tenant, sandbox, clock)
        await deliver_due(tenant)
        await deliver_due(tenant)
    both = await make_tenant(
        nearby,
        near_api,
        {
            ProviderName.HMS: sandbox.account("tutoring"),
            ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4},
        },
        {ProviderName.HMS: HMS_ROLES, ProviderName.AGORA: dict.fromkeys(HMS_ROLES, "publisher")},
    )
    await add(both, backend)
    await both.book()
    await sandbox.inject_fault("status", status=500)
    await both.join()
    (known,) = await endpoints.list_endpoints(context_of(nearby, both.app, actor=both.actor))
    olive, now = Actor(both.app.id, operator="Olive"), nearby.now()
    week = {"since": now - timedelta(days=7), "until": now + timedelta(days=1)}
    await endpoints.replay(context_of(nearby, both.app, now=now, actor=olive), known.id, types=(), **week)
    await deliver_due(both)

    document = (await near_api.get("/openapi.json")).json()
    assert set(document["webhooks"]) == {each.value for each in EventType}
    for received in backend.received:
        schema = document["webhooks"][received.body["type"]]["post"]["requestBody"]["content"]["application/json"]
        validator = OAS31Validator(
            {**schema["schema"], "components": document["components"]}, format_checker=oas31_format_checker
        )
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(received.body)]
        assert problems == [], received.body
    # What is taken out of the journal is told by commands: `tests/usecases/journal/test_journal_proof.py`.
    by_command = {EventType.PERSON_ERASED.value, EventType.JOURNAL_RETIRED.value}
    assert set(backend.types) == {each.value for each in set(EventType) - OPT_IN_EVENTS} - by_command
