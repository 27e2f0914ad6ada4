"""Forms for the credentials of an app: API keys, provider accounts, rules for user tokens, and webhook endpoints."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.events import EventType
from videobroker.domain.ids import EndpointId, KeyId
from videobroker.domain.user_tokens import create_rules
from videobroker.domain.webhooks import Endpoint
from videobroker.errors import Conflict, InvalidInput, PreconditionFailed, UserTokenRulesNotFound
from videobroker.usecases import management
from videobroker.usecases.management.accounts import describe_account
from videobroker.usecases.webhooks import endpoints
from videobroker.web.console.app_page import (
    AppForm,
    AppSection,
    app_page,
    error_at,
    fingerprint_endpoint,
    fingerprint_rules,
    save,
    unchanged,
    unchanged_account,
)
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, Form, FormRequest
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/apps/{app_id}", route_class=ConsoleRoute, generate_unique_id_function=by_name)

MAX_DAYS = 3650
RULE_TEXTS = ("jwks_url", "issuer", "audience")
OVERLAP = timedelta(days=1)


def expiry_of(console: ConsoleRequest, form: Form) -> Any:
    """The time after the number of days in the form; None for an empty field. Raises `InvalidInput`."""
    days = form.text("days")
    if not days:
        return None
    if not days.isascii() or not days.isdigit() or not 1 <= int(days[:6]) <= MAX_DAYS:
        message = _("Enter a number of days from 1 to %(days)s, or nothing.", days=MAX_DAYS)
        raise InvalidInput(message, errors=[{"pointer": "body/days", "message": message}])
    return console.now + timedelta(days=int(days))


@router.post("/keys")
async def console_create_key(console: FormRequest, app_id: UUID) -> Response:
    """Create an API key, and show it once."""
    app, form = await console.app(app_id), console.submitted()
    try:
        scopes = [scope for scope in Scope if form.is_checked(f"scope_{scope}")]
        secret, key = await management.create_key(
            console.context(app), form.text("name"), scopes=scopes, expires_at=expiry_of(console, form)
        )
    except InvalidInput as error:
        listed = error.fields.get("errors") or [{"pointer": "body/name", "message": error.detail}]
        errors = {each["pointer"].removeprefix("body/"): each["message"] for each in listed}
        return await app_page(console, app, AppSection.KEYS, state=AppForm(form, errors), status=error.status)
    shown = AppForm(secret=secret, secret_label=_("API key %(name)s", name=key.name))
    return await app_page(console, app, AppSection.KEYS, state=shown, status=HTTPStatus.CREATED)


@router.post("/keys/revoke")
async def console_revoke_key(console: FormRequest, app_id: UUID) -> Response:
    """Revoke an API key."""
    app, key_id = await console.app(app_id), _id(console.submitted(), "key")
    return await save(
        console,
        app,
        AppSection.KEYS,
        lambda: management.revoke_key(console.context(app), KeyId(key_id)),
        did="revoked",
    )


def _id(form: Form, name: str) -> UUID:
    try:
        return UUID(form.text(name))
    except ValueError:
        raise InvalidInput(_("The form cannot be read. Go back and send it again.")) from None


@router.post("/accounts")
async def console_save_account(console: FormRequest, app_id: UUID) -> Response:
    """Set an account. A secret that is left empty does not change; any other empty field removes its setting."""
    app, form = await console.app(app_id), console.submitted()
    provider = _provider(form)
    view = describe_account(console.context(app), app, provider)
    changes: dict[str, str | None] = {}
    for each in view.settings:
        text = form.text(f"{provider}_{each.setting.name}")
        if text or not each.setting.is_secret or form.is_checked(f"{provider}_{each.setting.name}_remove"):
            changes[each.setting.name] = text or None

    async def change() -> None:
        precondition = unchanged_account(form)
        if view.version:
            await management.update_account(console.context(app), provider, changes, precondition=precondition)
        else:
            settings = {name: value for name, value in changes.items() if value}
            await management.set_account(console.context(app), provider, settings, precondition=precondition)

    return await save(console, app, AppSection.ACCOUNTS, change)


@router.post("/accounts/check")
async def console_check_account(console: FormRequest, app_id: UUID) -> Response:
    """Check an account with requests to the provider, and show what was found."""
    app, provider = await console.app(app_id), _provider(console.submitted())
    findings = await management.check_account(console.context(app), provider)
    return await app_page(console, app, AppSection.ACCOUNTS, state=AppForm(findings=findings, checked=provider))


def _provider(form: Form) -> ProviderName:
    try:
        return ProviderName(form.text("provider"))
    except ValueError:
        raise InvalidInput(_("Choose a provider.")) from None


@router.post("/user-tokens")
async def console_save_token_rules(console: FormRequest, app_id: UUID) -> Response:
    """Set the rules for user tokens. A secret that is left empty does not change."""
    app, form = await console.app(app_id), console.submitted()
    lifetime = form.text("max_lifetime_seconds")
    changes: dict[str, Any] = {name: form.text(name) or None for name in RULE_TEXTS}
    changes["max_lifetime_seconds"] = int(lifetime[:9]) if lifetime.isascii() and lifetime.isdigit() else 0
    if form.text("secret"):
        changes["secret"] = form.text("secret")

    async def change() -> None:
        context, precondition = console.context(app), unchanged(form, fingerprint_rules)
        try:
            await management.update_token_rules(context, changes, precondition=precondition)
        except UserTokenRulesNotFound:
            await management.set_token_rules(context, create_rules(changes), precondition=precondition)

    return await save(console, app, AppSection.USER_TOKENS, change)


@router.post("/user-tokens/remove")
async def console_remove_token_rules(console: FormRequest, app_id: UUID) -> Response:
    """Stop accepting user tokens."""
    app, form = await console.app(app_id), console.submitted()
    return await save(
        console,
        app,
        AppSection.USER_TOKENS,
        lambda: management.remove_token_rules(console.context(app), precondition=unchanged(form, fingerprint_rules)),
        did="removed",
    )


@router.post("/webhooks")
async def console_save_endpoint(console: FormRequest, app_id: UUID) -> Response:
    """Create a webhook endpoint, and show its secret once; or change one."""
    app, form = await console.app(app_id), console.submitted()
    types = frozenset(each for each in EventType if form.is_checked(f"type_{each}"))
    url, description, ordered = form.text("url"), form.text("description"), form.is_checked("ordered")
    if form.text("endpoint"):
        endpoint_id = EndpointId(_id(form, "endpoint"))

        async def change() -> None:
            try:
                await endpoints.change(
                    console.context(app),
                    endpoint_id,
                    url=url,
                    description=description,
                    types=types,
                    ordered=ordered,
                    enabled=None,
                    precondition=unchanged(form, fingerprint_endpoint),
                )
            except InvalidInput as error:
                raise error_at("url", error) from None

        return await save(console, app, AppSection.WEBHOOKS, change)
    try:
        made = await endpoints.create(console.context(app), endpoints.EndpointRequest(url, description, types, ordered))
    except (InvalidInput, Conflict) as error:
        state = AppForm(form, {"url": error.detail})
        return await app_page(console, app, AppSection.WEBHOOKS, state=state, status=error.status)
    return await _with_secret(console, app, made, HTTPStatus.CREATED)


@router.post("/webhooks/rotate")
async def console_rotate_endpoint_secret(console: FormRequest, app_id: UUID) -> Response:
    """Replace the secret of an endpoint, and show the new one once."""
    app, form = await console.app(app_id), console.submitted()
    endpoint_id, precondition = EndpointId(_id(form, "endpoint")), unchanged(form, fingerprint_endpoint)
    try:
        rotated = await endpoints.rotate(console.context(app), endpoint_id, overlap=OVERLAP, precondition=precondition)
    except PreconditionFailed as error:
        state = AppForm(form, {"form": error.detail}, is_stale=True)
        return await app_page(console, app, AppSection.WEBHOOKS, state=state, status=error.status)
    return await _with_secret(console, app, rotated, HTTPStatus.OK)


async def _with_secret(console: ConsoleRequest, app: App, endpoint: Endpoint, status: int) -> Response:
    label = _("Signing secret of %(host)s", host=endpoint.host)
    state = AppForm(secret=endpoint.secrets[0].value, secret_label=label)
    return await app_page(console, app, AppSection.WEBHOOKS, state=state, status=status)


@router.post("/webhooks/delete")
async def console_delete_endpoint(console: FormRequest, app_id: UUID) -> Response:
    """Delete a webhook endpoint."""
    app, form = await console.app(app_id), console.submitted()
    endpoint_id = EndpointId(_id(form, "endpoint"))
    return await save(
        console,
        app,
        AppSection.WEBHOOKS,
        lambda: endpoints.remove(console.context(app), endpoint_id, precondition=unchanged(form, fingerprint_endpoint)),
        did="removed",
    )
