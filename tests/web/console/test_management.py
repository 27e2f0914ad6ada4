"""Administrators manage apps and operator keys in the console; others see the settings, and no secret."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from consoles import Console, base_of
from tenants import HMS_ROLES, Sandbox, Tenant, context_of
from videobroker.domain.operators import OperatorRole
from videobroker.usecases import management, tenants
from videobroker.usecases.management.keys import all_keys
from videobroker.usecases.management.operator_keys import all_operator_keys
from videobroker.web.console import app_page, operator_keys

SECTIONS = ("", "/keys", "/accounts", "/roles", "/policy", "/user-tokens", "/pages", "/webhooks", "/journal")


async def save(console: Console, tenant: Tenant, section: str, action: str = "", **fields: str) -> httpx.Response:
    """Submit a form of a section as it was rendered just now."""
    path = f"/console/apps/{tenant.app.id}"
    page = await console.get(f"{path}/{section}")
    target = f"{path}/{action or section}"
    return await console.post(target, base=base_of(page, target), **fields)


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_section_is_shown_without_secrets(
    console: Console, tutoring: Tenant, sandbox: Sandbox, section: str
) -> None:
    page = await console.get(f"/console/apps/{tutoring.app.id}{section}")
    assert page.status_code == 200
    assert tutoring.app.name in page.text
    for secret in (tutoring.key, sandbox.account("tutoring")["secret"]):
        assert secret not in page.text


async def test_an_app_is_created_and_its_name_is_checked(console: Console) -> None:
    name = f"shop-{uuid4()}"
    made = await console.post("/console/apps", name=name)
    assert made.status_code == 303
    page = await console.get(made.headers["location"])
    assert name in page.text
    assert "App created." in page.text
    again = await console.post("/console/apps", name=name)
    assert again.status_code == 409
    assert 'aria-invalid="true"' in again.text
    assert (await console.post("/console/apps", name="a/b")).status_code == 422


async def test_the_policy_is_saved_under_the_name_of_the_operator(console: Console, tutoring: Tenant) -> None:
    saved = await save(
        console,
        tutoring,
        "policy",
        grace_seconds="60",
        host_roles="tutor\nadmin",
        guests_allowed="yes",
        opens_before_seconds_by_role="tutor = 1200",
        waiting_room="admit",
    )
    assert saved.status_code == 303, saved.text
    app = await tenants.find_app(tutoring.broker, tutoring.app.name)
    assert app.policy == {
        "grace_seconds": 60,
        "host_roles": ["tutor", "admin"],
        "guests_allowed": True,
        "opens_before_seconds_by_role": {"tutor": 1200},
        "waiting_room": "admit",
    }
    (event,) = await tutoring.events("app_settings.changed")
    assert (event["asked_by"]["operator"], event["data"]["via"]) == ("Olive", "console")
    overview = (await console.get(f"/console/apps/{tutoring.app.id}")).text
    assert "Olive" in overview.split('id="recent"')[1]


async def test_errors_are_shown_next_to_the_fields_and_nothing_is_saved(console: Console, tutoring: Tenant) -> None:
    wrong = await save(console, tutoring, "policy", grace_seconds="soon", empty_seconds="5", late_after_seconds="60")
    assert wrong.status_code == 422
    assert 'id="grace_seconds-error"' in wrong.text
    assert 'id="empty_seconds-error"' in wrong.text
    assert 'value="soon"' in wrong.text
    assert 'id="late_after_seconds-error"' not in wrong.text
    assert (await tenants.find_app(tutoring.broker, tutoring.app.name)).policy == tutoring.app.policy


async def test_roles_origins_and_legacy_endpoints_are_saved(console: Console, tutoring: Tenant) -> None:
    rows = {f"100ms_role_{n}": role for n, role in enumerate(HMS_ROLES)}
    mapped = {f"100ms_mapped_{n}": role for n, role in enumerate(HMS_ROLES.values())}
    assert (await save(console, tutoring, "roles", provider="100ms", **rows, **mapped)).status_code == 303
    wrong = await save(console, tutoring, "roles", provider="100ms", **{"100ms_role_0": "tutor"})
    assert 'id="100ms_mapped_0-error"' in wrong.text
    assert (await save(console, tutoring, "pages", "origins", origins="https://shop.example\n")).status_code == 303
    refused = await save(console, tutoring, "pages", "origins", origins="https://*.example")
    assert 'id="origins-error"' in refused.text
    assert (await save(console, tutoring, "pages", "legacy", legacy_groups="on")).status_code == 303
    branding = {"display_name": "Acme", "color": "#1a73e8", "language_de": "on"}
    assert (await save(console, tutoring, "pages", "branding", **branding)).status_code == 303
    app = await tenants.find_app(tutoring.broker, tutoring.app.name)
    assert app.allowed_origins == ("https://shop.example",)
    assert {family.value for family in app.legacy_families} == {"groups"}
    assert (app.branding.display_name, app.branding.languages) == ("Acme", ("de",))
    red = await save(console, tutoring, "pages", "branding", color="red")
    assert 'id="color-error"' in red.text


async def test_a_key_is_shown_once_and_revoked(console: Console, tutoring: Tenant) -> None:
    path = f"/console/apps/{tutoring.app.id}/keys"
    made = await console.post(path, name="backend", days="30", **{"scope_sessions:read": "on"})
    assert made.status_code == 201
    secret = re.search(r'value="(vb_[^"]+)"', made.text)
    assert secret is not None
    assert secret[1] not in (await console.get(path)).text
    headers = {"Authorization": f"Bearer {secret[1]}"}
    assert (await tutoring.api.get("/v1/bookings", headers=headers)).status_code == 200
    key = next(each for each in await all_keys(tutoring.context) if each.name == "backend")
    assert (await console.post(f"{path}/revoke", key=str(key.id))).status_code == 303
    assert (await tutoring.api.get("/v1/bookings", headers=headers)).status_code == 401
    assert 'id="name-error"' in (await console.post(path, name="")).text
    assert 'id="days-error"' in (await console.post(path, name="x", days="0")).text


async def test_keys_are_listed_page_by_page_with_their_last_use(
    console: Console, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_page, "KEYS_PER_PAGE", 1)
    monkeypatch.setattr(operator_keys, "KEYS_PER_PAGE", 1)
    assert (await tutoring.get("/v1/bookings")).status_code == 200
    await tutoring.broker.key_usage.flush()
    context = context_of(tutoring.broker, tenants.SERVICE)
    for name in ("one", "two"):
        await management.create_key(tutoring.context, name, scopes=[], expires_at=None)
        await management.create_operator_key(context, name, role=OperatorRole.VIEWER, expires_at=None)
    for path, minimum in ((f"/console/apps/{tutoring.app.id}/keys", 3), ("/console/operator-keys", 2)):
        pages = [await console.get(path)]
        while following := re.search(r'rel="next" href="([^"]+)"', pages[-1].text):
            pages.append(await console.get(following[1].replace("&amp;", "&")))
            assert "First page" in pages[-1].text
        assert len(pages) >= minimum
        assert [page.text.count('<li class="person">') for page in pages] == [1] * len(pages)
        assert "no use recorded" in pages[-1].text
        assert (await console.get(f"{path}?cursor=wrong")).status_code == 422
    assert "last used" in (await console.get(f"/console/apps/{tutoring.app.id}/keys")).text


async def test_an_account_keeps_the_secrets_that_are_left_empty(
    console: Console, tutoring: Tenant, sandbox: Sandbox
) -> None:
    account: dict[str, Any] = {f"100ms_{name}": value for name, value in sandbox.account("tutoring").items()}
    del account["100ms_secret"]
    saved = await save_account(console, tutoring, **account, **{"100ms_subdomain": "acme"})
    assert saved.status_code == 303, saved.text
    app = await tenants.find_app(tutoring.broker, tutoring.app.name)
    (settings,) = [each.settings for each in app.accounts.values()]
    assert (settings["secret"], settings["subdomain"]) == (sandbox.account("tutoring")["secret"], "acme")
    invalid = await save_account(console, tutoring, **{**account, "100ms_access_key": ""})
    assert invalid.status_code == 422
    assert "access_key" in invalid.text
    path = f"/console/apps/{tutoring.app.id}/accounts/check"
    checked = await console.post(path, provider="100ms")
    assert 'class="findings"' in checked.text


async def save_account(console: Console, tenant: Tenant, **fields: str) -> httpx.Response:
    path = f"/console/apps/{tenant.app.id}/accounts"
    return await console.post(path, provider="100ms", base=base_of(await console.get(path), path), **fields)


async def test_rules_for_user_tokens_are_saved_and_removed(console: Console, tutoring: Tenant) -> None:
    section, secret = "user-tokens", f"an-invented-secret-{tutoring.app.id}"
    fields = {"max_lifetime_seconds": "3600", "audience": "lessons"}
    assert (await save(console, tutoring, section, secret=secret, **fields)).status_code == 303
    fields = {"max_lifetime_seconds": "60", "issuer": "https://id.example"}
    assert (await save(console, tutoring, section, **fields)).status_code == 303
    rules = (await management.find_token_rules(tutoring.context)).rules
    assert (rules.secret, rules.audience, rules.issuer) == (secret, None, "https://id.example")
    assert secret not in (await console.get(f"/console/apps/{tutoring.app.id}/user-tokens")).text
    assert (await save(console, tutoring, section, max_lifetime_seconds="0")).status_code == 422
    assert (await save(console, tutoring, section, "user-tokens/remove")).status_code == 303


async def test_webhook_endpoints_are_managed(console: Console, tutoring: Tenant) -> None:
    path = f"/console/apps/{tutoring.app.id}/webhooks"
    made = await console.post(path, url="https://backend.example/hooks", **{"type_call.started": "on"})
    assert made.status_code == 201
    assert "whsec_" in made.text
    (endpoint,) = (await tutoring.get("/v1/webhook-endpoints")).json()["data"]
    assert endpoint["types"] == ["call.started"]
    fields = {"endpoint": endpoint["id"], "url": "https://backend.example/other", "ordered": "on"}
    assert (await save(console, tutoring, "webhooks", **fields)).status_code == 303
    (changed,) = (await tutoring.get("/v1/webhook-endpoints")).json()["data"]
    assert (changed["url"], changed["ordered"], changed["types"]) == ("https://backend.example/other", True, [])
    rotated = await save(console, tutoring, "webhooks", "webhooks/rotate", endpoint=endpoint["id"])
    assert "whsec_" in rotated.text
    assert 'id="url-0-error"' in (await console.post(path, url="http://127.0.0.1/")).text
    wrong = await save(console, tutoring, "webhooks", endpoint=endpoint["id"], url="http://127.0.0.1/")
    assert 'id="url-1-error"' in wrong.text
    deleted = await save(console, tutoring, "webhooks", "webhooks/delete", endpoint=endpoint["id"])
    assert deleted.status_code == 303
    assert (await tutoring.get("/v1/webhook-endpoints")).json()["data"] == []


async def test_the_retention_of_events_is_saved(console: Console, tutoring: Tenant) -> None:
    assert (await save(console, tutoring, "journal", **{"class": "call", "days": "30"})).status_code == 303
    assert "30 days" in (await console.get(f"/console/apps/{tutoring.app.id}/journal")).text
    assert 'id="days-error"' in (await save(console, tutoring, "journal", **{"class": "call", "days": "1"})).text


async def test_operator_keys_are_created_and_revoked(console: Console, tutoring: Tenant) -> None:
    made = await console.post("/console/operator-keys", name="terraform", role="viewer")
    assert made.status_code == 201
    secret = re.search(r'value="(vbo_[^"]+)"', made.text)
    assert secret is not None
    headers = {"Authorization": f"Bearer {secret[1]}"}
    assert (await tutoring.api.get("/v1/admin/apps", headers=headers)).status_code == 200
    context = context_of(tutoring.broker, tenants.SERVICE)
    key = (await all_operator_keys(context))[-1]
    assert (await console.post("/console/operator-keys/revoke", key=str(key.id))).status_code == 303
    assert (await tutoring.api.get("/v1/admin/apps", headers=headers)).status_code == 401
