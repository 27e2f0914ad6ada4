"""Forms for the settings of an app: roles, policy, origins, legacy endpoints, branding, and retention."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from videobroker.domain.apps import LegacyFamily, ProviderName
from videobroker.domain.policy import POLICY_SETTINGS, SettingKind
from videobroker.errors import InvalidInput
from videobroker.usecases import management
from videobroker.web.console.app_page import (
    LOGO,
    AppSection,
    error_at,
    fingerprint_periods,
    save,
    unchanged,
    unchanged_settings,
)
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRoute, Form, FormRequest
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/apps/{app_id}", route_class=ConsoleRoute, generate_unique_id_function=by_name)

MAX_ROLE_ROWS = 90
BRANDING_TEXTS = (
    "display_name",
    "color",
    "dark_color",
    "contact_email",
    "contact_phone",
    "contact_url",
    "return_url",
    "default_language",
)


@router.post("/roles")
async def console_save_roles(console: FormRequest, app_id: UUID) -> Response:
    """Replace the role map of one provider. Rows without a role are ignored."""
    app, form = await console.app(app_id), console.submitted()
    provider = _provider(form)
    rows = [(form.text(f"{provider}_role_{n}"), form.text(f"{provider}_mapped_{n}")) for n in range(MAX_ROLE_ROWS)]

    async def change() -> None:
        errors = [
            {"pointer": f"body/{provider}_mapped_{n}", "message": _("Enter the role at the provider.")}
            for n, (role, mapped) in enumerate(rows)
            if role and not mapped
        ]
        if errors:
            raise InvalidInput(_("Nothing was saved. Fix the errors below."), errors=errors)
        role_map = {role: mapped for role, mapped in rows if role}
        precondition = unchanged_settings(form, "role_maps.")
        await management.replace_role_map(console.context(app), provider, role_map, precondition=precondition)

    return await save(console, app, AppSection.ROLES, change)


def _provider(form: Form) -> ProviderName:
    try:
        return ProviderName(form.text("provider"))
    except ValueError:
        raise InvalidInput(_("Choose a provider.")) from None


@router.post("/policy")
async def console_save_policy(console: FormRequest, app_id: UUID) -> Response:
    """Replace the policy. Empty fields have their default."""
    app, form = await console.app(app_id), console.submitted()

    async def change() -> None:
        policy = {name: _read_setting(setting.kind, form.text(name)) for name, setting in POLICY_SETTINGS.items()}
        await management.change_app(
            console.context(app),
            policy={name: value for name, value in policy.items() if value is not None},
            precondition=unchanged_settings(form, "policy."),
        )

    return await save(console, app, AppSection.POLICY, change)


def _read_setting(kind: SettingKind, text: str) -> Any:
    """The value in its JSON form, which the use case validates. None for an empty field."""
    if not text:
        return None
    match kind:
        case SettingKind.ROLES:
            return _lines(text)
        case SettingKind.SECONDS_BY_ROLE:
            pairs = (line.rpartition("=") for line in _lines(text))
            return {role.strip(): _number(seconds.strip()) for role, _equals, seconds in pairs}
        case SettingKind.SWITCH:
            return {"yes": True, "no": False}.get(text, text)
        case SettingKind.SECONDS:
            return _number(text)
        case SettingKind.WAITING_ROOM:
            return text


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(1 << 53)) else text


@router.post("/origins")
async def console_save_origins(console: FormRequest, app_id: UUID) -> Response:
    """Replace the web origins, one per line."""
    app, form = await console.app(app_id), console.submitted()

    async def change() -> None:
        precondition = unchanged_settings(form, "allowed_origins")
        try:
            await management.change_app(
                console.context(app), allowed_origins=_lines(form.raw("origins")), precondition=precondition
            )
        except InvalidInput as error:
            raise error_at("origins", error) from None

    return await save(console, app, AppSection.PAGES, change)


@router.post("/legacy")
async def console_save_legacy(console: FormRequest, app_id: UUID) -> Response:
    """Enable the checked families of legacy endpoints."""
    app, form = await console.app(app_id), console.submitted()
    families = frozenset(family for family in LegacyFamily if form.is_checked(f"legacy_{family}"))

    async def change() -> None:
        await management.change_app(
            console.context(app), legacy_families=families, precondition=unchanged_settings(form, "legacy")
        )

    return await save(console, app, AppSection.PAGES, change)


@router.post("/branding")
async def console_save_branding(console: FormRequest, app_id: UUID) -> Response:
    """Replace the branding, except for the logo."""
    app, form = await console.app(app_id), console.submitted()
    texts: Mapping[str, Any] = {name: form.text(name) or None for name in BRANDING_TEXTS}
    languages = tuple(each for each in ("en", "de") if form.is_checked(f"language_{each}"))

    async def change() -> None:
        try:
            await management.change_branding(
                console.context(app),
                replace(app.branding, **texts, languages=languages),
                precondition=unchanged_settings(form, "branding.", without=LOGO),
            )
        except InvalidInput as error:
            named = next((name for name in BRANDING_TEXTS if f"`{name}`" in error.detail), "form")
            raise error_at(named, error) from None

    return await save(console, app, AppSection.PAGES, change)


@router.post("/logo")
async def console_save_logo(console: FormRequest, app_id: UUID) -> Response:
    """Set the logo."""
    app, form = await console.app(app_id), console.submitted()

    async def change() -> None:
        management.require_manager(console.context(app))
        content = form.file("logo")
        if not content:
            raise error_at("logo", InvalidInput(_("Choose an image first.")))
        try:
            await management.set_logo(console.context(app), content, precondition=unchanged_settings(form, LOGO))
        except InvalidInput as error:
            raise error_at("logo", error) from None

    return await save(console, app, AppSection.PAGES, change)


@router.post("/logo/remove")
async def console_remove_logo(console: FormRequest, app_id: UUID) -> Response:
    """Remove the logo."""
    app, form = await console.app(app_id), console.submitted()
    return await save(
        console,
        app,
        AppSection.PAGES,
        lambda: management.set_logo(console.context(app), None, precondition=unchanged_settings(form, LOGO)),
        did="removed",
    )


@router.post("/journal")
async def console_save_retention(console: FormRequest, app_id: UUID) -> Response:
    """Set how long events of a class are retained; empty: forever."""
    app, form = await console.app(app_id), console.submitted()

    async def change() -> None:
        days = form.text("days")
        number = _number(days) if days else None
        if isinstance(number, str):
            raise error_at("days", InvalidInput(_("Enter a number of days, or nothing.")))
        try:
            await management.set_retention(
                console.context(app), form.text("class"), number, precondition=unchanged(form, fingerprint_periods)
            )
        except InvalidInput as error:
            raise error_at("days", error) from None

    return await save(console, app, AppSection.JOURNAL, change)
