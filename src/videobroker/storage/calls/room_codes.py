"""Room codes: encrypted at rest, and found by a keyed digest.

Rows of versions before the encryption have their codes in plain text. They are read as well; `secrets rotate` and the
worker encrypt them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select, update

from videobroker.domain.ids import AppId, RoomId
from videobroker.domain.rooms import StoredCodes
from videobroker.storage.postgres.encryption import SecretBox, digest
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import rooms, rooms_in_scope

_PURPOSE = b"videobroker room codes 1"


def decrypt(secret_box: SecretBox, stored: StoredCodes) -> Mapping[str, str]:
    """The codes by provider role. Raises `DecryptionFailed`."""
    return secret_box.decrypt_cached(stored) if isinstance(stored, bytes) else stored


def columns_of(secret_box: SecretBox, app_id: AppId, codes: Mapping[str, str]) -> dict[str, Any]:
    """The columns of `rooms` that store these codes, by provider role."""
    return {
        "codes": {},
        "sealed_codes": secret_box.encrypt(codes) if codes else None,
        "code_digests": [_digests(secret_box, app_id, role, code)[0] for role, code in codes.items()] or None,
        "sealed_with": secret_box.key_id if codes else None,
    }


def has_code(secret_box: SecretBox, app_id: AppId, code: str, roles: Iterable[str]) -> ColumnElement[bool]:
    """A condition on `rooms_in_scope`: the room has this code for one of these provider roles."""
    named = list(roles)
    if not named:
        return false()
    digests = [each for role in named for each in _digests(secret_box, app_id, role, code)]
    return or_(
        rooms_in_scope.c.code_digests.overlap(digests),
        *(rooms_in_scope.c.codes.contains({role: code}) for role in named),
    )


async def replace(
    unit_of_work: UnitOfWork, app_id: AppId, room_id: RoomId, *, role: str, former: str, code: str
) -> None:
    """Write a role's new code over the former one, unless another transaction has replaced it already."""
    this = (rooms.c.app_id == app_id) & (rooms.c.id == room_id)
    statement = select(rooms.c.codes, rooms.c.sealed_codes).where(this).with_for_update()
    row = (await unit_of_work.execute(statement)).one_or_none()
    codes = {} if row is None else decrypt(unit_of_work.secret_box, stored_codes(row.codes, row.sealed_codes))
    if codes.get(role) == former:
        columns = columns_of(unit_of_work.secret_box, app_id, {**codes, role: code})
        await unit_of_work.execute(update(rooms).where(this).values(columns))


def stored_codes(codes: Mapping[str, str], sealed_codes: bytes | None) -> StoredCodes:
    """The codes of a row. Those in plain text are newer: a version that does not encrypt wrote them afterwards."""
    return codes or sealed_codes or codes


def no_codes() -> dict[str, Any]:
    """The columns of a room without codes."""
    return {"codes": {}, "sealed_codes": None, "code_digests": None, "sealed_with": None}


def _digests(secret_box: SecretBox, app_id: AppId, role: str, code: str) -> list[bytes]:
    """One digest for each key; the first one is stored."""
    return [digest(key, app_id.bytes, role.encode(), code.encode()) for key in secret_box.derived_keys(_PURPOSE)]
