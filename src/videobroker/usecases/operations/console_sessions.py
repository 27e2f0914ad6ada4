"""Console sessions of operators. They are stored, so that a sign-out is effective on all replicas at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.console_sessions import ConsoleSession
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import SERVICE_ID, EventId, uuid7
from videobroker.domain.operators import SignInMethod
from videobroker.storage import console_sessions
from videobroker.storage.journal.journal import record


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The client of a request."""

    ip: str | None
    user_agent: str | None


WRONG_KEY = "admin_key_invalid"
"""The reason of a rejected sign-in."""


async def start(
    broker: Broker,
    token_digest: bytes,
    session: ConsoleSession,
    method: SignInMethod,
    *,
    replaces: bytes | None,
    origin: ClientInfo,
    now: datetime,
) -> None:
    """Store a new session, revoke the one that it replaces, and journal the sign-in, in one transaction."""
    async with broker.store.transaction(SERVICE_ID) as unit_of_work:
        if replaces is not None:
            await console_sessions.revoke(unit_of_work, replaces, now=now)
        await console_sessions.add(unit_of_work, token_digest, session, now=now)
        data = {"method": method.value, "role": session.role.value, "issuer": session.issuer}
        event = _event(EventType.OPERATOR_SIGNED_IN, session.operator, session.subject, origin, now, data)
        await record(unit_of_work, event)


def reject(broker: Broker, origin: ClientInfo, *, now: datetime) -> None:
    """Count a sign-in with a wrong key, for the journal."""
    broker.rejections.count(None, WRONG_KEY, origin.ip, now=now)


async def authenticate(
    broker: Broker, token_digest: bytes, *, idle_timeout: timedelta, is_activity: bool, now: datetime
) -> ConsoleSession | None:
    """The session with this token; None if it has ended. `is_activity` restarts its idle timeout."""
    async with broker.store.transaction() as unit_of_work:
        return await console_sessions.find(
            unit_of_work, token_digest, idle_timeout=idle_timeout, is_activity=is_activity, now=now
        )


async def revoke(
    broker: Broker, token_digest: bytes, *, operator: str, subject: str | None, origin: ClientInfo, now: datetime
) -> None:
    """End a session, and journal the sign-out."""
    async with broker.store.transaction(SERVICE_ID) as unit_of_work:
        await console_sessions.revoke(unit_of_work, token_digest, now=now)
        await record(unit_of_work, _event(EventType.OPERATOR_SIGNED_OUT, operator, subject, origin, now))


def _event(
    event_type: EventType,
    operator: str,
    subject: str | None,
    origin: ClientInfo,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> Event:
    actor = Actor(SERVICE_ID, ip=origin.ip, user_agent=origin.user_agent, operator=operator, operator_subject=subject)
    return Event(EventId(uuid7(now)), event_type, now, actor, data=data)
