"""The journal as a stream of server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import APIRouter, Header
from sse_starlette import ServerSentEvent

from videobroker.errors import StorageUnavailable
from videobroker.usecases.journal.stream import EventFilter, follow, start_cursor
from videobroker.web.http.auth import Caller, EventsReader
from videobroker.web.http.event_stream_response import EventStreamResponse
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.v1.events import KindFilter, ReferenceFilter, TypeFilter, UserFilter
from videobroker.web.v1.session_schemas import COMMON_PROBLEMS, Cursor, session_of_filters

HEARTBEAT_SECONDS = 15
MAX_STREAM_SECONDS = 600.0
"""A stream ends after this time, and the client reconnects with its key. Revoking a key takes effect by then."""
SEND_TIMEOUT_SECONDS = 30
"""A client that reads nothing for this long is disconnected."""
RECONNECT_DELAY_MS = 1000

router = APIRouter(prefix="/events", tags=["events"], route_class=JsonRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)


@router.get(
    "/stream",
    summary="Stream events",
    response_class=EventStreamResponse,
    responses={
        200: {
            "description": "Server-sent events: `id` is the cursor, `event` the type, `data` the event as in the list.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **described(*COMMON_PROBLEMS, "invalid_cursor"),
    },
)
async def stream_events(
    caller: EventsReader,
    type: TypeFilter = None,
    kind: KindFilter = None,
    reference: ReferenceFilter = None,
    user_id: UserFilter = None,
    cursor: Cursor = None,
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event that was received. Takes precedence over `cursor`.")
    ] = None,
) -> EventStreamResponse:
    """Streams events as they happen, from now on or after a cursor, which can also be one of the list. A stream ends
    after ten minutes. Reconnect with `Last-Event-ID`, to any replica, to continue without gaps and duplicates."""
    chosen = EventFilter(frozenset(type or ()), session_of_filters(caller, kind, reference), user_id)
    start = await start_cursor(caller.context, last_event_id or cursor)
    return EventStreamResponse(
        _sent(caller, chosen, start),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SEND_TIMEOUT_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _sent(caller: Caller, chosen: EventFilter, cursor: str) -> AsyncIterator[ServerSentEvent]:
    # Sent immediately: the client knows that the stream is open, and has a cursor even if no event follows.
    yield ServerSentEvent(comment="listening", id=cursor, retry=RECONNECT_DELAY_MS)
    try:
        async for recorded in follow(caller.context, chosen, cursor=cursor, seconds=MAX_STREAM_SECONDS):
            shown = json.dumps(recorded.to_json(), ensure_ascii=False, separators=(",", ":"))
            yield ServerSentEvent(shown, id=recorded.cursor, event=recorded.event.type.value)
    except StorageUnavailable:
        # The response has started, so it can only end. The client reconnects, and gets the error then.
        log.warning("stream.interrupted")
