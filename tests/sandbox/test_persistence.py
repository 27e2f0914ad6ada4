"""State that survives a restart, and damaged state that prevents one."""

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
    return demo_config(tmp_path / "state_file" / "state.json")


@pytest.fixture
def state_file(config: SandboxConfig) -> Path:
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
    anonymous: httpx.AsyncClient, config: SandboxConfig, clock: Any
) -> None:
    project = config.agora
    auth = httpx.BasicAuth(project.customer_id, project.customer_secret)
    await anonymous.put("/_sandbox/webhooks", json={"url": "http://receiver/1", "headers": {"x-a": "b"}})
    await anonymous.put("/_sandbox/agora/notifications", json={"url": "http://receiver/2", "secret": "s"})
    await anonymous.put("/_sandbox/agora/c-2/profile", json={"profile": "communication"})
    token = make_token(project, "c-1", 7, int(clock().timestamp()))
    await anonymous.post("/_sandbox/agora/c-1/users", json={"token": token, "uid": 7, "platform": 6, "client_type": 10})
    rule = {"appid": project.app_id, "uid": 9, "privileges": ["join_channel", "publish_audio"]}
    assert (await anonymous.post("/dev/v1/kicking-rule", json=rule, auth=auth)).status_code == 200
    paths = ["/_sandbox/agora/c-1", "/_sandbox/agora/c-2", f"/dev/v1/kicking-rule?appid={project.app_id}"]
    before = [(await anonymous.get(path, auth=auth)).json() for path in paths]

    state = SandboxState(config, clock)
    restarted = httpx.ASGITransport(app=create_sandbox(config, state))
    async with httpx.AsyncClient(transport=restarted, base_url="http://sandbox", auth=auth) as client:
        assert [(await client.get(path)).json() for path in paths] == before
    assert state.targets == Targets(
        WebhookTarget("http://receiver/1", {"x-a": "b"}), NotificationTarget("http://receiver/2", "s")
    )


async def test_a_removed_webhook_is_not_restored_from_the_configuration(
    anonymous: httpx.AsyncClient, config: SandboxConfig
) -> None:
    configured = replace(config, webhook=WebhookTarget("http://receiver/1"))
    assert SandboxState(configured).targets.webhook is not None
    await anonymous.delete("/_sandbox/webhooks")
    assert SandboxState(configured).targets.webhook is None


async def test_a_state_of_a_version_without_webhooks_is_readable(
    room: dict[str, Any], config: SandboxConfig, state_file: Path, workspace: Workspace
) -> None:
    old = {name: value for name, value in _read(state_file).items() if name in ("rooms", "codes", "sessions")}
    _write(state_file, {"format": 1} | old)
    state = SandboxState(config)
    assert [each.id for each in state.rooms_of(workspace)] == [room["id"]]
    assert (state.targets, state.agora.channels()) == (Targets(), ())


async def test_a_change_is_stored_even_if_its_response_is_lost(vendor: httpx.AsyncClient, state_file: Path) -> None:
    await vendor.post("/_sandbox/faults", json={"kind": "status", "operation": "create_room", "after": True})
    assert (await vendor.post("/v2/rooms", json={"name": "a"})).status_code == 500
    assert [room["name"] for room in _read(state_file)["rooms"]] == ["a"]
    assert [path.name for path in state_file.parent.iterdir()] == ["state.json"]


def _read(state_file: Path) -> Any:
    return json.loads(state_file.read_text())


def _write(state_file: Path, state: Any) -> None:
    state_file.write_text(json.dumps(state))


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
async def test_a_damaged_state_prevents_the_start_and_names_the_file(
    room: dict[str, Any], config: SandboxConfig, state_file: Path, damage: Any
) -> None:
    state = _read(state_file)
    damage(state)
    _write(state_file, state)
    with pytest.raises(InvalidSnapshot, match=r"state\.json is damaged .* delete it to start empty"):
        create_sandbox(config)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 1}'])
def test_an_invalid_file_prevents_the_start(config: SandboxConfig, state_file: Path, content: bytes) -> None:
    state_file.parent.mkdir()
    state_file.write_bytes(content)
    with pytest.raises(InvalidSnapshot, match="is damaged"):
        create_sandbox(config)


async def test_a_state_with_other_templates_prevents_the_start(
    room: dict[str, Any], config: SandboxConfig, workspace: Workspace
) -> None:
    groups = replace(workspace.templates[2], default=True)
    with pytest.raises(InvalidSnapshot, match="other workspaces or templates"):
        create_sandbox(replace(config, workspaces=(replace(workspace, templates=(groups,)),)))


async def test_codes_of_a_missing_room_prevent_the_start(
    vendor: httpx.AsyncClient, room: dict[str, Any], config: SandboxConfig, state_file: Path
) -> None:
    await vendor.post(f"/v2/room-codes/room/{room['id']}")
    state = _read(state_file)
    state["rooms"] = []
    _write(state_file, state)
    with pytest.raises(InvalidSnapshot, match="is missing"):
        create_sandbox(config)
