"""The clients. Generated from openapi.yaml by `make clients`: do not edit."""

from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from videobroker_client._async_resources import (
    AsyncBookingsResource,
    AsyncCallsResource,
    AsyncDiagnosticsResource,
    AsyncEventsResource,
    AsyncGroupsResource,
    AsyncMeResource,
    AsyncVisitResource,
    AsyncWebhookEndpointsResource,
)
from videobroker_client._async_transport import AsyncTransport
from videobroker_client._options import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT_SECONDS, Options, make_options
from videobroker_client._resources import (
    BookingsResource,
    CallsResource,
    DiagnosticsResource,
    EventsResource,
    GroupsResource,
    MeResource,
    VisitResource,
    WebhookEndpointsResource,
)
from videobroker_client._transport import Transport


class Client:
    """The service. Keeps connections open: create one, and use it everywhere.

    Pass one credential: `api_key` for a backend, `user_token` for a user of your identity provider, or `ticket` for the
    person of a link.

    Requests that fail temporarily are repeated up to `max_retries` times: after 429, 503, and connection errors, with
    growing delays, and after `Retry-After` if the service sends it. Every POST has an idempotency key, so that it has
    its effect once.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        user_token: str | None = None,
        ticket: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_retries: int = DEFAULT_MAX_RETRIES,
        http_client: httpx.Client | None = None,
    ) -> None:
        """Without arguments, `VIDEOBROKER_URL` and `VIDEOBROKER_API_KEY` are used.

        `http_client` replaces the connection pool, for example to use a proxy. You have to close it.
        """
        options = make_options(
            base_url,
            api_key=api_key,
            user_token=user_token,
            ticket=ticket,
            max_retries=max_retries,
            timeout_seconds=timeout_seconds,
        )
        self._owns_http = http_client is None
        self._open(Transport(options, http_client or httpx.Client()))

    def _open(self, transport: Transport) -> None:
        self._transport = transport
        self.bookings = BookingsResource(transport)
        self.groups = GroupsResource(transport)
        self.visit = VisitResource(transport)
        self.calls = CallsResource(transport)
        self.events = EventsResource(transport)
        self.webhook_endpoints = WebhookEndpointsResource(transport)
        self.diagnostics = DiagnosticsResource(transport)
        self.me = MeResource(transport)

    def as_user(self, user_id: str) -> Self:
        """A client for requests on behalf of this user. It shares the connections of this one."""
        return self._with(replace(self._transport.options, user_id=user_id))

    def with_options(self, *, timeout_seconds: float | None = None, max_retries: int | None = None) -> Self:
        """A client with other options. It shares the connections of this one."""
        options = self._transport.options
        return self._with(
            replace(
                options,
                timeout_seconds=options.timeout_seconds if timeout_seconds is None else timeout_seconds,
                max_retries=options.max_retries if max_retries is None else max_retries,
            )
        )

    def _with(self, options: Options) -> Self:
        client = self.__class__.__new__(self.__class__)
        client._owns_http = False
        client._open(Transport(options, self._transport.http))
        return client

    def __repr__(self) -> str:
        return f"Client({self._transport.options.base_url!r})"

    def close(self) -> None:
        """Close the connections."""
        if self._owns_http:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """The service, for asyncio. Keeps connections open: create one, and use it everywhere.

    Pass one credential: `api_key` for a backend, `user_token` for a user of your identity provider, or `ticket` for the
    person of a link.

    Requests that fail temporarily are repeated up to `max_retries` times: after 429, 503, and connection errors, with
    growing delays, and after `Retry-After` if the service sends it. Every POST has an idempotency key, so that it has
    its effect once.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        user_token: str | None = None,
        ticket: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_retries: int = DEFAULT_MAX_RETRIES,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        """Without arguments, `VIDEOBROKER_URL` and `VIDEOBROKER_API_KEY` are used.

        `http_client` replaces the connection pool, for example to use a proxy. You have to close it.
        """
        options = make_options(
            base_url,
            api_key=api_key,
            user_token=user_token,
            ticket=ticket,
            max_retries=max_retries,
            timeout_seconds=timeout_seconds,
        )
        self._owns_http = http_client is None
        self._open(AsyncTransport(options, http_client or httpx.AsyncClient()))

    def _open(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.bookings = AsyncBookingsResource(transport)
        self.groups = AsyncGroupsResource(transport)
        self.visit = AsyncVisitResource(transport)
        self.calls = AsyncCallsResource(transport)
        self.events = AsyncEventsResource(transport)
        self.webhook_endpoints = AsyncWebhookEndpointsResource(transport)
        self.diagnostics = AsyncDiagnosticsResource(transport)
        self.me = AsyncMeResource(transport)

    def as_user(self, user_id: str) -> Self:
        """A client for requests on behalf of this user. It shares the connections of this one."""
        return self._with(replace(self._transport.options, user_id=user_id))

    def with_options(self, *, timeout_seconds: float | None = None, max_retries: int | None = None) -> Self:
        """A client with other options. It shares the connections of this one."""
        options = self._transport.options
        return self._with(
            replace(
                options,
                timeout_seconds=options.timeout_seconds if timeout_seconds is None else timeout_seconds,
                max_retries=options.max_retries if max_retries is None else max_retries,
            )
        )

    def _with(self, options: Options) -> Self:
        client = self.__class__.__new__(self.__class__)
        client._owns_http = False
        client._open(AsyncTransport(options, self._transport.http))
        return client

    def __repr__(self) -> str:
        return f"AsyncClient({self._transport.options.base_url!r})"

    async def close(self) -> None:
        """Close the connections."""
        if self._owns_http:
            await self._transport.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
