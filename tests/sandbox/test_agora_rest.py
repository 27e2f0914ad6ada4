"""The REST API of the pretend Agora: kicking people out, and asking who is where."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from sandbox.agora_tokens import SUBSCRIBER, make_token
from sandbox.receiver import Receiver
from videobroker.sandbox import SandboxConfig
from videobroker.sandbox.config import AgoraProject

RULES = "/dev/v1/kicking-rule"
NOW = 1_773_349_810


@pytest.fixture
def project(config: SandboxConfig) -> AgoraProject:
    return config.agora


@pytest.fixture
async def owner(app: FastAPI, project: AgoraProject) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the credentials of the account."""
    auth = httpx.BasicAuth(project.customer_id, project.customer_secret)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", auth=auth) as client:
        yield client


@pytest.fixture
def enter(stranger: httpx.AsyncClient, project: AgoraProject, clock: Any) -> Any:
    """Lets a user into a channel."""

    async def walk_in(uid: int = 7, channel: str = "c-1", *, body: dict[str, Any] | None = None, **token: Any) -> int:
        text = make_token(project, channel, uid, int(clock().timestamp()), **token)
        path = f"/_sandbox/agora/{channel}/users"
        return (await stranger.post(path, json={"token": text, "uid": uid} | (body or {}))).status_code

    return walk_in


@pytest.fixture
def ban(owner: httpx.AsyncClient, project: AgoraProject) -> Any:
    """Makes a rule against joining."""

    async def make(**rule: Any) -> httpx.Response:
        return await owner.post(RULES, json={"appid": project.app_id, "privileges": ["join_channel"]} | rule)

    return make


@pytest.fixture
def present(stranger: httpx.AsyncClient) -> Any:
    """Who is in a channel."""

    async def uids(channel: str = "c-1") -> list[int]:
        shown = (await stranger.get(f"/_sandbox/agora/{channel}")).json()
        return [user["uid"] for user in shown["users"]]

    return uids


async def test_a_rule_without_time_sends_out_and_lets_back_in(
    owner: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    project: AgoraProject,
    enter: Any,
    ban: Any,
    present: Any,
    receiver: Receiver,
) -> None:
    await stranger.put("/_sandbox/agora/notifications", json={"url": "http://receiver/ncs"})
    await enter(7)
    await enter(8)
    response = (await ban(cname="c-1", uid=7, time=0)).json()
    assert response["status"] == "success"
    assert isinstance(response["id"], int)
    assert await present() == [8]
    await stranger.post("/_sandbox/webhooks/flush")
    last = receiver.got[-1].body
    assert (last["eventType"], last["payload"]["reason"], last["payload"]["uid"]) == (104, 3, 7)
    assert await enter(7) == 200
    assert (await owner.get(RULES, params={"appid": project.app_id})).json()["rules"] == []


@pytest.mark.parametrize(
    ("rule", "left", "refused"),
    [
        ({"uid": 7}, [[8], []], [(7, "c-1"), (7, "c-2"), (7, "c-3")]),
        ({"cname": "c-1"}, [[], [7]], [(7, "c-1"), (9, "c-1")]),
        ({"cname": "c-1", "uid": 7}, [[8], [7]], [(7, "c-1")]),
        ({"ip": "203.0.113.8"}, [[7], [7]], []),
        ({"uid": 7, "privileges": ["publish_audio"]}, [[7, 8], [7]], []),
    ],
)
async def test_a_rule_keeps_out_whom_it_fits(
    enter: Any,
    ban: Any,
    present: Any,
    rule: dict[str, Any],
    left: list[list[int]],
    refused: list[tuple[int, str]],
) -> None:
    for uid, channel in ((7, "c-1"), (8, "c-1"), (7, "c-2")):
        await enter(uid, channel, body={"ip": f"203.0.113.{uid}"})
    await ban(**rule)
    assert [await present(channel) for channel in ("c-1", "c-2")] == left
    tried = [(uid, channel) for uid in (7, 9) for channel in ("c-1", "c-2", "c-3")]
    assert [who for who in tried if await enter(*who) == 403] == refused


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        ({}, 3600),
        ({"time": 5}, 300),
        ({"time": 9999}, 86_400),
        ({"time": -3}, 60),
        ({"time_in_seconds": 30}, 30),
        ({"time_in_seconds": 1}, 10),
        ({"time_in_seconds": 100_000}, 86_430),
        ({"time_in_seconds": 30, "time": 5}, 30),
    ],
)
async def test_a_rule_ends_after_its_time(
    enter: Any, ban: Any, clock: Any, length: dict[str, int], seconds: int
) -> None:
    await ban(uid=7, **length)
    clock.forward(seconds=seconds - 1)
    assert await enter(7) == 403
    clock.forward(seconds=1)
    assert await enter(7) == 200


async def test_rules_are_listed_changed_and_deleted(
    owner: httpx.AsyncClient, project: AgoraProject, enter: Any, ban: Any, clock: Any
) -> None:
    made = (await ban(cname="c-1", uid=7, time=60)).json()["id"]
    listed = (await owner.get(RULES, params={"appid": project.app_id})).json()
    assert listed == {
        "status": "success",
        "rules": [
            {
                "id": made,
                "appid": project.app_id,
                "uid": 7,
                "opid": listed["rules"][0]["opid"],
                "cname": "c-1",
                "ip": None,
                "ts": "2026-03-12T22:10:10.082Z",
                "privileges": ["join_channel"],
                "createAt": "2026-03-12T21:10:10.082Z",
                "updateAt": "2026-03-12T21:10:10.082Z",
            }
        ],
    }
    body = {"appid": project.app_id, "id": made}
    changed = await owner.put(RULES, json=body | {"time_in_seconds": 600})
    assert changed.json() == {"status": "success", "result": {"id": made, "ts": "2026-03-12T21:20:10.082Z"}}
    assert await enter(7) == 403
    deleted = await owner.request("DELETE", RULES, json=body)
    assert deleted.json() == {"status": "success", "id": made}
    assert await enter(7) == 200
    assert (await owner.request("DELETE", RULES, json=body)).status_code == 404
    assert (await owner.put(RULES, json=body)).status_code == 404


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"cname": "c-1", "ip": "203.0.113.7"},
        {"uid": 0},
        {"uid": "7"},
        {"uid": True},
        {"cname": 1},
        {"uid": 7, "privileges": []},
        {"uid": 7, "privileges": ["fly"]},
        {"uid": 7, "time": "5"},
        {"uid": 7, "appid": "short"},
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(ban: Any, rule: dict[str, Any]) -> None:
    response = await ban(**rule)
    assert response.status_code == 400
    assert response.json()["message"]


async def test_only_the_owner_is_answered(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, project: AgoraProject
) -> None:
    path = f"/dev/v1/channel/{project.app_id}"
    assert (await owner.get(path)).status_code == 200
    responses = [
        await stranger.get(path),
        await stranger.get(path, auth=(project.customer_id, "wrong")),
        await owner.get(f"/dev/v1/channel/{'0' * 32}"),
    ]
    assert [response.status_code for response in responses] == [401] * 3
    assert all(response.json().keys() == {"message"} for response in responses)
    plain = await owner.post(RULES, content=b"{}", headers={"content-type": "text/plain"})
    assert plain.status_code == 415


async def test_a_fault_makes_agora_say_that_it_is_too_much(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, ban: Any, present: Any, enter: Any
) -> None:
    await enter()
    fault = {"kind": "status", "operation": "agora_create_rule", "status": 429, "times": 1}
    assert (await stranger.post("/_sandbox/faults", json=fault)).status_code == 200
    assert (await ban(uid=7)).status_code == 429
    assert await present() == [7]
    await stranger.post("/_sandbox/faults", json=fault | {"status": 504, "after": True})
    assert (await ban(uid=7)).status_code == 504
    assert await present() == []
    assert (await stranger.get("/_sandbox/counters")).json()["agora_create_rule"] == 2


async def test_users_of_a_live_channel_are_listed_by_role(
    owner: httpx.AsyncClient, project: AgoraProject, enter: Any
) -> None:
    path = f"/dev/v1/channel/user/{project.app_id}/c-1"
    assert (await owner.get(path)).json() == {"success": True, "data": {"channel_exist": False}}
    await enter(7)
    await enter(8, privileges=SUBSCRIBER)
    assert (await owner.get(path)).json()["data"] == {
        "channel_exist": True,
        "mode": 2,
        "broadcasters": [7],
        "audience": [8],
        "audience_total": 1,
    }
    hosts = {"channel_exist": True, "mode": 2, "broadcasters": [7]}
    for tail in ("/hosts_only", "?hosts_only"):
        assert (await owner.get(path + tail)).json()["data"] == hosts


async def test_users_of_a_communication_channel_are_listed_together(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, project: AgoraProject, enter: Any
) -> None:
    await stranger.put("/_sandbox/agora/c-1/profile", json={"profile": "communication"})
    await enter(7)
    await enter(2**32 - 1)
    listed = await owner.get(f"/dev/v1/channel/user/{project.app_id}/c-1")
    assert listed.json()["data"] == {"channel_exist": True, "mode": 1, "total": 2, "users": [7, 2**32 - 1]}
    one = await owner.get(f"/dev/v1/channel/user/property/{project.app_id}/7/c-1")
    assert one.json()["data"]["role"] == 1


async def test_one_user_is_found(owner: httpx.AsyncClient, project: AgoraProject, enter: Any) -> None:
    await enter(7, "c 1", body={"platform": 2})
    path = f"/dev/v1/channel/user/property/{project.app_id}"
    found = (await owner.get(f"{path}/7/c%201")).json()
    assert found == {
        "success": True,
        "data": {"in_channel": True, "uid": 7, "join": NOW, "role": 2, "platform": 2},
    }
    assert (await owner.get(f"{path}/8/c%201")).json()["data"] == {"in_channel": False}
    assert (await owner.get(f"{path}/me/c%201")).status_code == 400


async def test_channels_are_listed_in_pages(owner: httpx.AsyncClient, project: AgoraProject, enter: Any) -> None:
    for number in range(3):
        await enter(7, f"c-{number}")
    await enter(8, "c-0")
    path = f"/dev/v1/channel/{project.app_id}"
    assert (await owner.get(path)).json()["data"]["total_size"] == 3
    page = await owner.get(path, params={"page_no": 1, "page_size": 2})
    assert page.json()["data"] == {"channels": [{"channel_name": "c-2", "user_count": 1}], "total_size": 3}
    first = await owner.get(path, params={"page_size": 1})
    assert first.json()["data"]["channels"] == [{"channel_name": "c-0", "user_count": 2}]
    assert (await owner.get(path, params={"page_size": 501})).status_code == 400
