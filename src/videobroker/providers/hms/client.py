"""The REST API of 100ms: the operations we use, each tried a few times within a bounded while.

Every operation here is safe to repeat: creating a room is an upsert by name, creating codes gives the same
codes again, removing somebody who is gone does nothing, the others read or set a state. The one exception is
`create_code`, which may then leave one code more than is known.
Source: the pages under server-side/v2/api-reference of the 100ms docs.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import structlog

from videobroker.providers.hms.errors import HmsNotFound, provider_error
from videobroker.providers.hms.responses import (
    ActiveRoom,
    HmsPage,
    HmsPeer,
    HmsRoom,
    HmsRoomCode,
    HmsSession,
    HmsTemplate,
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
"""Reaching a healthy host takes well under one second from anywhere; somebody is waiting to join."""

RESPONSE_SECONDS = 5.0
"""For each read and write: above any answer of a healthy API, and time is left for another attempt."""

POOL_SECONDS = 5.0
"""As long as one answer may take: by then a connection has become free, or waiting is of no use."""

MAX_CONNECTIONS = 20
"""At one time, per account: 100ms documents no limit to lean on, and a rush must not look like an attack."""

PAGE_SIZE = 100
"""The most that 100ms gives at once."""

MAX_PAGES = 100
"""A room with more sessions or codes than fit on so many pages is not ours."""

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where 100ms sends the webhooks of a room, instead of where those of the workspace go."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class HmsOperation(Generic[T]):
    """One thing to ask of 100ms: the request, and how its answer is read."""

    name: str
    method: str
    path: str
    read: Callable[[Body], T]
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)


class HmsClient:
    """One account's way to the REST API.

    Operations raise `ProviderUnavailable` when 100ms, after retries, still cannot be reached, is overloaded
    or answers in pieces, and `ProviderRefused` for anything else but success: `Forbidden` on 403, `HmsNotFound`
    on 404.
    """

    def __init__(
        self,
        api_url: str,
        tokens: ManagementTokens,
        clock: Callable[[], datetime],
        *,
        retry_policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`api_url` includes the version: `https://api.100ms.live/v2`. `transport` replaces the network."""
        self._clock = clock
        self.clock_difference: timedelta | None = None
        """How far the vendor's clock was ahead of ours at its last answer; known to the second."""
        self._retry_policy = retry_policy or RetryPolicy()
        self._http = httpx.AsyncClient(
            base_url=api_url,
            auth=ManagementAuth(tokens),
            timeout=httpx.Timeout(RESPONSE_SECONDS, connect=CONNECT_SECONDS, pool=POOL_SECONDS),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=MAX_IDLE_SECONDS),
            verify=create_tls_context(),
            transport=transport,
        )

    async def create_room(self, name: str, template_id: str | None, webhook: WebhookTarget | None = None) -> HmsRoom:
        """The room called `name`, made if there is none. An existing room takes template and webhook over.

        Names compare case-insensitively. Without `template_id` a new room has the workspace's default one. A room
        that was once given a webhook keeps it: how to take it away is not documented.
        """
        body: dict[str, Any] = {"name": name}
        if template_id is not None:
            body["template_id"] = template_id
        if webhook is not None:
            body["webhook"] = {"url": webhook.url, "headers": dict(webhook.headers)}
        return await self._perform(HmsOperation("create_room", "POST", _path("rooms"), HmsRoom.read, body))

    async def enable_room(self, room_id: str) -> HmsRoom:
        """Let people in again."""
        return await self._perform(
            HmsOperation("enable_room", "POST", _path("rooms", room_id), HmsRoom.read, {"enabled": True})
        )

    async def disable_room(self, room_id: str) -> HmsRoom:
        """Let nobody in any more. Whoever is inside stays."""
        return await self._perform(
            HmsOperation("disable_room", "POST", _path("rooms", room_id), HmsRoom.read, {"enabled": False})
        )

    async def create_codes(self, room_id: str) -> tuple[HmsRoomCode, ...]:
        """One code for each role, the same ones every time. `Forbidden` while the room is disabled."""
        return await self._perform(
            HmsOperation("create_codes", "POST", _path("room-codes", "room", room_id), HmsRoomCode.read_all)
        )

    async def list_codes(self, room_id: str, *, enabled: bool = True) -> tuple[HmsRoomCode, ...]:
        """All enabled, or all disabled, codes of the room. `Forbidden` while the room is disabled.

        What 100ms lists without this filter is not documented.
        """
        path, query = _path("room-codes", "room", room_id), {"enabled": "true" if enabled else "false"}
        operation = HmsOperation("list_codes", "GET", path, HmsRoomCode.read_page, query=query)
        return tuple([code async for code in self._pages(operation)])

    async def create_code(self, room_id: str, role: str) -> HmsRoomCode:
        """A code for the role. Whether it is a new one when the role has one already is not documented."""
        path = _path("room-codes", "room", room_id, "role", role)
        return await self._perform(HmsOperation("create_code", "POST", path, HmsRoomCode.read))

    async def disable_code(self, code: str) -> None:
        """Let nobody in with this code any more. `HmsNotFound` when there is no such code."""
        body = {"code": code, "enabled": False}
        await self._perform(HmsOperation("disable_code", "POST", _path("room-codes", "code"), ignore_body, body))

    async def end_room(self, room_id: str, reason: str, *, lock: bool) -> None:
        """Send everybody out, soon after the answer. With `lock` the room is also disabled.

        `HmsNotFound` when the room is idle.
        """
        path = _path("active-rooms", room_id, "end-room")
        await self._perform(HmsOperation("end_room", "POST", path, ignore_body, {"reason": reason, "lock": lock}))

    async def list_peers(self, room_id: str, user_id: str) -> tuple[HmsPeer, ...]:
        """The devices in the room that 100ms takes for this user's. `HmsNotFound` when the room is idle or unknown."""
        path, query = _path("active-rooms", room_id, "peers"), {"user_id": user_id}
        return await self._perform(HmsOperation("list_peers", "GET", path, read_peers, query=query))

    async def remove_peer(self, room_id: str, peer_id: str, reason: str) -> None:
        """Put one device out of the room, soon after the answer. `HmsNotFound` when it is not there."""
        path, body = _path("active-rooms", room_id, "remove-peers"), {"peer_id": peer_id, "reason": reason}
        await self._perform(HmsOperation("remove_peer", "POST", path, ignore_body, body))

    async def list_sessions(
        self, room_id: str, *, active: bool, after: datetime | None = None
    ) -> tuple[HmsSession, ...]:
        """The meetings in the room that run (`active`) or are over; `after` limits when they began."""
        query = {"room_id": room_id, "active": "true" if active else "false"}
        if after is not None:
            query["after"] = format_timestamp(after)
        operation = HmsOperation("list_sessions", "GET", _path("sessions"), HmsSession.read_page, query=query)
        return tuple([session async for session in self._pages(operation)])

    async def get_session(self, session_id: str) -> HmsSession:
        """One meeting, with everybody who was in it. `HmsNotFound` when there is none."""
        return await self._perform(HmsOperation("get_session", "GET", _path("sessions", session_id), HmsSession.read))

    async def get_template(self, template_id: str) -> HmsTemplate:
        """The template and its roles."""
        return await self._perform(
            HmsOperation("get_template", "GET", _path("templates", template_id), HmsTemplate.read)
        )

    async def get_active_room(self, room_id: str) -> ActiveRoom | None:
        """Who is in the room now; None when it is idle."""
        operation = HmsOperation("get_active_room", "GET", _path("active-rooms", room_id), ActiveRoom.read)
        try:
            return await self._perform(operation)
        except HmsNotFound:
            return None

    async def aclose(self) -> None:
        """Close the connections."""
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
        try:
            response = await self._http.request(
                operation.method, operation.path, json=operation.body, params=operation.query or None
            )
        except httpx.RequestError as error:
            raise AttemptError.without_answer(error) from error
        self._compare_clocks(response)
        if not response.is_success:
            raise AttemptError.with_status(response, self._clock())
        return parse_response(response, operation.read)

    def _compare_clocks(self, response: httpx.Response) -> None:
        with contextlib.suppress(ValueError):
            told = parsedate_to_datetime(response.headers.get("Date", ""))
            self.clock_difference = told - self._clock()


class ManagementAuth(httpx.Auth):
    """Shows the management token. On 401 it signs a new one and asks once more.

    Not on 403: that means a disabled room or a missing permission, and would only double the calls.
    """

    def __init__(self, tokens: ManagementTokens) -> None:
        self._tokens = tokens

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The steps of one request, for `httpx` to perform."""
        token = self._tokens.current()
        response = yield _bearing(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            log.warning("hms.token_rejected", path=request.url.path)
            self._tokens.discard(token)
            yield _bearing(request, self._tokens.current())


def _bearing(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _path(*segments: str) -> str:
    return "/" + "/".join(quote(segment, safe="") for segment in segments)
