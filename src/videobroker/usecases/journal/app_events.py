"""Events that apps report, and the event history of a session."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from videobroker.domain.authorization import Action
from videobroker.domain.events import Event, EventType, RecordedEvent
from videobroker.domain.ids import EventId, uuid7
from videobroker.domain.redaction import remove_secrets
from videobroker.domain.sessions import Session, SessionKey
from videobroker.errors import InvalidInput
from videobroker.storage.journal import journal
from videobroker.usecases.authorization import require, require_for_app
from videobroker.usecases.context import RequestContext

MAX_REPORT_BYTES = 4_096
"""Maximum size of the details in bytes, as JSON."""
MAX_HISTORY_EVENTS = 500
MAX_CLOCK_LEAD = timedelta(minutes=1)
"""How far the app's clock may be ahead of ours."""
REPORTED_LATE = timedelta(days=30)
"""How long after an event an app may report it."""
_HISTORY_TYPES = (EventType.APP_REPORTED, EventType.CALL_STARTED, EventType.CALL_ENDED)


async def report(
    context: RequestContext,
    key: SessionKey | None,
    name: str,
    *,
    details: Mapping[str, Any],
    user_id: str | None,
    reported_at: datetime | None,
) -> RecordedEvent:
    """Record an event that the app reports about a session, or without one about the app as a whole.

    `reported_at` is the time by the app's clock; the event itself has ours. Possible credentials are removed from the
    name and the details. Hosts may report about anyone, and participants about themselves. Raises `SessionNotFound`,
    `RoleMayNot`, `NotYourself`, and `InvalidInput` when the details are large, or when an end user names no session.
    """
    if len(json.dumps(details, ensure_ascii=False).encode()) > MAX_REPORT_BYTES:
        raise InvalidInput(f"The details of an event have at most {MAX_REPORT_BYTES} bytes. Report less.")
    session = await require_may_report(context, key, user_id)
    data = {
        "event": remove_secrets(name),
        "reported_at": None if reported_at is None else reported_at.isoformat(),
        "details": remove_secrets(dict(details)),
    }
    event = Event(
        id=EventId(uuid7(context.now)),
        type=EventType.APP_REPORTED,
        occurred_at=context.now,
        actor=context.actor,
        session=None if session is None else session.key,
        session_id=None if session is None else session.id,
        user_id=user_id,
        data=data,
    )
    async with context.transaction() as unit_of_work:
        return await journal.record_one(unit_of_work, event)


async def require_may_report(context: RequestContext, key: SessionKey | None, user_id: str | None) -> Session | None:
    """The session, if the actor may report about it; None for a report about the app. Raises what `report` raises."""
    if key is not None:
        authorized = await require(context, key, Action.REPORT_EVENT, about=user_id)
        return authorized.join_context.session
    if context.actor.user_id is not None:
        raise InvalidInput("An end user reports about a session of theirs. Send `kind` and `reference`.")
    require_for_app(context.actor, Action.REPORT_EVENT)
    return None


def require_lately(reported_at: datetime, *, now: datetime) -> None:
    """Raise `InvalidInput` for a time in the future or more than `REPORTED_LATE` ago."""
    if reported_at > now + MAX_CLOCK_LEAD:
        raise InvalidInput("`occurred_at` lies in the future. Set the clock (NTP), or leave it out.")
    if reported_at < now - REPORTED_LATE:
        raise InvalidInput(f"`occurred_at` is more than {REPORTED_LATE.days} days ago. Report sooner, or leave it out.")


async def history(context: RequestContext, key: SessionKey, *, acting_for: str | None = None) -> list[Event]:
    """The newest reported events of the session and starts and ends of its calls, in chronological order.

    End users who may see only their own get starts and ends of calls, and events that they reported. Raises
    `SessionNotFound`, `RoleMayNot`.
    """
    authorized = await require(context, key, Action.READ_LOG, acting_for=acting_for)
    session = authorized.join_context.session
    reporter = context.actor.user_id if authorized.only_own else None
    async with context.transaction() as unit_of_work:
        recorded = await journal.newest_of_session(
            unit_of_work,
            context.app.id,
            session.id,
            types=_HISTORY_TYPES,
            reported_by=reporter,
            limit=MAX_HISTORY_EVENTS,
        )
    events = [each.event for each in recorded]
    return events if reporter is None else [_without_others(event, reporter) for event in events]


def _without_others(event: Event, user_id: str) -> Event:
    return event if event.user_id in {None, user_id} else replace(event, user_id=None)
