"""Every management operation is reachable on the command line, over `/v1/admin`, and in the console."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from cli.program import CommandRunner
from openapi import openapi_document
from videobroker.cli import load
from videobroker.usecases import management
from videobroker.usecases.webhooks import endpoints
from videobroker.web import console

SOURCES = Path(management.__file__).parents[2]
ENDPOINT_OPERATIONS = {"create", "list_endpoints", "find", "change", "remove", "rotate", "test"}
ONLY_API = {
    "list_apps": "the command line lists all apps at once",
    "list_keys": "the command line lists all keys at once",
    "list_operator_keys": "the command line lists all keys at once",
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
    "update_policy": "the form has all settings",
    "update_role_map": "the form has all roles",
}


def test_every_operation_is_reachable_in_the_console() -> None:
    assert set(management.__all__) - calls_in(SOURCES / "web" / "console", "management") == set(NOT_IN_CONSOLE)
    assert ENDPOINT_OPERATIONS - calls_in(SOURCES / "web" / "console", "endpoints") == set()


SECTION = "console_app_section"
SAME_OPERATIONS: Mapping[str, tuple[str, str]] = {
    "apps create": ("createApp", "console_create_app"),
    "apps list": ("listApps", "console_apps"),
    "apps show": ("getApp", "console_app"),
    "apps update": ("replaceOrigins replaceLegacyFamilies", "console_save_origins console_save_legacy"),
    "apps policy": ("getAppPolicy replaceAppPolicy updateAppPolicy", "console_save_policy"),
    "apps roles": ("getRoleMap replaceRoleMap updateRoleMap", "console_save_roles"),
    "apps brand": (
        "getBranding replaceBranding setLogo removeLogo",
        "console_save_branding console_save_logo console_remove_logo",
    ),
    "keys create": ("createApiKey", "console_create_key"),
    "keys list": ("listApiKeys getApiKey", SECTION),
    "keys revoke": ("revokeApiKey", "console_revoke_key"),
    "accounts set": ("setAccount", "console_save_account"),
    "accounts update": ("updateAccount", "console_save_account"),
    "accounts list": ("listAccounts", SECTION),
    "accounts show": ("getAccount", SECTION),
    "accounts check": ("checkAccount", "console_check_account"),
    "webhook-endpoints list": ("listAppWebhookEndpoints getAppWebhookEndpoint", SECTION),
    "webhook-endpoints create": ("createAppWebhookEndpoint", "console_save_endpoint"),
    "webhook-endpoints update": ("updateAppWebhookEndpoint", "console_save_endpoint console_switch_endpoint"),
    "webhook-endpoints delete": ("deleteAppWebhookEndpoint", "console_delete_endpoint"),
    "webhook-endpoints rotate-secret": ("rotateAppWebhookEndpointSecret", "console_rotate_endpoint_secret"),
    "webhook-endpoints test": ("testAppWebhookEndpoint", "console_test_endpoint"),
    "operator-keys create": ("createOperatorKey", "console_create_operator_key"),
    "operator-keys list": ("listOperatorKeys getOperatorKey", "console_operator_keys"),
    "operator-keys revoke": ("revokeOperatorKey", "console_revoke_operator_key"),
    "user-tokens set": ("setUserTokenRules", "console_save_token_rules"),
    "user-tokens update": ("updateUserTokenRules", "console_save_token_rules"),
    "user-tokens show": ("getUserTokenRules", SECTION),
    "user-tokens remove": ("removeUserTokenRules", "console_remove_token_rules"),
    "journal retain": ("listRetentions getRetention setRetention", "console_save_retention"),
}
"""For each command, the operations of `/v1/admin` and the pages or forms of the console that do the same."""
ONLY_COMMANDS = {
    "operators sign-in-link": "lets someone in who has no other way: it needs access to the database. Over the API, an "
    "operator key could open the console under any name",
}
MANAGEMENT_GROUPS = ("apps", "keys", "accounts", "webhook-endpoints", "operator-keys", "operators", "user-tokens")


def test_every_management_command_is_also_in_the_api_and_in_the_console() -> None:
    groups: Mapping[str, Any] = {name: load(name) for name in MANAGEMENT_GROUPS}
    commands = {f"{name} {each}" for name, group in groups.items() for each in group.commands}
    assert commands | {"journal retain"} == SAME_OPERATIONS.keys() | ONLY_COMMANDS.keys()
    in_api = {name for operations, _ in SAME_OPERATIONS.values() for name in operations.split()}
    operations = {
        operation["operationId"]
        for path, item in openapi_document()["paths"].items()
        if path.startswith("/v1/admin/")
        for operation in item.values()
        if "operationId" in operation
    }
    # `apps show` has the origins and legacy endpoints, too.
    assert operations - {"getOrigins", "getLegacyFamilies"} == in_api
    pages = {route.name for router in console.ROUTERS for route in router.routes if isinstance(route, APIRoute)}
    assert {name for _, names in SAME_OPERATIONS.values() for name in names.split()} <= pages


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
