"""Sends requests without blocking, and repeats those that failed temporarily."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import httpx

from videobroker_client._options import (
    Options,
    build_request,
    connection_error,
    decode_response,
    decode_with_etag,
    error_of,
    parse_json,
)
from videobroker_client._requests import ApiRequest
from videobroker_client._retries import Failure, retry_delay
from videobroker_client.errors import ApiError

T = TypeVar("T")


class AsyncTransport:
    """Sends requests over a pool of connections."""

    def __init__(self, options: Options, http: httpx.AsyncClient) -> None:
        self.options = options
        self.http = http
        self._jitter = random.Random()

    async def send(self, request: ApiRequest) -> httpx.Response:
        """The successful response. Raises `VideobrokerError`."""
        built = build_request(self.http, self.options, request)
        attempt = 1
        while True:
            try:
                response = await self.http.send(built)
                if response.is_success:
                    return response
                error = error_of(response)
            except httpx.TransportError as failure:
                await self._pause(request, Failure(failure, attempt), connection_error(failure))
            else:
                if not isinstance(error, ApiError):
                    raise error
                await self._pause(request, Failure(error, attempt), error)
            attempt += 1

    async def _pause(self, request: ApiRequest, failure: Failure, error: Exception) -> None:
        """Wait for the next attempt. Raises the error if there is none."""
        delay = retry_delay(request, failure, max_retries=self.options.max_retries, jitter=self._jitter)
        if delay is None:
            raise error from (failure.error if isinstance(failure.error, httpx.TransportError) else None)
        await asyncio.sleep(delay)

    async def send_for_json(self, request: ApiRequest) -> Any:
        """The JSON of the response."""
        return parse_json(await self.send(request))

    async def send_for_value(self, request: ApiRequest, decode: Callable[[Any], T]) -> T:
        """The typed value of the response. Raises `UnexpectedResponse`."""
        return cast("T", decode_with_etag(request, await self.send(request), decode))

    def decode(self, request: ApiRequest, raw: Any, decode: Callable[[Any], T]) -> T:
        """The typed value of JSON in a response. Raises `UnexpectedResponse`."""
        return cast("T", decode_response(request, raw, decode))

    @asynccontextmanager
    async def stream(self, request: ApiRequest, *, silence_seconds: float) -> AsyncGenerator[httpx.Response, None]:
        """An open response. One attempt; raises `VideobrokerError`."""
        built = build_request(self.http, self.options, request)
        built.headers["Accept"] = "text/event-stream"
        built.extensions["timeout"] = httpx.Timeout(self.options.timeout_seconds, read=silence_seconds).as_dict()
        try:
            response = await self.http.send(built, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise error_of(response)
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as failure:
            raise connection_error(failure) from failure
