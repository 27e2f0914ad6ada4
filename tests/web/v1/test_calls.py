"""Calls start once, end once, and have a duration. Their room opens and closes with them."""

import asyncio
from datetime import timedelta

from tenants import MovableClock, Sandbox, Tenant

PATH = "/v1/bookings/lesson-1"


async def test_starting_opens_the_room_and_a_call_and_starting_again_changes_nothing(
    tutoring: Tenant, sandbox: Sandbox
) -> None:
    await tutoring.book()
    first = (await tutoring.post(f"{PATH}/start", {"user_id": "tutor-1"})).json()
    second = (await tutoring.post(f"{PATH}/start")).json()
    assert first["id"] == second["id"]
    assert (first["started_by"], first["ended_at"], first["duration_seconds"]) == ("tutor-1", None, None)
    assert (await sandbox.counters())["create_room"] == 1
    assert (await tutoring.join()).json()["call"]["id"] == first["id"]
    assert len(await tutoring.events("call.started")) == 1


async def test_ending_returns_the_duration_and_ending_again_changes_nothing(
    tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book()
    await tutoring.post(f"{PATH}/start")
    clock.move(minutes=42)
    first = (await tutoring.post(f"{PATH}/end", {"user_id": "tutor-1"})).json()
    assert 42 * 60 <= first["duration_seconds"] <= 42 * 60 + 5
    assert first["ended_by"] == "tutor-1"
    clock.move(minutes=5)
    assert (await tutoring.post(f"{PATH}/end")).json() == first
    (ended,) = await tutoring.events("call.ended")
    assert ended["data"]["duration_seconds"] == first["duration_seconds"]


async def test_twenty_concurrent_starts_and_joins_open_one_call(tutoring: Tenant) -> None:
    await tutoring.book()
    responses = await asyncio.gather(
        *(tutoring.post(f"{PATH}/start") for _ in range(10)), *(tutoring.join() for _ in range(10))
    )
    assert {response.status_code for response in responses} == {200}
    assert len((await tutoring.get(f"{PATH}/calls")).json()["data"]) == 1


async def test_after_the_end_the_vendor_refuses_everyone_until_the_next_join_reopens_the_room(
    tutoring: Tenant, sandbox: Sandbox
) -> None:
    await tutoring.book()
    credentials = (await tutoring.join(surface="prebuilt")).json()
    token = (await tutoring.join()).json()["token"]
    peer = {"token": token, "name": "Ada"}
    path = f"/_sandbox/rooms/{credentials['room_id']}/peers"
    assert (await sandbox.client.post(path, json=peer)).status_code == 200
    await tutoring.post(f"{PATH}/end")
    assert (await sandbox.client.post(path, json=peer)).status_code == 403
    assert (await sandbox.client.post("/v2/token", json={"code": credentials["room_code"]})).status_code == 403
    rejoined = (await tutoring.join()).json()
    assert rejoined["room_id"] == credentials["room_id"]
    assert rejoined["call"]["id"] != credentials["call"]["id"]
    assert (await sandbox.client.post(path, json=peer)).status_code == 200
    assert (await sandbox.counters())["rooms_created"] == 1
    assert len(await tutoring.events("room.closed")) == 1


async def test_calls_are_listed_oldest_first_and_readable(tutoring: Tenant) -> None:
    await tutoring.book()
    for _ in range(3):
        await tutoring.post(f"{PATH}/start")
        await tutoring.post(f"{PATH}/end")
    first = (await tutoring.get(f"{PATH}/calls", params={"limit": 2})).json()
    rest = (await tutoring.get(f"{PATH}/calls", params={"limit": 2, "cursor": first["next"]})).json()
    calls = first["data"] + rest["data"]
    assert len({call["id"] for call in calls}) == 3
    assert [call["started_at"] for call in calls] == sorted(call["started_at"] for call in calls)
    read = (await tutoring.get(f"/v1/calls/{calls[0]['id']}")).json()
    assert read == {**calls[0], "attendance": []}


async def test_ending_without_a_call_is_refused(tutoring: Tenant) -> None:
    await tutoring.book()
    response = await tutoring.post(f"{PATH}/end")
    assert (response.status_code, response.json()["code"]) == (404, "call_not_found")


async def test_a_call_starts_only_if_the_session_can_take_place(tutoring: Tenant) -> None:
    await tutoring.book("pending", status="pending")
    await tutoring.book("tomorrow", starts_in=timedelta(days=1))
    assert (await tutoring.post("/v1/bookings/pending/start")).json()["code"] == "session_not_confirmed"
    assert (await tutoring.post("/v1/bookings/tomorrow/start")).json()["code"] == "too_early"
    await tutoring.book()
    assert (await tutoring.post(f"{PATH}/start", {"user_id": "stranger"})).json()["code"] == "not_a_participant"
    assert (await tutoring.post(f"{PATH}/end", {"user_id": "stranger"})).json()["code"] == "not_a_participant"


async def test_a_vendor_that_is_down_does_not_prevent_the_end_of_a_call(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    await tutoring.join()
    await sandbox.inject_fault("status", status=500)
    ended = await tutoring.post(f"{PATH}/end")
    assert ended.status_code == 200
    assert ended.json()["ended_at"] is not None
    assert not await tutoring.events("room.closed")
    await sandbox.clear_faults()
    assert (await tutoring.post(f"{PATH}/end")).json() == ended.json()
    assert len(await tutoring.events("room.closed")) == 1


async def test_a_call_on_agora_has_a_start_an_end_and_a_duration(agora: Tenant, clock: MovableClock) -> None:
    await agora.book()
    await agora.join()
    clock.move(minutes=10)
    assert 600 <= (await agora.post(f"{PATH}/end")).json()["duration_seconds"] <= 630
