"""The journal as a stream of server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from videobroker.domain.events import EventType
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import InvalidInput, StorageUnavailable
from videobroker.usecases.journal.stream import Chosen, follow, start_cursor
from videobroker.web.http.auth import Caller, EventsReader
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import Identifier
from videobroker.web.v1.session_schemas import COMMON_PROBLEMS, Cursor

HEARTBEAT_SECONDS = 15
LONGEST_SECONDS = 600.0
"""Then the stream ends, and the client comes back with its key: revoking one takes effect by then."""
STUCK_SECONDS = 30
"""A client that takes nothing for so long is let go."""
COME_BACK_MS = 1000

router = APIRouter(prefix="/events", tags=["events"], route_class=JsonRoute, generate_unique_id_function=by_name)

log = structlog.get_logger(__name__)


@router.get(
    "/stream",
    summary="Follow the journal live",
    response_class=EventSourceResponse,
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
    type: Annotated[list[EventType] | None, Query(description="Only these types; repeat it for several.")] = None,
    kind: Annotated[SessionKind | None, Query(description="With `reference`: only about this session.")] = None,
    reference: Annotated[Identifier | None, Query(description="With `kind`: only about this session.")] = None,
    user_id: Annotated[Identifier | None, Query(description="Only about this person.")] = None,
    cursor: Cursor = None,
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event that was received; goes before `cursor`.")
    ] = None,
) -> EventSourceResponse:
    """Every event as soon as it happens, from now on or behind a cursor: that of the list will do. A stream ends after
    ten minutes; come back with `Last-Event-ID`, at any replica, and nothing is missed and nothing comes twice."""
    if (kind is None) != (reference is None):
        raise InvalidInput("Send `kind` and `reference` together: both name the session.")
    session = None if kind is None or reference is None else SessionKey(caller.app.id, kind, reference)
    chosen = Chosen(frozenset(type or ()), session, user_id)
    start = await start_cursor(caller.context, last_event_id or cursor)
    return EventSourceResponse(
        _sent(caller, chosen, start),
        ping=HEARTBEAT_SECONDS,
        send_timeout=STUCK_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _sent(caller: Caller, chosen: Chosen, cursor: str) -> AsyncIterator[ServerSentEvent]:
    # At once, so that the client knows that it listens, and where it stands should nothing come.
    yield ServerSentEvent(comment="listening", id=cursor, retry=COME_BACK_MS)
    try:
        async for recorded in follow(caller.context, chosen, cursor=cursor, seconds=LONGEST_SECONDS):
            shown = json.dumps(recorded.to_json(), ensure_ascii=False, separators=(",", ":"))
            yield ServerSentEvent(shown, id=recorded.cursor, event=recorded.event.type.value)
    except StorageUnavailable:
        # The answer has begun: all that is left to say is its end. The client comes back, and is told then.
        log.warning("stream.interrupted")
