"""Signs operators in to the console and out of it. Sessions are stored: they end on all replicas at once."""

from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.console_sessions import ConsoleSession
from videobroker.storage import console_sessions


async def start(
    broker: Broker, token_digest: bytes, session: ConsoleSession, *, replaces: bytes | None, now: datetime
) -> None:
    """Store a new session; the one that the browser had before, if any, ends."""
    async with broker.store.transaction() as transaction:
        if replaces is not None:
            await console_sessions.revoke(transaction, replaces, now=now)
        await console_sessions.add(transaction, token_digest, session, now=now)


async def authenticate(
    broker: Broker, token_digest: bytes, *, idle_timeout: timedelta, is_activity: bool, now: datetime
) -> ConsoleSession | None:
    """The session with this token, if it has not ended. `is_activity` restarts its idle timeout."""
    async with broker.store.transaction() as transaction:
        return await console_sessions.find(
            transaction, token_digest, idle_timeout=idle_timeout, is_activity=is_activity, now=now
        )


async def revoke(broker: Broker, token_digest: bytes, *, now: datetime) -> None:
    """End a session."""
    async with broker.store.transaction() as transaction:
        await console_sessions.revoke(transaction, token_digest, now=now)
