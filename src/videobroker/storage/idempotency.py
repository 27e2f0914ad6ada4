"""Idempotency keys, and the stored responses that are replayed for them.

A key has a lease while its first request runs, measured with the clock of the database, like the lease of a room.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Update, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.ids import AppId
from videobroker.storage.calls.rooms import LEASE_DURATION
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import idempotency

RESPONSE_TTL = timedelta(hours=24)
"""How long a response is replayed."""
DELETED_PER_CLAIM = 20
"""Expired responses that each claim deletes: more than one, so that they cannot accumulate."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The row of a key."""

    fingerprint: bytes
    holder: UUID
    """The request that took the key last; identifies this version of the response."""
    status: int | None
    """None while the first request runs."""
    sealed_answer: bytes | None = field(repr=False)
    credential: Mapping[str, Any] | None
    """What the credential in the response was issued for; without one, the session that the response is about."""


async def claim(
    unit_of_work: UnitOfWork, app_id: AppId, key: str, *, fingerprint: bytes, holder: UUID, user_id: str | None
) -> StoredResponse | None:
    """Take the key for a request. None if the request has it now, the stored row otherwise.

    A key is free if it is new, if its response has expired, or if its request died without a response. `user_id` is the
    person whom the response is about; the erasure of a person deletes by it.
    """
    await delete_expired(unit_of_work, limit=DELETED_PER_CLAIM)
    current_time = func.clock_timestamp()
    new_row = insert(idempotency).values(
        app_id=app_id,
        key=key,
        fingerprint=fingerprint,
        user_id=user_id,
        lease_holder=holder,
        lease_until=current_time + literal(LEASE_DURATION, Interval),
        expires_at=current_time + literal(RESPONSE_TTL, Interval),
    )
    is_abandoned = idempotency.c.status.is_(None) & (idempotency.c.lease_until < current_time)
    statement = new_row.on_conflict_do_update(
        index_elements=["app_id", "key"],
        set_={
            "fingerprint": new_row.excluded.fingerprint,
            "user_id": new_row.excluded.user_id,
            "lease_holder": new_row.excluded.lease_holder,
            "lease_until": new_row.excluded.lease_until,
            "expires_at": new_row.excluded.expires_at,
            "status": None,
            "sealed_answer": None,
            "credential": None,
            "sealed_with": None,
        },
        where=(idempotency.c.expires_at < current_time) | (is_abandoned & (idempotency.c.fingerprint == fingerprint)),
    ).returning(idempotency.c.key)
    if (await unit_of_work.execute(statement)).one_or_none() is not None:
        return None
    row = (
        await unit_of_work.execute(select(idempotency).where(idempotency.c.app_id == app_id, idempotency.c.key == key))
    ).one()
    return StoredResponse(row.fingerprint, row.lease_holder, row.status, row.sealed_answer, row.credential)


async def take_over(unit_of_work: UnitOfWork, app_id: AppId, key: str, *, version: UUID, holder: UUID) -> bool:
    """Discard this version of the response, and take the key for a request that makes a new one.

    False if another request did so first.
    """
    statement = (
        update(idempotency)
        .where(
            idempotency.c.app_id == app_id,
            idempotency.c.key == key,
            idempotency.c.lease_holder == version,
            idempotency.c.status.is_not(None),
        )
        .values(
            status=None,
            sealed_answer=None,
            credential=None,
            lease_holder=holder,
            lease_until=func.clock_timestamp() + literal(LEASE_DURATION, Interval),
            expires_at=func.clock_timestamp() + literal(RESPONSE_TTL, Interval),
        )
        .returning(idempotency.c.key)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def delete_expired(unit_of_work: UnitOfWork, *, limit: int) -> None:
    """Delete expired responses: they hold credentials."""
    expired = (
        select(idempotency.c.app_id, idempotency.c.key)
        .where(idempotency.c.expires_at < func.clock_timestamp())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    await unit_of_work.execute(delete(idempotency).where(tuple_(idempotency.c.app_id, idempotency.c.key).in_(expired)))


async def renew(unit_of_work: UnitOfWork, app_id: AppId, key: str, holder: UUID) -> None:
    """Extend the lease."""
    lease_until = func.clock_timestamp() + literal(LEASE_DURATION, Interval)
    await unit_of_work.execute(_with_lease(app_id, key, holder).values(lease_until=lease_until))


async def store_response(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    key: str,
    *,
    holder: UUID,
    status: int,
    sealed_answer: bytes,
    sealed_with: str,
    credential: Mapping[str, Any] | None = None,
    useful_for: timedelta = RESPONSE_TTL,
) -> None:
    """Store the response for `useful_for`, at most `RESPONSE_TTL`; after that the key is free.

    `sealed_with` is the ID of the secret key that encrypted the response.
    """
    expires_at = func.clock_timestamp() + literal(max(min(useful_for, RESPONSE_TTL), timedelta(0)), Interval)
    await unit_of_work.execute(
        _with_lease(app_id, key, holder).values(
            status=status,
            sealed_answer=sealed_answer,
            sealed_with=sealed_with,
            credential=credential,
            expires_at=expires_at,
        )
    )


async def release(unit_of_work: UnitOfWork, app_id: AppId, key: str, holder: UUID) -> None:
    """Free the key: its request has no response to replay."""
    await unit_of_work.execute(
        delete(idempotency).where(
            idempotency.c.app_id == app_id, idempotency.c.key == key, idempotency.c.lease_holder == holder
        )
    )


async def delete_responses_about(unit_of_work: UnitOfWork, app_id: AppId, user_id: str) -> int:
    """Delete all responses about this person; returns how many."""
    statement = delete(idempotency).where(idempotency.c.app_id == app_id, idempotency.c.user_id == user_id)
    return (await unit_of_work.execute(statement)).rowcount


async def responses_page(
    unit_of_work: UnitOfWork, app_id: AppId, *, after: str | None, limit: int
) -> list[tuple[str, bytes]]:
    """Keys with their encrypted responses, by key; `after` is the last key of the previous page."""
    statement = (
        select(idempotency.c.key, idempotency.c.sealed_answer)
        .where(idempotency.c.app_id == app_id, idempotency.c.sealed_answer.is_not(None))
        .order_by(idempotency.c.key)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(idempotency.c.key > after)
    return [(row.key, row.sealed_answer) for row in await unit_of_work.execute(statement)]


async def delete_responses(unit_of_work: UnitOfWork, app_id: AppId, keys: Collection[str]) -> int:
    """Delete the responses of these keys; returns how many."""
    if not keys:
        return 0
    statement = delete(idempotency).where(
        idempotency.c.app_id == app_id, idempotency.c.key.in_(list(keys)), idempotency.c.sealed_answer.is_not(None)
    )
    return (await unit_of_work.execute(statement)).rowcount


def _with_lease(app_id: AppId, key: str, holder: UUID) -> Update:
    return update(idempotency).where(
        idempotency.c.app_id == app_id, idempotency.c.key == key, idempotency.c.lease_holder == holder
    )
