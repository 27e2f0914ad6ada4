"""Manages the API keys of an app."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from videobroker.domain.api_keys import (
    KEY_HINT_LENGTH,
    ApiKey,
    Scope,
    check_key_shape,
    compute_key_digest,
    generate_key,
)
from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.ids import KeyId, uuid7
from videobroker.domain.operators import OperatorRole
from videobroker.domain.pages import Page
from videobroker.domain.texts import is_name
from videobroker.domain.times import rfc3339
from videobroker.errors import ApiKeyNotFound, InvalidInput, SecretReplaced
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.changes import record_change

MAX_LIFETIME = timedelta(days=3650)
MAX_KEY_NAME_LENGTH = 64


async def create_key(
    context: RequestContext,
    name: str,
    *,
    scopes: Iterable[Scope],
    expires_at: datetime | None,
    via: ChangeInterface | None = None,
    key: str | None = None,
) -> tuple[str, ApiKey]:
    """Create and journal an API key. Returns its text, which is not stored, and its record.

    `key` sets the text instead of generating it; if it exists already, nothing changes. Raises `InvalidInput`.
    """
    require_operator(context.actor, OperatorRole.ADMIN)
    check_key_name(name)
    check_expiry(expires_at, context.now)
    secret = key or generate_key()
    check_key_shape(secret)
    api_key = ApiKey(
        id=KeyId(uuid7(context.now)),
        app_id=context.app.id,
        name=name,
        shown=secret[:KEY_HINT_LENGTH],
        scopes=frozenset(scopes),
        created_at=context.now,
        expires_at=expires_at,
        revoked_at=None,
    )
    async with context.transaction() as unit_of_work:
        if await apps.add_key(unit_of_work, api_key, compute_key_digest(secret)):
            data = {**_describe(api_key), "expires_at": None if expires_at is None else rfc3339(expires_at)}
            await record_change(context, unit_of_work, EventType.API_KEY_CREATED, via=via, **data)
    return secret, api_key


async def list_keys(context: RequestContext, *, limit: int, cursor: str | None) -> Page[ApiKey]:
    """One page of the app's keys, oldest first. Raises `InvalidCursor`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.transaction() as unit_of_work:
        return await apps.page_of_keys(unit_of_work, context.app.id, limit=limit, cursor=cursor)


async def all_keys(context: RequestContext) -> Sequence[ApiKey]:
    """The app's keys, oldest first. Raises `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.transaction() as unit_of_work:
        return await apps.keys_of(unit_of_work, context.app.id)


async def find_key(context: RequestContext, key_id: KeyId) -> ApiKey:
    """Raises `ApiKeyNotFound`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.transaction() as unit_of_work:
        found = await apps.find_key(unit_of_work, context.app.id, key_id)
    if found is None:
        raise _not_found(context, key_id)
    return found


async def revoke_key(context: RequestContext, key_id: KeyId) -> ApiKey:
    """Revoke a key and journal it. Idempotent. Raises `ApiKeyNotFound`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.ADMIN)
    async with context.transaction() as unit_of_work:
        key = await apps.lock_key(unit_of_work, context.app.id, key_id)
        if key is None:
            raise _not_found(context, key_id)
        if key.revoked_at is None:
            await apps.revoke_key(unit_of_work, context.app.id, key_id, now=context.now)
            await record_change(context, unit_of_work, EventType.API_KEY_REVOKED, **_describe(key))
    context.broker.tenant_cache.invalidate(context.app.id)
    return await find_key(context, key_id)


async def require_usable_key(context: RequestContext, key_id: KeyId) -> None:
    """Raise unless the actor may still get the text of this key: it is neither revoked nor expired.

    Raises `ApiKeyNotFound`, `SecretReplaced`, `OperatorRoleMayNot`.
    """
    require_operator(context.actor, OperatorRole.ADMIN)
    key = await find_key(context, key_id)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= context.now):
        raise SecretReplaced(
            "The first request with this Idempotency-Key created a key that was revoked since, or has expired. "
            "Create one with a new Idempotency-Key."
        )


def check_key_name(name: str) -> None:
    """Raise `InvalidInput` for a name that a list of keys cannot show."""
    if len(name) > MAX_KEY_NAME_LENGTH or not is_name(name):
        raise InvalidInput(
            TranslatableText(
                "A key needs a name of 1 to %(maximum)s characters, without control characters.",
                maximum=MAX_KEY_NAME_LENGTH,
            )
        )


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raise `InvalidInput` for a key that has expired already, or would live too long."""
    if expires_at is not None and not now < expires_at <= now + MAX_LIFETIME:
        raise InvalidInput(
            TranslatableText(
                "`expires_at` must lie in the future, within the next 3,650 days. Null: the key never expires."
            )
        )


def _describe(key: ApiKey) -> dict[str, Any]:
    return {"key": str(key.id), "name": key.name, "scopes": sorted(scope.value for scope in key.scopes)}


def _not_found(context: RequestContext, key_id: KeyId) -> ApiKeyNotFound:
    return ApiKeyNotFound(
        TranslatableText(
            "The app %(app)r has no key %(key)s. `videobroker keys list` shows them.", app=context.app.name, key=key_id
        )
    )
