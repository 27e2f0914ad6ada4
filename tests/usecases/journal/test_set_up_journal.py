"""Changes of an app's set-up are recorded with their actor, without secrets, and hidden from end users."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tenants import HMS_ROLES, Sandbox, Tenant, context_of, create_link
from videobroker import wiring
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.events import SET_UP_EVENTS, ChangeInterface, EventType
from videobroker.domain.ids import KeyId
from videobroker.domain.operators import OperatorRole
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import ApiKeyNotFound
from videobroker.settings import Settings
from videobroker.usecases import management, tenants
from videobroker.usecases.journal import retention
from videobroker.usecases.management.keys import all_keys
from videobroker.usecases.webhooks import endpoints

SECRET = "invented-secret-of-user-tokens-0123456789"
URL = "https://backend.example:8443/hooks/invented-path-token?key=invented-query-token"


async def set_up(tenant: Tenant) -> list[tuple[str, dict[str, Any]]]:
    """The events about the set-up, without the IDs of keys and endpoints."""
    events = await tenant.events(*(each.value for each in SET_UP_EVENTS))
    return [(each["type"], {k: v for k, v in each["data"].items() if k not in {"key", "endpoint"}}) for each in events]


async def since(tenant: Tenant, count: int) -> list[tuple[str, dict[str, Any]]]:
    return (await set_up(tenant))[count:]


async def test_the_journal_of_an_app_starts_with_its_set_up(tutoring: Tenant, sandbox: Sandbox) -> None:
    created, account, key = await set_up(tutoring)
    assert created[0] == "app_settings.created"
    assert created[1]["name"] == tutoring.app.name
    assert created[1]["settings"]["role_maps.100ms"] == HMS_ROLES
    names = sorted(sandbox.account("tutoring", prebuilt=True))
    data = {"provider": "100ms", "changed": names, "is_new": True, "via": "command_line"}
    assert account == ("provider_account.changed", data)
    scopes = sorted(scope.value for scope in Scope)
    assert key == (
        "api_key.created",
        {"name": "test", "scopes": scopes, "expires_at": None, "via": "command_line"},
    )


async def test_settings_are_recorded_with_old_and_new_values(tutoring: Tenant) -> None:
    app = await management.change_app(context_of(tutoring.broker, tutoring.app), policy={"guests_allowed": True})
    await management.change_app(context_of(tutoring.broker, app), policy={"guests_allowed": True})
    await management.change_app(
        context_of(tutoring.broker, app),
        policy={},
        allowed_origins=["https://shop.example"],
        via=ChangeInterface.ENVIRONMENT,
    )
    first, second = await since(tutoring, 3)
    guests = {"policy.guests_allowed": {"before": None, "after": True}}
    assert first == ("app_settings.changed", {"changes": guests, "via": "command_line"})
    assert second[1] == {
        "changes": {
            "allowed_origins": {"before": [], "after": ["https://shop.example"]},
            "policy.guests_allowed": {"before": True, "after": None},
        },
        "via": "environment",
    }


async def test_an_account_is_recorded_with_the_names_of_changed_settings(tutoring: Tenant, sandbox: Sandbox) -> None:
    now, account = tutoring.broker.now(), sandbox.account("tutoring", prebuilt=True)
    await management.set_account(context_of(tutoring.broker, tutoring.app, now=now), ProviderName.HMS, account)
    account = {**account, "secret": "another-invented-secret-of-100ms"}
    await management.set_account(context_of(tutoring.broker, tutoring.app, now=now), ProviderName.HMS, account)
    ((kind, data),) = await since(tutoring, 3)
    assert (kind, data["changed"], data["is_new"]) == ("provider_account.changed", ["secret"], False)


async def test_rules_of_user_tokens_are_recorded(tutoring: Tenant) -> None:
    now, rules = tutoring.broker.now(), TokenRules(secret=f"{SECRET}{tutoring.app.id}", issuer="https://id.example")
    for each in (rules, rules, replace(rules, audience="lessons", max_lifetime_seconds=60)):
        await management.set_token_rules(context_of(tutoring.broker, tutoring.app, now=now), each)
    await management.remove_token_rules(context_of(tutoring.broker, tutoring.app, now=now))
    first, second, removed = await since(tutoring, 3)
    assert {"secret", "issuer"} <= set(first[1]["changed"])
    assert second[1]["changed"] == ["audience", "max_lifetime_seconds"]
    assert (second[1]["issuer"], second[1]["audience"]) == ("https://id.example", "lessons")
    assert removed == ("user_token_rules.removed", {"via": "command_line"})


async def test_a_revocation_is_recorded_once(tutoring: Tenant) -> None:
    now = tutoring.broker.now()
    _, key = await management.create_key(
        context_of(tutoring.broker, tutoring.app, now=now),
        "reports",
        scopes=[Scope.EVENTS_READ],
        expires_at=now + timedelta(hours=1),
    )
    for _ in range(2):
        await management.revoke_key(context_of(tutoring.broker, tutoring.app, now=now), key.id)
    _, created, revoked = await tutoring.events("api_key.created", "api_key.revoked")
    assert (created["data"]["key"], created["data"]["name"]) == (str(key.id), "reports")
    assert revoked["data"] == {"key": str(key.id), "name": "reports", "scopes": ["events:read"], "via": "command_line"}
    with pytest.raises(ApiKeyNotFound):
        await management.revoke_key(context_of(tutoring.broker, tutoring.app, now=now), KeyId(tutoring.app.id))


async def test_a_key_from_the_settings_is_recorded_once(tutoring: Tenant) -> None:
    for _ in range(2):
        await management.create_key(
            context_of(tutoring.broker, tutoring.app),
            "environment",
            scopes=Scope,
            expires_at=None,
            via=ChangeInterface.ENVIRONMENT,
            key=f"vb_{tutoring.app.id.hex}",
        )
    assert [data["via"] for _, data in await since(tutoring, 3)] == ["environment"]


async def test_endpoints_are_recorded_with_the_key_that_changed_them(tutoring: Tenant) -> None:
    created = (await tutoring.post("/v1/webhook-endpoints", {"url": URL, "types": ["call.started"]})).json()
    path = f"/v1/webhook-endpoints/{created['id']}"
    for change in ({"ordered": True, "enabled": False}, {"ordered": True}, {"url": f"{URL}x"}):
        assert (await tutoring.send("PATCH", path, json=change)).status_code == 200
    rotated = (await tutoring.post(f"{path}/rotate-secret", {"overlap_seconds": 60})).json()
    assert (await tutoring.send("DELETE", path)).status_code == 204
    events = (await tutoring.events(*(each.value for each in SET_UP_EVENTS)))[3:]
    set_up = {"host": "backend.example:8443", "types": ["call.started"], "ordered": False, "enabled": True}
    changed = set_up | {"ordered": True, "enabled": False}
    assert [(each["type"], {**each["data"], "endpoint": None, "via": None}) for each in events] == [
        (kind, {"endpoint": None, "via": None, **data})
        for kind, data in (
            ("endpoint.created", set_up),
            ("endpoint.changed", changed | {"changed": ["ordered", "enabled"]}),
            ("endpoint.changed", changed | {"changed": ["url"]}),
            ("endpoint.secret_rotated", {"overlap_seconds": 60}),
            ("endpoint.removed", {"host": "backend.example:8443"}),
        )
    ]
    (key,) = await all_keys(context_of(tutoring.broker, tutoring.app))
    assert {(each["asked_by"]["key_id"], each["data"]["via"]) for each in events} == {(str(key.id), "api")}
    assert {each["data"]["endpoint"] for each in events} == {created["id"]}
    assert rotated["secret"] != created["secret"]


async def test_an_operator_is_recorded_by_name(tutoring: Tenant) -> None:
    created = (await tutoring.post("/v1/webhook-endpoints", {"url": "https://backend.example/"})).json()
    (known,) = await endpoints.list_endpoints(tutoring.context)
    olive = Actor(tutoring.app.id, operator="Olive", operator_role=OperatorRole.ADMIN)
    await endpoints.remove(context_of(tutoring.broker, tutoring.app, actor=olive, now=tutoring.broker.now()), known.id)
    (event,) = await tutoring.events("endpoint.removed")
    assert (event["asked_by"]["operator"], event["data"]["via"]) == ("Olive", "console")
    assert event["data"]["endpoint"] == created["id"]


async def test_changes_of_retention_are_recorded(tutoring: Tenant) -> None:
    for days in (30, 30, None):
        await retention.set_retention(tutoring.context, "call", days)
    assert await since(tutoring, 3) == [
        ("retention.changed", {"class": "call", "before": None, "days": 30, "via": "command_line"}),
        ("retention.changed", {"class": "call", "before": 30, "days": None, "via": "command_line"}),
    ]


async def test_set_up_by_the_environment_is_recorded_once(tutoring: Tenant) -> None:
    name = f"env-{tutoring.app.id.hex[:12]}"
    settings = Settings(
        _env_file=None,
        app_name=name,
        api_key=f"vb_{tutoring.app.id.hex}{tutoring.app.id.hex}",
        user_token_secret=f"{SECRET}{name}",
    )
    for _ in range(2):
        await wiring.ensure_environment_app(tutoring.broker, settings)
    app = await tenants.find_app(tutoring.broker, name)
    recorded = await set_up(replace(tutoring, app=app, key=f"vb_{tutoring.app.id.hex}{tutoring.app.id.hex}"))
    assert [kind for kind, _ in recorded] == ["app_settings.created", "user_token_rules.changed", "api_key.created"]
    assert {data["via"] for _, data in recorded} == {"environment"}


async def test_events_about_the_set_up_contain_no_secrets(tutoring: Tenant, sandbox: Sandbox) -> None:
    rules = TokenRules(secret=f"{SECRET}{tutoring.app.id}")
    await management.set_token_rules(context_of(tutoring.broker, tutoring.app), rules)
    endpoint = (await tutoring.post("/v1/webhook-endpoints", {"url": URL})).json()
    rotated = (await tutoring.post(f"/v1/webhook-endpoints/{endpoint['id']}/rotate-secret", {})).json()
    text = json.dumps(await tutoring.events(*EventType))
    account = sandbox.account("tutoring")
    for secret in (
        tutoring.key,
        SECRET,
        account["secret"],
        account["access_key"],
        endpoint["secret"],
        rotated["secret"],
        "invented-path-token",
        "invented-query-token",
    ):
        assert secret not in text


async def test_end_users_cannot_read_events_about_the_set_up(tutoring: Tenant) -> None:
    await tutoring.book()
    link = await create_link(tutoring, "tutor-1")
    headers = {"Authorization": f"Bearer {link['ticket']}"}
    log = await tutoring.api.get("/api/video-calls/log", params={"bookingId": "lesson-1"}, headers=headers)
    assert not any(each.value in log.text for each in SET_UP_EVENTS)
    assert (await tutoring.api.get("/v1/events", headers=headers)).status_code == 403


def test_endpoints_receive_set_up_events_only_on_request() -> None:
    prefixes = ("app_settings.", "api_key.", "provider_account.", "user_token_rules.", "retention.")
    assert {each for each in EventType if each.value.startswith(prefixes)} <= SET_UP_EVENTS
