"""Removals of people from sessions, and whether the provider has enforced them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Text, Uuid, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.ids import AppId, SessionId
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import removals


@dataclass(frozen=True, slots=True)
class Removal:
    """A person's removal from a session. Credentials that were issued before it are no longer honored."""

    user_id: str
    removed_at: datetime
    banned: bool
    """Gets no new credentials."""
    enforced_at: datetime | None
    """When the provider enforced it as far as it can; None before."""


async def lock_issuing(unit_of_work: UnitOfWork, session_id: SessionId, user_id: str) -> None:
    """Wait until no credentials of this person are being journaled; prevent it until this transaction ends.

    The journal is ordered by transaction ID. Call it before the transaction has one, before it locks or writes a row:
    then the journal has no credentials after a block that were issued without knowledge of it. The counterparts are the
    database functions `may_issue` and `blocked_lines`, which do not wait for this lock: see `JournalWriter`.
    """
    key = func.issue_lock_key(cast(literal(session_id), Uuid), cast(literal(user_id), Text))
    await unit_of_work.execute(select(func.pg_advisory_xact_lock(key)))


async def record_removal(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, banned: bool, now: datetime
) -> Removal:
    """Write that a person is removed now. A person who is banned stays banned."""
    statement = insert(removals).values(
        app_id=app_id, session_id=session_id, user_id=user_id, removed_at=now, banned=banned
    )
    statement = statement.on_conflict_do_update(
        index_elements=["app_id", "session_id", "user_id"],
        set_={
            "removed_at": func.greatest(removals.c.removed_at, now),
            "banned": removals.c.banned | statement.excluded.banned,
            "enforced_at": None,
        },
    )
    return _removal_from((await unit_of_work.execute(statement.returning(removals))).one())


async def find(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> Removal | None:
    """The last removal of this person."""
    statement = select(removals).where(
        removals.c.app_id == app_id, removals.c.session_id == session_id, removals.c.user_id == user_id
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _removal_from(row)


async def of_session(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> list[Removal]:
    """All removals, by user ID."""
    statement = (
        select(removals)
        .where(removals.c.app_id == app_id, removals.c.session_id == session_id)
        .order_by(removals.c.user_id)
    )
    return [_removal_from(row) for row in await unit_of_work.execute(statement)]


async def sessions_banning(
    unit_of_work: UnitOfWork, app_id: AppId, session_ids: Sequence[SessionId], user_id: str | None
) -> set[SessionId]:
    """Those of these sessions from which the person is banned."""
    if user_id is None:
        return set()
    statement = select(removals.c.session_id).where(
        removals.c.app_id == app_id,
        removals.c.session_id.in_(session_ids),
        removals.c.user_id == user_id,
        removals.c.banned,
    )
    return set((await unit_of_work.execute(statement)).scalars())


async def lift_ban(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> bool:
    """Allow a person to get new credentials. False if they were not banned."""
    statement = (
        update(removals)
        .where(
            removals.c.app_id == app_id,
            removals.c.session_id == session_id,
            removals.c.user_id == user_id,
            removals.c.banned,
        )
        .values(banned=False)
        .returning(removals.c.user_id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def mark_enforced(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, removal: Removal, *, at: datetime
) -> None:
    """Write when the provider enforced the removal, unless the person was removed again since."""
    await unit_of_work.execute(
        update(removals)
        .where(
            removals.c.app_id == app_id,
            removals.c.session_id == session_id,
            removals.c.user_id == removal.user_id,
            removals.c.removed_at == removal.removed_at,
        )
        .values(enforced_at=at, came_back_at=None)
    )


async def clear_sightings(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_ids: Collection[str]
) -> None:
    """Write that these people may be there, with new credentials, or are no longer there."""
    await unit_of_work.execute(
        update(removals)
        .where(
            removals.c.app_id == app_id,
            removals.c.session_id == session_id,
            removals.c.user_id.in_(list(user_ids)),
            removals.c.came_back_at.is_not(None),
        )
        .values(came_back_at=None)
    )


async def record_sightings(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_ids: Collection[str], *, now: datetime
) -> bool:
    """Write that those of these people who were removed are there; whether there is any."""
    statement = (
        update(removals)
        .where(removals.c.app_id == app_id, removals.c.session_id == session_id, removals.c.user_id.in_(list(user_ids)))
        .values(came_back_at=now)
        .returning(removals.c.user_id)
    )
    return bool((await unit_of_work.execute(statement)).all())


async def sessions_to_enforce(
    unit_of_work: UnitOfWork, *, now: datetime, after: timedelta, limit: int
) -> list[tuple[AppId, SessionId]]:
    """Sessions with a removal that the provider has not enforced, or a sighting, for longer than `after`."""
    statement = (
        select(removals.c.app_id, removals.c.session_id)
        .where(
            (removals.c.enforced_at.is_(None) & (removals.c.removed_at < now - after))
            | (removals.c.came_back_at < now - after)
        )
        .distinct()
        .limit(limit)
    )
    return [(row.app_id, row.session_id) for row in await unit_of_work.execute(statement)]


async def sessions_to_enforce_for(unit_of_work: UnitOfWork, app_id: AppId, user_id: str) -> list[SessionId]:
    """The sessions whose provider still has to be notified that this person was removed."""
    statement = select(removals.c.session_id).where(
        removals.c.app_id == app_id,
        removals.c.user_id == user_id,
        removals.c.enforced_at.is_(None) | removals.c.came_back_at.is_not(None),
    )
    return list((await unit_of_work.execute(statement)).scalars())


def _removal_from(row: Row[Any]) -> Removal:
    return Removal(row.user_id, row.removed_at, row.banned, row.enforced_at)
