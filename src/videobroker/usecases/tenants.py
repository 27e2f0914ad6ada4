"""Manages apps, API keys, provider accounts, and user token rules, and authenticates callers."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import (
    KEY_HINT_LENGTH,
    ApiKey,
    Scope,
    check_key_shape,
    compute_key_digest,
    generate_key,
)
from videobroker.domain.apps import (
    GUEST_ROLE,
    MAX_ORIGINS,
    App,
    LegacyFamily,
    ProviderAccount,
    ProviderName,
    RoleMap,
    normalize_origin,
)
from videobroker.domain.events import ChangeInterface, Event, EventType
from videobroker.domain.ids import SERVICE_ID, AccountId, AppId, KeyId, uuid7
from videobroker.domain.policy import DEFAULT_POLICY
from videobroker.domain.set_up import (
    compare_settings,
    create_set_up_event,
    describe_rules_change,
    list_changed_names,
    list_settings,
)
from videobroker.domain.texts import check_identifier
from videobroker.domain.times import rfc3339
from videobroker.domain.user_tokens import TokenRules, VerifiedUser, check_new_rules, may_accept_same_token
from videobroker.errors import (
    ApiKeyInvalid,
    ApiKeyNotFound,
    AppExists,
    AppNotFound,
    BrokerError,
    IdentityUnavailable,
    InvalidInput,
    NotAuthenticated,
    RoleNotMapped,
    UserTokenAmbiguous,
    UserTokenInvalid,
    UserTokenRulesNotFound,
    UserTokenRulesOverlap,
)
from videobroker.storage.journal.journal import record
from videobroker.storage.sessions import sessions
from videobroker.storage.tenants import apps

NO_APP = (
    "No app here accepts this user token: none has rules for its `iss`, `aud`, and `alg`. Check them, or set the rules "
    "with `videobroker user-tokens set`."
)

SERVICE = App(SERVICE_ID, "@service", policy={}, role_maps={}, accounts={})
"""Owner of the service's own journal, for functions that take an app. It is not stored as an app."""

log = structlog.get_logger(__name__)


async def authenticate(broker: Broker, key: str, *, now: datetime) -> tuple[ApiKey, App]:
    """The key and its app, at most a second old. Raises `ApiKeyInvalid`, `ApiKeyExpired`, `ApiKeyRevoked`."""
    check_key_shape(key)
    found = await broker.tenant_cache.by_key(compute_key_digest(key))
    if found is None:
        raise ApiKeyInvalid("This API key is not known here. Check that it belongs to this deployment.")
    api_key, app = found
    try:
        api_key.check(now)
    except NotAuthenticated as error:
        raise error.of(app.id) from None
    return api_key, app


async def authenticate_user(broker: Broker, token: str, *, now: datetime) -> tuple[VerifiedUser, App]:
    """The user of a token, and the app that accepts it.

    The token is verified by the rules of every app that could accept it, so that the result depends neither on their
    order nor on which of their key sets can be fetched now. Raises `UserTokenInvalid`, `UserTokenExpired`,
    `UserTokenNotYetValid`, `UserTokenLivesTooLong`, `UserTokenAmbiguous`, `IdentityUnavailable`.
    """
    unverified = broker.user_tokens.read_unverified(token)
    async with broker.store.transaction() as unit_of_work:
        stored = await apps.rules_for_issuer(unit_of_work, unverified.issuer)
    candidates = [(app_id, rules) for app_id, rules in stored if unverified.may_fit(rules)]
    results = await asyncio.gather(*(_verify(broker, app_id, rules, token, now) for app_id, rules in candidates))
    user, app_id = _only_match([app_id for app_id, _ in candidates], results)
    async with broker.store.transaction() as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
    if app is None:
        raise UserTokenInvalid(NO_APP)
    return user, app


async def _verify(
    broker: Broker, app_id: AppId, rules: TokenRules, token: str, now: datetime
) -> VerifiedUser | BrokerError:
    try:
        return await broker.user_tokens.verify(rules, token, now)
    except NotAuthenticated as error:
        return error.of(app_id)
    except IdentityUnavailable as error:
        return error


def _only_match(app_ids: Sequence[AppId], results: Sequence[VerifiedUser | BrokerError]) -> tuple[VerifiedUser, AppId]:
    """The only app that accepts the token. Raises the most specific error if no app accepts it, or more than one."""
    matches = [
        (result, app_id) for app_id, result in zip(app_ids, results, strict=True) if isinstance(result, VerifiedUser)
    ]
    errors = [result for result in results if isinstance(result, BrokerError)]
    unavailable = next((error for error in errors if isinstance(error, IdentityUnavailable)), None)
    if len(matches) > 1:
        log.warning("user_token.ambiguous", app_ids=[str(app_id) for _, app_id in matches])
        raise UserTokenAmbiguous(
            "More than one app here accepts this user token, so it names none of them. Give each app a secret or an "
            "`audience` of its own: `videobroker user-tokens set`."
        )
    if matches and unavailable is None:
        return matches[0]
    # While a key set cannot be fetched, its app may accept the token too. Errors other than `UserTokenInvalid` come
    # from an app whose keys signed the token.
    specific = [error for error in errors if not isinstance(error, UserTokenInvalid | IdentityUnavailable)]
    raise next(iter([*specific, *([unavailable] if unavailable else []), *errors]), UserTokenInvalid(NO_APP))


async def set_token_rules(
    broker: Broker, app: App, rules: TokenRules, *, via: ChangeInterface = ChangeInterface.COMMAND_LINE, now: datetime
) -> None:
    """Set how the app's user tokens are verified. Changes are journaled; equal rules change nothing.

    Raises `UserTokenRulesOverlap` when another app could accept the same tokens, `InvalidInput`.
    """
    check_new_rules(rules)
    async with broker.store.transaction() as unit_of_work:
        stored = await apps.lock_overlapping_rules(unit_of_work, rules)
        if (app.id, rules) in stored:
            return
        if any(app_id != app.id and may_accept_same_token(rules, other) for app_id, other in stored):
            raise UserTokenRulesOverlap(
                "Another app accepts the same user tokens. Give each app a secret of its own, or, where they share an "
                "identity provider, an `audience` of its own."
            )
        former = await apps.find_rules(unit_of_work, app.id)
        await apps.save_rules(unit_of_work, app.id, rules, now=now)
        data = describe_rules_change(former, rules)
        await record(unit_of_work, _set_up_event(app.id, EventType.USER_TOKEN_RULES_CHANGED, via, now, **data))


async def remove_token_rules(
    broker: Broker, app: App, *, via: ChangeInterface = ChangeInterface.COMMAND_LINE, now: datetime
) -> None:
    """Stop accepting user tokens for the app, and journal it. Raises `UserTokenRulesNotFound`."""
    async with broker.store.transaction() as unit_of_work:
        if not await apps.delete_rules(unit_of_work, app.id):
            raise UserTokenRulesNotFound(f"The app {app.name!r} has no rules for user tokens.")
        await record(unit_of_work, _set_up_event(app.id, EventType.USER_TOKEN_RULES_REMOVED, via, now))


async def find_app(broker: Broker, name: str) -> App:
    """Raises `AppNotFound`."""
    async with broker.store.transaction() as unit_of_work:
        app = await apps.find_app(unit_of_work, name)
    if app is None:
        raise AppNotFound(f"There is no app {name!r}. `videobroker apps list` shows them all.")
    return app


async def find_journal(broker: Broker, name: str) -> App:
    """The app with this name, or `SERVICE` for `@service`. Raises `AppNotFound`."""
    return SERVICE if name == SERVICE.name else await find_app(broker, name)


async def find_app_by_id(broker: Broker, app_id: AppId) -> App:
    """Raises `AppNotFound`."""
    async with broker.store.transaction() as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
    if app is None:
        raise AppNotFound("There is no app with this id.")
    return app


async def list_apps(broker: Broker) -> list[App]:
    """All apps, ordered by name."""
    async with broker.store.transaction() as unit_of_work:
        return await apps.all_apps(unit_of_work)


async def create_app(
    broker: Broker,
    name: str,
    *,
    policy: Mapping[str, Any],
    role_maps: Mapping[ProviderName, RoleMap],
    allowed_origins: Sequence[str] = (),
    legacy_families: Collection[LegacyFamily] = frozenset(),
    via: ChangeInterface = ChangeInterface.COMMAND_LINE,
    now: datetime,
) -> App:
    """Create an app, and journal its settings. Raises `AppExists`, `InvalidInput`, `RoleNotMapped`."""
    origins = _origins(allowed_origins)
    _check_guests(policy, role_maps)
    if name == SERVICE.name:
        raise InvalidInput(f"No app can be named {name}: this is the name of the service's own journal.")
    try:
        check_identifier(name)  # it is part of paths: /hooks/{provider}/{app}
    except ValueError as error:
        raise InvalidInput(f"An app cannot have this name: {error}.") from None
    async with broker.store.transaction() as unit_of_work:
        app_id = AppId(uuid7(now))
        added = await apps.add_app(
            unit_of_work,
            app_id,
            name,
            policy=policy,
            role_maps=role_maps,
            allowed_origins=origins,
            legacy_families=legacy_families,
            now=now,
        )
        if not added:
            raise AppExists(f"There is an app {name!r} already. Choose another name, or change that one.")
        new = await apps.app_by_id(unit_of_work, app_id)
        settings = {} if new is None else list_settings(new)
        event = _set_up_event(app_id, EventType.APP_SETTINGS_CREATED, via, now, name=name, settings=settings)
        await record(unit_of_work, event)
    return await find_app(broker, name)


async def change_app(
    broker: Broker,
    app: App,
    *,
    policy: Mapping[str, Any],
    role_maps: Mapping[ProviderName, RoleMap],
    allowed_origins: Sequence[str] | None = None,
    legacy_families: Collection[LegacyFamily] | None = None,
    via: ChangeInterface = ChangeInterface.COMMAND_LINE,
    now: datetime,
) -> App:
    """Replace the app's policy and role maps, and its origins and legacy families unless they are None.

    Changes are journaled, and the next lifecycle step of each session is computed again.

    Raises `InvalidInput`, and `RoleNotMapped` when the policy allows guests but a provider has no role for them.
    """
    _check_guests(policy, role_maps, app.accounts)
    origins = app.allowed_origins if allowed_origins is None else _origins(allowed_origins)
    async with broker.store.transaction() as unit_of_work:
        before = await apps.lock_app(unit_of_work, app.id)
        await apps.change_app(
            unit_of_work,
            app.id,
            policy=policy,
            role_maps=role_maps,
            allowed_origins=origins,
            legacy_families=app.legacy_families if legacy_families is None else legacy_families,
        )
        await sessions.bring_all_next_steps_forward(unit_of_work, app.id, now)
        after = await apps.app_by_id(unit_of_work, app.id)
        changed = (
            {} if before is None or after is None else compare_settings(list_settings(before), list_settings(after))
        )
        if changed:
            await record(unit_of_work, _set_up_event(app.id, EventType.APP_SETTINGS_CHANGED, via, now, changes=changed))
    broker.tenant_cache.invalidate(app.id)
    return await find_app(broker, app.name)


def _check_guests(
    policy: Mapping[str, Any], role_maps: Mapping[ProviderName, RoleMap], providers: Iterable[ProviderName] = ()
) -> None:
    if not DEFAULT_POLICY.with_changes(policy).guests_allowed:
        return
    for provider in sorted({*role_maps, *providers}):
        if GUEST_ROLE not in role_maps.get(provider, {}):
            raise RoleNotMapped(
                f"The policy allows guests, but the role map says nothing about the role {GUEST_ROLE!r} at {provider}. "
                "Add it to the role map, or do not allow guests.",
                role=GUEST_ROLE,
            )


def _origins(texts: Sequence[str]) -> tuple[str, ...]:
    """The distinct origins, written as browsers send them. Raises `InvalidInput`."""
    try:
        origins = tuple(dict.fromkeys(normalize_origin(text) for text in texts))
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    if len(origins) > MAX_ORIGINS:
        raise InvalidInput(f"An app has at most {MAX_ORIGINS} origins.")
    return origins


async def all_origins(broker: Broker) -> set[str]:
    """The allowed origins of all apps."""
    async with broker.store.transaction() as unit_of_work:
        return await apps.all_origins(unit_of_work)


async def set_account(
    broker: Broker,
    app: App,
    provider: ProviderName,
    settings: Mapping[str, str],
    *,
    via: ChangeInterface = ChangeInterface.COMMAND_LINE,
    now: datetime,
) -> App:
    """Set or replace the app's account with a provider. Raises `ProviderNotConfigured`.

    The journal records the names of changed settings, but no values.
    """
    account = ProviderAccount(AccountId(uuid7(now)), provider, settings)
    broker.providers.provider(account)  # raises for settings that cannot work
    async with broker.store.transaction() as unit_of_work:
        former = await apps.save_account(unit_of_work, app.id, account, now=now)
        changed = list_changed_names({} if former is None else former.settings, settings)
        if changed or former is None:
            data = {"provider": provider.value, "changed": changed, "is_new": former is None}
            await record(unit_of_work, _set_up_event(app.id, EventType.PROVIDER_ACCOUNT_CHANGED, via, now, **data))
    broker.tenant_cache.invalidate(app.id)
    return await find_app(broker, app.name)


async def create_key(
    broker: Broker,
    app: App,
    name: str,
    *,
    scopes: Iterable[Scope],
    expires_at: datetime | None,
    via: ChangeInterface = ChangeInterface.COMMAND_LINE,
    now: datetime,
    key: str | None = None,
) -> tuple[str, ApiKey]:
    """Create and journal an API key. Returns its text, which is not stored, and its record.

    `key` sets the text instead of generating it; if it exists already, nothing changes.
    """
    secret = key or generate_key()
    check_key_shape(secret)
    api_key = ApiKey(
        id=KeyId(uuid7(now)),
        app_id=app.id,
        name=name,
        shown=secret[:KEY_HINT_LENGTH],
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    async with broker.store.transaction() as unit_of_work:
        if await apps.add_key(unit_of_work, api_key, compute_key_digest(secret)):
            data = {**_key_data(api_key), "expires_at": None if expires_at is None else rfc3339(expires_at)}
            await record(unit_of_work, _set_up_event(app.id, EventType.API_KEY_CREATED, via, now, **data))
    return secret, api_key


async def list_keys(broker: Broker, app: App) -> Sequence[ApiKey]:
    """The app's keys, oldest first."""
    async with broker.store.transaction() as unit_of_work:
        return await apps.keys_of(unit_of_work, app.id)


async def revoke_key(
    broker: Broker, app: App, key_id: KeyId, *, via: ChangeInterface = ChangeInterface.COMMAND_LINE, now: datetime
) -> None:
    """Revoke a key and journal it. Idempotent. Raises `ApiKeyNotFound`."""
    async with broker.store.transaction() as unit_of_work:
        key = await apps.lock_key(unit_of_work, app.id, key_id)
        if key is None:
            raise ApiKeyNotFound(f"The app {app.name!r} has no key {key_id}. `videobroker keys list` shows them.")
        if key.revoked_at is None:
            await apps.revoke_key(unit_of_work, app.id, key_id, now=now)
            await record(unit_of_work, _set_up_event(app.id, EventType.API_KEY_REVOKED, via, now, **_key_data(key)))
    broker.tenant_cache.invalidate(app.id)


def _key_data(key: ApiKey) -> dict[str, Any]:
    return {"key": str(key.id), "name": key.name, "scopes": sorted(scope.value for scope in key.scopes)}


def _set_up_event(app_id: AppId, event_type: EventType, via: ChangeInterface, now: datetime, **data: Any) -> Event:
    return create_set_up_event(event_type, actor=Actor(app_id), via=via, now=now, **data)
