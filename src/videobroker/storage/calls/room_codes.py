"""Room codes at rest: encrypted, and found by a keyed digest.

A row that an older version wrote has its codes in plain text; it is read as well, and encrypted by `secrets rotate` and
by the background work.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from videobroker.domain.ids import AppId, RoomId
from videobroker.domain.rooms import StoredCodes
from videobroker.storage.postgres.encryption import SecretBox, digest
from videobroker.storage.tables import rooms

_PURPOSE = b"videobroker room codes 1"
CACHE_SIZE = 4096
"""Rooms whose decrypted codes a process caches: a decryption costs several hundred times as much as a cache hit."""


class RoomCodes:
    """Reads and writes room codes with the service's secret keys."""

    def __init__(self, seal: SecretBox) -> None:
        self._seal = seal
        self._digest_keys = seal.derived_keys(_PURPOSE)
        self._opened: OrderedDict[bytes, Mapping[str, str]] = OrderedDict()

    def open(self, stored: StoredCodes) -> Mapping[str, str]:
        """The codes by provider role. Raises `SealBroken`."""
        if not isinstance(stored, bytes):
            return stored
        known = self._opened.get(stored)
        if known is None:
            known = self._opened[stored] = self._seal.open(stored)
            if len(self._opened) > CACHE_SIZE:
                self._opened.popitem(last=False)
        return known

    def columns(self, app_id: AppId, codes: Mapping[str, str]) -> dict[str, Any]:
        """What a row of `rooms` holds of these codes."""
        return {
            "codes": {},
            "sealed_codes": self._seal.seal(codes) if codes else None,
            "code_digests": [self._digests(app_id, role, code)[0] for role, code in codes.items()] or None,
            "sealed_with": self._seal.key_id if codes else None,
        }

    def matches(self, app_id: AppId, code: str, roles: Iterable[str]) -> ColumnElement[bool]:
        """A condition on `rooms`: the room has this code for one of these provider roles."""
        named = list(roles)
        if not named:
            return false()
        digests = [each for role in named for each in self._digests(app_id, role, code)]
        return or_(
            rooms.c.code_digests.overlap(digests),
            *(rooms.c.codes.contains({role: code}) for role in named),
        )

    async def replace(
        self, connection: AsyncConnection, app_id: AppId, room_id: RoomId, *, role: str, former: str, code: str
    ) -> None:
        """Write a role's new code over the former one, unless another transaction has replaced it already."""
        this = (rooms.c.app_id == app_id) & (rooms.c.id == room_id)
        statement = select(rooms.c.codes, rooms.c.sealed_codes).where(this).with_for_update()
        row = (await connection.execute(statement)).one_or_none()
        codes = {} if row is None else self.open(stored_codes(row.codes, row.sealed_codes))
        if codes.get(role) == former:
            await connection.execute(update(rooms).where(this).values(self.columns(app_id, {**codes, role: code})))

    def _digests(self, app_id: AppId, role: str, code: str) -> list[bytes]:
        """With each key, the one that is written first."""
        return [digest(key, app_id.bytes, role.encode(), code.encode()) for key in self._digest_keys]


def stored_codes(codes: Mapping[str, str], sealed_codes: bytes | None) -> StoredCodes:
    """What the row holds. Codes in plain text are newer: a version that does not encrypt wrote them afterwards."""
    return codes or sealed_codes or codes


def no_codes() -> dict[str, Any]:
    """The columns of a room without codes."""
    return {"codes": {}, "sealed_codes": None, "code_digests": None, "sealed_with": None}
