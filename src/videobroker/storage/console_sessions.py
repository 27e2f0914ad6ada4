"""Sign-ins to the console, found by the digest of their token."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update

from videobroker.domain.console_sessions import ConsoleSession
from videobroker.domain.operators import OperatorRole
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import console_sessions


async def add(unit_of_work: UnitOfWork, token_digest: bytes, session: ConsoleSession, *, now: datetime) -> None:
    """Store a new session."""
    await unit_of_work.execute(
        insert(console_sessions).values(
            token_digest=token_digest,
            operator=session.operator,
            role=session.role.value,
            issuer=session.issuer,
            subject=session.subject,
            zone=session.zone,
            created_at=now,
            last_seen_at=now,
            expires_at=session.expires_at,
        )
    )


async def find(
    unit_of_work: UnitOfWork, token_digest: bytes, *, idle_timeout: timedelta, is_activity: bool, now: datetime
) -> ConsoleSession | None:
    """The session, if it was not revoked, is not older than its lifetime, and not idle for longer than the timeout.

    `is_activity` restarts the idle timeout.
    """
    columns = (
        console_sessions.c.operator,
        console_sessions.c.role,
        console_sessions.c.zone,
        console_sessions.c.expires_at,
        console_sessions.c.issuer,
        console_sessions.c.subject,
    )
    usable = _is_usable(token_digest, idle_timeout, now)
    if is_activity:
        seen = func.greatest(console_sessions.c.last_seen_at, now)
        result = await unit_of_work.execute(
            update(console_sessions).where(usable).values(last_seen_at=seen).returning(*columns)
        )
    else:
        result = await unit_of_work.execute(select(*columns).where(usable))
    row = result.one_or_none()
    return None if row is None else _session_of(row)


def _session_of(row: Row[tuple[str, str, str, datetime, str | None, str | None]]) -> ConsoleSession:
    return ConsoleSession(
        row.operator, OperatorRole(row.role), row.zone, row.expires_at, issuer=row.issuer, subject=row.subject
    )


def _is_usable(token_digest: bytes, idle_timeout: timedelta, now: datetime) -> ColumnElement[bool]:
    return and_(
        console_sessions.c.token_digest == token_digest,
        console_sessions.c.revoked_at.is_(None),
        console_sessions.c.expires_at > now,
        console_sessions.c.last_seen_at > now - idle_timeout,
    )


async def revoke(unit_of_work: UnitOfWork, token_digest: bytes, *, now: datetime) -> None:
    """End a session."""
    await unit_of_work.execute(
        update(console_sessions)
        .where(console_sessions.c.token_digest == token_digest, console_sessions.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def delete_expired(unit_of_work: UnitOfWork, *, now: datetime, limit: int) -> None:
    """Delete sessions past their lifetime, revoked ones included."""
    expired = (
        select(console_sessions.c.token_digest)
        .where(console_sessions.c.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    await unit_of_work.execute(delete(console_sessions).where(console_sessions.c.token_digest.in_(expired)))
