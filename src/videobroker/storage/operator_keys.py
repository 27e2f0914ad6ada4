"""Operator keys. They belong to no app."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from videobroker.domain.ids import KeyId
from videobroker.domain.operator_keys import OperatorKey
from videobroker.domain.operators import OperatorRole
from videobroker.domain.pages import Page
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import operator_keys


async def add(unit_of_work: UnitOfWork, key: OperatorKey, digest: bytes) -> None:
    await unit_of_work.execute(
        insert(operator_keys).values(
            id=key.id,
            name=key.name,
            shown=key.shown,
            digest=digest,
            role=key.role,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )


async def find_by_digest(unit_of_work: UnitOfWork, digest: bytes) -> OperatorKey | None:
    row = (await unit_of_work.execute(select(operator_keys).where(operator_keys.c.digest == digest))).one_or_none()
    return None if row is None else _key_from(row)


async def page(unit_of_work: UnitOfWork, *, limit: int, cursor: str | None) -> Page[OperatorKey]:
    """One page of all keys, oldest first. Raises `InvalidCursor`."""
    statement = select(operator_keys).order_by(operator_keys.c.id).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(operator_keys.c.id > pagination.read(cursor, UUID)[0])
    found = [_key_from(row) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda key: pagination.write([str(key.id)]))


async def all_keys(unit_of_work: UnitOfWork) -> Sequence[OperatorKey]:
    """All keys, oldest first."""
    return [_key_from(row) for row in await unit_of_work.execute(select(operator_keys).order_by(operator_keys.c.id))]


async def find(unit_of_work: UnitOfWork, key_id: KeyId) -> OperatorKey | None:
    row = (await unit_of_work.execute(select(operator_keys).where(operator_keys.c.id == key_id))).one_or_none()
    return None if row is None else _key_from(row)


async def lock(unit_of_work: UnitOfWork, key_id: KeyId) -> OperatorKey | None:
    """The key, locked until the transaction ends."""
    statement = select(operator_keys).where(operator_keys.c.id == key_id).with_for_update()
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _key_from(row)


async def revoke(unit_of_work: UnitOfWork, key_id: KeyId, *, now: datetime) -> None:
    await unit_of_work.execute(
        update(operator_keys)
        .where(operator_keys.c.id == key_id, operator_keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def _key_from(row: Row[Any]) -> OperatorKey:
    return OperatorKey(
        id=KeyId(row.id),
        name=row.name,
        shown=row.shown,
        role=OperatorRole(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
