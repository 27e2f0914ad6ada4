"""What survives a restart, and what stops one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.agora_tokens import make_token
from videobroker.sandbox import InvalidSnapshot, SandboxConfig, SandboxState, Workspace, create_sandbox, demo_config
from videobroker.sandbox.targets import NotificationTarget, Targets, WebhookTarget


@pytest.fixture
def config(tmp_path: Path) -> SandboxConfig:
    return demo_config(tmp_path / "kept" / "state.json")


@pytest.fixture
def kept(config: SandboxConfig) -> Path:
    assert config.state_path is not None
    return config.state_path


async def test_rooms_codes_and_sessions_survive_a_restart(
    vendor: httpx.AsyncClient, room: dict[str, Any], join: Any, config: SandboxConfig, clock: Any
) -> None:
    await vendor.post(f"/v2/rooms/{room['id']}", json={"polls": ["p1"], "webhook": {"url": "https://a.example"}})
    await vendor.post(f"/v2/room-codes/room/{room['id']}")
    session_id = (await join("Asha")).json()["session_id"]
    paths = [
        f"/v2/rooms/{room['id']}",
        f"/v2/room-codes/room/{room['id']}",
        f"/v2/sessions/{session_id}",
        f"/v2/active-rooms/{room['id']}/peers",
    ]
    before = [(await vendor.get(path)).json() for path in paths]

    restarted = httpx.ASGITransport(app=create_sandbox(config, SandboxState(config, clock)))
    async with httpx.AsyncClient(transport=restarted, base_url="http://sandbox", headers=vendor.headers) as client:
        assert [(await client.get(path)).json() for path in paths] == before
        assert (await client.get("/_sandbox/counters")).json()["rooms_created"] == 0


async def test_targets_channels_and_rules_survive_a_restart(
    stranger: httpx.AsyncClient, config: SandboxConfig, clock: Any
) -> None:
    project = config.agora
    auth = httpx.BasicAuth(project.customer_id, project.customer_secret)
    await stranger.put("/_sandbox/webhooks", json={"url": "http://receiver/1", "headers": {"x-a": "b"}})
    await stranger.put("/_sandbox/agora/notifications", json={"url": "http://receiver/2", "secret": "s"})
    await stranger.put("/_sandbox/agora/c-2/profile", json={"profile": "communication"})
    token = make_token(project, "c-1", 7, int(clock().timestamp()))
    await stranger.post("/_sandbox/agora/c-1/users", json={"token": token, "uid": 7, "platform": 6, "client_type": 10})
    rule = {"appid": project.app_id, "uid": 9, "privileges": ["join_channel", "publish_audio"]}
    assert (await stranger.post("/dev/v1/kicking-rule", json=rule, auth=auth)).status_code == 200
    paths = ["/_sandbox/agora/c-1", "/_sandbox/agora/c-2", f"/dev/v1/kicking-rule?appid={project.app_id}"]
    before = [(await stranger.get(path, auth=auth)).json() for path in paths]

    state = SandboxState(config, clock)
    restarted = httpx.ASGITransport(app=create_sandbox(config, state))
    async with httpx.AsyncClient(transport=restarted, base_url="http://sandbox", auth=auth) as client:
        assert [(await client.get(path)).json() for path in paths] == before
    assert state.targets == Targets(
        WebhookTarget("http://receiver/1", {"x-a": "b"}), NotificationTarget("http://receiver/2", "s")
    )


async def test_a_removed_webhook_does_not_come_back_with_the_configuration(
    stranger: httpx.AsyncClient, config: SandboxConfig
) -> None:
    configured = replace(config, webhook=WebhookTarget("http://receiver/1"))
    assert SandboxState(configured).targets.webhook is not None
    await stranger.delete("/_sandbox/webhooks")
    assert SandboxState(configured).targets.webhook is None


async def test_a_state_from_before_webhooks_is_read(
    room: dict[str, Any], config: SandboxConfig, kept: Path, workspace: Workspace
) -> None:
    old = {name: value for name, value in _read(kept).items() if name in ("rooms", "codes", "sessions")}
    _write(kept, {"format": 1} | old)
    state = SandboxState(config)
    assert [each.id for each in state.rooms_of(workspace)] == [room["id"]]
    assert (state.targets, state.agora.channels()) == (Targets(), ())


async def test_a_lost_answer_was_kept_before_it_was_lost(vendor: httpx.AsyncClient, kept: Path) -> None:
    await vendor.post("/_sandbox/faults", json={"kind": "status", "operation": "create_room", "after": True})
    assert (await vendor.post("/v2/rooms", json={"name": "a"})).status_code == 500
    assert [room["name"] for room in _read(kept)["rooms"]] == ["a"]
    assert [path.name for path in kept.parent.iterdir()] == ["state.json"]


def _read(kept: Path) -> Any:
    return json.loads(kept.read_text())


def _write(kept: Path, state: Any) -> None:
    kept.write_text(json.dumps(state))


def _without_a_name(state: dict[str, Any]) -> None:
    del state["rooms"][0]["name"]


def _with_another_format(state: dict[str, Any]) -> None:
    state["format"] = 99


def _with_a_broken_time(state: dict[str, Any]) -> None:
    state["rooms"][0]["created_at"] = "yesterday"


def _without_sessions(state: dict[str, Any]) -> None:
    del state["sessions"]


def _without_agora(state: dict[str, Any]) -> None:
    del state["agora"]


def _with_an_unknown_profile(state: dict[str, Any]) -> None:
    state["agora"]["channels"] = [{"name": "c-1", "profile": "deaf", "users": []}]


@pytest.mark.parametrize(
    "damage",
    [
        _without_a_name,
        _with_another_format,
        _with_a_broken_time,
        _without_sessions,
        _without_agora,
        _with_an_unknown_profile,
    ],
)
async def test_a_damaged_state_stops_the_start_and_names_the_file(
    room: dict[str, Any], config: SandboxConfig, kept: Path, damage: Any
) -> None:
    state = _read(kept)
    damage(state)
    _write(kept, state)
    with pytest.raises(InvalidSnapshot, match=r"state\.json is damaged .* delete it to start empty"):
        create_sandbox(config)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 1}'])
def test_a_file_that_is_no_state_stops_the_start(config: SandboxConfig, kept: Path, content: bytes) -> None:
    kept.parent.mkdir()
    kept.write_bytes(content)
    with pytest.raises(InvalidSnapshot, match="is damaged"):
        create_sandbox(config)


async def test_a_state_of_other_templates_stops_the_start(
    room: dict[str, Any], config: SandboxConfig, workspace: Workspace
) -> None:
    groups = replace(workspace.templates[2], default=True)
    with pytest.raises(InvalidSnapshot, match="other workspaces or templates"):
        create_sandbox(replace(config, workspaces=(replace(workspace, templates=(groups,)),)))


async def test_codes_of_a_missing_room_stop_the_start(
    vendor: httpx.AsyncClient, room: dict[str, Any], config: SandboxConfig, kept: Path
) -> None:
    await vendor.post(f"/v2/room-codes/room/{room['id']}")
    state = _read(kept)
    state["rooms"] = []
    _write(kept, state)
    with pytest.raises(InvalidSnapshot, match="is missing"):
        create_sandbox(config)
