"""Manages apps: their policy, role maps, web origins, and legacy endpoints.

There is no operation that deletes an app: its journal, its calls, and the rooms that have to be closed belong to it. To
retire an app, revoke its API keys and remove its rules for user tokens.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from videobroker.domain.apps import (
    GUEST_ROLE,
    MAX_ORIGINS,
    App,
    LegacyFamily,
    ProviderName,
    RoleMap,
    check_role_map,
    normalize_origin,
)
from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.ids import AppId, uuid7
from videobroker.domain.operators import OperatorRole
from videobroker.domain.pages import Page
from videobroker.domain.policy import DEFAULT_POLICY, find_policy_errors
from videobroker.domain.set_up import compare_settings, list_settings
from videobroker.domain.texts import check_identifier
from videobroker.errors import AppExists, AppNotFound, InvalidInput, RoleNotMapped
from videobroker.storage.sessions import sessions
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.changes import record_change
from videobroker.usecases.preconditions import Precondition
from videobroker.usecases.tenants import SERVICE, find_app


def require_manager(context: RequestContext) -> None:
    """Raise `OperatorRoleMayNot` unless the actor may manage this installation."""
    require_operator(context.actor, OperatorRole.ADMIN)


async def list_apps(context: RequestContext, *, limit: int, cursor: str | None) -> Page[App]:
    """One page of all apps, by name. Raises `InvalidCursor`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.store.cross_app_transaction() as unit_of_work:
        return await apps.page(unit_of_work, limit=limit, cursor=cursor)


async def read_app(context: RequestContext) -> App:
    """The app in its current state. Raises `AppNotFound`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    return await find_app(context.broker, context.app.name)


async def create_app(
    context: RequestContext,
    name: str,
    *,
    policy: Mapping[str, Any],
    role_maps: Mapping[ProviderName, RoleMap],
    allowed_origins: Sequence[str] = (),
    legacy_families: Collection[LegacyFamily] = frozenset(),
    via: ChangeInterface | None = None,
) -> App:
    """Create an app, and journal its settings. Raises `AppExists`, `InvalidInput`, `RoleNotMapped`."""
    require_operator(context.actor, OperatorRole.ADMIN)
    _check_policy(policy)
    _check_role_maps(role_maps)
    origins = _normalize_origins(allowed_origins)
    _check_guests(policy, role_maps)
    if name == SERVICE.name:
        raise InvalidInput(
            TranslatableText(
                "No app can be named %(name)s: this name is reserved for the service's own journal.", name=name
            )
        )
    try:
        check_identifier(name)  # it is part of paths: /hooks/{provider}/{app}
    except ValueError as error:
        raise InvalidInput(TranslatableText("An app cannot have this name: %(reason)s.", reason=str(error))) from None
    app_id = AppId(uuid7(context.now))
    async with context.store.transaction(app_id) as unit_of_work:
        added = await apps.add_app(
            unit_of_work,
            app_id,
            name,
            policy=policy,
            role_maps=role_maps,
            allowed_origins=origins,
            legacy_families=legacy_families,
            now=context.now,
        )
        if not added:
            raise AppExists(
                TranslatableText("App %(name)r already exists. Choose another name, or change that one.", name=name)
            )
        new = await apps.app_by_id(unit_of_work, app_id)
        settings = {} if new is None else list_settings(new)
        await record_change(
            context, unit_of_work, EventType.APP_SETTINGS_CREATED, app_id=app_id, via=via, name=name, settings=settings
        )
    return await find_app(context.broker, name)


async def change_app(
    context: RequestContext,
    *,
    policy: Mapping[str, Any] | None = None,
    role_maps: Mapping[ProviderName, RoleMap] | None = None,
    allowed_origins: Sequence[str] | None = None,
    legacy_families: Collection[LegacyFamily] | None = None,
    precondition: Precondition[App] | None = None,
    via: ChangeInterface | None = None,
) -> App:
    """Replace those settings of the app that are not None.

    Changes are journaled, and the next lifecycle step of each session is computed again. Raises `InvalidInput`,
    `PreconditionFailed`, and `RoleNotMapped` when the policy allows guests but a provider has no role for them.
    """
    origins = None if allowed_origins is None else _normalize_origins(allowed_origins)

    def change(app: App) -> App:
        return replace(
            app,
            policy=app.policy if policy is None else policy,
            role_maps=app.role_maps if role_maps is None else role_maps,
            allowed_origins=app.allowed_origins if origins is None else origins,
            legacy_families=app.legacy_families if legacy_families is None else frozenset(legacy_families),
        )

    return await _change(context, change, precondition, via)


async def update_policy(
    context: RequestContext, changes: Mapping[str, Any], *, precondition: Precondition[App] | None = None
) -> App:
    """Change these settings of the policy; None resets a setting to its default. Raises what `change_app` raises."""

    def change(app: App) -> App:
        return replace(app, policy=_merge(app.policy, changes))

    return await _change(context, change, precondition, None)


async def replace_role_map(
    context: RequestContext, provider: ProviderName, role_map: RoleMap, *, precondition: Precondition[App] | None = None
) -> App:
    """Replace the role map of one provider; an empty one removes it. Raises what `change_app` raises."""

    def change(app: App) -> App:
        return _with_role_map(app, provider, role_map)

    return await _change(context, change, precondition, None)


async def update_role_map(
    context: RequestContext,
    provider: ProviderName,
    changes: Mapping[str, str | None],
    *,
    precondition: Precondition[App] | None = None,
) -> App:
    """Map these roles at one provider; None removes a role. Raises what `change_app` raises."""

    def change(app: App) -> App:
        return _with_role_map(app, provider, _merge(app.role_maps.get(provider, {}), changes))

    return await _change(context, change, precondition, None)


async def _change(
    context: RequestContext,
    change: Callable[[App], App],
    precondition: Precondition[App] | None,
    via: ChangeInterface | None,
) -> App:
    require_operator(context.actor, OperatorRole.ADMIN)
    async with context.transaction() as unit_of_work:
        before = await apps.lock_app(unit_of_work, context.app.id)
        if before is None:
            raise AppNotFound(TranslatableText("App %(app)r not found.", app=context.app.name))
        if precondition is not None:
            precondition(before)
        after = change(before)
        _check_policy(after.policy)
        _check_role_maps(after.role_maps)
        _check_guests(after.policy, after.role_maps, after.accounts)
        await apps.change_app(
            unit_of_work,
            before.id,
            policy=after.policy,
            role_maps=after.role_maps,
            allowed_origins=after.allowed_origins,
            legacy_families=after.legacy_families,
        )
        changed = compare_settings(list_settings(before), list_settings(after))
        if changed:
            await sessions.bring_all_next_steps_forward(unit_of_work, before.id, context.now)
            await record_change(context, unit_of_work, EventType.APP_SETTINGS_CHANGED, via=via, changes=changed)
    context.broker.tenant_cache.invalidate(before.id)
    return await find_app(context.broker, before.name)


def _merge(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch of one level (RFC 7396)."""
    return {name: value for name, value in {**known, **changes}.items() if value is not None}


def _with_role_map(app: App, provider: ProviderName, role_map: RoleMap) -> App:
    others = {name: roles for name, roles in app.role_maps.items() if name is not provider}
    return replace(app, role_maps={**others, provider: role_map} if role_map else others)


def _check_policy(policy: Mapping[str, Any]) -> None:
    errors = find_policy_errors(policy)
    if errors:
        raise InvalidInput(
            "The policy is not valid. " + " ".join(f"`{name}`: {error}." for name, error in sorted(errors.items())),
            errors=[{"pointer": f"body/{name}", "message": error} for name, error in sorted(errors.items())],
        )


def _check_role_maps(role_maps: Mapping[ProviderName, RoleMap]) -> None:
    for role_map in role_maps.values():
        try:
            check_role_map(role_map)
        except ValueError as error:
            raise InvalidInput(str(error)) from None


def _check_guests(
    policy: Mapping[str, Any], role_maps: Mapping[ProviderName, RoleMap], providers: Iterable[ProviderName] = ()
) -> None:
    if not DEFAULT_POLICY.with_changes(policy).guests_allowed:
        return
    for provider in sorted({*role_maps, *providers}):
        if GUEST_ROLE not in role_maps.get(provider, {}):
            raise RoleNotMapped(
                TranslatableText(
                    "The policy allows guests, but the role map says nothing about the role %(role)r at %(provider)s. "
                    "Add it to the role map, or do not allow guests.",
                    role=GUEST_ROLE,
                    provider=provider,
                ),
                role=GUEST_ROLE,
            )


def _normalize_origins(texts: Sequence[str]) -> tuple[str, ...]:
    """The distinct origins, written as browsers send them. Raises `InvalidInput`."""
    try:
        origins = tuple(dict.fromkeys(normalize_origin(text) for text in texts))
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    if len(origins) > MAX_ORIGINS:
        raise InvalidInput(TranslatableText("An app has at most %(maximum)s origins.", maximum=MAX_ORIGINS))
    return origins
