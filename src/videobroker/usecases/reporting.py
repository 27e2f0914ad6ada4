"""What apps report about their calls, and the history of a session."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.journal import Asker, Event, EventType, about
from videobroker.domain.reports import without_secrets
from videobroker.domain.sessions import SessionKey
from videobroker.errors import InvalidInput
from videobroker.storage import journal
from videobroker.usecases.doors import look_at, require_on_roster

LARGEST_REPORT = 4_096
"""Bytes of details, as JSON."""
LONGEST_HISTORY = 500
_HISTORY = (EventType.APP_REPORTED, EventType.CALL_STARTED, EventType.CALL_ENDED)


async def report(
    broker: Broker,
    key: SessionKey,
    name: str,
    *,
    details: Mapping[str, Any],
    user_id: str | None,
    reported_at: datetime | None,
    asker: Asker,
    now: datetime,
) -> Event:
    """Write into the journal that the app says this happened.

    `reported_at` is the app's own clock; the journal goes by ours. Whatever is, or may be, a credential is taken out.
    A user who reports must be on the roster. Raises `SessionNotFound`, and `InvalidInput` when the details are large.
    """
    if len(json.dumps(details, ensure_ascii=False).encode()) > LARGEST_REPORT:
        raise InvalidInput(f"The details of an event have at most {LARGEST_REPORT} bytes. Report less.")
    if asker.user_id is not None:
        await require_on_roster(broker, key, asker.user_id)
    session = (await look_at(broker, key, None)).session
    data = {
        "event": without_secrets(name),
        "reported_at": None if reported_at is None else reported_at.isoformat(),
        "details": without_secrets(dict(details)),
    }
    event = about(session, EventType.APP_REPORTED, asker=asker, now=now, user_id=user_id, data=data)
    async with broker.store.transaction() as transaction:
        await journal.record(transaction, event)
    return event


async def history(broker: Broker, app: App, key: SessionKey, *, for_user: str | None) -> list[Event]:
    """What the app reported about the session, and its calls' starts and ends: the newest, oldest first.

    Raises `SessionNotFound`, also for a user who is not on the roster.
    """
    if for_user is not None:
        await require_on_roster(broker, key, for_user)
    session = (await look_at(broker, key, None)).session
    async with broker.store.transaction() as transaction:
        recorded = await journal.newest(transaction, app.id, session.id, types=_HISTORY, limit=LONGEST_HISTORY)
    return [each.event for each in recorded]
