"""Streams journal events as they are committed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from videobroker.domain.authorization import Action
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.sessions import SessionKey
from videobroker.storage.journal import journal
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.notifications import journal_topic
from videobroker.usecases.authorization import require_for_app
from videobroker.usecases.context import RequestContext

PAGE_EVENTS = 100
POLL_SECONDS = 2.0
"""Polling interval without a notification. Notifications may get lost."""
FAST_POLL_SECONDS = 0.1
"""Interval after a notification: events become visible only when older transactions have ended."""
FAST_POLLS = 20
"""How many fast polls follow a notification."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter of events. None, or an empty set, matches every event."""

    types: frozenset[EventType] = frozenset()
    session: SessionKey | None = None
    user_id: str | None = None

    def has(self, recorded: RecordedEvent) -> bool:
        event = recorded.event
        return (
            (not self.types or event.type in self.types)
            and self.session in {None, event.session}
            and self.user_id in {None, event.user_id}
        )


START_CURSOR = pagination.write([0, 0])
"""The cursor before the first event."""


async def start_cursor(context: RequestContext, cursor: str | None) -> str:
    """Check this cursor, or return that of the newest event. Raises `InvalidCursor`, `ScopeMissing`."""
    require_for_app(context.actor, Action.READ_EVENTS)
    async with context.transaction() as unit_of_work:
        if cursor is None:
            return await journal.last_cursor(unit_of_work, context.app.id) or START_CURSOR
        await journal.page(unit_of_work, context.app.id, limit=1, cursor=cursor)
    return cursor


async def follow(
    context: RequestContext, chosen: EventFilter, *, cursor: str, seconds: float
) -> AsyncIterator[RecordedEvent]:
    """Yield the chosen events after the cursor in order, as they become visible, for so many seconds.

    A client that continues from the cursor of its last event gets every event exactly once, on any replica. Raises
    `InvalidCursor`.
    """
    deadline = time.monotonic() + seconds
    fast_polls = 0
    with context.broker.listener.subscribed(journal_topic(context.app.id)) as wake_event:
        while time.monotonic() < deadline:
            wake_event.clear()
            async with context.transaction() as unit_of_work:
                recorded, _ = await journal.page(unit_of_work, context.app.id, limit=PAGE_EVENTS, cursor=cursor)
            for each in recorded:
                cursor = each.cursor
                if chosen.has(each):
                    yield each
            if recorded:
                fast_polls = 0
                continue
            pause = FAST_POLL_SECONDS if fast_polls else POLL_SECONDS
            fast_polls = max(fast_polls - 1, 0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake_event.wait(), pause)
                fast_polls = FAST_POLLS
