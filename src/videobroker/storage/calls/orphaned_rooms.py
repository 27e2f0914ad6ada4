"""Rooms of deleted sessions that are still to be closed at their provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.storage.postgres.row_mapping import PROVIDERS
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import orphaned_rooms


@dataclass(frozen=True, slots=True)
class OrphanedRoom:
    """A room whose session was deleted."""

    key: SessionKey
    session_id: SessionId
    provider: ProviderName
    provider_room_id: str
    """The result of `as_unknown_id` if it was being opened when the session was deleted."""
    orphaned_at: datetime


async def add(unit_of_work: UnitOfWork, room: OrphanedRoom, *, due_at: datetime) -> None:
    """Write that the room is to be closed, by the sweep at `due_at`. A room that was written before stays as it is."""
    statement = insert(orphaned_rooms).values(
        app_id=room.key.app_id,
        provider=room.provider,
        provider_room_id=room.provider_room_id,
        session_id=room.session_id,
        kind=room.key.kind,
        reference=room.key.reference,
        orphaned_at=room.orphaned_at,
        due_at=due_at,
    )
    await unit_of_work.execute(statement.on_conflict_do_nothing())


async def of_session(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> list[OrphanedRoom]:
    """The rooms of a deleted session that are still to be closed."""
    statement = (
        select(orphaned_rooms)
        .where(orphaned_rooms.c.app_id == app_id, orphaned_rooms.c.session_id == session_id)
        .order_by(orphaned_rooms.c.provider_room_id)
    )
    return [_room_from(row) for row in await unit_of_work.execute(statement)]


async def claim_due(
    unit_of_work: UnitOfWork, *, now: datetime, again_at: datetime, limit: int
) -> Sequence[tuple[AppId, SessionId]]:
    """Deleted sessions with a room that is due to be closed. The rooms are due again at `again_at`."""
    chosen = (
        select(orphaned_rooms.c.app_id, orphaned_rooms.c.provider, orphaned_rooms.c.provider_room_id)
        .where(orphaned_rooms.c.due_at <= now)
        .order_by(orphaned_rooms.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    statement = (
        update(orphaned_rooms)
        .where(
            orphaned_rooms.c.app_id == chosen.c.app_id,
            orphaned_rooms.c.provider == chosen.c.provider,
            orphaned_rooms.c.provider_room_id == chosen.c.provider_room_id,
        )
        .values(due_at=again_at)
        .returning(orphaned_rooms.c.app_id, orphaned_rooms.c.session_id)
    )
    return sorted({(row.app_id, row.session_id) for row in await unit_of_work.execute(statement)})


async def postpone(unit_of_work: UnitOfWork, room: OrphanedRoom, *, until: datetime) -> None:
    """Write when the next attempt to close the room is due."""
    await unit_of_work.execute(update(orphaned_rooms).where(_is(room)).values(due_at=until))


async def remove(unit_of_work: UnitOfWork, room: OrphanedRoom) -> bool:
    """Forget a room that was closed, or cannot be closed. False if another process did."""
    statement = delete(orphaned_rooms).where(_is(room)).returning(orphaned_rooms.c.session_id)
    return (await unit_of_work.execute(statement)).one_or_none() is not None


def _is(room: OrphanedRoom) -> ColumnElement[bool]:
    return and_(
        orphaned_rooms.c.app_id == room.key.app_id,
        orphaned_rooms.c.provider == room.provider,
        orphaned_rooms.c.provider_room_id == room.provider_room_id,
    )


def _room_from(row: Row[Any]) -> OrphanedRoom:
    return OrphanedRoom(
        key=SessionKey(row.app_id, SessionKind(row.kind), row.reference),
        session_id=row.session_id,
        provider=PROVIDERS[row.provider],
        provider_room_id=row.provider_room_id,
        orphaned_at=row.orphaned_at,
    )
