"""Calls: started once, ended once, with a duration; and the room that opens and shuts with them."""

import asyncio
from datetime import timedelta

from tenants import MovableClock, Sandbox, Tenant

PATH = "/v1/bookings/lesson-1"


async def test_starting_opens_the_room_and_a_call_and_starting_again_is_the_same_call(
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


async def test_ending_gives_the_duration_and_ending_again_the_same_answer(
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


async def test_twenty_starts_and_joins_at_once_open_one_call(tutoring: Tenant) -> None:
    await tutoring.book()
    responses = await asyncio.gather(
        *(tutoring.post(f"{PATH}/start") for _ in range(10)), *(tutoring.join() for _ in range(10))
    )
    assert {response.status_code for response in responses} == {200}
    assert len((await tutoring.get(f"{PATH}/calls")).json()["data"]) == 1


async def test_after_the_end_the_vendor_lets_nobody_in_until_the_next_join_opens_the_room_again(
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
    again = (await tutoring.join()).json()
    assert again["room_id"] == credentials["room_id"]
    assert again["call"]["id"] != credentials["call"]["id"]
    assert (await sandbox.client.post(path, json=peer)).status_code == 200
    assert (await sandbox.counters())["rooms_created"] == 1
    assert len(await tutoring.events("room.closed")) == 1


async def test_every_call_is_listed_oldest_first_and_can_be_read(tutoring: Tenant) -> None:
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


async def test_ending_where_there_never_was_a_call_says_so(tutoring: Tenant) -> None:
    await tutoring.book()
    response = await tutoring.post(f"{PATH}/end")
    assert (response.status_code, response.json()["code"]) == (404, "call_not_found")


async def test_a_call_starts_only_when_the_session_may_meet(tutoring: Tenant) -> None:
    await tutoring.book("pending", status="pending")
    await tutoring.book("tomorrow", starts_in=timedelta(days=1))
    assert (await tutoring.post("/v1/bookings/pending/start")).json()["code"] == "session_not_confirmed"
    assert (await tutoring.post("/v1/bookings/tomorrow/start")).json()["code"] == "too_early"
    await tutoring.book()
    assert (await tutoring.post(f"{PATH}/start", {"user_id": "stranger"})).json()["code"] == "not_a_participant"
    assert (await tutoring.post(f"{PATH}/end", {"user_id": "stranger"})).json()["code"] == "not_a_participant"


async def test_a_vendor_that_is_down_does_not_keep_a_call_open(tutoring: Tenant, sandbox: Sandbox) -> None:
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


async def test_on_agora_a_call_has_a_start_an_end_and_a_duration_too(agora: Tenant, clock: MovableClock) -> None:
    await agora.book()
    await agora.join()
    clock.move(minutes=10)
    assert 600 <= (await agora.post(f"{PATH}/end")).json()["duration_seconds"] <= 630
