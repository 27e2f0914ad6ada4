"""Manages the operator keys of this installation, and authenticates the programs that use them.

Every request reads its key from the database: requests to `/v1/admin` are rare, and a revocation is effective at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from videobroker.broker import Broker
from videobroker.domain.api_keys import compute_key_digest
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import SERVICE_ID, KeyId, uuid7
from videobroker.domain.operator_keys import (
    KEY_HINT_LENGTH,
    OperatorKey,
    check_operator_key_shape,
    generate_operator_key,
)
from videobroker.domain.operators import OperatorRole
from videobroker.domain.pages import Page
from videobroker.domain.set_up import create_set_up_event, determine_interface
from videobroker.domain.times import rfc3339
from videobroker.errors import OperatorKeyInvalid, OperatorKeyNotFound, SecretReplaced
from videobroker.storage import operator_keys
from videobroker.storage.journal.journal import record
from videobroker.translatable import TranslatableText
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.keys import check_expiry, check_key_name


async def authenticate_operator_key(broker: Broker, key: str, *, now: datetime) -> OperatorKey:
    """The stored part of a valid key. Raises `OperatorKeyInvalid`, `OperatorKeyExpired`, `OperatorKeyRevoked`."""
    check_operator_key_shape(key)
    async with broker.store.transaction() as unit_of_work:
        found = await operator_keys.find_by_digest(unit_of_work, compute_key_digest(key))
    if found is None:
        raise OperatorKeyInvalid("Unknown operator key. Check that it belongs to this deployment.")
    found.check(now)
    broker.key_usage.record(found, now=now)
    return found


async def create_operator_key(
    context: RequestContext, name: str, *, role: OperatorRole, expires_at: datetime | None
) -> tuple[str, OperatorKey]:
    """Create and journal an operator key. Returns its text, which is not stored, and its record.

    Raises `InvalidInput`, `OperatorRoleMayNot`.
    """
    require_operator(context.actor, OperatorRole.ADMIN)
    check_key_name(name)
    check_expiry(expires_at, context.now)
    secret = generate_operator_key()
    key = OperatorKey(
        id=KeyId(uuid7(context.now)),
        name=name,
        shown=secret[:KEY_HINT_LENGTH],
        role=role,
        created_at=context.now,
        expires_at=expires_at,
        revoked_at=None,
    )
    async with context.store.transaction(SERVICE_ID) as unit_of_work:
        await operator_keys.add(unit_of_work, key, compute_key_digest(secret))
        expiry = None if expires_at is None else rfc3339(expires_at)
        await record(unit_of_work, _event(context, EventType.OPERATOR_KEY_CREATED, key, expires_at=expiry))
    return secret, key


async def list_operator_keys(context: RequestContext, *, limit: int, cursor: str | None) -> Page[OperatorKey]:
    """One page of all operator keys, oldest first. Raises `InvalidCursor`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.store.transaction(SERVICE_ID) as unit_of_work:
        return await operator_keys.page(unit_of_work, limit=limit, cursor=cursor)


async def all_operator_keys(context: RequestContext) -> Sequence[OperatorKey]:
    """All operator keys, oldest first. Raises `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.store.transaction(SERVICE_ID) as unit_of_work:
        return await operator_keys.all_keys(unit_of_work)


async def find_operator_key(context: RequestContext, key_id: KeyId) -> OperatorKey:
    """Raises `OperatorKeyNotFound`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.store.transaction(SERVICE_ID) as unit_of_work:
        found = await operator_keys.find(unit_of_work, key_id)
    if found is None:
        raise _not_found(key_id)
    return found


async def revoke_operator_key(context: RequestContext, key_id: KeyId) -> OperatorKey:
    """Revoke a key and journal it. Idempotent. Raises `OperatorKeyNotFound`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.ADMIN)
    async with context.store.transaction(SERVICE_ID) as unit_of_work:
        key = await operator_keys.lock(unit_of_work, key_id)
        if key is None:
            raise _not_found(key_id)
        if key.revoked_at is not None:
            return key
        await operator_keys.revoke(unit_of_work, key_id, now=context.now)
        await record(unit_of_work, _event(context, EventType.OPERATOR_KEY_REVOKED, key))
    return replace(key, revoked_at=context.now)


async def require_usable_operator_key(context: RequestContext, key_id: KeyId) -> None:
    """Raise unless the actor may still get the text of this key: it is neither revoked nor expired.

    Raises `OperatorKeyNotFound`, `SecretReplaced`, `OperatorRoleMayNot`.
    """
    require_operator(context.actor, OperatorRole.ADMIN)
    key = await find_operator_key(context, key_id)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= context.now):
        raise SecretReplaced(
            "The first request with this Idempotency-Key created a key that was revoked since, or has expired. "
            "Create one with a new Idempotency-Key."
        )


def _event(context: RequestContext, event_type: EventType, key: OperatorKey, **data: Any) -> Event:
    return create_set_up_event(
        event_type,
        actor=replace(context.actor, app_id=SERVICE_ID),
        via=determine_interface(context.actor),
        now=context.now,
        key=str(key.id),
        name=key.name,
        role=key.role.value,
        **data,
    )


def _not_found(key_id: KeyId) -> OperatorKeyNotFound:
    return OperatorKeyNotFound(
        TranslatableText("There is no operator key %(key)s. `videobroker operator-keys list` shows them.", key=key_id)
    )
