"""How events are delivered, and how they are told to go astray."""

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
async def told(stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """The control API of a sandbox whose workspace has a webhook."""
    await stranger.put("/_sandbox/webhooks", json={"url": URL})
    return stranger


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
    return [received.body["id"] for received in receiver.got]


async def test_the_outbox_tells_what_became_of_each_event(
    told: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    await join("Asha")
    await _flush(told)
    shown = await _events(told, room_id=room["id"])
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
    assert [event["type"] for event in await _events(told, type="peer.join.success")] == ["peer.join.success"]
    assert await _events(told, room_id="another") == []


@pytest.mark.parametrize("status", [201, 204, 302, 400, 500])
async def test_only_200_ends_the_attempts(told: httpx.AsyncClient, join: Any, receiver: Receiver, status: int) -> None:
    await _behave(told, retry_scale=0)
    receiver.statuses = [status]
    await join("Asha")
    await _flush(told)
    opened, joined = await _events(told)
    assert (opened["attempts"], opened["state"], joined["attempts"]) == (2, "delivered", 1)
    # The second event of the room has waited for the first.
    assert receiver.types == ["session.open.success", "session.open.success", "peer.join.success"]
    assert receiver.got[0].raw == receiver.got[1].raw


async def test_retries_follow_after_one_three_and_ten_scaled_seconds(
    told: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(told, retry_scale=0.02, drop_types=["peer.join.success"])
    receiver.statuses = [500] * 4
    await join("Asha")
    await _flush(told)
    opened, _ = await _events(told)
    assert (opened["state"], opened["attempts"], opened["last_status"]) == ("failed", 4, 500)
    times = [received.at for received in receiver.got]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    for wait, seconds in zip(waits, (0.02, 0.06, 0.2), strict=True):
        assert wait >= seconds * 0.9
    assert waits[0] < waits[1] < waits[2]


async def test_a_configuration_may_name_the_webhook_and_the_scale(
    config: SandboxConfig, clock: Any, receiver: Receiver, stranger: httpx.AsyncClient
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


async def test_a_receiver_that_crashes_is_tried_again(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    def crash(_: Any) -> None:
        receiver.before = lambda _: None
        raise RuntimeError("out of order")

    receiver.before = crash
    await _behave(told, retry_scale=0)
    await join("Asha")
    await _flush(told)
    assert [event["attempts"] for event in await _events(told, state="delivered")] == [2, 1]


async def test_duplicates_carry_the_same_id(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(told, duplicates=2)
    await join("Asha")
    await _flush(told)
    assert receiver.types == ["session.open.success"] * 3 + ["peer.join.success"] * 3
    assert len(set(_ids(receiver))) == 2
    kinds = [event["kind"] for event in await _events(told)]
    assert kinds == ["original", "duplicate", "duplicate"] * 2


async def test_duplicates_with_new_ids_tell_the_same(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(told, duplicates=1, new_ids=True)
    await join("Asha")
    await _flush(told)
    assert len(set(_ids(receiver))) == 4
    assert receiver.got[0].body["data"] == receiver.got[1].body["data"]


async def test_shuffled_events_come_in_an_order_that_the_seed_decides(
    told: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    orders = []
    for seed in (7, 7, 8):
        receiver.got.clear()
        await _behave(told, shuffle=True, seed=seed)
        for name in ("Asha", "Ben", "Chen", "Dana", "Eve", "Finn"):
            await join(name)
        assert receiver.got == []
        await _flush(told)
        orders.append([received.body["data"].get("user_name", "-") for received in receiver.got])
        await told.delete("/_sandbox/webhooks/behaviour")
        await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})
        await _flush(told)
    assert orders[0] == orders[1] != orders[2]
    assert orders[0][1:] != sorted(orders[0])[1:]


async def test_held_events_are_sent_when_there_are_enough(
    told: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(told, hold=3)
    await join("Asha")
    shown = (await told.get("/_sandbox/webhooks")).json()
    assert (shown["delayed"], [event["state"] for event in shown["events"]]) == (2, ["pending", "pending"])
    # Nothing may be sent in this time.
    await asyncio.sleep(0.05)
    assert receiver.got == []
    await join("Ben")
    await eventually(lambda: len(receiver.got) >= 3)
    assert receiver.types == ["session.open.success", "peer.join.success", "peer.join.success"]


async def test_good_behaviour_sends_what_was_held(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(told, shuffle=True)
    await join("Asha")
    await told.delete("/_sandbox/webhooks/behaviour")
    await eventually(lambda: len(receiver.got) >= 2)
    assert (await told.get("/_sandbox/webhooks")).json()["delayed"] == 0


async def test_the_next_events_are_dropped(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(told, drop=2)
    await join("Asha")
    await join("Ben")
    await _flush(told)
    assert [received.body["data"]["user_name"] for received in receiver.got] == ["Ben"]
    assert [event["state"] for event in await _events(told)] == ["dropped", "dropped", "delivered"]
    assert (await told.get("/_sandbox/webhooks/behaviour")).json()["drop"] == 0


async def test_events_of_some_types_are_dropped(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(told, drop_types=["session.open.success"])
    await join("Asha")
    await _flush(told)
    assert receiver.types == ["peer.join.success"]


async def test_a_delay_makes_events_late(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(told, delay_seconds=0.1)
    started = asyncio.get_running_loop().time()
    await join("Asha")
    await _flush(told)
    assert all(received.at - started >= 0.09 for received in receiver.got)


async def test_out_of_order_no_event_waits_for_another(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await _behave(told, in_order=False, retry_scale=0.1)
    receiver.statuses = [500]
    await join("Asha")
    await _flush(told)
    assert receiver.types == ["session.open.success", "peer.join.success", "session.open.success"]


async def test_rooms_do_not_wait_for_each_other(
    told: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    other = (await vendor.post("/v2/rooms", json={"name": "lesson-2"})).json()
    released = asyncio.Event()

    async def wait_in_the_first(received: Any) -> None:
        if received.body["data"]["room_id"] == room["id"]:
            await released.wait()

    receiver.before = wait_in_the_first
    await join("Asha")
    await told.post(f"/_sandbox/rooms/{other['id']}/recorder")
    await eventually(lambda: len(receiver.got) >= 4)
    assert [received.body["data"]["room_id"] for received in receiver.got] == [room["id"], *[other["id"]] * 3]
    response = await told.post("/_sandbox/webhooks/flush", json={"timeout_seconds": 0.05})
    assert (response.status_code, response.json()["message"]) == (504, "events are still pending")
    released.set()
    await _flush(told)


async def test_chosen_events_are_replayed_also_dropped_ones(
    told: httpx.AsyncClient, join: Any, receiver: Receiver
) -> None:
    await _behave(told, drop=1, duplicates=1)
    await join("Asha")
    await _flush(told)
    [dropped] = await _events(told, state="dropped")
    receiver.got.clear()
    for choice in ({"ids": [dropped["id"]]}, {"state": "dropped"}, {"types": ["peer.join.success"]}):
        response = await told.post("/_sandbox/webhooks/replay", json=choice)
        assert [event["kind"] for event in response.json()["events"]] == ["replay"]
    await _flush(told)
    assert receiver.types == ["session.open.success", "session.open.success", "peer.join.success"]
    assert all(received.body["is_replay"] is True for received in receiver.got)
    assert receiver.got[0].body["id"] == dropped["id"]


async def test_replays_may_carry_new_ids(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    await join("Asha")
    await told.post("/_sandbox/webhooks/replay", json={"new_ids": True})
    await _flush(told)
    assert len(set(_ids(receiver))) == 4
    assert ["is_replay" in received.body for received in receiver.got] == [False, False, True, True]


async def test_a_room_is_replayed_without_its_duplicates(
    told: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    other = (await vendor.post("/v2/rooms", json={"name": "lesson-2"})).json()
    await _behave(told, duplicates=1, new_ids=True)
    await join("Asha")
    await told.post(f"/_sandbox/rooms/{other['id']}/recorder")
    await _flush(told)
    receiver.got.clear()
    await told.post("/_sandbox/webhooks/replay", json={"room_id": room["id"]})
    await _flush(told)
    assert receiver.types == ["session.open.success", "peer.join.success"]
    assert {received.body["data"]["room_id"] for received in receiver.got} == {room["id"]}


@pytest.mark.parametrize(("choice", "status"), [({"ids": ["none"]}, 404), ({"id": "a"}, 400), ({"ids": "a"}, 400)])
async def test_a_replay_of_nothing_is_refused(told: httpx.AsyncClient, choice: dict[str, Any], status: int) -> None:
    assert (await told.post("/_sandbox/webhooks/replay", json=choice)).status_code == status


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
async def test_a_switch_that_makes_no_sense_is_refused(told: httpx.AsyncClient, switches: dict[str, Any]) -> None:
    assert (await told.put("/_sandbox/webhooks/behaviour", json=switches)).status_code == 400


async def test_a_cleared_outbox_sends_nothing_any_more(told: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
    before = asyncio.all_tasks()
    await _behave(told, delay_seconds=3600)
    await join("Asha")
    assert asyncio.all_tasks() > before
    assert (await told.delete("/_sandbox/webhooks/outbox")).json() == {"events": []}
    # Nobody is left who would send it.
    assert asyncio.all_tasks() == before
    assert (receiver.got, await _events(told)) == ([], [])
    await told.delete("/_sandbox/webhooks/behaviour")
    await join("Ben")
    await _flush(told)
    assert receiver.types == ["peer.join.success"]


async def test_shutdown_ends_what_is_under_way(
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
            await eventually(lambda: receiver.got)
            assert len(asyncio.all_tasks() - before) >= 2
    assert asyncio.all_tasks() == before


async def _a_room(control: httpx.AsyncClient, config: SandboxConfig, clock: Any) -> str:
    now = int(clock().timestamp())
    claims = {"access_key": config.workspaces[0].access_key, "type": "management", "version": 2}
    token = jwt.encode(claims | {"iat": now, "nbf": now, "exp": now + 60}, config.workspaces[0].secret)
    made = await control.post("/v2/rooms", json={}, headers={"authorization": f"Bearer {token}"})
    return str(made.json()["id"])


async def test_over_a_real_connection_events_arrive_too(
    config: SandboxConfig, clock: Any, receiver: Receiver, served: Callable[..., Any]
) -> None:
    sandbox = create_sandbox(config, SandboxState(config, clock))
    with served(receiver) as hook, served(sandbox) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as control:
            await control.put("/_sandbox/webhooks", json={"url": f"{hook}/real"})
            made = await _a_room(control, config, clock)
            await control.post(f"/_sandbox/rooms/{made}/recorder")
            await _flush(control)
            assert [received.path for received in receiver.got] == ["/real", "/real", "/real"]
            # Nobody listens there: an attempt without an answer.
            await control.put("/_sandbox/webhooks", json={"url": "http://127.0.0.1:9/"})
            await _behave(control, retry_scale=0)
            await control.delete(f"/_sandbox/rooms/{made}/recorder")
            await _flush(control)
            failed = await _events(control, state="failed")
            assert [(event["attempts"], event["last_status"]) for event in failed] == [(4, None)] * 4
