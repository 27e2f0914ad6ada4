"""No form of the console overwrites what someone else saved while it was open."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from consoles import Console, base_of
from tenants import Tenant
from videobroker.domain.apps import LegacyFamily, ProviderName
from videobroker.domain.branding import Branding
from videobroker.domain.user_tokens import create_rules
from videobroker.errors import UserTokenRulesNotFound
from videobroker.usecases import management
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest
from videobroker.web.console.app_page import AppSection

Change = Callable[[Tenant], Awaitable[object]]
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 20
FIELDS = {"max_lifetime_seconds": "60"}


async def _set_rules(tenant: Tenant) -> None:
    secret = f"an-invented-secret-of-user-tokens-{tenant.app.id}"
    await management.set_token_rules(tenant.context, create_rules({"secret": secret}))


async def _change_rules(tenant: Tenant) -> None:
    await management.update_token_rules(tenant.context, {"audience": "of-someone-else"})


async def _set_logo(tenant: Tenant) -> None:
    await management.set_logo(tenant.context, PNG)


async def _replace_logo(tenant: Tenant) -> None:
    await management.set_logo(tenant.context, PNG + b"of-someone-else")


async def _create_endpoint(tenant: Tenant) -> None:
    await endpoints.create(tenant.context, EndpointRequest("https://backend.example/hooks", "first"))


async def _change_endpoint(tenant: Tenant) -> None:
    (endpoint,) = await endpoints.list_endpoints(tenant.context)
    await endpoints.change(
        tenant.context,
        endpoint.id,
        url=None,
        description="of-someone-else",
        types=None,
        ordered=None,
        enabled=None,
    )


async def _rotate_secret(tenant: Tenant) -> None:
    (endpoint,) = await endpoints.list_endpoints(tenant.context)
    await endpoints.rotate(tenant.context, endpoint.id, overlap=endpoints.MAX_OVERLAP)


async def _nothing(tenant: Tenant) -> None:
    pass


@dataclass(frozen=True)
class OvertakenForm:
    """A form, and what someone else does while it is open."""

    action: str
    section: AppSection
    overtake: Change
    fields: dict[str, str] = field(default_factory=dict)
    prepare: Change = _nothing
    shows: str = ""
    """The value of the other person, which the page shows next to the submitted one."""


FORMS = (
    OvertakenForm(
        "policy",
        AppSection.POLICY,
        lambda tenant: management.update_policy(tenant.context, {"grace_seconds": 61}),
        {"grace_seconds": "62"},
        shows="61",
    ),
    OvertakenForm(
        "roles",
        AppSection.ROLES,
        lambda tenant: management.update_role_map(tenant.context, ProviderName.HMS, {"assistant": "of-someone-else"}),
        {"provider": "100ms", "100ms_role_0": "tutor", "100ms_mapped_0": "teacher"},
    ),
    OvertakenForm(
        "origins",
        AppSection.PAGES,
        lambda tenant: management.change_app(tenant.context, allowed_origins=["https://of-someone-else.example"]),
        {"origins": "https://mine.example"},
        shows="https://of-someone-else.example",
    ),
    OvertakenForm(
        "legacy",
        AppSection.PAGES,
        lambda tenant: management.change_app(tenant.context, legacy_families=[LegacyFamily.THERAPY]),
        {"legacy_groups": "on", "legacy": ""},
        shows="therapy",
    ),
    OvertakenForm(
        "branding",
        AppSection.PAGES,
        lambda tenant: management.change_branding(tenant.context, Branding(display_name="of-someone-else")),
        {"display_name": "Mine", "language_de": "on"},
        shows="of-someone-else",
    ),
    OvertakenForm("logo/remove", AppSection.PAGES, _replace_logo, prepare=_set_logo),
    OvertakenForm("user-tokens", AppSection.USER_TOKENS, _set_rules, {**FIELDS, "secret": "x" * 32}),
    OvertakenForm(
        "user-tokens",
        AppSection.USER_TOKENS,
        _change_rules,
        {**FIELDS, "audience": "mine"},
        prepare=_set_rules,
        shows="of-someone-else",
    ),
    OvertakenForm("user-tokens/remove", AppSection.USER_TOKENS, _change_rules, prepare=_set_rules),
    OvertakenForm(
        "webhooks",
        AppSection.WEBHOOKS,
        _change_endpoint,
        {"url": "https://backend.example/hooks", "description": "mine"},
        prepare=_create_endpoint,
        shows="of-someone-else",
    ),
    OvertakenForm("webhooks/rotate", AppSection.WEBHOOKS, _rotate_secret, prepare=_create_endpoint),
    OvertakenForm("webhooks/delete", AppSection.WEBHOOKS, _change_endpoint, prepare=_create_endpoint),
    OvertakenForm(
        "accounts",
        AppSection.ACCOUNTS,
        lambda tenant: management.update_account(tenant.context, ProviderName.HMS, {"subdomain": "of-someone-else"}),
        {"provider": "100ms", "100ms_access_key": "key", "100ms_subdomain": "mine"},
        shows="of-someone-else",
    ),
    OvertakenForm(
        "journal",
        AppSection.JOURNAL,
        lambda tenant: management.set_retention(tenant.context, "call", 31),
        {"class": "call", "days": "32"},
        shows="31 days",
    ),
)
WITHOUT_A_CURRENT_VALUE = {
    "keys": "creates a key",
    "keys/revoke": "a key cannot become valid again",
    "accounts/check": "changes nothing",
    "logo": "see `test_a_logo_that_someone_else_overtook_is_not_saved`: it carries a file",
}


async def settings_of(tenant: Tenant) -> list[Any]:
    """Everything that the forms can change."""
    context = tenant.context
    app = await management.read_app(context)
    found = await tenant.get("/v1/webhook-endpoints")
    try:
        rules = await management.find_token_rules(context)
    except UserTokenRulesNotFound:
        rules = None
    secrets = [endpoint.secrets for endpoint in await endpoints.list_endpoints(context)]
    return [app, found.json(), secrets, rules, await management.list_retentions(context)]


@pytest.mark.parametrize("case", FORMS, ids=[f"{n}-{case.action}" for n, case in enumerate(FORMS)])
async def test_a_form_that_someone_else_overtook_saves_nothing(
    console: Console, tutoring: Tenant, case: OvertakenForm
) -> None:
    path = f"/console/apps/{tutoring.app.id}"
    await case.prepare(tutoring)
    page = await console.get(f"{path}/{case.section}")
    fields = {**hidden_fields(page.text, f"{path}/{case.action}"), **case.fields}
    await case.overtake(tutoring)
    before = await settings_of(tutoring)
    late = await console.post(f"{path}/{case.action}", **fields)
    assert late.status_code == 412, late.text
    assert "Someone else changed this" in late.text
    assert await settings_of(tutoring) == before
    assert case.shows in late.text
    for name, value in case.fields.items():
        if name in {"grace_seconds", "origins", "display_name", "audience", "description", "100ms_subdomain"}:
            assert f'value="{value}"' in late.text or f">{value}</textarea>" in late.text
    # The page now has the current values: the next attempt saves.
    again = {**hidden_fields(late.text, f"{path}/{case.action}"), **case.fields}
    assert (await console.post(f"{path}/{case.action}", **again)).status_code in {200, 303}
    assert await settings_of(tutoring) != before


def hidden_fields(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form with this action that changes something that exists."""
    forms = [each.split("</form>")[0] for each in page.split(f'action="{action}"')[1:]]
    form = next(each for each in forms if 'name="base"' in each)
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: value for name, value in found if name != "csrf"}


async def test_a_logo_that_someone_else_overtook_is_not_saved(console: Console, tutoring: Tenant) -> None:
    path = f"/console/apps/{tutoring.app.id}"
    page = await console.get(f"{path}/pages")
    fields = hidden_fields(page.text, f"{path}/logo")
    await _set_logo(tutoring)
    mine = {"logo": ("logo.png", PNG + b"mine", "image/png")}
    late = await console.post(f"{path}/logo", files=mine, **fields)
    assert (late.status_code, "Someone else changed this" in late.text) == (412, True)
    base = base_of(late, f"{path}/logo")
    assert (await console.post(f"{path}/logo", files=mine, base=base)).status_code == 303


async def test_every_form_of_an_app_is_tested(console: Console, tutoring: Tenant) -> None:
    """A new form needs a case in `FORMS`, or a reason in `WITHOUT_A_CURRENT_VALUE`."""
    for prepare in (_set_rules, _set_logo, _create_endpoint):
        await prepare(tutoring)
    path = f"/console/apps/{tutoring.app.id}/"
    pages = [(await console.get(f"{path}{section}")).text for section in AppSection]
    actions = {each for page in pages for each in re.findall(rf'action="{path}([^"]+)"', page)}
    assert actions == {case.action for case in FORMS} | set(WITHOUT_A_CURRENT_VALUE)
