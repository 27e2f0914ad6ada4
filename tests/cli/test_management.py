"""Every management operation is reachable on the command line, over `/v1/admin`, and in the console."""

import json
import re
from pathlib import Path

import pytest

from cli.program import CommandRunner
from videobroker.usecases import management
from videobroker.usecases.webhooks import endpoints

SOURCES = Path(management.__file__).parents[2]
ENDPOINT_OPERATIONS = {"create", "list_endpoints", "find", "change", "remove", "rotate", "test"}
ONLY_API = {
    "list_apps": "the command line lists all apps at once",
    "require_manager": "decides whether a stored response may be replayed",
    "replace_role_map": "`apps update --role` replaces all role maps, `apps roles` changes single roles",
    "find_key": "`keys list` shows all keys",
    "find_operator_key": "`operator-keys list` shows all keys",
}


def calls_in(folder: Path, module: str) -> set[str]:
    """The functions of the module that the files of the folder use."""
    text = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    return set(re.findall(rf"\b{module}\.(\w+)\b", text))


def test_every_operation_is_reachable_over_the_api() -> None:
    operations = set(management.__all__)
    assert operations - calls_in(SOURCES / "web" / "v1" / "admin", "management") == set()
    assert ENDPOINT_OPERATIONS - calls_in(SOURCES / "web" / "v1" / "admin", "endpoints") == set()


def test_every_operation_is_reachable_on_the_command_line() -> None:
    used = calls_in(SOURCES / "cli", "management") | calls_in(SOURCES / "cli", "retention")
    assert set(management.__all__) - used == set(ONLY_API)
    assert ENDPOINT_OPERATIONS - {"find"} - calls_in(SOURCES / "cli", "endpoints") == set()
    assert all(hasattr(endpoints, name) for name in ENDPOINT_OPERATIONS)


NOT_IN_CONSOLE = {
    "find_account": "the page shows all accounts at once, see `describe_account`",
    "list_accounts": "the page shows all accounts at once, see `describe_account`",
    "find_key": "the page shows all keys",
    "find_operator_key": "the page shows all keys",
    "require_manager": "decides whether a stored response may be replayed",
    "set_logo": "forms of the console carry no files: `apps brand --logo`, or `/v1/admin`",
    "update_policy": "the form has all settings",
    "update_role_map": "the form has all roles",
}


def test_every_operation_is_reachable_in_the_console() -> None:
    assert set(management.__all__) - calls_in(SOURCES / "web" / "console", "management") == set(NOT_IN_CONSOLE)
    assert ENDPOINT_OPERATIONS - calls_in(SOURCES / "web" / "console", "endpoints") == set()


@pytest.fixture
def acme(videobroker: CommandRunner) -> CommandRunner:
    """The program, with an app."""
    videobroker.succeed("apps", "create", "acme", "--role", "100ms:tutor=teacher")
    return videobroker


def test_single_settings_of_the_policy_change(acme: CommandRunner) -> None:
    changes = ["--set", "grace_seconds=60", "--set", "host_roles=tutor,admin", "--set", "waiting_room=admit"]
    policy = json.loads(acme.succeed("apps", "policy", "acme", *changes, "--json").out)
    assert policy == {"grace_seconds": 60, "host_roles": ["tutor", "admin"], "waiting_room": "admit"}
    policy = json.loads(acme.succeed("apps", "policy", "acme", "--unset", "waiting_room", "--json").out)
    assert policy == {"grace_seconds": 60, "host_roles": ["tutor", "admin"]}
    for wrong, status in (("unknown=1", 2), ("grace_seconds=soon", 2), ("grace_seconds=-1", 1)):
        assert acme("apps", "policy", "acme", "--set", wrong).code == status, wrong
    assert json.loads(acme.succeed("apps", "show", "acme", "--json").out)["policy"] == policy


def test_single_roles_change(acme: CommandRunner) -> None:
    roles = ["--map", "student=student", "--remove", "tutor"]
    assert json.loads(acme.succeed("apps", "roles", "acme", "100ms", *roles, "--json").out) == {"student": "student"}
    assert acme("apps", "roles", "acme", "100ms", "--map", "tutor").code == 2


def test_accounts_are_updated_and_shown_without_secrets(acme: CommandRunner) -> None:
    account = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}
    acme.succeed("accounts", "set", "acme", "agora", stdin=json.dumps(account))
    acme.succeed("accounts", "update", "acme", "agora", stdin='{"prebuilt_url": "https://call.example"}')
    (listed,) = json.loads(acme.succeed("accounts", "list", "acme", "--json").out)
    assert listed == {"provider": "agora", "version": 2, "settings": ["app_id", "app_certificate", "prebuilt_url"]}
    shown = {
        each["name"]: each["value"]
        for each in json.loads(acme.succeed(*["accounts", "show", "acme", "agora", "--json"]).out)
    }
    assert (shown["app_id"], shown["app_certificate"]) == (account["app_id"], "(set)")
    assert acme("accounts", "update", "acme", "agora", stdin='{"wrong": "x"}').code == 1
    assert acme("accounts", "update", "acme", "100ms", stdin='{"secret": "x"}').code == 1


def test_rules_for_user_tokens_are_updated_and_shown_without_the_secret(acme: CommandRunner) -> None:
    secret = "an-invented-secret-of-user-tokens-0123456789"
    acme.succeed("user-tokens", "set", "acme", stdin=json.dumps({"secret": secret}))
    acme.succeed("user-tokens", "update", "acme", stdin='{"audience": "lessons"}')
    shown = acme.succeed("user-tokens", "show", "acme", "--json").out
    assert (json.loads(shown)["has_secret"], json.loads(shown)["audience"]) == (True, "lessons")
    assert secret not in shown


def test_webhook_endpoints_are_managed(acme: CommandRunner) -> None:
    made = acme.succeed(
        "webhook-endpoints", "create", "acme", "https://backend.example/hooks", "--type", "call.started"
    )
    assert made.out.startswith("whsec_")
    (listed,) = json.loads(acme.succeed("webhook-endpoints", "list", "acme", "--json").out)
    assert (listed["types"], listed["enabled"]) == (["call.started"], True)
    updated = acme.succeed("webhook-endpoints", "update", "acme", listed["id"], "--disable", "--ordered", "--json")
    assert (json.loads(updated.out)["enabled"], json.loads(updated.out)["ordered"]) == (False, True)
    assert acme.succeed("webhook-endpoints", "rotate-secret", "acme", listed["id"]).out != made.out
    acme.succeed("webhook-endpoints", "delete", "acme", listed["id"])
    assert json.loads(acme.succeed("webhook-endpoints", "list", "acme", "--json").out) == []
