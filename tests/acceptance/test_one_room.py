"""One room and one vendor call for each session: across processes, under load, and after crashes."""

import asyncio
import time

import httpx
import pytest

from polling import eventually
from tenants import Sandbox, Tenant, context_of
from videobroker.domain.api_keys import compute_key_digest
from videobroker.usecases import management

from .conftest import StartBroker

pytestmark = pytest.mark.long

JOIN = "/v1/bookings/lesson-1/join"


def client(url: str, tenant: Tenant) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {tenant.key}"},
        timeout=30,
        limits=httpx.Limits(max_connections=100),
    )


async def counted(sandbox: Sandbox, operation: str) -> int:
    return int((await sandbox.counters()).get(operation, 0))


@pytest.mark.representative
async def test_a_hundred_first_joins_at_two_processes_create_one_room(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=300)
    one, two = start_broker(), start_broker()
    async with client(one.url, tutoring) as first, client(two.url, tutoring) as second:
        responses = await asyncio.gather(
            *(
                (first, second)[n % 2].post(JOIN, json={"user_id": ("tutor-1", "student-1")[n // 2 % 2]})
                for n in range(100)
            )
        )
    assert [response.status_code for response in responses] == [200] * 100
    assert len({response.json()["room_id"] for response in responses}) == 1
    assert len({response.json()["call"]["id"] for response in responses}) == 1
    counters = await sandbox.counters()
    assert counters["create_room"] == 1
    assert len(await tutoring.events("credentials.issued")) == 100
    assert len(await tutoring.events("room.opened", "call.started")) == 2


async def test_a_room_of_a_broker_killed_before_its_commit_is_found_by_the_next_join(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    # The vendor creates the room, but its responses are lost: the broker is still retrying when it is killed.
    await sandbox.inject_fault("drop", operation="create_room", after=True)
    killed_broker, survivor = start_broker(), start_broker()
    async with client(killed_broker.url, tutoring) as first, client(survivor.url, tutoring) as second:
        lost = asyncio.create_task(first.post(JOIN, json={"user_id": "tutor-1"}))
        await eventually(lambda: counted(sandbox, "rooms_created"))
        killed_broker.kill()
        await sandbox.clear_faults()
        # The lease of a killed process delays joins for no longer than a request may wait.
        response = await second.post(JOIN, json={"user_id": "student-1"})
        with pytest.raises(httpx.TransportError):
            await lost
    assert response.status_code == 200, response.text
    assert (await sandbox.counters())["rooms_created"] == 1
    entered = await sandbox.client.post(
        f"/_sandbox/rooms/{response.json()['room_id']}/peers", json={"token": response.json()["token"], "name": "Ben"}
    )
    assert entered.status_code == 200


async def test_a_restarted_broker_continues_the_work_of_a_killed_one(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    before = start_broker()
    async with client(before.url, tutoring) as api:
        room_id = (await api.post(JOIN, json={"user_id": "tutor-1"})).json()["room_id"]
    before.kill()
    after = start_broker()
    async with client(after.url, tutoring) as api:
        assert (await api.post(JOIN, json={"user_id": "student-1"})).json()["room_id"] == room_id
    assert (await sandbox.counters())["create_room"] == 1


async def test_a_stopping_broker_completes_its_requests(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=700)
    broker = start_broker()
    async with client(broker.url, tutoring) as api:
        running = asyncio.create_task(api.post(JOIN, json={"user_id": "tutor-1"}))
        await eventually(lambda: counted(sandbox, "create_room"))
        broker.process.terminate()
        assert (await running).status_code == 200
    assert await asyncio.to_thread(broker.process.wait, 20) == 0


async def test_joins_that_wait_for_a_slow_vendor_use_no_database_connections(
    tutoring: Tenant, sandbox: Sandbox, start_broker: StartBroker
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=2000)
    broker = start_broker()
    limits = httpx.Limits(max_connections=400)
    async with httpx.AsyncClient(
        base_url=broker.url, headers={"Authorization": f"Bearer {tutoring.key}"}, timeout=60, limits=limits
    ) as api:
        joins = [asyncio.create_task(api.post(JOIN, json={"user_id": "student-1"})) for _ in range(400)]
        await eventually(lambda: counted(sandbox, "create_room"))
        # Other requests that need the database are still served.
        assert (await api.get("/readyz")).status_code == 200
        responses = await asyncio.gather(*joins)
        metrics = (await api.get("/metrics")).text
    assert [response.status_code for response in responses] == [200] * 400
    assert len({response.json()["room_id"] for response in responses}) == 1
    assert (await sandbox.counters())["create_room"] == 1
    assert 'videobroker_batch_rejected_items_total{batcher="join_context"} 0.0' in metrics


async def test_a_revocation_or_cancellation_applies_to_all_replicas(
    tutoring: Tenant, start_broker: StartBroker
) -> None:
    await tutoring.book()
    one, two = start_broker(), start_broker()
    async with client(one.url, tutoring) as first, client(two.url, tutoring) as second:
        for api in (first, second):
            assert (await api.post(JOIN, json={"user_id": "tutor-1"})).status_code == 200
        assert (await first.post("/v1/bookings/lesson-1/cancel")).status_code == 200
        # Immediately: sessions are not cached.
        refused = await second.post(JOIN, json={"user_id": "tutor-1"})
        assert (refused.status_code, refused.json()["code"]) == (403, "session_cancelled")

        found = await tutoring.broker.tenant_cache.by_key(compute_key_digest(tutoring.key))
        assert found is not None
        await management.revoke_key(context_of(tutoring.broker, tutoring.app), found[0].id)
        revoked = time.monotonic()
        sent_at = revoked
        for api in (first, second):
            # Each accepted request was sent within a second after the revocation.
            while (response := await api.post(JOIN, json={"user_id": "tutor-1"})).status_code != 401:
                assert sent_at - revoked < 1.0, response.text
                # The interval between two requests of a client.
                await asyncio.sleep(0.02)
                sent_at = time.monotonic()
            assert response.json()["code"] == "api_key_revoked"
            sent_at = time.monotonic()
