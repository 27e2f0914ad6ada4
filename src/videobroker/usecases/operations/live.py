"""Tells operators' pages that something changed, without saying what."""

import asyncio
import time
from collections.abc import AsyncIterator

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.sessions import SessionKey
from videobroker.storage.postgres.notifications import JOURNAL_TOPIC, journal_topic
from videobroker.usecases.context import RequestContext
from videobroker.usecases.journal.stream import EventFilter, follow, start_cursor

MIN_INTERVAL_SECONDS = 0.5
"""Changes within this time are one."""


async def follow_apps(broker: Broker, app: App | None, *, seconds: float) -> AsyncIterator[None]:
    """Yield after new events of this app, or of any app, for so many seconds.

    Relies on notifications alone: while the connection to the database is lost, changes are not noticed.
    """
    deadline = time.monotonic() + seconds
    topic = JOURNAL_TOPIC if app is None else journal_topic(app.id)
    with broker.listener.subscribed(topic) as wake_event:
        while (left := deadline - time.monotonic()) > 0:
            wake_event.clear()
            try:
                await asyncio.wait_for(wake_event.wait(), left)
            except TimeoutError:
                return
            yield None
            await asyncio.sleep(MIN_INTERVAL_SECONDS)


async def follow_session(context: RequestContext, key: SessionKey, *, seconds: float) -> AsyncIterator[None]:
    """Yield after new events of this session, for so many seconds. Raises `ScopeMissing`."""
    cursor = await start_cursor(context, None)
    async for _ in follow(context, EventFilter(session=key), cursor=cursor, seconds=seconds):
        yield None
