"""Every table with encrypted columns: which key each row depends on, and how it is encrypted again.

`tests/storage/test_at_rest.py` fails for a table with a `sealed_` column that is not listed here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    RowMapping,
    Table,
    and_,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from videobroker.domain.secret_keys import KeyUse
from videobroker.storage.calls.room_codes import RoomCodes, stored_codes
from videobroker.storage.postgres.encryption import SealBroken, SecretBox
from videobroker.storage.tables import idempotency, provider_accounts, rooms, user_token_rules, webhook_endpoints

Place = tuple[Any, ...]
"""The primary key of a row."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What encrypts."""

    seal: SecretBox
    room_codes: RoomCodes


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with encrypted columns."""

    table: Table
    is_used: ColumnElement[bool]
    """Rows that hold a secret."""
    key_id: ColumnElement[str | None]
    """The ID of the key that a row depends on; null where it does not say so, or is not encrypted."""
    resealed: Callable[[Keys, RowMapping], Mapping[str, Any]]
    """The columns, encrypted with the first key. Raises `SealBroken`."""

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    async def uses(self, connection: AsyncConnection) -> list[KeyUse]:
        """How many rows depend on each key."""
        key_id = self.key_id.label("key_id")
        statement = select(key_id, func.count()).where(self.is_used).group_by(key_id).order_by(key_id)
        return [KeyUse(self.name, found, count) for found, count in await connection.execute(statement)]

    async def reseal(self, connection: AsyncConnection, keys: Keys, *, after: Place | None, limit: int) -> "Batch":
        """Encrypt the next rows with the first key; `after` is the last row of the batch before.

        The rows are locked while this transaction lasts: a concurrent writer comes before or after it.
        """
        identity = list(self.table.primary_key.columns)
        statement = (
            select(self.table)
            .where(self.is_used, self.key_id.is_distinct_from(keys.seal.key_id))
            .order_by(*identity)
            .limit(limit)
            .with_for_update()
        )
        if after is not None:
            statement = statement.where(tuple_(*identity) > after)
        found = (await connection.execute(statement)).mappings().all()
        unreadable = 0
        for row in found:
            try:
                values = self.resealed(keys, row)
            except SealBroken:
                unreadable += 1
                continue
            this = and_(*(column == row[column.name] for column in identity))
            await connection.execute(update(self.table).where(this).values(values))
        last = tuple(found[-1][column.name] for column in identity) if found else after
        return Batch(len(found) - unreadable, unreadable, last, is_last=len(found) < limit)


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of some rows."""

    resealed: int
    unreadable: int
    last: Place | None
    is_last: bool


def _single(table: Table, column: str) -> SealedTable:
    def resealed(keys: Keys, row: RowMapping) -> Mapping[str, Any]:
        return {column: keys.seal.reseal(row[column]), "sealed_with": keys.seal.key_id}

    return SealedTable(table, table.c[column].is_not(None), table.c.sealed_with, resealed)


def _room(keys: Keys, row: RowMapping) -> Mapping[str, Any]:
    codes = keys.room_codes.open(stored_codes(row["codes"], row["sealed_codes"]))
    return keys.room_codes.columns(row["app_id"], codes)


_HAS_PLAIN_CODES = literal_column("rooms.codes <> '{}'::jsonb", Boolean)
"""A literal, because a parameter would not match the predicate of the partial index."""
_ROOM_KEY_ID = case((_HAS_PLAIN_CODES, null()), else_=rooms.c.sealed_with)
PLAIN_ROOM_CODES = SealedTable(rooms, _HAS_PLAIN_CODES, _ROOM_KEY_ID, _room)
SEALED_TABLES: Sequence[SealedTable] = (
    _single(provider_accounts, "sealed_settings"),
    _single(user_token_rules, "sealed_rules"),
    _single(webhook_endpoints, "sealed_secrets"),
    SealedTable(rooms, or_(rooms.c.sealed_codes.is_not(None), _HAS_PLAIN_CODES), _ROOM_KEY_ID, _room),
    _single(idempotency, "sealed_answer"),
)


async def key_uses(connection: AsyncConnection) -> list[KeyUse]:
    """How many rows of each table depend on each key."""
    return [use for table in SEALED_TABLES for use in await table.uses(connection)]
