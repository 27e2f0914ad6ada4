"""Every table with encrypted columns: which key each row depends on, and how it is encrypted again.

`tests/storage/postgres/test_encryption_at_rest.py` fails for a table with a `sealed_` column that is not listed here.
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

from videobroker.domain.secret_keys import KeyUse
from videobroker.errors import DecryptionFailed
from videobroker.storage.calls import room_codes
from videobroker.storage.postgres.encryption import SecretBox
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import idempotency, provider_accounts, rooms, user_token_rules, webhook_endpoints

PrimaryKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class EncryptionBatch:
    """The result of encrypting some rows of a table again."""

    reencrypted: int
    unreadable: int
    """Left as they are: none of the keys decrypts them."""
    last: PrimaryKey | None
    is_last: bool


@dataclass(frozen=True, slots=True)
class EncryptedTable:
    """A table with encrypted columns."""

    table: Table
    is_used: ColumnElement[bool]
    """Rows that hold a secret."""
    key_id: ColumnElement[str | None]
    """The ID of the key that a row depends on; null where the row does not name it, or is not encrypted."""
    reencrypt: Callable[[SecretBox, RowMapping], Mapping[str, Any]]
    """Returns the columns, encrypted with the first key. Raises `DecryptionFailed`."""

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    async def uses(self, unit_of_work: UnitOfWork) -> list[KeyUse]:
        """How many rows depend on each key."""
        key_id = self.key_id.label("key_id")
        statement = select(key_id, func.count()).where(self.is_used).group_by(key_id).order_by(key_id)
        return [KeyUse(self.name, found, count) for found, count in await unit_of_work.execute(statement)]

    async def reencrypt_batch(
        self, unit_of_work: UnitOfWork, *, after: PrimaryKey | None, limit: int
    ) -> EncryptionBatch:
        """Encrypt the next rows with the first key; `after` is the last row of the previous batch.

        The rows are locked until the transaction ends.
        """
        identity = list(self.table.primary_key.columns)
        statement = (
            select(self.table)
            .where(self.is_used, self.key_id.is_distinct_from(unit_of_work.secret_box.key_id))
            .order_by(*identity)
            .limit(limit)
            .with_for_update()
        )
        if after is not None:
            statement = statement.where(tuple_(*identity) > after)
        found = (await unit_of_work.execute(statement)).mappings().all()
        unreadable = 0
        for row in found:
            try:
                values = self.reencrypt(unit_of_work.secret_box, row)
            except DecryptionFailed:
                unreadable += 1
                continue
            this = and_(*(column == row[column.name] for column in identity))
            await unit_of_work.execute(update(self.table).where(this).values(values))
        last = tuple(found[-1][column.name] for column in identity) if found else after
        return EncryptionBatch(len(found) - unreadable, unreadable, last, is_last=len(found) < limit)


def _single_column(table: Table, column: str) -> EncryptedTable:
    def reencrypt(secret_box: SecretBox, row: RowMapping) -> Mapping[str, Any]:
        return {column: secret_box.reencrypt(row[column]), "sealed_with": secret_box.key_id}

    return EncryptedTable(table, table.c[column].is_not(None), table.c.sealed_with, reencrypt)


def _reencrypt_room_codes(secret_box: SecretBox, row: RowMapping) -> Mapping[str, Any]:
    codes = room_codes.decrypt(secret_box, room_codes.stored_codes(row["codes"], row["sealed_codes"]))
    return room_codes.columns_of(secret_box, row["app_id"], codes)


_HAS_PLAIN_CODES = literal_column("rooms.codes <> '{}'::jsonb", Boolean)
"""A literal, because a parameter would not match the predicate of the partial index."""
_ROOM_KEY_ID = case((_HAS_PLAIN_CODES, null()), else_=rooms.c.sealed_with)
PLAIN_ROOM_CODES = EncryptedTable(rooms, _HAS_PLAIN_CODES, _ROOM_KEY_ID, _reencrypt_room_codes)
_HAS_CODES = or_(rooms.c.sealed_codes.is_not(None), _HAS_PLAIN_CODES)
ENCRYPTED_TABLES: Sequence[EncryptedTable] = (
    _single_column(provider_accounts, "sealed_settings"),
    _single_column(user_token_rules, "sealed_rules"),
    _single_column(webhook_endpoints, "sealed_secrets"),
    EncryptedTable(rooms, _HAS_CODES, _ROOM_KEY_ID, _reencrypt_room_codes),
    _single_column(idempotency, "sealed_answer"),
)


async def key_uses(unit_of_work: UnitOfWork) -> list[KeyUse]:
    """How many rows of each table depend on each key."""
    return [use for table in ENCRYPTED_TABLES for use in await table.uses(unit_of_work)]
