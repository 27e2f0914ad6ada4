"""Server-sent hints that something changed, so that pages refresh at once.

The stream has no data: a page that gets a hint loads itself again, with its own authorization. So nothing can be
missed: after an interruption, a page refreshes once, and goes on.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Request, Response
from sse_starlette import ServerSentEvent

from videobroker.domain.ids import SessionId
from videobroker.domain.sessions import SessionKey
from videobroker.errors import NotSignedIn, RateLimited, StorageUnavailable
from videobroker.usecases.operations import overviews
from videobroker.usecases.operations.live import follow_apps, follow_session
from videobroker.web.console.access import COOKIE
from videobroker.web.console.cookies import read_cookie
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, ViewRequest, console_access
from videobroker.web.console.templating import HEADERS
from videobroker.web.http.event_stream_response import EventStreamResponse
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/live", route_class=ConsoleRoute, generate_unique_id_function=by_name)

MAX_STREAM_SECONDS = 600.0
"""Then the browser connects again."""
MAX_STREAMS_PER_OPERATOR = 10
MAX_STREAMS = 200
"""In one process."""
CHECK_SECONDS = 10.0
"""How often the operator's session is checked: a stream outlives it by at most this time."""
HEARTBEAT_SECONDS = 15
SEND_TIMEOUT_SECONDS = 30
RECONNECT_DELAY_MS = 2000

log = structlog.get_logger(__name__)


class OpenStreams:
    """The open streams of this process, by operator."""

    def __init__(self) -> None:
        self._by_operator: Counter[str] = Counter()

    def open(self, operator: str) -> None:
        """Raise `RateLimited` if there are too many."""
        if self._by_operator[operator] >= MAX_STREAMS_PER_OPERATOR or self._by_operator.total() >= MAX_STREAMS:
            raise RateLimited("Too many pages are open. This one refreshes less often.", retry_after=60)
        self._by_operator[operator] += 1

    def close(self, operator: str) -> None:
        """Must follow each `open`."""
        self._by_operator[operator] -= 1
        if not self._by_operator[operator]:
            del self._by_operator[operator]


@router.get("")
async def console_live(
    request: Request,
    console: ViewRequest,
    app: Annotated[UUID | Literal[""], Query()] = "",
    session: Annotated[UUID | Literal[""], Query()] = "",
) -> Response:
    """Hints about one session, one app, or all apps. It is no activity: the idle timeout goes on."""
    key: SessionKey | None = None
    if app and session:
        chosen = await console.app(app)
        key = (await overviews.find_overview(console.broker, chosen, SessionId(session))).registered.session.key
    streams: OpenStreams = request.app.state.console_streams
    streams.open(console.operator.name)
    return EventStreamResponse(
        _hints(request, console, app or None, key, streams),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SEND_TIMEOUT_SECONDS,
        headers={**HEADERS, "X-Accel-Buffering": "no"},
    )


async def _hints(
    request: Request, console: ConsoleRequest, app_id: UUID | None, key: SessionKey | None, streams: OpenStreams
) -> AsyncIterator[ServerSentEvent]:
    try:
        yield ServerSentEvent(comment="listening", retry=RECONNECT_DELAY_MS)
        async for has_changed in _changes(console, app_id, key):
            if has_changed:
                yield ServerSentEvent("", event="changed")
            elif not await _is_signed_in(request, console):
                yield ServerSentEvent("", event="ended")
                return
    except StorageUnavailable:
        log.warning("console.stream_interrupted")
    finally:
        streams.close(console.operator.name)


async def _changes(console: ConsoleRequest, app_id: UUID | None, key: SessionKey | None) -> AsyncIterator[bool]:
    """True for a change; False whenever the session has to be checked."""
    app = None if app_id is None else await console.app(app_id)
    source = (
        follow_session(console.context(app), key, seconds=MAX_STREAM_SECONDS)
        if app is not None and key is not None
        else follow_apps(console.broker, app, seconds=MAX_STREAM_SECONDS)
    )
    checked_at = time.monotonic()
    pending: asyncio.Task[None] | None = None
    try:
        while True:
            if pending is None:
                pending = asyncio.ensure_future(_next(source))
            left = max(checked_at + CHECK_SECONDS - time.monotonic(), 0)
            done, _ = await asyncio.wait({pending}, timeout=left)
            if done:
                finished, pending = pending, None
                try:
                    finished.result()
                except StopAsyncIteration:
                    return
                yield True
            if time.monotonic() >= checked_at + CHECK_SECONDS:
                checked_at = time.monotonic()
                yield False
    finally:
        if pending is not None:
            pending.cancel()


async def _next(source: AsyncIterator[None]) -> None:
    await source.__anext__()


async def _is_signed_in(request: Request, console: ConsoleRequest) -> bool:
    try:
        await console_access(request).operator(
            console.broker, read_cookie(request, COOKIE), is_activity=False, now=console.broker.now()
        )
    except NotSignedIn:
        return False
    return True
