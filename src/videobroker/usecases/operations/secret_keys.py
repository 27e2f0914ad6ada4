"""Rotates the keys of encryption at rest while the service runs."""

from collections.abc import Callable
from dataclasses import dataclass

from videobroker.broker import Broker
from videobroker.domain.secret_keys import KeyReport
from videobroker.storage.postgres.encrypted_rows import (
    ENCRYPTED_TABLES,
    PLAIN_ROOM_CODES,
    EncryptedTable,
    PrimaryKey,
    key_uses,
)

BATCH_ROWS = 200
"""Rows per transaction. They stay locked for some milliseconds."""


@dataclass(frozen=True, slots=True)
class RotationResult:
    """What `rotate` did."""

    rows: int
    """How many were encrypted again with the first key."""
    unreadable: int
    """How many were left unchanged because no configured key decrypts them."""
    report: KeyReport
    """The state afterwards."""


async def key_report(broker: Broker) -> KeyReport:
    """How many rows of each table depend on each secret key."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        return KeyReport(broker.secret_box.key_ids, await key_uses(unit_of_work))


async def rotate(broker: Broker, *, advance: Callable[[int], None] = lambda _: None) -> RotationResult:
    """Re-encrypt every row that depends on another key with the first one, and recompute digests of room codes.

    Safe to interrupt: rows name their key, so that the next call continues. `advance` gets the number of rows of each
    batch after its commit.
    """
    rows = unreadable = 0
    for table in ENCRYPTED_TABLES:
        done, broken = await _rotate_table(broker, table, advance)
        rows, unreadable = rows + done, unreadable + broken
    return RotationResult(rows, unreadable, await key_report(broker))


async def encrypt_plain_room_codes(broker: Broker) -> int:
    """Encrypt room codes that earlier versions stored in plain text. Returns how many rooms had any."""
    done, _ = await _rotate_table(broker, PLAIN_ROOM_CODES, lambda _: None)
    return done


async def _rotate_table(broker: Broker, table: EncryptedTable, advance: Callable[[int], None]) -> tuple[int, int]:
    done = broken = 0
    after: PrimaryKey | None = None
    while True:
        async with broker.store.cross_app_transaction() as unit_of_work:
            batch = await table.reencrypt_batch(unit_of_work, after=after, limit=BATCH_ROWS)
        done, broken, after = done + batch.reencrypted, broken + batch.unreadable, batch.last
        advance(batch.reencrypted + batch.unreadable)
        if batch.is_last:
            return done, broken
