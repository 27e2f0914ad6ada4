"""Client of the 100ms REST API, with retries.

All operations are idempotent, with one exception: a retried `create_code` may create an unused second code. Creating a
room is an upsert by name, creating codes returns the existing ones, and removing an absent peer has no effect.

Source: the pages under server-side/v2/api-reference of the 100ms docs.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import structlog

from videobroker.domain.circuit_breaker import CircuitStatus
from videobroker.providers.circuit_breaker import CircuitBreaker
from videobroker.providers.hms.errors import HmsNotFound, provider_error
from videobroker.providers.hms.responses import (
    ActiveRoom,
    HmsPage,
    HmsPeer,
    HmsRoom,
    HmsRoomCode,
    HmsSession,
    HmsTemplate,
    ListedRoom,
    ignore_body,
    read_peers,
)
from videobroker.providers.hms.timestamps import format_timestamp
from videobroker.providers.hms.tokens import ManagementTokens
from videobroker.providers.retrying import (
    MAX_IDLE_SECONDS,
    AttemptError,
    Body,
    ProviderCall,
    RetryPolicy,
    create_tls_context,
    parse_response,
    retry,
)

CONNECT_SECONDS = 2.0
"""A healthy host accepts connections in well under a second, and a participant is waiting to join."""

RESPONSE_SECONDS = 5.0
"""Per read and write. Longer than a healthy API takes, and leaves time for another attempt."""

POOL_SECONDS = 5.0
"""Wait for a free connection. As long as a response may take: longer waits would not help."""

MAX_CONNECTIONS = 20
"""Concurrent requests per account. 100ms documents neither a limit of them nor of the rate; this one prevents a burst
from being treated as an attack."""

PAGE_SIZE = 100
"""The maximum of 100ms."""

MAX_PAGES = 100
"""Bounds the requests of one listing. None of our rooms has as many sessions or codes."""

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RoomWebhook:
    """The webhook URL of a room, which overrides the URL of the workspace."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class HmsOperation(Generic[T]):
    """A request to 100ms, and the parser of its response."""

    name: str
    method: str
    path: str
    read: Callable[[Body], T]
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)


class HmsClient:
    """The REST API for one account. Methods may be called concurrently.

    After the last retry, methods raise `ProviderUnavailable` if 100ms is unreachable, overloaded, or sends unusable
    responses. Other failures raise `ProviderRefused`: `HmsForbidden` for 403, `HmsNotFound` for 404.
    """

    def __init__(
        self,
        api_url: str,
        tokens: ManagementTokens,
        clock: Callable[[], datetime],
        *,
        retry_policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        circuit_breaker: CircuitBreaker | None = None,
    ) -> None:
        """`api_url` includes the version: `https://api.100ms.live/v2`. `transport` replaces the network in tests."""
        self._clock = clock
        self.clock_difference: timedelta | None = None
        """How far the vendor's clock is ahead of ours, to the second; None before the first response."""
        self._retry_policy = retry_policy or RetryPolicy()
        self._circuit_breaker = circuit_breaker or CircuitBreaker("100ms", tokens.access_key)
        # Beside the limit of the connection pool: waiting for a connection is no failure of the vendor.
        self._concurrency = asyncio.Semaphore(MAX_CONNECTIONS)
        self._http = httpx.AsyncClient(
            base_url=api_url,
            auth=ManagementAuth(tokens),
            timeout=httpx.Timeout(RESPONSE_SECONDS, connect=CONNECT_SECONDS, pool=POOL_SECONDS),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=MAX_IDLE_SECONDS),
            verify=create_tls_context(),
            transport=transport,
        )

    @property
    def circuit(self) -> CircuitStatus:
        """Whether requests are sent to the account."""
        return self._circuit_breaker.status

    async def create_room(self, name: str, template_id: str | None, webhook: RoomWebhook | None = None) -> HmsRoom:
        """Create the room called `name`, or update the template and the webhook of the existing one.

        Names are case-insensitive. Without `template_id`, a new room gets the workspace's default template. Without
        `webhook`, an existing room keeps its webhook: 100ms does not document how to remove one.
        """
        body: dict[str, Any] = {"name": name}
        if template_id is not None:
            body["template_id"] = template_id
        if webhook is not None:
            body["webhook"] = {"url": webhook.url, "headers": dict(webhook.headers)}
        return await self._perform(HmsOperation("create_room", "POST", _path("rooms"), HmsRoom.read, body))

    async def find_open_room(self, name: str) -> str | None:
        """The ID of the enabled room called `name`; None if there is none.

        It is not documented whether the filter `name` also finds rooms whose names begin with it.
        """
        query = {"name": name, "enabled": "true"}
        operation = HmsOperation("list_rooms", "GET", _path("rooms"), ListedRoom.read_page, query=query)
        async for room in self._pages(operation):
            if room.name.lower() == name.lower():
                return room.id
        return None

    async def enable_room(self, room_id: str) -> HmsRoom:
        """Allow joins again."""
        return await self._perform(
            HmsOperation("enable_room", "POST", _path("rooms", room_id), HmsRoom.read, {"enabled": True})
        )

    async def disable_room(self, room_id: str) -> HmsRoom:
        """Refuse new joins. Participants in the room stay."""
        return await self._perform(
            HmsOperation("disable_room", "POST", _path("rooms", room_id), HmsRoom.read, {"enabled": False})
        )

    async def create_codes(self, room_id: str) -> tuple[HmsRoomCode, ...]:
        """One code per role. A repetition returns the same codes. Raises `HmsForbidden` if the room is disabled."""
        return await self._perform(
            HmsOperation("create_codes", "POST", _path("room-codes", "room", room_id), HmsRoomCode.read_all)
        )

    async def list_codes(self, room_id: str, *, enabled: bool = True) -> tuple[HmsRoomCode, ...]:
        """All enabled or all disabled codes of the room. Raises `HmsForbidden` if the room is disabled.

        The filter is always sent, because the result without it is not documented.
        """
        path, query = _path("room-codes", "room", room_id), {"enabled": "true" if enabled else "false"}
        operation = HmsOperation("list_codes", "GET", path, HmsRoomCode.read_page, query=query)
        return tuple([code async for code in self._pages(operation)])

    async def create_code(self, room_id: str, role: str) -> HmsRoomCode:
        """A code for the role. It is not documented whether it is new if the role already has a code."""
        path = _path("room-codes", "room", room_id, "role", role)
        return await self._perform(HmsOperation("create_code", "POST", path, HmsRoomCode.read))

    async def disable_code(self, code: str) -> None:
        """Invalidate the code. Raises `HmsNotFound` if it does not exist."""
        body = {"code": code, "enabled": False}
        await self._perform(HmsOperation("disable_code", "POST", _path("room-codes", "code"), ignore_body, body))

    async def end_room(self, room_id: str, reason: str, *, lock: bool) -> None:
        """End the call in the room, soon after the response. With `lock`, also disable the room.

        Raises `HmsNotFound` if the room is idle.
        """
        path = _path("active-rooms", room_id, "end-room")
        await self._perform(HmsOperation("end_room", "POST", path, ignore_body, {"reason": reason, "lock": lock}))

    async def list_peers(self, room_id: str, user_id: str) -> tuple[HmsPeer, ...]:
        """The user's devices in the room. Raises `HmsNotFound` if the room is idle or unknown."""
        path, query = _path("active-rooms", room_id, "peers"), {"user_id": user_id}
        return await self._perform(HmsOperation("list_peers", "GET", path, read_peers, query=query))

    async def remove_peer(self, room_id: str, peer_id: str, reason: str) -> None:
        """Disconnect one device, soon after the response. Raises `HmsNotFound` if it is not in the room."""
        path, body = _path("active-rooms", room_id, "remove-peers"), {"peer_id": peer_id, "reason": reason}
        await self._perform(HmsOperation("remove_peer", "POST", path, ignore_body, body))

    async def list_sessions(
        self, room_id: str, *, active: bool, after: datetime | None = None
    ) -> tuple[HmsSession, ...]:
        """The sessions of the room that are running (`active`) or over, with a start later than `after`."""
        query = {"room_id": room_id, "active": "true" if active else "false"}
        if after is not None:
            query["after"] = format_timestamp(after)
        operation = HmsOperation("list_sessions", "GET", _path("sessions"), HmsSession.read_page, query=query)
        return tuple([session async for session in self._pages(operation)])

    async def get_session(self, session_id: str) -> HmsSession:
        """One session with all its peers, past and present. Raises `HmsNotFound` if it does not exist."""
        return await self._perform(HmsOperation("get_session", "GET", _path("sessions", session_id), HmsSession.read))

    async def get_template(self, template_id: str) -> HmsTemplate:
        return await self._perform(
            HmsOperation("get_template", "GET", _path("templates", template_id), HmsTemplate.read)
        )

    async def get_active_room(self, room_id: str) -> ActiveRoom | None:
        """The running session of the room; None if it is idle."""
        operation = HmsOperation("get_active_room", "GET", _path("active-rooms", room_id), ActiveRoom.read)
        try:
            return await self._perform(operation)
        except HmsNotFound:
            return None

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _perform(self, operation: HmsOperation[T]) -> T:
        call = ProviderCall("100ms", operation.name, operation.path)
        try:
            return await retry(call, self._retry_policy, lambda _: self._send(operation))
        except AttemptError as failure:
            raise provider_error(failure, operation.name) from failure

    async def _pages(self, operation: HmsOperation[HmsPage[T]]) -> AsyncIterator[T]:
        start: str | None = None
        for _ in range(MAX_PAGES):
            query = {**operation.query, "limit": str(PAGE_SIZE), **({"start": start} if start else {})}
            page = await self._perform(replace(operation, query=query))
            for item in page.items:
                yield item
            if page.is_last(PAGE_SIZE) or page.last == start:
                return
            start = page.last

    async def _send(self, operation: HmsOperation[T]) -> T:
        self._circuit_breaker.check()
        async with self._concurrency:
            with self._circuit_breaker.request():
                response = await self._request(operation)
        return parse_response(response, operation.read)

    async def _request(self, operation: HmsOperation[T]) -> httpx.Response:
        try:
            response = await self._http.request(
                operation.method, operation.path, json=operation.body, params=operation.query or None
            )
        except httpx.RequestError as error:
            raise AttemptError.without_answer(error) from error
        self._compare_clocks(response)
        if not response.is_success:
            raise AttemptError.with_status(response, self._clock())
        return response

    def _compare_clocks(self, response: httpx.Response) -> None:
        with contextlib.suppress(ValueError):
            vendor_time = parsedate_to_datetime(response.headers.get("Date", ""))
            self.clock_difference = vendor_time - self._clock()


class ManagementAuth(httpx.Auth):
    """Adds the management token. After a 401, repeats the request once with a new token.

    Not after a 403, which means a disabled room or a missing permission: a new token would not help.
    """

    def __init__(self, tokens: ManagementTokens) -> None:
        self._tokens = tokens

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._tokens.current()
        response = yield _with_token(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            log.warning("hms.token_rejected", path=request.url.path)
            self._tokens.discard(token)
            yield _with_token(request, self._tokens.current())


def _with_token(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _path(*segments: str) -> str:
    return "/" + "/".join(quote(segment, safe="") for segment in segments)
