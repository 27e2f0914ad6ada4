"""The webhooks of the vendor about people who join and leave."""

import asyncio
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from polling import eventually
from sandbox.receiver import Receiver
from videobroker.sandbox import SandboxConfig, Workspace

URL = "http://receiver/hook"


@pytest.fixture
async def control(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the control API. The workspace has a webhook."""
    response = await anonymous.put("/_sandbox/webhooks", json={"url": URL, "headers": {"x-token": "t-1"}})
    assert response.json() == {"url": URL}
    return anonymous


async def _flush(control: httpx.AsyncClient) -> None:
    response = await control.post("/_sandbox/webhooks/flush", json={"timeout_seconds": 5})
    assert (response.status_code, response.json()) == (200, {"pending": 0})


async def test_a_call_is_reported_from_its_opening_to_its_close(
    control: httpx.AsyncClient,
    room: dict[str, Any],
    join: Any,
    clock: Any,
    receiver: Receiver,
    workspace: Workspace,
) -> None:
    joined = (await join("Asha", body={"metadata": "blue"})).json()
    clock.forward(minutes=44, microseconds=500_000)
    await control.delete(f"/_sandbox/rooms/{room['id']}/peers/{joined['peer']['id']}")
    await _flush(control)
    assert receiver.types == [
        "session.open.success",
        "peer.join.success",
        "peer.leave.success",
        "session.close.success",
    ]
    leave = receiver.requests[2]
    assert (leave.path, leave.headers["x-token"], leave.headers["content-type"]) == ("/hook", "t-1", "application/json")
    assert leave.body == {
        "version": "2.0",
        "id": leave.body["id"],
        "account_id": workspace.customer_id,
        "app_id": workspace.app_id,
        "timestamp": "2026-03-12T21:54:10Z",
        "type": "peer.leave.success",
        "data": {
            "room_id": room["id"],
            "room_name": "lesson-1",
            "template_id": room["template_id"],
            "session_id": joined["session_id"],
            "session_started_at": "2026-03-12T21:10:10.08245065Z",
            "peer_id": joined["peer"]["id"],
            "user_id": "u-Asha",
            "user_name": "Asha",
            "user_data": "blue",
            "role": "teacher",
            "type": "regular",
            "joined_at": "2026-03-12T21:10:10.08245065Z",
            "left_at": "2026-03-12T21:54:10.58245065Z",
            "duration": 2640,
            "reason": "client request",
            "message": "",
        },
    }
    assert len({received.body["id"] for received in receiver.requests}) == 4
    assert receiver.data("session.open.success").keys() == {
        "room_id",
        "room_name",
        "template_id",
        "session_id",
        "session_started_at",
    }
    assert receiver.data("peer.join.success")["joined_at"] == "2026-03-12T21:10:10.08245065Z"
    closed = receiver.data("session.close.success")
    assert (closed["session_stopped_at"], closed["session_duration"]) == ("2026-03-12T21:54:10.58245065Z", 2640)


@pytest.mark.parametrize("microsecond", [0, 1, 999, 1_000, 83_999, 120_000, 500_500, 999_999])
async def test_a_time_is_the_same_to_the_millisecond_in_every_message(
    control: httpx.AsyncClient,
    vendor: httpx.AsyncClient,
    room: dict[str, Any],
    join: Any,
    clock: Any,
    receiver: Receiver,
    microsecond: int,
) -> None:
    clock.moment = datetime(2026, 3, 12, 21, 10, 10, microsecond, tzinfo=UTC)
    joined = (await join("Asha")).json()
    clock.forward(microseconds=77_777)
    await control.delete(f"/_sandbox/rooms/{room['id']}/peers/{joined['peer']['id']}")
    await _flush(control)
    session = (await vendor.get(f"/v2/sessions/{joined['session_id']}")).json()
    [stay] = session["peers"].values()
    left = receiver.data("peer.leave.success")

    def milliseconds(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp() * 1_000_000) // 1_000

    join_times = [joined["peer"]["joined_at"], receiver.data("peer.join.success")["joined_at"], left["joined_at"]]
    assert {milliseconds(text) for text in join_times} == {milliseconds(stay["joined_at"])}
    assert milliseconds(left["left_at"]) == milliseconds(stay["left_at"])


async def test_the_webhook_of_a_room_replaces_that_of_the_workspace(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    own = {"url": "http://receiver/own", "headers": {"x-room": "r-1"}}
    await vendor.post(f"/v2/rooms/{room['id']}", json={"webhook": own})
    await join("Asha")
    await _flush(control)
    assert [received.path for received in receiver.requests] == ["/own", "/own"]
    assert receiver.requests[0].headers["x-room"] == "r-1"
    assert "x-token" not in receiver.requests[0].headers


async def test_with_a_signing_secret_the_body_is_signed(
    anonymous: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    await anonymous.put("/_sandbox/webhooks", json={"url": URL, "signing_secret": "sign-here"})
    await join("Åsa")
    await _flush(anonymous)
    for received in receiver.requests:
        expected = hmac.new(b"sign-here", received.raw, hashlib.sha256).hexdigest()
        assert received.headers["x-100ms-signature"] == expected


async def test_without_a_webhook_nothing_is_sent(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    assert (await control.delete("/_sandbox/webhooks")).json() == {"url": None}
    await join("Asha")
    await _flush(control)
    assert receiver.requests == []
    assert (await control.get("/_sandbox/webhooks")).json() == {"url": None, "delayed": 0, "events": []}


@pytest.mark.parametrize(
    "body", [{}, {"url": "receiver"}, {"url": URL, "headers": []}, {"url": URL, "headers": {"a": 1}}]
)
async def test_an_invalid_webhook_is_refused(anonymous: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await anonymous.put("/_sandbox/webhooks", json=body)).status_code == 400


async def test_removed_people_are_reported_as_kicked(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    asha = (await join("Asha")).json()["peer"]["id"]
    await join("Ben", role="student")
    body = {"peer_id": asha, "reason": "noise"}
    await vendor.post(f"/v2/active-rooms/{room['id']}/remove-peers", json=body)
    await _flush(control)
    left = receiver.data("peer.leave.success")
    assert (left["peer_id"], left["reason"], left["message"]) == (asha, "peer kicked", "noise")
    assert "session.close.success" not in receiver.types


async def test_the_end_of_a_room_is_reported_before_everyone_leaves(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    for name in ("Asha", "Ben"):
        await join(name)
    await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={"reason": "over", "lock": True})
    await _flush(control)
    assert receiver.types[3:] == [
        "room.end.success",
        "peer.leave.success",
        "peer.leave.success",
        "session.close.success",
    ]
    ended = receiver.data("room.end.success")
    assert (ended["lock_room"], ended["reason"], ended["source"], ended["peer_id"]) == (True, "over", "api", "")


async def test_ending_an_idle_room_is_reported_as_a_failure(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], receiver: Receiver
) -> None:
    assert (await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})).status_code == 404
    await _flush(control)
    failed = receiver.data("room.end.failure")
    assert (failed["error_message"], failed["error_code"]) == ("session not found", 404)


async def test_leaving_twice_is_reported_as_a_failure(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    peer = (await join("Asha")).json()["peer"]["id"]
    for status in (200, 404):
        response = await control.delete(f"/_sandbox/rooms/{room['id']}/peers/{peer}")
        assert response.status_code == status
    await _flush(control)
    failed = receiver.data("peer.leave.failure")
    assert (failed["error_message"], failed["left_at"]) == ("Peer not joined", "0001-01-01T00:00:00Z")
    assert "session_id" not in failed


async def test_joining_a_full_room_is_reported_as_a_failure(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    await vendor.post(f"/v2/rooms/{room['id']}", json={"size": 1})
    await join("Asha")
    assert (await join("Ben")).status_code == 403
    await _flush(control)
    failed = receiver.data("peer.join.failure")
    assert (failed["user_id"], failed["joined_at"]) == ("u-Ben", "0001-01-01T00:00:00Z")
    assert failed["error_message"] == "room limit reached"
    assert "session_id" not in failed


async def test_joining_a_second_time_is_reported_as_a_failure(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    for _ in range(2):
        await join("Asha", body={"peer_id": "7a1f0c52-9d3e-4b61-8c04-2e5b9f7a6d10"})
    await _flush(control)
    assert receiver.data("peer.join.failure")["error_message"] == "duplicate peer id"


class TestARoleWithALimit:
    """The default template allows one teacher, and no student."""

    @pytest.fixture
    def workspace(self) -> Workspace:
        from videobroker.sandbox import demo_config

        workspace = demo_config().workspaces[0]
        limited = replace(workspace.default_template, max_peers={"teacher": 1, "student": -1})
        return replace(workspace, templates=(limited, *workspace.templates[1:]))

    @pytest.fixture
    def config(self, workspace: Workspace) -> SandboxConfig:
        return SandboxConfig((workspace,))

    async def test_is_named_in_the_failure(self, control: httpx.AsyncClient, join: Any, receiver: Receiver) -> None:
        for name, role in (("Asha", "teacher"), ("Ben", "teacher"), ("Chen", "student")):
            await join(name, role=role)
        await _flush(control)
        failures = [
            webhook.body["data"] for webhook in receiver.requests if webhook.body["type"] == "peer.join.failure"
        ]
        assert [failed["error_message"] for failed in failures] == ["role limit reached", "role not allowed"]

    async def test_is_not_exceeded_by_a_role_change(
        self, control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
    ) -> None:
        await join("Asha")
        bot = (await control.post(f"/_sandbox/rooms/{room['id']}/recorder")).json()["peer"]["id"]
        response = await vendor.post(f"/v2/active-rooms/{room['id']}/peers/{bot}", json={"role": "teacher"})
        assert (response.status_code, response.json()["message"]) == (403, "role limit reached")
        await _flush(control)
        failed = receiver.data("role.change.failure")
        assert (failed["peer_id"], failed["role"], failed["error_message"]) == (bot, "teacher", "role limit reached")
        assert not failed.keys() & {"type", "previous_role", "role_changed_at"}
        shown = (await vendor.get(f"/v2/active-rooms/{room['id']}/peers/{bot}")).json()
        assert shown["role"] == "__internal_recorder"


async def test_a_changed_role_is_reported_and_listed(
    control: httpx.AsyncClient,
    vendor: httpx.AsyncClient,
    room: dict[str, Any],
    join: Any,
    receiver: Receiver,
    clock: Any,
) -> None:
    peer = (await join("Asha")).json()["peer"]["id"]
    clock.forward(seconds=5)
    path = f"/v2/active-rooms/{room['id']}/peers/{peer}"
    response = await vendor.post(path, json={"name": "Asha K", "role": "student", "metadata": "hand"})
    assert response.json() == (await vendor.get(path)).json()
    assert response.json() | {"joined_at": ""} == {
        "id": peer,
        "name": "Asha K",
        "user_id": "u-Asha",
        "metadata": "hand",
        "role": "student",
        "joined_at": "",
        "tracks": {},
    }
    await vendor.post(path, json={"name": "Asha"})
    await _flush(control)
    changed = receiver.data("role.change.success")
    assert (changed["previous_role"], changed["role"]) == ("teacher", "student")
    assert changed["role_changed_at"] == "2026-03-12T21:10:15.08245065Z"
    assert not changed.keys() & {"type", "role_change_requested_by"}


async def test_an_unknown_role_or_peer_is_refused(
    vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, control: httpx.AsyncClient, receiver: Receiver
) -> None:
    peer = (await join("Asha")).json()["peer"]["id"]
    path = f"/v2/active-rooms/{room['id']}/peers"
    assert (await vendor.post(f"{path}/{peer}", json={"role": "Teacher"})).status_code == 400
    assert (await vendor.post(f"{path}/{peer}", json={"metadata": {}})).status_code == 400
    for response in (await vendor.post(f"{path}/unknown", json={"name": "a"}), await vendor.get(f"{path}/unknown")):
        assert (response.status_code, response.json()["message"]) == (404, "peer not found")
    await _flush(control)
    assert len(receiver.requests) == 2


async def test_a_dropped_peer_leaves_immediately_by_default(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    peer = (await join("Asha")).json()["peer"]["id"]
    response = await control.post(f"/_sandbox/rooms/{room['id']}/peers/{peer}/drop")
    assert response.json()["active"] is False
    await _flush(control)
    assert receiver.data("peer.leave.success")["reason"] == "websocket closed"


async def test_a_dropped_peer_stays_until_the_clock_has_moved(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver, clock: Any
) -> None:
    peer = (await join("Asha")).json()["peer"]["id"]
    drop = f"/_sandbox/rooms/{room['id']}/peers/{peer}/drop"
    assert (await control.post(drop, json={"after_seconds": 60})).json()["active"] is True
    clock.forward(seconds=59)
    # No one may leave during this time.
    await asyncio.sleep(0.1)
    await _flush(control)
    assert "peer.leave.success" not in receiver.types
    clock.forward(seconds=1)
    await eventually(lambda: "session.close.success" in receiver.types)
    assert receiver.data("peer.leave.success")["duration"] == 60


async def test_a_dropped_peer_who_is_kicked_leaves_once(
    control: httpx.AsyncClient,
    vendor: httpx.AsyncClient,
    room: dict[str, Any],
    join: Any,
    receiver: Receiver,
    clock: Any,
) -> None:
    peer = (await join("Asha")).json()["peer"]["id"]
    await control.post(f"/_sandbox/rooms/{room['id']}/peers/{peer}/drop", json={"after_seconds": 60})
    await vendor.post(f"/v2/active-rooms/{room['id']}/remove-peers", json={"peer_id": peer})
    clock.forward(seconds=61)
    # No one may leave a second time.
    await asyncio.sleep(0.1)
    await _flush(control)
    assert receiver.data("peer.leave.success")["reason"] == "peer kicked"


async def test_a_dropped_peer_who_reconnects_stays(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver, clock: Any
) -> None:
    body = {"peer_id": "7a1f0c52-9d3e-4b61-8c04-2e5b9f7a6d10"}
    path = f"/_sandbox/rooms/{room['id']}/peers/{body['peer_id']}"
    await join("Ben")
    await join("Asha", body=body)
    await control.post(f"{path}/drop", json={"after_seconds": 60})
    clock.forward(seconds=10)
    await control.delete(path)
    await join("Asha", body=body)
    clock.forward(seconds=60)
    # The timer of the earlier stay must not end the new one.
    await asyncio.sleep(0.1)
    await _flush(control)
    assert receiver.data("peer.leave.success")["reason"] == "client request"


async def test_everyone_leaves_once(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver
) -> None:
    asha, _, _ = [(await join(name)).json()["peer"]["id"] for name in ("Asha", "Ben", "Chen")]
    await vendor.post(f"/v2/active-rooms/{room['id']}/remove-peers", json={"peer_id": asha})
    await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})
    await _flush(control)
    left = [
        webhook.body["data"]["user_name"]
        for webhook in receiver.requests
        if webhook.body["type"] == "peer.leave.success"
    ]
    assert left == ["Asha", "Ben", "Chen"]


async def test_the_recorder_joins_and_leaves_as_a_peer(
    control: httpx.AsyncClient, room: dict[str, Any], receiver: Receiver
) -> None:
    path = f"/_sandbox/rooms/{room['id']}/recorder"
    assert (await control.delete(path)).status_code == 404
    bot = (await control.post(path)).json()
    assert (bot["peer"]["role"], bot["session_opened"]) == ("__internal_recorder", True)
    again = await control.post(path)
    assert (again.status_code, again.json()["message"]) == (409, "beam already started")
    assert (await control.delete(path)).json() == {"session_id": bot["session_id"], "active": False}
    await _flush(control)
    assert receiver.data("peer.join.success")["role"] == "__internal_recorder"


async def test_a_recording_is_reported_from_its_start_to_its_files(
    control: httpx.AsyncClient, room: dict[str, Any], join: Any, receiver: Receiver, clock: Any
) -> None:
    await join("Asha")
    path = f"/_sandbox/rooms/{room['id']}/recorder"
    bot = (await control.post(path)).json()
    clock.forward(seconds=90)
    await control.delete(path)
    await _flush(control)
    started, stopped, recorded = (
        receiver.data(kind) for kind in ("beam.started.success", "beam.stopped.success", "beam.recording.success")
    )
    assert {each["beam_id"] for each in (started, stopped, recorded)} == {started["job_id"]}
    assert {each["session_id"] for each in (started, stopped, recorded)} == {bot["session_id"]}
    assert (started["peer_id"], started["recording_enabled"]) == (bot["peer"]["id"], True)
    assert (stopped["reason"], stopped["duration"]) == ("client request", 90)
    assert (recorded["duration"], recorded["size"] > 0, "job_id" in recorded) == (90, True, False)
    assert recorded["started_at"] < recorded["stopped_at"]
    assert recorded["recording_presigned_url"].startswith("https://")


async def test_a_recording_can_fail(control: httpx.AsyncClient, room: dict[str, Any], receiver: Receiver) -> None:
    path = f"/_sandbox/rooms/{room['id']}/recorder"
    await control.post(path)
    assert (await control.delete(path, params={"error_type": "BAD_LUCK"})).status_code == 400
    await control.delete(path, params={"error_type": "UPLOAD_ERROR"})
    await _flush(control)
    assert receiver.data("beam.failure")["error_type"] == "UPLOAD_ERROR"
    assert receiver.data("beam.stopped.success")["reason"] == "failure: UPLOAD_ERROR"
    assert "beam.recording.success" not in receiver.types


async def test_the_end_of_a_room_ends_its_recording(
    control: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], receiver: Receiver
) -> None:
    await control.post(f"/_sandbox/rooms/{room['id']}/recorder")
    await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})
    await _flush(control)
    assert receiver.data("beam.stopped.success")["reason"] == "room ended"
    assert receiver.types.count("beam.recording.success") == 1


async def test_a_room_code_can_be_used_with_and_without_a_user(
    vendor: httpx.AsyncClient, anonymous: httpx.AsyncClient, room: dict[str, Any]
) -> None:
    codes = (await vendor.post(f"/v2/room-codes/room/{room['id']}")).json()["data"]
    code = next(each["code"] for each in codes if each["role"] == "student")
    path = f"/_sandbox/rooms/{room['id']}/peers"
    peers = [
        (await anonymous.post(path, json={"code": code, "name": "Ben"} | user)).json()["peer"]
        for user in ({}, {"user_id": "u-Ben"})
    ]
    assert [(peer["role"], peer["user_id"]) for peer in peers] == [("student", ""), ("student", "u-Ben")]
    await vendor.post("/v2/room-codes/code", json={"code": code, "enabled": False})
    assert (await anonymous.post(path, json={"code": code})).status_code == 403


async def test_a_message_reaches_its_addressee_or_everyone(
    vendor: httpx.AsyncClient, anonymous: httpx.AsyncClient, room: dict[str, Any], join: Any
) -> None:
    asha = (await join("Asha")).json()["peer"]["id"]
    ben, chen = [(await join(name, role="student")).json()["peer"]["id"] for name in ("Ben", "Chen")]
    path = f"/v2/active-rooms/{room['id']}/send-message"
    for target in ({"peer_id": ben, "role": "teacher"}, {"role": "student"}, {"peerId": ben}):
        response = await vendor.post(path, json={"message": "hello", "type": "chat"} | target)
        assert response.json() == {"message": "message sent"}
    sent = (await anonymous.get(f"/_sandbox/rooms/{room['id']}/messages")).json()["messages"]
    assert [message["recipients"] for message in sent] == [[ben], [ben, chen], [asha, ben, chen]]
    assert [message["broadcast"] for message in sent] == [False, False, True]
    assert (await vendor.post(path, json={"peer_id": ben})).status_code == 400
    assert (await vendor.post(path, json={"message": "hello", "peer_id": "unknown"})).status_code == 404


async def test_sessions_can_be_queried_by_their_start(
    vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, clock: Any
) -> None:
    found = []
    for _ in range(12):
        found.append((await join("Asha")).json()["session_id"])
        await vendor.post(f"/v2/active-rooms/{room['id']}/end-room", json={})
        clock.forward(minutes=1)

    async def query_sessions(**query: Any) -> dict[str, Any]:
        response: dict[str, Any] = (await vendor.get("/v2/sessions", params={"active": False} | query)).json()
        return response

    first = await query_sessions()
    assert [session["id"] for session in first["data"]] == found[:1:-1]
    rest = await query_sessions(start=first["last"])
    assert [session["id"] for session in rest["data"]] == found[1::-1]
    assert all(peer["left_at"] for session in rest["data"] for peer in session["peers"].values())
    third = first["data"][-1]["created_at"]
    assert [session["id"] for session in (await query_sessions(before=third))["data"]] == found[2::-1]
    assert (await query_sessions(after="2030-01-01T00:00:00Z"))["data"] is None
    assert (await query_sessions(active=True))["data"] is None
