"""Follows the journal of an app over HTTP: a client of `GET /v1/events` and `GET /v1/events/stream`."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from httpx_sse import EventSource

from videobroker.domain.times import parse_retry_after, rfc3339

STREAM_PATH = "/v1/events/stream"
LIST_PATH = "/v1/events"
PAGE_EVENTS = 100
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 45.0
"""The service sends a comment every 15 seconds. A connection that is silent for longer is lost."""
RECONNECT_SECONDS = 1.0
MAX_RECONNECT_SECONDS = 30.0

Event = Mapping[str, Any]


class StreamRejected(Exception):
    """The service refuses the request, or is not there. Repeating the request does not help."""


class _StreamInterrupted(Exception):
    """The service is not available now."""

    def __init__(self, reason: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class EventStream:
    """The events of an app in order, each of them once, across interruptions of the connection.

    The first connection has to succeed. Later, it reconnects with growing delays, and calls `notify` with the reason.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        types: Sequence[str] = (),
        since: datetime | None = None,
        notify: Callable[[str], None] = lambda _: None,
        connected: Callable[[], None] = lambda: None,
    ) -> None:
        """`types` selects event types; empty: all. `since` adds events from this time on to those that follow.

        `connected` is called when the stream is open for the first time.
        """
        self._url = url
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._types = list(types)
        self._since = since
        self._notify = notify
        self._connected = connected
        self._has_connected = False
        self._cursor: str | None = None
        self._listed_ids: set[str] = set()
        self._delay_seconds = RECONNECT_SECONDS

    async def events(self) -> AsyncIterator[Event]:
        """Yield events until the caller stops. Raises `StreamRejected`."""
        timeout = httpx.Timeout(CONNECT_SECONDS, read=SILENCE_SECONDS)
        async with httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=timeout) as client:
            while True:
                try:
                    async for event in self._events_of_connection(client):
                        self._cursor = event["cursor"]
                        self._delay_seconds = RECONNECT_SECONDS
                        yield event
                except (httpx.TransportError, _StreamInterrupted) as error:
                    await self._pause(error)
                else:
                    # The service ends every stream after ten minutes.
                    await asyncio.sleep(RECONNECT_SECONDS)

    async def _events_of_connection(self, client: httpx.AsyncClient) -> AsyncIterator[Event]:
        # The stream is opened before the list is read, so that no event is missed between them.
        async with self._open(client) as source:
            if self._since is not None:
                async for event in self._listed(client, self._since):
                    yield event
                self._since = None
            async for message in source.aiter_sse():
                if not message.data:
                    # The first message has only the position at which the stream begins.
                    self._cursor = self._cursor or message.id
                    continue
                streamed: Event = json.loads(message.data)
                if streamed["id"] not in self._listed_ids:
                    yield streamed

    @asynccontextmanager
    async def _open(self, client: httpx.AsyncClient) -> AsyncIterator[EventSource]:
        params: dict[str, str | list[str]] = {"type": self._types}
        if self._cursor is not None:
            params["cursor"] = self._cursor
        headers = {"Accept": "text/event-stream"}
        async with client.stream("GET", STREAM_PATH, params=params, headers=headers) as response:
            await _require_success(response)
            if not self._has_connected:
                self._has_connected = True
                self._connected()
            yield EventSource(response)

    async def _listed(self, client: httpx.AsyncClient, since: datetime) -> AsyncIterator[Event]:
        """Events that were recorded since then. After an interruption, continues behind the last one."""
        params: dict[str, str | int | list[str]] = {"type": self._types, "limit": PAGE_EVENTS, "since": rfc3339(since)}
        cursor = self._cursor if self._listed_ids else None
        while True:
            response = await client.get(LIST_PATH, params=params if cursor is None else {**params, "cursor": cursor})
            await _require_success(response)
            page = response.json()
            for event in page["data"]:
                self._listed_ids.add(event["id"])
                yield event
            cursor = page["next"]
            if cursor is None:
                return

    async def _pause(self, error: Exception) -> None:
        if not self._has_connected:
            raise StreamRejected(f"Cannot reach the service at {self._url}: {_reason(error)}.") from error
        delay = self._delay_seconds
        if isinstance(error, _StreamInterrupted):
            delay = max(delay, error.retry_after_seconds)
        self._notify(f"Connection to the service lost: {_reason(error)}. Reconnecting in {delay:g} s.")
        self._delay_seconds = min(self._delay_seconds * 2, MAX_RECONNECT_SECONDS)
        await asyncio.sleep(delay)


async def _require_success(response: httpx.Response) -> None:
    """Raises `StreamRejected` for responses that will not change, and `_StreamInterrupted` for others."""
    if response.is_success:
        return
    await response.aread()
    detail = _detail(response)
    if response.status_code == 429 or response.status_code >= 500:
        wait = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        raise _StreamInterrupted(detail.rstrip("."), 0.0 if wait is None else wait.total_seconds())
    raise StreamRejected(detail)


def _detail(response: httpx.Response) -> str:
    """The sentence of a problem document; of other responses, only their status."""
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        return str(response.json()["detail"])
    return f"The response has the status {response.status_code}: is this the address of videobroker?"


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
