"""API keys: creation, listing, revocation, and rotation."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cli.program import CommandRunner, await_ready, fetch_rows, running_program
from tenants import free_port
from videobroker.domain.api_keys import Scope, compute_key_digest


@pytest.fixture(autouse=True)
def acme(videobroker: CommandRunner) -> None:
    """The app."""
    videobroker.succeed("apps", "create", "acme")


def test_only_the_key_is_printed_to_stdout(videobroker: CommandRunner) -> None:
    made = videobroker.succeed("keys", "create", "acme")
    (key,) = made.out.splitlines()
    assert key.startswith("vb_")
    assert len(key) == 46
    assert "not shown again" in made.err


def test_a_key_is_shown_only_once(videobroker: CommandRunner, own_database: str) -> None:
    made = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)
    key = made.pop("api_key")
    assert json.loads(videobroker.succeed("keys", "list", "acme", "--json").out) == [made]
    output = (
        videobroker.succeed("keys", "list", "acme", "--json").output
        + videobroker.succeed("keys", "list", "acme").output
    )
    assert key not in output
    assert key[9:] not in output
    assert made["begins_with"] == key[:9]
    ((row, digest),) = fetch_rows(own_database, "select to_jsonb(api_keys)::text, digest from api_keys")
    assert key not in row
    assert digest == compute_key_digest(key)


def test_a_key_has_all_scopes_and_no_expiry_by_default(videobroker: CommandRunner) -> None:
    made = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)
    assert set(made["scopes"]) == set(Scope)
    assert (made["name"], made["expires_at"], made["revoked_at"]) == ("default", None, None)


def test_scopes_expiry_and_name_can_be_set(videobroker: CommandRunner) -> None:
    chosen = ["--scope", "join", "--scope", "calls:read", "--days", "30", "--name", "frontend"]
    made = json.loads(videobroker.succeed("keys", "create", "acme", *chosen, "--json").out)
    assert (made["name"], made["scopes"]) == ("frontend", ["calls:read", "join"])
    life = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert life == timedelta(days=30)


def test_the_table_shows_complete_ids(videobroker: CommandRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    made = json.loads(videobroker.succeed("keys", "create", "acme", "--days", "30", "--json").out)
    listed = videobroker.succeed("keys", "list", "acme", COLUMNS="80").out
    assert made["id"] in listed
    assert made["begins_with"] in listed
    assert made["expires_at"][:10] in listed


def test_a_revocation_is_permanent_and_its_time_unchanged(videobroker: CommandRunner) -> None:
    made = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)
    assert made["id"] in videobroker.succeed("keys", "revoke", "acme", made["id"]).out
    (revoked,) = json.loads(videobroker.succeed("keys", "list", "acme", "--json").out)
    assert revoked["revoked_at"] is not None
    videobroker.succeed("keys", "revoke", "acme", made["id"])
    assert json.loads(videobroker.succeed("keys", "list", "acme", "--json").out) == [revoked]


def test_the_key_of_another_app_cannot_be_revoked(videobroker: CommandRunner) -> None:
    videobroker.succeed("apps", "create", "other")
    made = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)
    outcome = videobroker("keys", "revoke", "other", made["id"])
    assert (outcome.code, outcome.out) == (1, "")
    assert f"The app 'other' has no key {made['id']}." in outcome.err


@pytest.mark.parametrize("command", ["create", "list"])
def test_an_unknown_app_is_an_error(videobroker: CommandRunner, command: str) -> None:
    outcome = videobroker("keys", command, "unknown")
    assert (outcome.code, outcome.out) == (1, "")
    assert "App 'unknown' not found." in outcome.err


def test_an_app_without_keys_has_an_empty_list(videobroker: CommandRunner) -> None:
    assert videobroker.succeed("keys", "list", "acme").out == "The app has no API keys yet.\n"
    assert json.loads(videobroker.succeed("keys", "list", "acme", "--json").out) == []


def test_keys_are_rotated_while_the_service_runs(
    videobroker: CommandRunner, variables: dict[str, str], tmp_path: Path, log_folder: Path
) -> None:
    port, log = free_port(), log_folder / "rotation.log"
    first = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)
    with (
        running_program("serve", cwd=tmp_path, log=log, variables={**variables, "PORT": str(port)}) as service,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        await_ready(service, f"{client.base_url}/readyz", log)

        def use(key: str) -> tuple[int, str | None]:
            response = client.get("/v1/bookings", headers={"Authorization": f"Bearer {key}"})
            return response.status_code, response.json().get("code")

        assert use(first["api_key"]) == (200, None)
        second = json.loads(videobroker.succeed("keys", "create", "acme", "--scope", "join", "--json").out)
        third = json.loads(videobroker.succeed("keys", "create", "acme", "--json").out)
        assert [use(key["api_key"]) for key in (first, second, third)] == [
            (200, None),
            (403, "scope_missing"),
            (200, None),
        ]
        videobroker.succeed("keys", "revoke", "acme", first["id"])
        assert [use(key["api_key"]) for key in (first, third)] == [(401, "api_key_revoked"), (200, None)]
    assert all(key["api_key"] not in log.read_text() for key in (first, second, third))
