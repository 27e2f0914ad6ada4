"""Delivery of events, and the delivery failures that tests can request."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest

from polling import eventually
from sandbox.receiver import Receiver
from videobroker.sandbox import SandboxConfig, SandboxState, create_sandbox
from videobroker.sandbox.targets import WebhookTarget

URL = "http://receiver/hook"


@pytest.fixture
async def control(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the control API. The workspace has a webhook."""
    await anonymous.put("/_sandbox/webhooks", json={"url": URL})
    return anonymous


async def _behave(control: httpx.AsyncClient, **switches: Any) -> dict[str, Any]:
    response = await control.put("/_sandbox/webhooks/behaviour", json=switches)
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


async def _flush(control: httpx.AsyncClient) -> None:
    response = await control.post("/_sandbox/webhooks/flush")
    assert response.status_code == 200, response.text


async def _events(control: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    response = await control.get("/_sandbox/webhooks", params=query)
    events: list[dict[str, Any]] = response.json()["events"]
    return events


def _ids(receiver: Receiver) -> list[str]:
    return [received.body["id"] for received in receiver.requests]


async def test_the_outbox_reports_the_outcome_of_each_event(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    await join("Asha")
    await _flush(control)
    shown = await _events(control, room_id=room["id"])
    assert [event["id"] for event in shown] == _ids(receiver)
    assert shown[0] == {
        "id": shown[0]["id"],
        "vendor": "100ms",
        "type": "session.open.success",
        "room_id": room["id"],
        "url": URL,
        "kind": "original",
        "state": "delivered",
        "attempts": 1,
        "last_status": 200,
    }
    assert [event["type"] for event in await _events(control, type="peer.join.success")] == ["peer.join.success"]
    assert await _events(control, room_id="another") == []


@pytest.mark.parametrize("status", [201, 204, 302, 400, 500])
async def test_only_status_200_ends_the_attempts(
    control: httpx.AsyncClient, join: Any, receiver: Receiver, status: int
) -> None:
    await _behave(control, retry_scale=0)
    receiver.statuses = [status]
    await join("Asha")
    await _flush(control)
    opened, joined = await _events(control)
    assert (opened["attempts"], opened["state"], joined["attempts"]) == (2, "delivered", 1)
    # The second event of the room waits for the first.
    assert receiver.types == ["session.open.success", "session.open.success", "peer.join.success"]
    assert receiver.requests[0].raw == receiver.requests[1].raw


async def test_retries_follow_after_one_three_and_ten_scaled_seconds(
    control: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(control, retry_scale=0.02, drop_types=["peer.join.success"])
    receiver.statuses = [500] * 4
    await join("Asha")
    await _flush(control)
    opened, _ = await _events(control)
    assert (opened["state"], opened["attempts"], opened["last_status"]) == ("failed", 4, 500)
    times = [received.at for received in receiver.requests]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    for wait, seconds in zip(waits, (0.02, 0.06, 0.2), strict=True):
        assert wait >= seconds * 0.9
    assert waits[0] < waits[1] < waits[2]


async def test_a_configuration_can_define_the_webhook_and_the_scale(
    config: SandboxConfig, clock: Any, receiver: Receiver, anonymous: httpx.AsyncClient
) -> None:
    config = replace(config, webhook=WebhookTarget(URL), retry_scale=0.5)
    app = create_sandbox(config, SandboxState(config, clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as client:
        assert (await client.get("/_sandbox/webhooks")).json()["url"] == URL
        assert (await client.get("/_sandbox/webhooks/behaviour")).json()["retry_scale"] == 0.5
        await _behave(client, retry_scale=3)
        assert (await client.delete("/_sandbox/webhooks/behaviour")).json()["retry_scale"] == 0.5
        assert (await client.delete("/_sandbox/webhooks")).json() == {"url": None}
        assert (await client.get("/_sandbox/webhooks")).json()["url"] is None


async def test_a_receiver_that_crashes_gets_a_retry(control: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    def crash(_: Any) -> None:
        receiver.before = lambda _: None
        raise RuntimeError("out of order")

    receiver.before = crash
    await _behave(control, retry_scale=0)
    await join("Asha")
    await _flush(control)
    assert [event["attempts"] for event in await _events(control, state="delivered")] == [2, 1]


async def test_duplicates_have_the_id_of_the_original(
    control: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(control, duplicates=2)
    await join("Asha")
    await _flush(control)
    assert receiver.types == ["session.open.success"] * 3 + ["peer.join.success"] * 3
    assert len(set(_ids(receiver))) == 2
    kinds = [event["kind"] for event in await _events(control)]
    assert kinds == ["original", "duplicate", "duplicate"] * 2


async def test_duplicates_with_new_ids_have_the_data_of_the_original(
    control: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(control, duplicates=1, new_ids=True)
    await join("Asha")
    await _flush(control)
    assert len(set(_ids(receiver))) == 4
    assert receiver.requests[0].body["data"] == receiver.requests[1].body["data"]


async def test_shuffled_events_have_an_order_that_the_seed_decides(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    orders = []
    for seed in (7, 7, 8):
        receiver.requests.clear()
        await _behave(control, shuffle=True, seed=seed)
        for name in ("Asha", "Ben", "Chen", "Dana", "Eve", "Finn"):
            await join(name)
        assert receiver.requests == []
        await _flush(control)
        orders.append([received.body["data"].get("user_name", "-") for received in receiver.requests])
        await control.delete("/_sandbox/webhooks/behaviour")
        await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})
        await _flush(control)
    assert orders[0] == orders[1] != orders[2]
    assert orders[0][1:] != sorted(orders[0])[1:]


async def test_delayed_events_are_sent_when_there_are_enough(
    control: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(control, hold=3)
    await join("Asha")
    shown = (await control.get("/_sandbox/webhooks")).json()
    assert (shown["delayed"], [event["state"] for event in shown["events"]]) == (2, ["pending", "pending"])
    # Nothing may be sent during this time.
    await asyncio.sleep(0.05)
    assert receiver.requests == []
    await join("Ben")
    await eventually(lambda: len(receiver.requests) >= 3)
    assert receiver.types == ["session.open.success", "peer.join.success", "peer.join.success"]


async def test_resetting_the_behavior_sends_delayed_events(
    control: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(control, shuffle=True)
    await join("Asha")
    await control.delete("/_sandbox/webhooks/behaviour")
    await eventually(lambda: len(receiver.requests) >= 2)
    assert (await control.get("/_sandbox/webhooks")).json()["delayed"] == 0


async def test_the_next_events_are_dropped(control: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(control, drop=2)
    await join("Asha")
    await join("Ben")
    await _flush(control)
    assert [received.body["data"]["user_name"] for received in receiver.requests] == ["Ben"]
    assert [event["state"] for event in await _events(control)] == ["dropped", "dropped", "delivered"]
    assert (await control.get("/_sandbox/webhooks/behaviour")).json()["drop"] == 0


async def test_events_of_some_types_are_dropped(control: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(control, drop_types=["session.open.success"])
    await join("Asha")
    await _flush(control)
    assert receiver.types == ["peer.join.success"]


async def test_a_delay_makes_events_late(control: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(control, delay_seconds=0.1)
    started = asyncio.get_running_loop().time()
    await join("Asha")
    await _flush(control)
    assert all(received.at - started >= 0.09 for received in receiver.requests)


async def test_without_ordering_no_event_waits_for_another(
    control: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(control, in_order=False, retry_scale=0.1)
    receiver.statuses = [500]
    await join("Asha")
    await _flush(control)
    assert receiver.types == ["session.open.success", "peer.join.success", "session.open.success"]


async def test_rooms_are_delivered_independently(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    other = (await vendor.post("/v2/rooms", json={"name": "lesson-2"})).json()
    released = asyncio.Event()

    async def block_first(received: Any) -> None:
        if received.body["data"]["room_id"] == room["id"]:
            await released.wait()

    receiver.before = block_first
    await join("Asha")
    await control.post(f"/_sandbox/rooms/{other['id']}/recorder")
    await eventually(lambda: len(receiver.requests) >= 4)
    assert [received.body["data"]["room_id"] for received in receiver.requests] == [room["id"], *[other["id"]] * 3]
    response = await control.post("/_sandbox/webhooks/flush", json={"timeout_seconds": 0.05})
    assert (response.status_code, response.json()["message"]) == (504, "events are still pending")
    released.set()
    await _flush(control)


async def test_chosen_events_are_replayed_including_dropped_ones(
    control: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(control, drop=1, duplicates=1)
    await join("Asha")
    await _flush(control)
    [dropped] = await _events(control, state="dropped")
    receiver.requests.clear()
    for choice in ({"ids": [dropped["id"]]}, {"state": "dropped"}, {"types": ["peer.join.success"]}):
        response = await control.post("/_sandbox/webhooks/replay", json=choice)
        assert [event["kind"] for event in response.json()["events"]] == ["replay"]
    await _flush(control)
    assert receiver.types == ["session.open.success", "session.open.success", "peer.join.success"]
    assert all(received.body["is_replay"] is True for received in receiver.requests)
    assert receiver.requests[0].body["id"] == dropped["id"]


async def test_replays_can_have_new_ids(control: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await join("Asha")
    await control.post("/_sandbox/webhooks/replay", json={"new_ids": True})
    await _flush(control)
    assert len(set(_ids(receiver))) == 4
    assert ["is_replay" in received.body for received in receiver.requests] == [False, False, True, True]


async def test_a_room_is_replayed_without_its_duplicates(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    other = (await vendor.post("/v2/rooms", json={"name": "lesson-2"})).json()
    await _behave(control, duplicates=1, new_ids=True)
    await join("Asha")
    await control.post(f"/_sandbox/rooms/{other['id']}/recorder")
    await _flush(control)
    receiver.requests.clear()
    await control.post("/_sandbox/webhooks/replay", json={"room_id": room["id"]})
    await _flush(control)
    assert receiver.types == ["session.open.success", "peer.join.success"]
    assert {received.body["data"]["room_id"] for received in receiver.requests} == {room["id"]}


@pytest.mark.parametrize(("choice", "status"), [({"ids": ["none"]}, 404), ({"id": "a"}, 400), ({"ids": "a"}, 400)])
async def test_an_empty_replay_is_refused(control: httpx.AsyncClient, choice: dict[str, Any], status: int) -> None:
    assert (await control.post("/_sandbox/webhooks/replay", json=choice)).status_code == status


@pytest.mark.parametrize(
    "switches",
    [
        {"duplicate": 1},
        {"duplicates": -1},
        {"duplicates": True},
        {"shuffle": 1},
        {"delay_seconds": "1"},
        {"drop_types": "a"},
    ],
)
async def test_an_invalid_behavior_is_refused(control: httpx.AsyncClient, switches: dict[str, Any]) -> None:
    assert (await control.put("/_sandbox/webhooks/behaviour", json=switches)).status_code == 400


async def test_a_cleared_outbox_sends_nothing(control: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    before = asyncio.all_tasks()
    await _behave(control, delay_seconds=3600)
    await join("Asha")
    assert asyncio.all_tasks() > before
    assert (await control.delete("/_sandbox/webhooks/outbox")).json() == {"events": []}
    # No task is left that would send it.
    assert asyncio.all_tasks() == before
    assert (receiver.requests, await _events(control)) == ([], [])
    await control.delete("/_sandbox/webhooks/behaviour")
    await join("Ben")
    await _flush(control)
    assert receiver.types == ["peer.join.success"]


async def test_shutdown_cancels_deliveries_in_progress(
    config: SandboxConfig, clock: Any, room: dict[str, Any], receiver: Receiver
) -> None:
    receiver.statuses = [500]
    before = asyncio.all_tasks()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=receiver)) as webhook_client:
        app = create_sandbox(config, SandboxState(config, clock), webhook_client)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as control,
        ):
            await control.put("/_sandbox/agora/notifications", json={"url": URL})
            await control.put("/_sandbox/webhooks", json={"url": URL})
            made = await _a_room(control, config, clock)
            bot = (await control.post(f"/_sandbox/rooms/{made}/recorder")).json()["peer"]["id"]
            await control.post(f"/_sandbox/rooms/{made}/peers/{bot}/drop", json={"after_seconds": 60})
            await eventually(lambda: receiver.requests)
            assert len(asyncio.all_tasks() - before) >= 2
    assert asyncio.all_tasks() == before


async def _a_room(control: httpx.AsyncClient, config: SandboxConfig, clock: Any) -> str:
    now = int(clock().timestamp())
    claims = {"access_key": config.workspaces[0].access_key, "type": "management", "version": 2}
    token = jwt.encode(claims | {"iat": now, "nbf": now, "exp": now + 60}, config.workspaces[0].secret)
    made = await control.post("/v2/rooms", json={}, headers={"authorization": f"Bearer {token}"})
    return str(made.json()["id"])


async def test_events_arrive_over_a_real_connection(
    config: SandboxConfig, clock: Any, receiver: Receiver, serve: Callable[..., Any]
) -> None:
    sandbox = create_sandbox(config, SandboxState(config, clock))
    with serve(receiver) as hook, serve(sandbox) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as control:
            await control.put("/_sandbox/webhooks", json={"url": f"{hook}/real"})
            made = await _a_room(control, config, clock)
            await control.post(f"/_sandbox/rooms/{made}/recorder")
            await _flush(control)
            assert [received.path for received in receiver.requests] == ["/real", "/real", "/real"]
            # No server listens on this port: the attempt gets no response.
            await control.put("/_sandbox/webhooks", json={"url": "http://127.0.0.1:9/"})
            await _behave(control, retry_scale=0)
            await control.delete(f"/_sandbox/rooms/{made}/recorder")
            await _flush(control)
            failed = await _events(control, state="failed")
            assert [(event["attempts"], event["last_status"]) for event in failed] == [(4, None)] * 4
