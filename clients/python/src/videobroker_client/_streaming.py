"""Streams of server-sent events that survive interruptions of the connection."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Generic, TypeVar

import httpx
from httpx_sse import EventSource

from videobroker_client._async_transport import AsyncTransport
from videobroker_client._options import connection_error
from videobroker_client._requests import ApiRequest
from videobroker_client._transport import Transport
from videobroker_client.errors import ApiError, ConnectionFailed

T = TypeVar("T")
SILENCE_SECONDS = 45.0
"""The service sends a comment every 15 seconds. A connection that is silent for longer is lost."""
RECONNECT_SECONDS = 1.0
MAX_RECONNECT_SECONDS = 30.0


class _Position(Generic[T]):
    """What both kinds of streams have in common: the request, the cursor, and the delay of the next connection."""

    def __init__(self, request: ApiRequest, decode: Callable[[Any], T]) -> None:
        self._request = request
        self._decode = decode
        self._delay = RECONNECT_SECONDS
        self.cursor: str | None = request.query.get("cursor")
        """The position after the last item. Pass it as `cursor` to continue, also in another process."""

    def _next_request(self) -> ApiRequest:
        if self.cursor is None:
            return self._request
        return replace(self._request, query={**self._request.query, "cursor": self.cursor})

    def _delay_after(self, error: ConnectionFailed | ApiError) -> float:
        """Seconds until the next connection. Raises errors that would be repeated."""
        if isinstance(error, ApiError) and error.status < 500 and error.status != 429:
            raise error
        delay = max(self._delay, getattr(error, "retry_after", None) or 0.0)
        self._delay = min(self._delay * 2, MAX_RECONNECT_SECONDS)
        return delay


class Stream(_Position[T]):
    """Items as they happen. Iterates until you stop, and reconnects after interruptions, without gaps or duplicates."""

    def __init__(self, transport: Transport, request: ApiRequest, decode: Callable[[Any], T]) -> None:
        super().__init__(request, decode)
        self._transport = transport

    def __iter__(self) -> Iterator[T]:
        while True:
            delay = RECONNECT_SECONDS
            try:
                yield from self._items()
            except (ConnectionFailed, ApiError) as error:
                delay = self._delay_after(error)
            time.sleep(delay)

    def _items(self) -> Iterator[T]:
        with self._transport.stream(self._next_request(), silence_seconds=SILENCE_SECONDS) as response:
            try:
                for message in EventSource(response).iter_sse():
                    self._delay = RECONNECT_SECONDS
                    if message.data:
                        yield self._transport.decode(self._request, json.loads(message.data), self._decode)
                    self.cursor = message.id or self.cursor
            except httpx.TransportError as error:
                raise connection_error(error) from error


class AsyncStream(_Position[T]):
    """Items as they happen. Iterates until you stop, and reconnects after interruptions, without gaps or duplicates."""

    def __init__(self, transport: AsyncTransport, request: ApiRequest, decode: Callable[[Any], T]) -> None:
        super().__init__(request, decode)
        self._transport = transport

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            delay = RECONNECT_SECONDS
            try:
                # Closes the connection as soon as the caller leaves the loop and the iterator is closed.
                async with aclosing(self._items()) as items:
                    async for each in items:
                        yield each
            except (ConnectionFailed, ApiError) as error:
                delay = self._delay_after(error)
            await asyncio.sleep(delay)

    async def _items(self) -> AsyncGenerator[T, None]:
        async with self._transport.stream(self._next_request(), silence_seconds=SILENCE_SECONDS) as response:
            try:
                async for message in EventSource(response).aiter_sse():
                    self._delay = RECONNECT_SECONDS
                    if message.data:
                        yield self._transport.decode(self._request, json.loads(message.data), self._decode)
                    self.cursor = message.id or self.cursor
            except httpx.TransportError as error:
                raise connection_error(error) from error
