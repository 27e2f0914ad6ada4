"""The REST API of the emulated Agora: kicking rules, and queries of channels and users."""

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
def join_channel(anonymous: httpx.AsyncClient, project: AgoraProject, clock: Any) -> Any:
    """Joins a channel."""

    async def join(uid: int = 7, channel: str = "c-1", *, body: dict[str, Any] | None = None, **token: Any) -> int:
        text = make_token(project, channel, uid, int(clock().timestamp()), **token)
        path = f"/_sandbox/agora/{channel}/users"
        return (await anonymous.post(path, json={"token": text, "uid": uid} | (body or {}))).status_code

    return join


@pytest.fixture
def ban(owner: httpx.AsyncClient, project: AgoraProject) -> Any:
    """Creates a kicking rule."""

    async def create(**rule: Any) -> httpx.Response:
        return await owner.post(RULES, json={"appid": project.app_id, "privileges": ["join_channel"]} | rule)

    return create


@pytest.fixture
def present_uids(anonymous: httpx.AsyncClient) -> Any:
    """The uids in a channel."""

    async def uids(channel: str = "c-1") -> list[int]:
        shown = (await anonymous.get(f"/_sandbox/agora/{channel}")).json()
        return [user["uid"] for user in shown["users"]]

    return uids


async def test_a_rule_without_a_duration_removes_users_who_can_rejoin(
    owner: httpx.AsyncClient,
    anonymous: httpx.AsyncClient,
    project: AgoraProject,
    join_channel: Any,
    ban: Any,
    present_uids: Any,
    receiver: Receiver,
) -> None:
    await anonymous.put("/_sandbox/agora/notifications", json={"url": "http://receiver/ncs"})
    await join_channel(7)
    await join_channel(8)
    response = (await ban(cname="c-1", uid=7, time=0)).json()
    assert response["status"] == "success"
    assert isinstance(response["id"], int)
    assert await present_uids() == [8]
    await anonymous.post("/_sandbox/webhooks/flush")
    last = receiver.requests[-1].body
    assert (last["eventType"], last["payload"]["reason"], last["payload"]["uid"]) == (104, 3, 7)
    assert await join_channel(7) == 200
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
async def test_a_rule_refuses_the_users_it_matches(
    join_channel: Any,
    ban: Any,
    present_uids: Any,
    rule: dict[str, Any],
    left: list[list[int]],
    refused: list[tuple[int, str]],
) -> None:
    for uid, channel in ((7, "c-1"), (8, "c-1"), (7, "c-2")):
        await join_channel(uid, channel, body={"ip": f"203.0.113.{uid}"})
    await ban(**rule)
    assert [await present_uids(channel) for channel in ("c-1", "c-2")] == left
    attempts = [(uid, channel) for uid in (7, 9) for channel in ("c-1", "c-2", "c-3")]
    assert [who for who in attempts if await join_channel(*who) == 403] == refused


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
async def test_a_rule_expires(join_channel: Any, ban: Any, clock: Any, length: dict[str, int], seconds: int) -> None:
    await ban(uid=7, **length)
    clock.forward(seconds=seconds - 1)
    assert await join_channel(7) == 403
    clock.forward(seconds=1)
    assert await join_channel(7) == 200


async def test_rules_are_listed_changed_and_deleted(
    owner: httpx.AsyncClient, project: AgoraProject, join_channel: Any, ban: Any, clock: Any
) -> None:
    rule_id = (await ban(cname="c-1", uid=7, time=60)).json()["id"]
    listed = (await owner.get(RULES, params={"appid": project.app_id})).json()
    assert listed == {
        "status": "success",
        "rules": [
            {
                "id": rule_id,
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
    body = {"appid": project.app_id, "id": rule_id}
    changed = await owner.put(RULES, json=body | {"time_in_seconds": 600})
    assert changed.json() == {"status": "success", "result": {"id": rule_id, "ts": "2026-03-12T21:20:10.082Z"}}
    assert await join_channel(7) == 403
    deleted = await owner.request("DELETE", RULES, json=body)
    assert deleted.json() == {"status": "success", "id": rule_id}
    assert await join_channel(7) == 200
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
async def test_an_invalid_rule_is_refused(ban: Any, rule: dict[str, Any]) -> None:
    response = await ban(**rule)
    assert response.status_code == 400
    assert response.json()["message"]


async def test_only_the_credentials_of_the_account_are_accepted(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient, project: AgoraProject
) -> None:
    path = f"/dev/v1/channel/{project.app_id}"
    assert (await owner.get(path)).status_code == 200
    responses = [
        await anonymous.get(path),
        await anonymous.get(path, auth=(project.customer_id, "wrong")),
        await owner.get(f"/dev/v1/channel/{'0' * 32}"),
    ]
    assert [response.status_code for response in responses] == [401] * 3
    assert all(response.json().keys() == {"message"} for response in responses)
    plain = await owner.post(RULES, content=b"{}", headers={"content-type": "text/plain"})
    assert plain.status_code == 415


async def test_a_fault_lets_agora_respond_with_too_many_requests(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient, ban: Any, present_uids: Any, join_channel: Any
) -> None:
    await join_channel()
    fault = {"kind": "status", "operation": "agora_create_rule", "status": 429, "times": 1}
    assert (await anonymous.post("/_sandbox/faults", json=fault)).status_code == 200
    assert (await ban(uid=7)).status_code == 429
    assert await present_uids() == [7]
    await anonymous.post("/_sandbox/faults", json=fault | {"status": 504, "after": True})
    assert (await ban(uid=7)).status_code == 504
    assert await present_uids() == []
    assert (await anonymous.get("/_sandbox/counters")).json()["agora_create_rule"] == 2


async def test_users_of_a_live_channel_are_listed_by_role(
    owner: httpx.AsyncClient, project: AgoraProject, join_channel: Any
) -> None:
    path = f"/dev/v1/channel/user/{project.app_id}/c-1"
    assert (await owner.get(path)).json() == {"success": True, "data": {"channel_exist": False}}
    await join_channel(7)
    await join_channel(8, privileges=SUBSCRIBER)
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
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient, project: AgoraProject, join_channel: Any
) -> None:
    await anonymous.put("/_sandbox/agora/c-1/profile", json={"profile": "communication"})
    await join_channel(7)
    await join_channel(2**32 - 1)
    listed = await owner.get(f"/dev/v1/channel/user/{project.app_id}/c-1")
    assert listed.json()["data"] == {"channel_exist": True, "mode": 1, "total": 2, "users": [7, 2**32 - 1]}
    response = await owner.get(f"/dev/v1/channel/user/property/{project.app_id}/7/c-1")
    assert response.json()["data"]["role"] == 1


async def test_a_user_can_be_queried(owner: httpx.AsyncClient, project: AgoraProject, join_channel: Any) -> None:
    await join_channel(7, "c 1", body={"platform": 2})
    path = f"/dev/v1/channel/user/property/{project.app_id}"
    found = (await owner.get(f"{path}/7/c%201")).json()
    assert found == {
        "success": True,
        "data": {"in_channel": True, "uid": 7, "join": NOW, "role": 2, "platform": 2},
    }
    assert (await owner.get(f"{path}/8/c%201")).json()["data"] == {"in_channel": False}
    assert (await owner.get(f"{path}/me/c%201")).status_code == 400


async def test_channels_are_listed_in_pages(owner: httpx.AsyncClient, project: AgoraProject, join_channel: Any) -> None:
    for number in range(3):
        await join_channel(7, f"c-{number}")
    await join_channel(8, "c-0")
    path = f"/dev/v1/channel/{project.app_id}"
    assert (await owner.get(path)).json()["data"]["total_size"] == 3
    page = await owner.get(path, params={"page_no": 1, "page_size": 2})
    assert page.json()["data"] == {"channels": [{"channel_name": "c-2", "user_count": 1}], "total_size": 3}
    first = await owner.get(path, params={"page_size": 1})
    assert first.json()["data"]["channels"] == [{"channel_name": "c-0", "user_count": 2}]
    assert (await owner.get(path, params={"page_size": 501})).status_code == 400
