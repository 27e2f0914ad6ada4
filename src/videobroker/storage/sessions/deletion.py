"""Deletes a session with everything that is stored about it.

The journal and its deliveries stay. So do webhooks that were processed, until their retention ends.
"""

from sqlalchemy import Delete, delete, select

from videobroker.domain.ids import AppId, SessionId
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import (
    attendance,
    calls,
    former_rooms,
    inbox,
    lobby,
    observations,
    participants,
    removals,
    rooms,
    sessions,
    tickets,
    uids,
    verdicts,
)

OF_SESSION = (
    attendance,
    verdicts,
    calls,
    lobby,
    removals,
    tickets,
    uids,
    former_rooms,
    rooms,
    participants,
)
"""Tables with rows about one session, in the order in which foreign keys allow to delete them."""


async def delete_session(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> None:
    """Delete the session, which must be locked, and all rows about it."""
    for statement in _statements(app_id, session_id):
        await unit_of_work.execute(statement)


def _statements(app_id: AppId, session_id: SessionId) -> list[Delete]:
    of_session = select(calls.c.id).where(calls.c.app_id == app_id, calls.c.session_id == session_id)
    return [
        delete(inbox).where(inbox.c.app_id == app_id, inbox.c.session_id == session_id, inbox.c.state == "pending"),
        delete(observations).where(observations.c.app_id == app_id, observations.c.call_id.in_(of_session)),
        *(delete(table).where(table.c.app_id == app_id, table.c.session_id == session_id) for table in OF_SESSION),
        delete(sessions).where(sessions.c.app_id == app_id, sessions.c.id == session_id),
    ]
