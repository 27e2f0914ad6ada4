"""Tickets: who has one, what it may do, and whether it was revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from videobroker.domain.api_keys import Scope
from videobroker.domain.ids import AppId, SessionId, TicketId
from videobroker.domain.pages import Page
from videobroker.domain.sessions import Session
from videobroker.domain.tickets import MAX_TICKET_LIFETIME, TicketRecord
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.sessions import session_from
from videobroker.storage.tables import calls, sessions, tickets

RETENTION_AFTER_END = timedelta(days=30)
"""A ticket is deleted so long after its end: until then, moving the session makes it valid again."""


@dataclass(frozen=True, slots=True)
class FoundTicket:
    """A ticket, and what its expiry depends on."""

    record: TicketRecord
    session: Session
    call_running: bool


async def add(unit_of_work: UnitOfWork, app_id: AppId, record: TicketRecord) -> None:
    """Store a new ticket."""
    scopes = None if record.scopes is None else sorted(scope.value for scope in record.scopes)
    await unit_of_work.execute(
        insert(tickets).values(
            app_id=app_id,
            id=record.id,
            session_id=record.session_id,
            user_id=record.user_id,
            display_name=record.display_name,
            is_guest=record.is_guest,
            scopes=scopes,
            issued_at=record.issued_at,
            credential_expires_at=record.credential_expires_at,
            requested_until=record.requested_until,
            revoked_at=record.revoked_at,
        )
    )


async def find(unit_of_work: UnitOfWork, app_id: AppId, ticket_id: TicketId) -> FoundTicket | None:
    """The ticket with its session, in one round trip by primary keys."""
    is_of_ticket = and_(sessions.c.app_id == tickets.c.app_id, sessions.c.id == tickets.c.session_id)
    statement = (
        select(sessions, *(column.label(f"ticket_{column.name}") for column in tickets.c), _call_running())
        .select_from(tickets)
        .join(sessions, is_of_ticket)
        .where(tickets.c.app_id == app_id, tickets.c.id == ticket_id)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    if row is None:
        return None
    columns = row._mapping
    return FoundTicket(_record_from(columns, prefix="ticket_"), session_from(columns), columns["call_running"])


async def page(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    *,
    user_id: str | None,
    now: datetime,
    limit: int,
    cursor: str | None,
) -> Page[TicketRecord]:
    """Tickets of a session that were not revoked and have no earlier end of their own, oldest first.

    The session's window and the policy are not considered here.
    """
    statement = (
        select(tickets)
        .where(tickets.c.app_id == app_id, tickets.c.session_id == session_id)
        .where(*_is_active(now))
        .order_by(tickets.c.id)
        .limit(limit + 1)
    )
    if user_id is not None:
        statement = statement.where(tickets.c.user_id == user_id)
    if cursor is not None:
        (last,) = pagination.read(cursor, UUID)
        statement = statement.where(tickets.c.id > last)
    found = [_record_from(row._mapping) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda record: pagination.write([str(record.id)]))


async def exists_in(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, ticket_id: TicketId) -> bool:
    """Whether the session has such a ticket, revoked or not."""
    statement = select(
        exists().where(tickets.c.app_id == app_id, tickets.c.id == ticket_id, tickets.c.session_id == session_id)
    )
    return bool((await unit_of_work.execute(statement)).scalar_one())


async def revoke(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    *,
    ticket_id: TicketId | None = None,
    user_id: str | None = None,
    now: datetime,
    limit: int,
) -> Sequence[TicketRecord]:
    """Revoke one ticket of a session, those of a person, or all of them: at most `limit`. Those that were revoked now.

    Revoked ones stay as they are.
    """
    chosen = select(tickets.c.id).where(
        tickets.c.app_id == app_id, tickets.c.session_id == session_id, tickets.c.revoked_at.is_(None)
    )
    if ticket_id is not None:
        chosen = chosen.where(tickets.c.id == ticket_id)
    if user_id is not None:
        chosen = chosen.where(tickets.c.user_id == user_id)
    # Locked in one order, so that two revocations at the same time do not deadlock.
    locked = chosen.order_by(tickets.c.id).limit(limit).with_for_update()
    return await _revoke(unit_of_work, app_id, locked, now)


async def lock_person(unit_of_work: UnitOfWork, session_id: SessionId, user_id: str) -> None:
    """Until this transaction ends, no other one that calls this creates tickets of this person at this session."""
    key = func.hashtextextended(f"tickets of {user_id} at {session_id}", 0)
    await unit_of_work.execute(select(func.pg_advisory_xact_lock(key)))


async def revoke_oldest(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, leave: int, now: datetime
) -> Sequence[TicketRecord]:
    """Revoke all tickets of a person at a session but the newest `leave` that work; oldest first.

    Those that have reached an earlier end of their own do not count.
    """
    beyond = (
        select(tickets.c.id)
        .where(tickets.c.app_id == app_id, tickets.c.session_id == session_id, tickets.c.user_id == user_id)
        .where(*_is_active(now))
        .order_by(tickets.c.id.desc())
        .offset(leave)
    )
    # Locked in the order of `revoke`, so that both at the same time do not deadlock.
    locked = (
        select(tickets.c.id)
        .where(tickets.c.app_id == app_id, tickets.c.id.in_(beyond), tickets.c.revoked_at.is_(None))
        .order_by(tickets.c.id)
        .with_for_update()
    )
    return await _revoke(unit_of_work, app_id, locked, now)


async def delete_old(unit_of_work: UnitOfWork, *, now: datetime, limit: int) -> int:
    """Delete tickets whose end is long past. How many."""
    ends_at = func.least(
        tickets.c.revoked_at,
        tickets.c.credential_expires_at,
        tickets.c.requested_until,
        func.coalesce(sessions.c.ends_at, tickets.c.issued_at + MAX_TICKET_LIFETIME),
    )
    old = (
        select(tickets.c.app_id, tickets.c.id)
        .join(sessions, and_(sessions.c.app_id == tickets.c.app_id, sessions.c.id == tickets.c.session_id))
        # Nothing that was issued later can have ended so long ago; finds the old ones by index.
        .where(tickets.c.issued_at < now - RETENTION_AFTER_END, ends_at < now - RETENTION_AFTER_END)
        .limit(limit)
    )
    statement = delete(tickets).where(tuple_(tickets.c.app_id, tickets.c.id).in_(old)).returning(tickets.c.id)
    return len((await unit_of_work.execute(statement)).all())


async def _revoke(
    unit_of_work: UnitOfWork, app_id: AppId, chosen: Select[Any], now: datetime
) -> Sequence[TicketRecord]:
    statement = (
        update(tickets)
        .where(tickets.c.app_id == app_id, tickets.c.id.in_(chosen))
        .values(revoked_at=now)
        .returning(tickets)
    )
    revoked = [_record_from(row._mapping) for row in await unit_of_work.execute(statement)]
    return sorted(revoked, key=lambda record: record.id)


def _is_active(now: datetime) -> tuple[ColumnElement[bool], ...]:
    own_end = func.least(tickets.c.credential_expires_at, tickets.c.requested_until)
    return tickets.c.revoked_at.is_(None), or_(own_end.is_(None), own_end > now)


def _call_running() -> ColumnElement[bool]:
    return (
        exists()
        .where(
            calls.c.app_id == tickets.c.app_id, calls.c.session_id == tickets.c.session_id, calls.c.ended_at.is_(None)
        )
        .correlate(tickets)
        .label("call_running")
    )


def _record_from(columns: RowMapping, *, prefix: str = "") -> TicketRecord:
    scopes = columns[f"{prefix}scopes"]
    return TicketRecord(
        id=columns[f"{prefix}id"],
        session_id=columns[f"{prefix}session_id"],
        user_id=columns[f"{prefix}user_id"],
        display_name=columns[f"{prefix}display_name"],
        is_guest=columns[f"{prefix}is_guest"],
        scopes=None if scopes is None else frozenset(Scope(scope) for scope in scopes if scope in set(Scope)),
        issued_at=columns[f"{prefix}issued_at"],
        credential_expires_at=columns[f"{prefix}credential_expires_at"],
        requested_until=columns[f"{prefix}requested_until"],
        revoked_at=columns[f"{prefix}revoked_at"],
    )
