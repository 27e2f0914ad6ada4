"""Follows the journal as it grows."""

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

AT_ONCE = 100
LOOK_AGAIN_SECONDS = 2.0
"""Without a wake-up. They may get lost."""
LOOK_SOON_SECONDS = 0.1
"""After a wake-up that brought nothing: what was committed becomes visible when older transactions are done."""
LOOKS_SOON = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which events somebody wants to follow; None and nothing leave a field open."""

    types: frozenset[EventType] = frozenset()
    session: SessionKey | None = None
    user_id: str | None = None

    def has(self, recorded: RecordedEvent) -> bool:
        """Whether this is one of them."""
        event = recorded.event
        return (
            (not self.types or event.type in self.types)
            and self.session in {None, event.session}
            and self.user_id in {None, event.user_id}
        )


BEFORE_EVERYTHING = pagination.write([0, 0])
"""Where somebody stands who came before the first event."""


async def start_cursor(context: RequestContext, cursor: str | None) -> str:
    """The cursor to follow from: this one, or that of the newest event. Raises `InvalidCursor`, `ScopeMissing`."""
    require_for_app(context.actor, Action.READ_EVENTS)
    async with context.store.transaction() as transaction:
        if cursor is None:
            return await journal.last_cursor(transaction, context.app.id) or BEFORE_EVERYTHING
        await journal.page(transaction, context.app.id, limit=1, cursor=cursor)
    return cursor


async def follow(
    context: RequestContext, chosen: Chosen, *, cursor: str, seconds: float
) -> AsyncIterator[RecordedEvent]:
    """Every chosen event behind the cursor, in order, as soon as it is there; for so many seconds.

    Whoever goes on behind the cursor of the last event that they got
    misses nothing and gets nothing twice, at whichever replica. Raises `InvalidCursor`.
    """
    until = time.monotonic() + seconds
    looks_soon = 0
    with context.broker.listener.subscribed(journal_topic(context.app.id)) as woken:
        while time.monotonic() < until:
            woken.clear()
            async with context.store.transaction() as transaction:
                recorded, _ = await journal.page(transaction, context.app.id, limit=AT_ONCE, cursor=cursor)
            for each in recorded:
                cursor = each.cursor
                if chosen.has(each):
                    yield each
            if recorded:
                looks_soon = 0
                continue
            pause = LOOK_SOON_SECONDS if looks_soon else LOOK_AGAIN_SECONDS
            looks_soon = max(looks_soon - 1, 0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), pause)
                looks_soon = LOOKS_SOON
