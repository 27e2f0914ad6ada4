"""Where people are named outside the journal, and how they are erased. `journal/personal_data.py` lists every column.

Rows that only serve the person are deleted. Rows that belong to what happened (stays, verdicts, calls, the roster of a
session that has begun) stay with a pseudonym, so that numbers and durations remain correct.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, Select, Text, Update, cast, delete, or_, select, union, update

from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.sessions import Session
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import (
    attendance,
    calls,
    lobby,
    observations,
    participants,
    removals,
    sessions,
    tickets,
    uids,
    verdicts,
)

_BY_USER_ID = (participants, uids, lobby, tickets, removals, attendance, verdicts)


async def sessions_naming(unit_of_work: UnitOfWork, app_id: AppId, user_id: str) -> list[SessionId]:
    """The sessions whose rows name this person, by ID. Scans tables that have no index by person."""
    queries: list[Select[Any]] = [
        select(table.c.session_id).where(table.c.app_id == app_id, table.c.user_id == user_id) for table in _BY_USER_ID
    ]
    queries += [
        select(calls.c.session_id).where(
            calls.c.app_id == app_id, or_(calls.c.started_by == user_id, calls.c.ended_by == user_id)
        ),
        select(lobby.c.session_id).where(lobby.c.app_id == app_id, lobby.c.decided_by == user_id),
        select(attendance.c.session_id).where(attendance.c.app_id == app_id, attendance.c.provider_user_id == user_id),
        select(calls.c.session_id)
        .join(observations, (observations.c.app_id == calls.c.app_id) & (observations.c.call_id == calls.c.id))
        .where(calls.c.app_id == app_id, observations.c.provider_user_id == user_id),
        # A string or a key, as jsonb is printed.
        select(sessions.c.id).where(
            sessions.c.app_id == app_id,
            cast(sessions.c.metadata, Text).contains(json.dumps(user_id, ensure_ascii=False), autoescape=True),
        ),
    ]
    found = (await unit_of_work.execute(union(*queries))).scalars()
    return sorted(SessionId(each) for each in found)


async def display_names(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> frozenset[str]:
    """Every name under which this person is stored in a session."""
    queries = [
        select(column).where(
            column.table.c.app_id == app_id, column.table.c.session_id == session_id, column.table.c.user_id == user_id
        )
        for column in (participants.c.display_name, uids.c.guest_name, lobby.c.display_name, tickets.c.display_name)
    ]
    found = (await unit_of_work.execute(union(*queries))).scalars()
    return frozenset(name for name in found if name is not None)


async def erase_in_session(
    unit_of_work: UnitOfWork,
    session: Session,
    user_id: str,
    *,
    names: Collection[str],
    pseudonym: str,
    metadata: Mapping[str, Any],
    now: datetime,
) -> int:
    """Erase a person from a session; returns how many rows changed.

    `names` are the provider's IDs of the person in it; `metadata` is the new metadata of the session.
    """
    app_id, session_id = session.key.app_id, session.id

    def theirs(table: Any) -> tuple[ColumnElement[bool], ...]:
        return table.c.app_id == app_id, table.c.session_id == session_id, table.c.user_id == user_id

    numbers = set((await unit_of_work.execute(select(cast(uids.c.uid, Text)).where(*theirs(uids)))).scalars())
    # A uid names no one once its row in `uids` has the pseudonym.
    called = list({user_id, *names} - numbers)
    in_session = (calls.c.app_id == app_id, calls.c.session_id == session_id)
    call_ids = select(calls.c.id).where(*in_session)
    has_begun = session.terms.starts_at is not None and session.terms.starts_at <= now
    statements: Sequence[Update | Delete] = (
        delete(lobby).where(*theirs(lobby)),
        update(lobby)
        .where(lobby.c.app_id == app_id, lobby.c.session_id == session_id, lobby.c.decided_by == user_id)
        .values(decided_by=None),
        delete(tickets).where(*theirs(tickets)),
        delete(removals).where(*theirs(removals)),
        update(uids).where(*theirs(uids)).values(user_id=pseudonym, guest_name=None),
        update(participants).where(*theirs(participants)).values(user_id=pseudonym, display_name=None)
        if has_begun
        else delete(participants).where(*theirs(participants)),
        update(verdicts).where(*theirs(verdicts)).values(user_id=pseudonym),
        update(attendance).where(*theirs(attendance)).values(user_id=pseudonym),
        update(attendance)
        .where(
            attendance.c.app_id == app_id,
            attendance.c.session_id == session_id,
            attendance.c.provider_user_id.in_(called),
        )
        .values(provider_user_id=pseudonym),
        update(observations)
        .where(
            observations.c.app_id == app_id,
            observations.c.call_id.in_(call_ids),
            observations.c.provider_user_id.in_(called),
        )
        .values(provider_user_id=pseudonym),
        update(calls).where(*in_session, calls.c.started_by == user_id).values(started_by=pseudonym),
        update(calls).where(*in_session, calls.c.ended_by == user_id).values(ended_by=pseudonym),
    )
    count = 0
    for statement in statements:
        count += (await unit_of_work.execute(statement)).rowcount
    if metadata != session.terms.metadata:
        this = (sessions.c.app_id == app_id) & (sessions.c.id == session_id)
        await unit_of_work.execute(update(sessions).where(this).values(metadata=dict(metadata)))
        count += 1
    return count
