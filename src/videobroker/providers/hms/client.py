"""The REST API of 100ms: the operations we use, each tried a few times within a bounded while.

Every operation here is safe to repeat: creating a room is an upsert by name, creating codes gives the same
codes again, the others read or set a state.
Source: the pages under server-side/v2/api-reference of the 100ms docs.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Generic, TypeVar
from urllib.parse import quote

import httpx
import stamina
import stamina.instrumentation
import structlog

from videobroker.providers.hms.answers import ActiveRoom, Body, Room, RoomCode, Template, nothing
from videobroker.providers.hms.errors import Absent, AttemptError, answer, provider_error
from videobroker.providers.hms.tokens import ManagementTokens

CONNECT_SECONDS = 2.0
"""Reaching a healthy host takes well under one second from anywhere; somebody is waiting to join."""

ANSWER_SECONDS = 5.0
"""For each read and write: above any answer of a healthy API, and time is left for another attempt."""

POOL_SECONDS = 5.0
"""As long as one answer may take: by then a connection has become free, or waiting is of no use."""

CONNECTIONS = 20
"""At one time, per account: 100ms documents no limit to lean on, and a rush must not look like an attack."""

log = structlog.get_logger(__name__)

# Each failed attempt is logged below, under the name of its operation. Stamina would log and count it again,
# with "<context block>" for a name.
stamina.instrumentation.set_on_retry_hooks(())

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one operation is tried. All but `attempts` are seconds."""

    attempts: int = 4
    """Two failures in a row happen; four mean that it is down."""
    first_wait: float = 0.1
    longest_wait: float = 1.0
    jitter: float = 0.4
    """Up to this much is added to each wait, so that those who failed together do not come back together."""
    longest_asked_wait: float = 3.0
    """When 100ms asks for more, the caller is told so instead: a person waits at the other end."""
    total: float = 8.0
    """Everything together: waits, attempts and signing anew. Shorter than common gateway timeouts."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One thing to ask of 100ms: the request, and how its answer is read."""

    name: str
    method: str
    path: str
    read: Callable[[Body], T]
    body: Mapping[str, str | bool] | None = None


class HmsClient:
    """One account's way to the REST API.

    Operations raise `ProviderUnavailable` when 100ms, after retries, still cannot be reached, is overloaded
    or answers in pieces, and `ProviderRefused` for anything else but success: `Forbidden` on 403, `Absent`
    on 404.
    """

    def __init__(
        self,
        api_url: str,
        tokens: ManagementTokens,
        clock: Callable[[], datetime],
        *,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`api_url` includes the version: `https://api.100ms.live/v2`. `transport` replaces the network."""
        self._clock = clock
        self.clock_difference: timedelta | None = None
        """How far the vendor's clock was ahead of ours at its last answer; known to the second."""
        self._patience = patience or Patience()
        self._http = httpx.AsyncClient(
            base_url=api_url,
            auth=ManagementAuth(tokens),
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, pool=POOL_SECONDS),
            limits=httpx.Limits(max_connections=CONNECTIONS),
            verify=_tls(),
            transport=transport,
        )

    async def create_room(self, name: str, template_id: str | None) -> Room:
        """The room called `name`, made if there is none. An existing room takes the template over.

        Names compare case-insensitively. Without `template_id` a new room has the workspace's default one.
        """
        body = {"name": name} if template_id is None else {"name": name, "template_id": template_id}
        return await self._perform(Operation("create_room", "POST", _path("rooms"), Room.read, body))

    async def enable_room(self, room_id: str) -> Room:
        """Let people in again."""
        return await self._perform(
            Operation("enable_room", "POST", _path("rooms", room_id), Room.read, {"enabled": True})
        )

    async def disable_room(self, room_id: str) -> Room:
        """Let nobody in any more. Whoever is inside stays."""
        return await self._perform(
            Operation("disable_room", "POST", _path("rooms", room_id), Room.read, {"enabled": False})
        )

    async def create_codes(self, room_id: str) -> tuple[RoomCode, ...]:
        """One code for each role, the same ones every time. `Forbidden` while the room is disabled."""
        return await self._perform(
            Operation("create_codes", "POST", _path("room-codes", "room", room_id), RoomCode.read_all)
        )

    async def end_room(self, room_id: str, reason: str, *, lock: bool) -> None:
        """Send everybody out, soon after the answer. With `lock` the room is also disabled.

        `Absent` when the room is idle.
        """
        path = _path("active-rooms", room_id, "end-room")
        await self._perform(Operation("end_room", "POST", path, nothing, {"reason": reason, "lock": lock}))

    async def get_template(self, template_id: str) -> Template:
        """The template and its roles."""
        return await self._perform(Operation("get_template", "GET", _path("templates", template_id), Template.read))

    async def get_active_room(self, room_id: str) -> ActiveRoom | None:
        """Who is in the room now; None when it is idle."""
        operation = Operation("get_active_room", "GET", _path("active-rooms", room_id), ActiveRoom.read)
        try:
            return await self._perform(operation)
        except Absent:
            return None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _perform(self, operation: Operation[T]) -> T:
        try:
            async with asyncio.timeout(self._patience.total):
                return await self._try_repeatedly(operation)
        except AttemptError as failure:
            raise provider_error(failure, operation.name) from failure
        except TimeoutError as error:
            late = AttemptError(f"not done within {self._patience.total:g} s")
            log.warning("100ms took too long", operation=operation.name, path=operation.path)
            raise provider_error(late, operation.name) from error

    async def _try_repeatedly(self, operation: Operation[T]) -> T:
        attempts = stamina.retry_context(
            on=self._wait_after,
            attempts=self._patience.attempts,
            timeout=None,
            wait_initial=self._patience.first_wait,
            wait_max=self._patience.longest_wait,
            wait_jitter=self._patience.jitter,
        )
        async for attempt in attempts:
            with attempt:
                return await self._try_once(operation, attempt.num)
        raise AssertionError("the last attempt returns or raises")

    def _wait_after(self, error: Exception) -> bool | float:
        """Seconds until the next attempt; True for the usual wait, False for giving up."""
        if not isinstance(error, AttemptError) or not error.transient:
            return False
        if error.asked_wait is None:
            return True
        return error.asked_wait if error.asked_wait <= self._patience.longest_asked_wait else False

    async def _try_once(self, operation: Operation[T], attempt: int) -> T:
        try:
            return await self._send(operation)
        except AttemptError as failure:
            log.log(
                logging.WARNING if failure.transient else logging.INFO,
                "100ms did not do what was asked",
                operation=operation.name,
                path=operation.path,
                attempt=attempt,
                status=failure.status,
                problem=failure.message,
            )
            raise

    async def _send(self, operation: Operation[T]) -> T:
        try:
            response = await self._http.request(operation.method, operation.path, json=operation.body)
        except httpx.RequestError as error:
            raise AttemptError.without_answer(error) from error
        self._compare_clocks(response)
        if not response.is_success:
            raise AttemptError.with_status(response, self._clock())
        return answer(response, operation.read)

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
            log.warning("100ms did not accept the management token, signing anew", path=request.url.path)
            self._tokens.discard(token)
            yield _bearing(request, self._tokens.current())


@cache
def _tls() -> ssl.SSLContext:
    """One for all accounts: loading the certificates holds up the event loop for 20 ms."""
    return httpx.create_ssl_context()


def _bearing(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _path(*segments: str) -> str:
    return "/" + "/".join(quote(segment, safe="") for segment in segments)
