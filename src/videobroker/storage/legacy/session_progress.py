"""Progress of several sessions in a few round trips, for the legacy endpoints."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, select

from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.progress import SessionProgress
from videobroker.domain.rooms import Room
from videobroker.domain.sessions import Session, SessionKey, SessionKind
from videobroker.storage.calls import room_codes
from videobroker.storage.calls.rooms import room_from
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.sessions import find, first_participants_by_role, participations_of, session_from
from videobroker.storage.tables import calls, participants, rooms, rooms_in_scope, sessions


async def find_by_key(
    unit_of_work: UnitOfWork, key: SessionKey, *, roles: Sequence[str], own_user_id: str | None
) -> SessionProgress | None:
    """The progress of a session, with the first participant of each of these roles."""
    session = await find(unit_of_work, key)
    if session is None:
        return None
    return (await _standings(unit_of_work, key.app_id, [session], roles=roles, own_user_id=own_user_id))[0]


async def newest(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    kind: SessionKind,
    people: Iterable[tuple[str, str | None]],
    *,
    roles: Sequence[str],
    own_user_id: str | None,
    limit: int,
) -> list[SessionProgress]:
    """The sessions that start last and have all these people as participants, by start.

    A person is a user ID and an app role; without a role, any role matches.
    """
    statement = (
        select(sessions)
        .where(sessions.c.app_id == app_id, sessions.c.kind == kind)
        .where(*(_on_roster(app_id, user_id, role) for user_id, role in people))
        .order_by(sessions.c.starts_at.desc(), sessions.c.id.desc())
        .limit(limit)
    )
    found = [session_from(row._mapping) for row in await unit_of_work.execute(statement)][::-1]
    return await _standings(unit_of_work, app_id, found, roles=roles, own_user_id=own_user_id)


async def key_of_code(unit_of_work: UnitOfWork, app_id: AppId, code: str, roles: Iterable[str]) -> SessionKey | None:
    """The newest session whose room has this code for one of these provider roles."""
    statement = (
        select(sessions)
        .join(
            rooms_in_scope,
            and_(rooms_in_scope.c.app_id == sessions.c.app_id, rooms_in_scope.c.session_id == sessions.c.id),
        )
        .where(
            sessions.c.app_id == app_id,
            rooms_in_scope.c.app_id == app_id,
            room_codes.has_code(unit_of_work.secret_box, app_id, code, roles),
        )
        .order_by(sessions.c.id.desc())
        .limit(1)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else session_from(row._mapping).key


def _on_roster(app_id: AppId, user_id: str, role: str | None) -> ColumnElement[bool]:
    statement = select(participants.c.session_id).where(
        participants.c.app_id == app_id,
        participants.c.session_id == sessions.c.id,
        participants.c.user_id == user_id,
    )
    return (statement if role is None else statement.where(participants.c.role == role)).exists()


async def _standings(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    found: Sequence[Session],
    *,
    roles: Sequence[str],
    own_user_id: str | None,
) -> list[SessionProgress]:
    ids = [session.id for session in found]
    leading = await first_participants_by_role(unit_of_work, app_id, ids, roles)
    own = {} if own_user_id is None else await participations_of(unit_of_work, app_id, ids, own_user_id)
    running = await _running(unit_of_work, app_id, ids)
    known = await _rooms(unit_of_work, app_id, found)
    return [
        SessionProgress(
            session,
            first_by_role=leading[session.id],
            own=own.get(session.id),
            room=known.get(session.id),
            call_running=session.id in running,
        )
        for session in found
    ]


async def _running(unit_of_work: UnitOfWork, app_id: AppId, ids: Sequence[SessionId]) -> set[SessionId]:
    statement = select(calls.c.session_id).where(
        calls.c.app_id == app_id, calls.c.session_id.in_(ids), calls.c.ended_at.is_(None)
    )
    return set((await unit_of_work.execute(statement)).scalars())


async def _rooms(unit_of_work: UnitOfWork, app_id: AppId, found: Sequence[Session]) -> dict[SessionId, Room]:
    statement = select(rooms).where(rooms.c.app_id == app_id, rooms.c.session_id.in_([each.id for each in found]))
    provider_of = {session.id: session.provider for session in found}
    known = [room_from(row._mapping) for row in await unit_of_work.execute(statement)]
    return {room.session_id: room for room in known if room.provider == provider_of[room.session_id]}
