"""Joining, leaving, and what the REST API reports about calls."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from videobroker.sandbox import SandboxConfig, Workspace


async def test_the_first_peer_opens_a_session(vendor: httpx.AsyncClient, room: dict[str, Any], join: Any) -> None:
    first, second = (await join("Asha")).json(), (await join("Ben", role="student")).json()
    assert (first["session_opened"], second["session_opened"]) == (True, False)
    active = (await vendor.get(f"/v2/active-rooms/{room['id']}")).json()
    assert active["name"] == room["name"]
    assert active["session"]["id"] == first["session_id"] == second["session_id"]
    assert active["session"]["peers"] == [first["peer"]["id"], second["peer"]["id"]]
    assert active["session"]["created_at"] == "2026-03-12T21:10:10.08245065Z"


async def test_peers_can_be_queried_by_user_and_role(
    vendor: httpx.AsyncClient, room: dict[str, Any], join: Any
) -> None:
    await join("Asha")
    await join("Ben", role="student")

    async def names(**query: str) -> list[str]:
        response = await vendor.get(f"/v2/active-rooms/{room['id']}/peers", params=query)
        return [peer["name"] for peer in response.json()["peers"].values()]

    assert await names() == ["Asha", "Ben"]
    assert await names(role="student") == ["Ben"]
    assert await names(user_id="u-Asha") == ["Asha"]
    assert await names(user_id="u-Asha", role="student") == []


async def test_the_last_peer_to_leave_closes_the_session(
    vendor: httpx.AsyncClient, anonymous: httpx.AsyncClient, room: dict[str, Any], join: Any, clock: Any
) -> None:
    joined = (await join("Asha")).json()
    clock.forward(minutes=44)
    peer = f"/_sandbox/rooms/{room['id']}/peers/{joined['peer']['id']}"
    response = await anonymous.delete(peer)
    assert response.json() == {"session_id": joined["session_id"], "active": False}
    assert (await anonymous.delete(peer)).status_code == 404
    assert (await vendor.get(f"/v2/active-rooms/{room['id']}")).status_code == 404
    session = (await vendor.get(f"/v2/sessions/{joined['session_id']}")).json()
    assert session["active"] is False
    assert session["updated_at"] == "2026-03-12T21:54:10.082Z"
    [stay] = session["peers"].values()
    assert (stay["name"], stay["user_id"], stay["role"]) == ("Asha", "u-Asha", "teacher")
    assert stay["left_at"] == session["updated_at"]


async def test_a_room_that_is_entered_again_has_a_new_session(
    vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, clock: Any
) -> None:
    first = (await join("Asha")).json()["session_id"]
    await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})
    clock.forward(seconds=1)
    second = (await join("Asha")).json()["session_id"]
    assert first != second

    async def query_sessions(**query: str) -> list[str]:
        response = await vendor.get("/v2/sessions", params={"room_id": room["id"]} | query)
        return [session["id"] for session in response.json()["data"] or []]

    assert await query_sessions() == [second]
    assert await query_sessions(active="false") == [first]


async def test_ending_with_lock_disables_the_room(vendor: httpx.AsyncClient, room: dict[str, Any], join: Any) -> None:
    await join("Asha")
    path = f"/v2/active-rooms/{room['id']}/end-room"
    response = await vendor.post(path, json={"reason": "over", "lock": True})
    assert response.json() == {"message": "session is ending"}
    assert (await vendor.get(f"/v2/rooms/{room['id']}")).json()["enabled"] is False
    refused = await join("Asha")
    assert (refused.status_code, refused.json()["message"]) == (403, "Room is disabled")


async def test_ending_without_lock_lets_everyone_rejoin(
    vendor: httpx.AsyncClient, room: dict[str, Any], join: Any
) -> None:
    await join("Asha")
    await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})
    assert (await join("Asha")).status_code == 200


@pytest.mark.parametrize(
    ("method", "tail"), [("GET", ""), ("GET", "/peers"), ("POST", "/end-room"), ("POST", "/remove-peers")]
)
async def test_an_idle_room_has_no_session(
    vendor: httpx.AsyncClient, room: dict[str, Any], method: str, tail: str
) -> None:
    body = {"lock": True, "role": "teacher"} if method == "POST" else None
    response = await vendor.request(method, f"/v2/active-rooms/{room['id']}{tail}", json=body)
    assert response.status_code == 404
    assert response.json() == {"code": 404, "message": "session not found"}
    assert (await vendor.get(f"/v2/rooms/{room['id']}")).json()["enabled"] is True


async def test_peers_are_removed_by_id_or_by_role(vendor: httpx.AsyncClient, room: dict[str, Any], join: Any) -> None:
    asha = (await join("Asha")).json()["peer"]["id"]
    for name in ("Ben", "Chen"):
        await join(name, role="student")
    await join("Dana")
    remove = f"/v2/active-rooms/{room['id']}/remove-peers"

    async def present_uids() -> list[str]:
        response = await vendor.get(f"/v2/active-rooms/{room['id']}/peers")
        return [peer["name"] for peer in response.json()["peers"].values()]

    response = await vendor.post(remove, json={"peer_id": asha, "role": "student"})
    assert response.json() == {"message": "peer remove request submitted"}
    assert await present_uids() == ["Ben", "Chen", "Dana"]
    await vendor.post(remove, json={"role": "student"})
    assert await present_uids() == ["Dana"]
    assert (await vendor.post(remove, json={"peer_id": asha})).status_code == 404
    assert (await vendor.post(remove, json={"reason": "none"})).status_code == 400


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({"type": "management"}, 401, "token is not a version 2 app token"),
        ({"exp": 1_700_000_000}, 401, "token is expired"),
        ({"secret": "sandbox-another-secret-that-signs-nothing"}, 401, "signature is invalid"),
        ({"access_key": "0123456789abcdef01234567"}, 401, "Invalid Access Key"),
        ({"room_id": "0123456789abcdef01234567"}, 401, "Invalid Room Id"),
        ({"role": "Teacher"}, 401, "Invalid Role"),
    ],
)
async def test_a_wrong_app_token_neither_connects_nor_joins(
    anonymous: httpx.AsyncClient,
    sign_token: Any,
    room: dict[str, Any],
    join: Any,
    claims: dict[str, Any],
    status: int,
    message: str,
) -> None:
    joined = await join("Asha", **claims)
    app_claims = {"type": "app", "room_id": room["id"], "role": "teacher"}
    bearer = {"authorization": f"Bearer {sign_token(**app_claims | claims)}"}
    for response in (
        joined,
        await anonymous.get("/init", headers=bearer),
        await anonymous.get("/v2/layouts/ui", headers=bearer),
    ):
        assert response.status_code == status
        assert response.json() == {"code": status, "message": message}


async def test_a_valid_app_token_gets_an_endpoint_and_a_layout(
    anonymous: httpx.AsyncClient, vendor: httpx.AsyncClient, sign_token: Any, room: dict[str, Any]
) -> None:
    bearer = {"authorization": f"Bearer {sign_token(type='app', room_id=room['id'], role='teacher')}"}
    init = await anonymous.get("/init?peer_id=7a1f0c52-9d3e-4b61-8c04-2e5b9f7a6d10", headers=bearer)
    assert init.json()["endpoint"] == "ws://sandbox/v2/ws"
    assert init.json()["rtcConfiguration"]["ice_servers"]
    assert init.headers["access-control-allow-origin"] == "*"
    layout = await anonymous.get("/v2/layouts/ui", headers=bearer)
    assert layout.json()["data"][0]["role"] == "teacher"
    await vendor.post(f"/v2/rooms/{room['id']}", json={"enabled": False})
    refused = await anonymous.get("/init", headers=bearer)
    assert refused.status_code == 403
    assert refused.headers["access-control-allow-origin"] == "*"


async def test_a_token_of_another_room_is_refused(vendor: httpx.AsyncClient, room: dict[str, Any], join: Any) -> None:
    other = (await vendor.post("/v2/rooms", json={"name": "other"})).json()
    response = await join("Asha", room_id=other["id"])
    assert (response.status_code, response.json()["message"]) == (400, "Room Mismatched with Token")


async def test_a_peer_can_join_only_once(room: dict[str, Any], join: Any) -> None:
    body = {"peer_id": "7a1f0c52-9d3e-4b61-8c04-2e5b9f7a6d10"}
    assert (await join("Asha", body=body)).status_code == 200
    response = await join("Asha", body=body)
    assert (response.status_code, response.json()["message"]) == (400, "Peer already joined")


async def test_a_full_room_refuses_to_be_joined(vendor: httpx.AsyncClient, room: dict[str, Any], join: Any) -> None:
    await vendor.post(f"/v2/rooms/{room['id']}", json={"size": 1})
    assert (await join("Asha")).status_code == 200
    response = await join("Ben")
    assert (response.status_code, response.json()["message"]) == (403, "room limit reached")


class TestARoleWithALimit:
    """The default template allows one teacher, and no student."""

    @pytest.fixture
    def config(self, workspace: Workspace) -> SandboxConfig:
        limited = replace(workspace.default_template, max_peers={"teacher": 1, "student": -1})
        return SandboxConfig((replace(workspace, templates=(limited, *workspace.templates[1:])),))

    @pytest.fixture
    def workspace(self) -> Workspace:
        from videobroker.sandbox import demo_config

        return demo_config().workspaces[0]

    async def test_refuses_more_people(self, join: Any) -> None:
        assert (await join("Asha")).status_code == 200
        for response in (await join("Ben"), await join("Chen", role="student")):
            assert (response.status_code, response.json()["message"]) == (403, "role limit reached")
