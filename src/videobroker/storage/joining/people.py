"""The people of one session: who is in its call, who is registered for it, and who is blocked."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from videobroker.domain.ids import AppId, CallId, SessionId
from videobroker.domain.sessions import Participant
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import attendance, lobby, participants, removals, tickets, uids


async def present_since(unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId) -> Mapping[str, datetime]:
    """Since when people with credentials from us are in the call, by user ID, as far as it is recorded."""
    statement = (
        select(attendance.c.user_id, func.min(attendance.c.joined_at).label("since"))
        .where(
            attendance.c.app_id == app_id,
            attendance.c.call_id == call_id,
            attendance.c.user_id.is_not(None),
            attendance.c.left_at.is_(None),
        )
        .group_by(attendance.c.user_id)
    )
    return {row.user_id: row.since for row in await unit_of_work.execute(statement)}


async def blocked(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, limit: int) -> list[str]:
    """The user IDs of blocked people."""
    statement = (
        select(removals.c.user_id)
        .where(removals.c.app_id == app_id, removals.c.session_id == session_id, removals.c.banned)
        .order_by(removals.c.user_id)
        .limit(limit)
    )
    return list((await unit_of_work.execute(statement)).scalars())


async def participants_among(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_ids: Collection[str], *, limit: int
) -> Sequence[Participant]:
    """The first participants by user ID, and in addition those with these IDs."""
    of_session = (participants.c.app_id == app_id) & (participants.c.session_id == session_id)
    first = select(participants.c.user_id).where(of_session).order_by(participants.c.user_id).limit(limit)
    statement = (
        select(participants)
        .where(of_session, participants.c.user_id.in_(first) | participants.c.user_id.in_(list(user_ids)))
        .order_by(participants.c.user_id)
    )
    return [Participant(row.user_id, row.role, row.display_name) for row in await unit_of_work.execute(statement)]


async def guest_names(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_ids: Collection[str]
) -> Mapping[str, str]:
    """The names that guests gave, or that their links give them, by user ID."""
    names: dict[str, str] = {}
    for table, name in (
        (uids, uids.c.guest_name),
        (tickets, tickets.c.display_name),
        (lobby, lobby.c.display_name),
    ):
        statement = select(table.c.user_id, name.label("name")).where(
            table.c.app_id == app_id,
            table.c.session_id == session_id,
            table.c.user_id.in_(list(user_ids)),
            name.is_not(None),
        )
        names |= {row.user_id: row.name for row in await unit_of_work.execute(statement)}
    return names
