"""Feedback of people about calls, which the journal stores."""

from datetime import datetime

from sqlalchemy import func, or_, select

from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, CallId, SessionId
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import attendance, journal


async def lock_person(unit_of_work: UnitOfWork, call_id: CallId, user_id: str) -> None:
    """Until this transaction ends, no other one that calls this records feedback of this person about this call."""
    key = func.hashtextextended(f"feedback of {user_id} about {call_id}", 0)
    await unit_of_work.execute(select(func.pg_advisory_xact_lock(key)))


async def was_given(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, call_id: CallId, user_id: str
) -> bool:
    """Whether the journal has feedback of this person about this call."""
    statement = select(journal.c.seq).where(
        journal.c.app_id == app_id,
        journal.c.session_id == session_id,
        journal.c.type == EventType.FEEDBACK_GIVEN,
        journal.c.user_id == user_id,
        journal.c.data["call"].astext == str(call_id),
    )
    return bool((await unit_of_work.execute(select(statement.exists()))).scalar_one())


async def was_in_call(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    call_id: CallId,
    user_id: str,
    *,
    since: datetime,
    until: datetime,
) -> bool:
    """Whether the person was seen in the call, or got credentials between these times.

    Providers report late, and without webhooks they are asked only now and then.
    """
    stay = select(attendance.c.user_id).where(
        attendance.c.app_id == app_id, attendance.c.call_id == call_id, attendance.c.user_id == user_id
    )
    issued = select(journal.c.seq).where(
        journal.c.app_id == app_id,
        journal.c.session_id == session_id,
        journal.c.type == EventType.CREDENTIALS_ISSUED,
        journal.c.user_id == user_id,
        journal.c.occurred_at.between(since, until),
    )
    return bool((await unit_of_work.execute(select(or_(stay.exists(), issued.exists())))).scalar_one())
