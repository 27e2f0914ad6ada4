"""Paginated queries of the journal."""

from collections.abc import Iterable
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.authorization import Action
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.ids import SessionId
from videobroker.domain.pages import Page
from videobroker.domain.sessions import SessionKey
from videobroker.storage.journal import journal
from videobroker.storage.sessions import sessions
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import require_for_app
from videobroker.usecases.context import RequestContext


async def read_journal(
    context: RequestContext,
    *,
    types: Iterable[EventType],
    session: SessionKey | None,
    user_id: str | None,
    since: datetime | None,
    limit: int,
    cursor: str | None,
) -> Page[RecordedEvent]:
    """One page of the app's journal, oldest first, and the cursor of the next; None when this page is the newest.

    Raises `ScopeMissing`, `SessionNotFound`, `InvalidCursor`.
    """
    require_for_app(context.actor, Action.READ_EVENTS)
    async with context.transaction() as unit_of_work:
        session_id = None
        if session is not None:
            found = await sessions.find(unit_of_work, session)
            if found is None:
                raise session_not_found(session)
            session_id = found.id
        return await journal.page(
            unit_of_work,
            context.app.id,
            types=types,
            session_id=session_id,
            user_id=user_id,
            since=since,
            limit=limit,
            cursor=cursor,
        )


def cursor_before(cursor: str) -> str:
    """The cursor of the position directly before that of an event: a page after it begins with the event."""
    return journal.cursor_before(cursor)


async def read_latest(broker: Broker, app: App, *, types: Iterable[EventType], limit: int) -> list[RecordedEvent]:
    """The newest events of a journal in chronological order, for an operator."""
    async with broker.store.transaction(app.id) as unit_of_work:
        return await journal.newest_of_app(unit_of_work, app.id, types=types, limit=limit)


async def read_back(
    broker: Broker, app: App, session_id: SessionId, *, limit: int, before: str | None
) -> Page[RecordedEvent]:
    """A page of a session's newest events in chronological order, and the cursor of the page before it.

    Raises `InvalidCursor`.
    """
    async with broker.store.transaction(app.id) as unit_of_work:
        return await journal.page_backwards(unit_of_work, app.id, session_id, limit=limit, before=before)
