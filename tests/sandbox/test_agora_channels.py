"""People in pretend Agora channels, and the notifications about them."""

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
"""What the clock shows at first, in Unix seconds."""


@pytest.fixture
def project(config: SandboxConfig) -> AgoraProject:
    return config.agora


@pytest.fixture
async def told(stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """The control API of a sandbox which sends notifications."""
    response = await stranger.put("/_sandbox/agora/notifications", json={"url": URL})
    assert response.json() == {"url": URL}
    return stranger


@pytest.fixture
def enter(stranger: httpx.AsyncClient, project: AgoraProject, clock: Any) -> Any:
    """Lets a user into channel `c-1`; what is said of the token replaces its own."""

    async def walk_in(uid: int = 7, *, channel: str = "c-1", body: dict[str, Any] | None = None, **token: Any) -> Any:
        text = make_token(project, channel, uid, int(clock().timestamp()), **token)
        path = f"/_sandbox/agora/{channel}/users"
        return await stranger.post(path, json={"token": text, "uid": uid} | (body or {}))

    return walk_in


async def _flush(control: httpx.AsyncClient) -> None:
    assert (await control.post("/_sandbox/webhooks/flush")).status_code == 200


def _told(receiver: Receiver) -> list[tuple[int, dict[str, Any]]]:
    return [(received.body["eventType"], received.body["payload"]) for received in receiver.got]


async def test_a_stay_is_told_from_the_making_of_the_channel_to_its_end(
    told: httpx.AsyncClient, enter: Any, clock: Any, receiver: Receiver, project: AgoraProject
) -> None:
    joined = (await enter()).json()
    assert joined["user"] == {
        "uid": 7,
        "role": "host",
        "platform": 7,
        "client_type": None,
        "ip": None,
        "joined": NOW,
    }
    clock.forward(seconds=90)
    left = await told.delete("/_sandbox/agora/c-1/users/7")
    assert left.json() == {"channel": "c-1", "exists": False, "profile": "live", "users": []}
    await _flush(told)
    created, came, went, destroyed = _told(receiver)
    assert created == (101, {"channelName": "c-1", "ts": NOW})
    user = {"channelName": "c-1", "uid": 7, "platform": 7}
    first, second = came[1].pop("clientSeq"), went[1].pop("clientSeq")
    assert first < second
    assert came == (103, user | {"ts": NOW})
    assert went == (104, user | {"ts": NOW + 90, "reason": 1, "duration": 90})
    assert destroyed == (102, {"channelName": "c-1", "ts": NOW + 90, "lastUid": 7})
    for received in receiver.got:
        assert received.body["productId"] == 1
        assert received.headers["content-type"] == "application/json"
        for name, value in signatures(received.raw, project.notifications_secret).items():
            assert received.headers[name.lower()] == value
    assert len({received.body["noticeId"] for received in receiver.got}) == 4
    # Written at the moment of sending, which may be a little after that of happening.
    assert [received.body["notifyMs"] // 1000 - NOW for received in receiver.got] == [90] * 4


@pytest.mark.parametrize("vector", VECTORS["webhook_signatures"], ids=lambda vector: vector["id"])
def test_notifications_are_signed_as_agora_does(vector: dict[str, Any]) -> None:
    assert signatures(bytes.fromhex(vector["body_utf8_hex"]), vector["secret"]) == vector["headers"]


async def test_a_secret_may_come_with_the_target(stranger: httpx.AsyncClient, enter: Any, receiver: Receiver) -> None:
    await stranger.put("/_sandbox/agora/notifications", json={"url": URL, "secret": "another"})
    await enter()
    await _flush(stranger)
    assert (
        receiver.got[0].headers["agora-signature-v2"]
        == signatures(receiver.got[0].raw, "another")["Agora-Signature-V2"]
    )
    await stranger.delete("/_sandbox/agora/notifications")
    await enter(8)
    await _flush(stranger)
    assert len(receiver.got) == 2


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
    told: httpx.AsyncClient,
    enter: Any,
    receiver: Receiver,
    profile: str,
    token: dict[str, Any],
    body: dict[str, Any],
    types: list[int],
) -> None:
    await told.put("/_sandbox/agora/c-1/profile", json={"profile": profile})
    await enter(body=body, **token)
    assert (await told.put("/_sandbox/agora/c-1/profile", json={"profile": "live"})).status_code == 409
    await told.delete("/_sandbox/agora/c-1/users/7?reason=2")
    await _flush(told)
    assert [kind for kind, _ in _told(receiver)] == [101, *types, 102]
    assert _told(receiver)[2][1]["reason"] == 2


async def test_the_same_user_pushes_the_other_device_out(
    told: httpx.AsyncClient, enter: Any, receiver: Receiver, clock: Any
) -> None:
    await enter()
    clock.forward(seconds=3)
    await enter()
    await _flush(told)
    assert [kind for kind, _ in _told(receiver)] == [101, 103, 104, 103]
    assert (_told(receiver)[2][1]["reason"], _told(receiver)[2][1]["duration"]) == (5, 3)
    sequences = [payload["clientSeq"] for _, payload in _told(receiver)[1:]]
    assert sequences == sorted(set(sequences))
    shown = (await told.get("/_sandbox/agora/c-1")).json()
    assert [user["uid"] for user in shown["users"]] == [7]


async def test_a_recorder_tells_its_client_type(told: httpx.AsyncClient, enter: Any, receiver: Receiver) -> None:
    await enter(body={"platform": 6, "client_type": 10})
    await enter(8, body={"platform": 1, "client_type": 10})
    await _flush(told)
    assert [payload.get("clientType") for _, payload in _told(receiver)] == [None, 10, None]


async def test_whoever_has_no_uid_gets_one(enter: Any) -> None:
    given = (await enter(0)).json()["user"]["uid"]
    assert 1 <= given < 2**31


@pytest.mark.parametrize(
    "token", [{"certificate": "0" * 32}, {"app_id": "0" * 32}, {"expire": 0, "privileges": {2: 1}}]
)
async def test_a_wrong_token_does_not_let_in(
    told: httpx.AsyncClient, enter: Any, receiver: Receiver, token: dict[str, Any]
) -> None:
    assert (await enter(**token)).status_code == 401
    await _flush(told)
    assert receiver.got == []


async def test_a_token_expires_by_the_clock_of_the_sandbox(
    stranger: httpx.AsyncClient, project: AgoraProject, clock: Any
) -> None:
    body = {"token": make_token(project, "c-1", 7, NOW), "uid": 7}
    clock.forward(seconds=3599)
    assert (await stranger.post("/_sandbox/agora/c-1/users", json=body)).status_code == 200
    clock.forward(seconds=1)
    response = await stranger.post("/_sandbox/agora/c-1/users", json=body)
    assert (response.status_code, response.json()["message"]) == (401, "the token is expired")


async def test_a_token_of_another_channel_or_user_does_not_let_in(
    stranger: httpx.AsyncClient, project: AgoraProject
) -> None:
    token = make_token(project, "c-1", 7, NOW)
    for path, uid in (("/_sandbox/agora/c-2/users", 7), ("/_sandbox/agora/c-1/users", 8)):
        assert (await stranger.post(path, json={"token": token, "uid": uid})).status_code == 401


@pytest.mark.parametrize("body", [{"uid": -1}, {"uid": 2**32}, {"platform": 9}, {"role": "king"}, {"uid": "7"}])
async def test_a_join_that_makes_no_sense_is_refused(enter: Any, body: dict[str, Any]) -> None:
    assert (await enter(body=body)).status_code == 400


async def test_whoever_is_not_there_cannot_leave(told: httpx.AsyncClient, enter: Any) -> None:
    assert (await told.delete("/_sandbox/agora/c-1/users/7")).status_code == 404
    await enter()
    response = await told.request("DELETE", "/_sandbox/agora/c-1/users/7", json={"reason": 12})
    assert response.status_code == 200


async def test_a_resent_notice_has_another_time_and_the_same_id(
    told: httpx.AsyncClient, enter: Any, receiver: Receiver
) -> None:
    await told.put("/_sandbox/webhooks/behaviour", json={"retry_scale": 0.01})
    receiver.statuses = [500, 500, 500, 500]
    await enter()
    await _flush(told)
    events = (await told.get("/_sandbox/webhooks")).json()["events"]
    assert [(event["vendor"], event["type"], event["state"]) for event in events] == [
        ("agora", "101", "failed"),
        ("agora", "103", "delivered"),
    ]
    assert (events[0]["room_id"], events[0]["attempts"]) == ("c-1", 4)
    assert len({received.body["noticeId"] for received in receiver.got[:4]}) == 1
    assert len({received.body["notifyMs"] for received in receiver.got}) == 5
    times = [received.at for received in receiver.got[:4]]
    # The first retry follows at once, the later ones after growing gaps.
    assert times[2] - times[1] >= 0.018
    assert times[3] - times[2] >= 0.045


async def test_an_answer_without_json_is_not_accepted(told: httpx.AsyncClient, enter: Any, receiver: Receiver) -> None:
    receiver.content = b"ok"
    await told.put("/_sandbox/webhooks/behaviour", json={"retry_scale": 0})
    await enter()
    await _flush(told)
    events = (await told.get("/_sandbox/webhooks")).json()["events"]
    assert [(event["state"], event["last_status"]) for event in events] == [("failed", 200), ("failed", 200)]


async def test_the_switches_concern_notifications_too(told: httpx.AsyncClient, enter: Any, receiver: Receiver) -> None:
    await told.put("/_sandbox/webhooks/behaviour", json={"drop_types": [101], "duplicates": 1})
    await enter()
    await _flush(told)
    assert [kind for kind, _ in _told(receiver)] == [103, 103]
    replayed = await told.post("/_sandbox/webhooks/replay", json={"types": [101]})
    assert len(replayed.json()["events"]) == 1
    await _flush(told)
    assert _told(receiver)[-1][0] == 101
    assert "is_replay" not in receiver.got[-1].body


async def test_channels_do_not_wait_for_each_other(told: httpx.AsyncClient, enter: Any, receiver: Receiver) -> None:
    released = asyncio.Event()

    async def wait_in_the_first(received: Any) -> None:
        if received.body["payload"]["channelName"] == "c-1":
            await released.wait()

    receiver.before = wait_in_the_first
    await enter()
    await enter(channel="c-2")
    await eventually(lambda: len(receiver.got) >= 3)
    released.set()
    await _flush(told)
    assert len(receiver.got) == 4
