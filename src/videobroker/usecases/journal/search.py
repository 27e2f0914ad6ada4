"""Searches the journal of one app, newest events first, for operators."""

from collections.abc import AsyncIterator
from datetime import timedelta

from videobroker.domain.authorization import Action
from videobroker.domain.events import RecordedEvent
from videobroker.domain.ids import SERVICE_ID
from videobroker.domain.journal_search import JournalFilter
from videobroker.domain.operators import OperatorRole
from videobroker.storage.journal import journal, statistics
from videobroker.storage.journal.journal import JournalSearchPage
from videobroker.usecases.authorization import require_for_app, require_operator
from videobroker.usecases.context import RequestContext

EXPORT_PAGE_EVENTS = 500
CLOCK_SLACK = timedelta(minutes=10)
"""How far the order of the journal may differ from that of its times."""

__all__ = ["JournalSearchPage", "search_journal", "stream_journal"]


async def search_journal(
    context: RequestContext, chosen: JournalFilter, *, limit: int, before: str | None
) -> JournalSearchPage:
    """The newest events that match, before the cursor. A page may end early, see `JournalSearchPage`.

    Only administrators read the journal of the service, which has the addresses of operators. Raises `InvalidCursor`,
    `OperatorRoleMayNot`.
    """
    require_for_app(context.actor, Action.READ_EVENTS)
    if context.app.id == SERVICE_ID:
        require_operator(context.actor, OperatorRole.ADMIN)
    async with context.transaction() as unit_of_work:
        position = None if before is None else journal.read_cursor(before)
        if position is None and chosen.until is not None:
            # Skips the events after the period.
            position = await statistics.position_after(unit_of_work, context.app.id, chosen.until + CLOCK_SLACK)
        return await journal.search(unit_of_work, context.app.id, chosen, before=position, limit=limit)


async def stream_journal(context: RequestContext, chosen: JournalFilter, *, limit: int) -> AsyncIterator[RecordedEvent]:
    """Yield the newest events that match, at most `limit`, newest first. Raises what `search_journal` raises."""
    cursor: str | None = None
    remaining = limit
    while remaining > 0:
        page = await search_journal(context, chosen, limit=min(EXPORT_PAGE_EVENTS, remaining), before=cursor)
        for each in page.items:
            yield each
        remaining -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return
