"""Deletes sessions."""

from videobroker.domain.authorization import Action
from videobroker.domain.calls import EndReason
from videobroker.domain.events import EventType
from videobroker.domain.sessions import RegistrationResult, SessionKey
from videobroker.storage.journal.journal import record
from videobroker.storage.sessions import deletion, sessions
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import require_in
from videobroker.usecases.calls.calls import end_open_call
from videobroker.usecases.calls.orphaned_rooms import close_orphaned_rooms, orphan_rooms
from videobroker.usecases.context import RequestContext
from videobroker.usecases.preconditions import Precondition
from videobroker.usecases.registration import read_locked


async def delete_session(
    context: RequestContext, key: SessionKey, *, precondition: Precondition[RegistrationResult] | None = None
) -> None:
    """Delete a session with everything but its journal. Its call ends, and its reference is free.

    The session is gone when this returns. A room that its provider could not close is closed by the sweep. Raises
    `SessionNotFound`, `RoleMayNot`, `ScopeMissing`, `PreconditionFailed`.
    """
    # A group that met for years may have a million rows.
    async with context.transaction(long_statements=True) as unit_of_work:
        session = await sessions.lock(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, unit_of_work, session, Action.DELETE_SESSION)
        if precondition is not None:
            precondition(await read_locked(context, unit_of_work, session))
        await end_open_call(context, unit_of_work, session, by=None, reason=EndReason.SESSION_CLOSED)
        await orphan_rooms(context, unit_of_work, session)
        await deletion.delete_session(unit_of_work, context.app.id, session.id)
        data = {"version": session.version, "status": session.terms.status}
        await record(unit_of_work, context.event(session, EventType.SESSION_DELETED, data=data))
    await close_orphaned_rooms(context, session.id)
