"""Apps, their keys and their accounts: what an operator sets up, and who a caller is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from videobroker.broker import Broker
from videobroker.domain.apps import MOST_ORIGINS, App, ProviderAccount, ProviderName, RoleMap, origin
from videobroker.domain.ids import AccountId, AppId, KeyId, uuid7
from videobroker.domain.keys import SHOWN_CHARACTERS, ApiKey, Scope, check_key_shape, key_digest, mint_key
from videobroker.domain.users import TokenRules, VerifiedUser
from videobroker.errors import ApiKeyInvalid, Conflict, InvalidInput, NotFound, UserTokenInvalid
from videobroker.storage import apps, sessions

LONGEST_NAME = 128


class AppNotFound(NotFound):
    """There is no such app."""

    code = "app_not_found"


class AppExists(Conflict):
    """An app with this name exists already."""

    code = "app_exists"


class KeyNotFound(NotFound):
    """The app has no such key."""

    code = "key_not_found"


class SecretShared(Conflict):
    """Two apps may not share the secret of their user tokens."""

    code = "secret_shared"


async def authenticate(broker: Broker, key: str, *, now: datetime) -> tuple[ApiKey, App]:
    """Whose key this is, as of less than a second ago. Raises `ApiKeyInvalid`, `ApiKeyExpired`, `ApiKeyRevoked`."""
    check_key_shape(key)
    found = await broker.known.by_key(key_digest(key))
    if found is None:
        raise ApiKeyInvalid("This API key is not known here. Check that it belongs to this deployment.")
    api_key, app = found
    api_key.check(now)
    return api_key, app


async def authenticate_user(broker: Broker, token: str, *, now: datetime) -> tuple[VerifiedUser, App]:
    """Whose user token this is, until when it is valid, and of which app.

    A token names its app by its issuer; the apps that name no issuer are tried one after the other. Raises
    `UserTokenInvalid`, `UserTokenExpired`, `UserTokenNotYetValid`, `UserTokenLivesTooLong`, `IdentityUnavailable`.
    """
    issuer = broker.user_tokens.claimed_issuer(token)
    async with broker.store.transaction() as transaction:
        candidates = await broker.accounts.rules_of(transaction, issuer)
    refusal = UserTokenInvalid("No app here takes this user token. Set one up with `videobroker user-tokens set`.")
    for app_id, rules in candidates:
        try:
            user = await broker.user_tokens.verify(rules, token, now)
        except UserTokenInvalid as error:
            refusal = error
            continue
        async with broker.store.transaction() as transaction:
            app = await broker.accounts.app_by_id(transaction, app_id)
        if app is not None:
            return user, app
    raise refusal


async def set_token_rules(broker: Broker, app: App, rules: TokenRules, *, now: datetime) -> None:
    """Say how the app's user tokens are checked. Raises `SecretShared` when their app could not be told apart."""
    async with broker.store.transaction() as transaction:
        for other_id, other in await broker.accounts.rules_of(transaction, rules.issuer):
            if other_id != app.id and rules.secret is not None and other.secret == rules.secret:
                raise SecretShared("Another app has this very secret. Give every app its own, or name their issuers.")
        await broker.accounts.save_rules(transaction, app.id, rules, now=now)


async def find_app(broker: Broker, name: str) -> App:
    """The app with this name. Raises `AppNotFound`."""
    async with broker.store.transaction() as transaction:
        app = await broker.accounts.find_app(transaction, name)
    if app is None:
        raise AppNotFound(f"There is no app {name!r}. `videobroker apps list` shows them all.")
    return app


async def find_app_by_id(broker: Broker, app_id: AppId) -> App:
    """The app with this id of ours. Raises `AppNotFound`."""
    async with broker.store.transaction() as transaction:
        app = await broker.accounts.app_by_id(transaction, app_id)
    if app is None:
        raise AppNotFound("There is no app with this id.")
    return app


async def list_apps(broker: Broker) -> list[App]:
    """Every app, by name."""
    async with broker.store.transaction() as transaction:
        return await broker.accounts.all_apps(transaction)


async def create_app(
    broker: Broker,
    name: str,
    *,
    policy: Mapping[str, Any],
    role_maps: Mapping[ProviderName, RoleMap],
    allowed_origins: Sequence[str] = (),
    now: datetime,
) -> App:
    """A new app. Raises `AppExists`, `InvalidInput`."""
    origins = _origins(allowed_origins)
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InvalidInput(f"Name the app with 1 to {LONGEST_NAME} printable characters, without spaces around them.")
    async with broker.store.transaction() as transaction:
        app_id = AppId(uuid7(now))
        added = await apps.add_app(
            transaction, app_id, name, policy=policy, role_maps=role_maps, allowed_origins=origins, now=now
        )
        if not added:
            raise AppExists(f"There is an app {name!r} already. Choose another name, or change that one.")
    return await find_app(broker, name)


async def change_app(
    broker: Broker,
    app: App,
    *,
    policy: Mapping[str, Any],
    role_maps: Mapping[ProviderName, RoleMap],
    allowed_origins: Sequence[str] | None = None,
    now: datetime,
) -> App:
    """Give the app another policy, other role maps and, where they are given, other origins.

    What falls due for its sessions is reckoned anew. Raises `InvalidInput`.
    """
    origins = app.allowed_origins if allowed_origins is None else _origins(allowed_origins)
    async with broker.store.transaction() as transaction:
        await apps.change_app(transaction, app.id, policy=policy, role_maps=role_maps, allowed_origins=origins)
        await sessions.attend_all(transaction, app.id, now)
    broker.known.forget(app.id)
    return await find_app(broker, app.name)


def _origins(texts: Sequence[str]) -> tuple[str, ...]:
    """Each once, as browsers send them. Raises `InvalidInput`."""
    try:
        origins = tuple(dict.fromkeys(origin(text) for text in texts))
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    if len(origins) > MOST_ORIGINS:
        raise InvalidInput(f"An app has at most {MOST_ORIGINS} origins.")
    return origins


async def all_origins(broker: Broker) -> set[str]:
    """The origins of the pages of all apps."""
    async with broker.store.transaction() as transaction:
        return await apps.all_origins(transaction)


async def embedding_origins(broker: Broker, app: App) -> tuple[str, ...]:
    """The origins whose pages may embed ours for this app, as they are now."""
    async with broker.store.transaction() as transaction:
        known = await broker.accounts.app_by_id(transaction, app.id)
    return () if known is None else known.allowed_origins


async def set_account(
    broker: Broker, app: App, provider: ProviderName, settings: Mapping[str, str], *, now: datetime
) -> App:
    """Give the app an account with a provider, in place of the one it had. Raises `ProviderNotConfigured`."""
    account = ProviderAccount(AccountId(uuid7(now)), provider, settings)
    broker.providers.provider(account)  # refuses settings that cannot work
    async with broker.store.transaction() as transaction:
        await broker.accounts.save(transaction, app.id, account, now=now)
    broker.known.forget(app.id)
    return await find_app(broker, app.name)


async def create_key(
    broker: Broker,
    app: App,
    name: str,
    *,
    scopes: Iterable[Scope],
    expires_at: datetime | None,
    now: datetime,
    key: str | None = None,
) -> tuple[str, ApiKey]:
    """A new key for the app: the key itself, which nobody can read again, and what we keep of it.

    A `key` that is given is used instead of a new one; giving it again changes nothing.
    """
    secret = key or mint_key()
    check_key_shape(secret)
    api_key = ApiKey(
        id=KeyId(uuid7(now)),
        app_id=app.id,
        name=name,
        shown=secret[:SHOWN_CHARACTERS],
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    async with broker.store.transaction() as transaction:
        await apps.add_key(transaction, api_key, key_digest(secret))
    return secret, api_key


async def list_keys(broker: Broker, app: App) -> Sequence[ApiKey]:
    """The app's keys, oldest first."""
    async with broker.store.transaction() as transaction:
        return await apps.keys_of(transaction, app.id)


async def revoke_key(broker: Broker, app: App, key_id: KeyId, *, now: datetime) -> None:
    """Make a key worthless from now on. Raises `KeyNotFound`."""
    async with broker.store.transaction() as transaction:
        revoked = await apps.revoke_key(transaction, app.id, key_id, now=now)
    broker.known.forget(app.id)
    if not revoked:
        raise KeyNotFound(f"The app {app.name!r} has no key {key_id}. `videobroker keys list` shows them.")
