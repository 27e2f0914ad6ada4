"""The hot path's look at the database: session, person, room, call and uid in one round trip."""

from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from videobroker.domain.entrance import Entrance
from videobroker.domain.sessions import Participant, SessionKey
from videobroker.storage.calls import call_from
from videobroker.storage.lobby import entry_from
from videobroker.storage.rooms import room_from
from videobroker.storage.sessions import session_from
from videobroker.storage.tables import calls, lobby, participants, removals, rooms, sessions, uids


def _look() -> Any:
    return (
        select(
            sessions,
            participants.c.role.label("participant_role"),
            participants.c.display_name.label("participant_name"),
            uids.c.uid,
            removals.c.banned,
            *(column.label(f"room_{column.name}") for column in rooms.c),
            *(column.label(f"call_{column.name}") for column in calls.c),
            *(column.label(f"entry_{column.name}") for column in lobby.c),
        )
        .select_from(sessions)
        .outerjoin(
            participants,
            and_(
                participants.c.app_id == sessions.c.app_id,
                participants.c.session_id == sessions.c.id,
                participants.c.user_id == bindparam("user_id"),
            ),
        )
        .outerjoin(
            uids,
            and_(
                uids.c.app_id == sessions.c.app_id,
                uids.c.session_id == sessions.c.id,
                uids.c.user_id == bindparam("user_id"),
                uids.c.retired_at.is_(None),
            ),
        )
        .outerjoin(
            removals,
            and_(
                removals.c.app_id == sessions.c.app_id,
                removals.c.session_id == sessions.c.id,
                removals.c.user_id == bindparam("user_id"),
            ),
        )
        .outerjoin(
            lobby,
            and_(
                lobby.c.app_id == sessions.c.app_id,
                lobby.c.session_id == sessions.c.id,
                lobby.c.user_id == bindparam("user_id"),
            ),
        )
        .outerjoin(
            rooms,
            and_(
                rooms.c.app_id == sessions.c.app_id,
                rooms.c.session_id == sessions.c.id,
                rooms.c.provider == sessions.c.provider,
            ),
        )
        .outerjoin(
            calls,
            and_(
                calls.c.app_id == sessions.c.app_id,
                calls.c.session_id == sessions.c.id,
                calls.c.ended_at.is_(None),
            ),
        )
        .where(
            sessions.c.app_id == bindparam("app_id"),
            sessions.c.kind == bindparam("kind"),
            sessions.c.reference == bindparam("reference"),
        )
    )


_LOOK = _look()


async def look(connection: AsyncConnection, key: SessionKey, user_id: str | None) -> Entrance | None:
    """The session as this person finds it; `user_id` is None for somebody without a registration."""
    values = {"app_id": key.app_id, "kind": key.kind, "reference": key.reference, "user_id": user_id}
    row = (await connection.execute(_LOOK, values)).one_or_none()
    if row is None:
        return None
    columns = row._mapping
    role = columns["participant_role"]
    return Entrance(
        session=session_from(row),
        participant=None if role is None else Participant(user_id or "", role, columns["participant_name"]),
        room=None if columns["room_id"] is None else room_from(columns, prefix="room_"),
        call=None if columns["call_id"] is None else call_from(columns, prefix="call_"),
        uid=columns["uid"],
        banned=bool(columns["banned"]),
        entry=None if columns["entry_id"] is None else entry_from(columns, prefix="entry_"),
    )
