"""Finds apps, and authenticates the callers that belong to one. `usecases/management` changes apps."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from videobroker.broker import Broker
from videobroker.domain.api_keys import (
    ApiKey,
    check_key_shape,
    compute_key_digest,
)
from videobroker.domain.apps import (
    App,
)
from videobroker.domain.ids import SERVICE_ID, AppId
from videobroker.domain.user_tokens import TokenRules, VerifiedUser
from videobroker.errors import (
    ApiKeyInvalid,
    AppNotFound,
    BrokerError,
    IdentityUnavailable,
    NotAuthenticated,
    UserTokenAmbiguous,
    UserTokenInvalid,
)
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText

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
        raise ApiKeyInvalid("Unknown API key. Check that it belongs to this deployment.")
    api_key, app = found
    try:
        api_key.check(now)
    except NotAuthenticated as error:
        raise error.of(app.id) from None
    broker.key_usage.record(api_key, now=now)
    return api_key, app


async def authenticate_user(broker: Broker, token: str, *, now: datetime) -> tuple[VerifiedUser, App]:
    """The user of a token, and the app that accepts it.

    The token is verified by the rules of every app that could accept it, so that the result depends neither on their
    order nor on which of their key sets can be fetched now. Raises `UserTokenInvalid`, `UserTokenExpired`,
    `UserTokenNotYetValid`, `UserTokenLivesTooLong`, `UserTokenAmbiguous`, `IdentityUnavailable`.
    """
    unverified = broker.user_tokens.read_unverified(token)
    async with broker.store.cross_app_transaction() as unit_of_work:
        stored = await apps.rules_for_issuer(unit_of_work, unverified.issuer)
    candidates = [(app_id, rules) for app_id, rules in stored if unverified.may_fit(rules)]
    results = await asyncio.gather(*(_verify(broker, app_id, rules, token, now) for app_id, rules in candidates))
    user, app_id = _only_match([app_id for app_id, _ in candidates], results)
    async with broker.store.transaction(app_id) as unit_of_work:
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


async def find_app(broker: Broker, name: str) -> App:
    """Raises `AppNotFound`."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        app = await apps.find_app(unit_of_work, name)
    if app is None:
        raise AppNotFound(f"App {name!r} not found. `videobroker apps list` shows all apps.")
    return app


async def find_journal(broker: Broker, name: str) -> App:
    """The app with this name, or `SERVICE` for `@service`. Raises `AppNotFound`."""
    return SERVICE if name == SERVICE.name else await find_app(broker, name)


async def find_app_by_id(broker: Broker, app_id: AppId) -> App:
    """Raises `AppNotFound`."""
    async with broker.store.transaction(app_id) as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
    if app is None:
        raise AppNotFound(TranslatableText("No app has this ID."))
    return app


async def list_apps(broker: Broker) -> list[App]:
    """All apps, ordered by name."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        return await apps.all_apps(unit_of_work)


async def all_origins(broker: Broker) -> set[str]:
    """The allowed origins of all apps."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        return await apps.all_origins(unit_of_work)
