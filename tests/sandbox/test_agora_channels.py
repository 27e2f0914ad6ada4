"""Users of emulated Agora channels, and the notifications about them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from polling import eventually
from sandbox.agora_tokens import SUBSCRIBER, make_token
from sandbox.receiver import Receiver
from videobroker.sandbox import SandboxConfig
from videobroker.sandbox.agora.notifications import signatures
from videobroker.sandbox.config import AgoraProject

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "agora.json").read_text())
URL = "http://receiver/ncs"
NOW = 1_773_349_810
"""The Unix time at which the clock starts."""


@pytest.fixture
def project(config: SandboxConfig) -> AgoraProject:
    return config.agora


@pytest.fixture
async def control(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the control API. Notifications are enabled."""
    response = await anonymous.put("/_sandbox/agora/notifications", json={"url": URL})
    assert response.json() == {"url": URL}
    return anonymous


@pytest.fixture
def join_channel(anonymous: httpx.AsyncClient, project: AgoraProject, clock: Any) -> Any:
    """Joins channel `c-1`. Keyword arguments replace parts of the token."""

    async def join(uid: int = 7, *, channel: str = "c-1", body: dict[str, Any] | None = None, **token: Any) -> Any:
        text = make_token(project, channel, uid, int(clock().timestamp()), **token)
        path = f"/_sandbox/agora/{channel}/users"
        return await anonymous.post(path, json={"token": text, "uid": uid} | (body or {}))

    return join


async def _flush(control: httpx.AsyncClient) -> None:
    assert (await control.post("/_sandbox/webhooks/flush")).status_code == 200


def _notifications(receiver: Receiver) -> list[tuple[int, dict[str, Any]]]:
    return [(received.body["eventType"], received.body["payload"]) for received in receiver.requests]


async def test_a_stay_is_notified_from_the_creation_of_the_channel_to_its_destruction(
    control: httpx.AsyncClient, join_channel: Any, clock: Any, receiver: Receiver, project: AgoraProject
) -> None:
    joined = (await join_channel()).json()
    assert joined["user"] == {
        "uid": 7,
        "role": "host",
        "platform": 7,
        "client_type": None,
        "ip": None,
        "joined": NOW,
    }
    clock.forward(seconds=90)
    leave = await control.delete("/_sandbox/agora/c-1/users/7")
    assert leave.json() == {"channel": "c-1", "exists": False, "profile": "live", "users": []}
    await _flush(control)
    created, arrived, departed, destroyed = _notifications(receiver)
    assert created == (101, {"channelName": "c-1", "ts": NOW})
    user = {"channelName": "c-1", "uid": 7, "platform": 7}
    first, second = arrived[1].pop("clientSeq"), departed[1].pop("clientSeq")
    assert first < second
    assert arrived == (103, user | {"ts": NOW})
    assert departed == (104, user | {"ts": NOW + 90, "reason": 1, "duration": 90})
    assert destroyed == (102, {"channelName": "c-1", "ts": NOW + 90, "lastUid": 7})
    for received in receiver.requests:
        assert received.body["productId"] == 1
        assert received.headers["content-type"] == "application/json"
        for name, value in signatures(received.raw, project.notifications_secret).items():
            assert received.headers[name.lower()] == value
    assert len({received.body["noticeId"] for received in receiver.requests}) == 4
    # The time of sending, which can be slightly after the time of the event.
    assert [received.body["notifyMs"] // 1000 - NOW for received in receiver.requests] == [90] * 4


@pytest.mark.parametrize("vector", VECTORS["webhook_signatures"], ids=lambda vector: vector["id"])
def test_notifications_are_signed_as_agora_does(vector: dict[str, Any]) -> None:
    assert signatures(bytes.fromhex(vector["body_utf8_hex"]), vector["secret"]) == vector["headers"]


async def test_the_target_can_define_the_secret(
    anonymous: httpx.AsyncClient, join_channel: Any, receiver: Receiver
) -> None:
    await anonymous.put("/_sandbox/agora/notifications", json={"url": URL, "secret": "another"})
    await join_channel()
    await _flush(anonymous)
    assert (
        receiver.requests[0].headers["agora-signature-v2"]
        == signatures(receiver.requests[0].raw, "another")["Agora-Signature-V2"]
    )
    await anonymous.delete("/_sandbox/agora/notifications")
    await join_channel(8)
    await _flush(anonymous)
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    ("profile", "token", "body", "types"),
    [
        ("live", {}, {}, [103, 104]),
        ("live", {"privileges": SUBSCRIBER}, {}, [105, 106]),
        ("live", {"privileges": SUBSCRIBER}, {"role": "host"}, [103, 104]),
        ("live", {}, {"role": "audience"}, [105, 106]),
        ("communication", {}, {}, [107, 108]),
    ],
)
async def test_profile_and_role_decide_the_events(
    control: httpx.AsyncClient,
    join_channel: Any,
    receiver: Receiver,
    profile: str,
    token: dict[str, Any],
    body: dict[str, Any],
    types: list[int],
) -> None:
    await control.put("/_sandbox/agora/c-1/profile", json={"profile": profile})
    await join_channel(body=body, **token)
    assert (await control.put("/_sandbox/agora/c-1/profile", json={"profile": "live"})).status_code == 409
    await control.delete("/_sandbox/agora/c-1/users/7?reason=2")
    await _flush(control)
    assert [kind for kind, _ in _notifications(receiver)] == [101, *types, 102]
    assert _notifications(receiver)[2][1]["reason"] == 2


async def test_joining_on_another_device_disconnects_the_first(
    control: httpx.AsyncClient, join_channel: Any, receiver: Receiver, clock: Any
) -> None:
    await join_channel()
    clock.forward(seconds=3)
    await join_channel()
    await _flush(control)
    assert [kind for kind, _ in _notifications(receiver)] == [101, 103, 104, 103]
    assert (_notifications(receiver)[2][1]["reason"], _notifications(receiver)[2][1]["duration"]) == (5, 3)
    sequences = [payload["clientSeq"] for _, payload in _notifications(receiver)[1:]]
    assert sequences == sorted(set(sequences))
    shown = (await control.get("/_sandbox/agora/c-1")).json()
    assert [user["uid"] for user in shown["users"]] == [7]


async def test_a_recorder_is_notified_with_its_client_type(
    control: httpx.AsyncClient, join_channel: Any, receiver: Receiver
) -> None:
    await join_channel(body={"platform": 6, "client_type": 10})
    await join_channel(8, body={"platform": 1, "client_type": 10})
    await _flush(control)
    assert [payload.get("clientType") for _, payload in _notifications(receiver)] == [None, 10, None]


async def test_a_user_without_a_uid_gets_one(join_channel: Any) -> None:
    given = (await join_channel(0)).json()["user"]["uid"]
    assert 1 <= given < 2**31


@pytest.mark.parametrize(
    "token", [{"certificate": "0" * 32}, {"app_id": "0" * 32}, {"expire": 0, "privileges": {2: 1}}]
)
async def test_a_wrong_token_is_refused(
    control: httpx.AsyncClient, join_channel: Any, receiver: Receiver, token: dict[str, Any]
) -> None:
    assert (await join_channel(**token)).status_code == 401
    await _flush(control)
    assert receiver.requests == []


async def test_a_token_expires_by_the_clock_of_the_sandbox(
    anonymous: httpx.AsyncClient, project: AgoraProject, clock: Any
) -> None:
    body = {"token": make_token(project, "c-1", 7, NOW), "uid": 7}
    clock.forward(seconds=3599)
    assert (await anonymous.post("/_sandbox/agora/c-1/users", json=body)).status_code == 200
    clock.forward(seconds=1)
    response = await anonymous.post("/_sandbox/agora/c-1/users", json=body)
    assert (response.status_code, response.json()["message"]) == (401, "the token is expired")


async def test_a_token_of_another_channel_or_user_is_refused(
    anonymous: httpx.AsyncClient, project: AgoraProject
) -> None:
    token = make_token(project, "c-1", 7, NOW)
    for path, uid in (("/_sandbox/agora/c-2/users", 7), ("/_sandbox/agora/c-1/users", 8)):
        assert (await anonymous.post(path, json={"token": token, "uid": uid})).status_code == 401


@pytest.mark.parametrize("body", [{"uid": -1}, {"uid": 2**32}, {"platform": 9}, {"role": "king"}, {"uid": "7"}])
async def test_an_invalid_join_is_refused(join_channel: Any, body: dict[str, Any]) -> None:
    assert (await join_channel(body=body)).status_code == 400


async def test_a_user_outside_of_the_channel_cannot_leave(control: httpx.AsyncClient, join_channel: Any) -> None:
    assert (await control.delete("/_sandbox/agora/c-1/users/7")).status_code == 404
    await join_channel()
    response = await control.request("DELETE", "/_sandbox/agora/c-1/users/7", json={"reason": 12})
    assert response.status_code == 200


async def test_a_resent_notification_has_another_time_and_the_same_id(
    control: httpx.AsyncClient, join_channel: Any, receiver: Receiver
) -> None:
    await control.put("/_sandbox/webhooks/behaviour", json={"retry_scale": 0.01})
    receiver.statuses = [500, 500, 500, 500]
    await join_channel()
    await _flush(control)
    events = (await control.get("/_sandbox/webhooks")).json()["events"]
    assert [(event["vendor"], event["type"], event["state"]) for event in events] == [
        ("agora", "101", "failed"),
        ("agora", "103", "delivered"),
    ]
    assert (events[0]["room_id"], events[0]["attempts"]) == ("c-1", 4)
    assert len({received.body["noticeId"] for received in receiver.requests[:4]}) == 1
    assert len({received.body["notifyMs"] for received in receiver.requests}) == 5
    times = [received.at for received in receiver.requests[:4]]
    # The first retry follows immediately, the later ones after growing delays.
    assert times[2] - times[1] >= 0.018
    assert times[3] - times[2] >= 0.045


async def test_a_response_without_json_is_not_accepted(
    control: httpx.AsyncClient, join_channel: Any, receiver: Receiver
) -> None:
    receiver.content = b"ok"
    await control.put("/_sandbox/webhooks/behaviour", json={"retry_scale": 0})
    await join_channel()
    await _flush(control)
    events = (await control.get("/_sandbox/webhooks")).json()["events"]
    assert [(event["state"], event["last_status"]) for event in events] == [("failed", 200), ("failed", 200)]


async def test_webhook_behavior_applies_to_notifications(
    control: httpx.AsyncClient, join_channel: Any, receiver: Receiver
) -> None:
    await control.put("/_sandbox/webhooks/behaviour", json={"drop_types": [101], "duplicates": 1})
    await join_channel()
    await _flush(control)
    assert [kind for kind, _ in _notifications(receiver)] == [103, 103]
    replayed = await control.post("/_sandbox/webhooks/replay", json={"types": [101]})
    assert len(replayed.json()["events"]) == 1
    await _flush(control)
    assert _notifications(receiver)[-1][0] == 101
    assert "is_replay" not in receiver.requests[-1].body


async def test_channels_are_delivered_independently(
    control: httpx.AsyncClient, join_channel: Any, receiver: Receiver
) -> None:
    released = asyncio.Event()

    async def block_first(received: Any) -> None:
        if received.body["payload"]["channelName"] == "c-1":
            await released.wait()

    receiver.before = block_first
    await join_channel()
    await join_channel(channel="c-2")
    await eventually(lambda: len(receiver.requests) >= 3)
    released.set()
    await _flush(control)
    assert len(receiver.requests) == 4
