"""Client of Agora's REST API for channels, with retries, a fallback host, and a rate limit.

Source: the pages "Channel management overview", "Create, Get, Delete banning rule", "Query channel list", "Query user
list", "Query user status" and "Ensure service reliability" of the Agora docs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from videobroker.domain.circuit_breaker import CircuitStatus
from videobroker.providers.agora.errors import AgoraBadRequest, AgoraNotFound, provider_error
from videobroker.providers.agora.rate_limit import RateLimiter
from videobroker.providers.agora.responses import (
    JOIN_PRIVILEGE,
    BanningRule,
    ChannelUser,
    UserStatus,
    ignore_body,
    read_channel_users,
    read_rule_id,
    read_rules,
    read_user_status,
)
from videobroker.providers.circuit_breaker import CircuitBreaker
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

HOSTS = ("https://api.agora.io", "https://api.sd-rtn.com")
"""Both hosts serve all accounts. Attempts alternate between them."""

CONNECT_SECONDS = 2.0
"""A healthy host accepts connections in well under a second."""

QUERY_SECONDS = 5.0
"""Per read and write of a query. The minimum that Agora recommends, because a person is waiting."""

RULE_SECONDS = 20.0
"""Per read and write of a request that creates or deletes a rule. Recommended by Agora."""

POOL_SECONDS = 5.0
MAX_CONNECTIONS = 20

MAX_CALLS_PER_SECOND = 10
"""Per account, all operations together. Agora allows 10 of each kind, and 20 queries."""

QUERY_RETRY_POLICY = RetryPolicy(attempts=4, initial_wait=0.3, max_wait=2.0, total=10.0)
RULE_RETRY_POLICY = RetryPolicy(attempts=4, initial_wait=1.0, max_wait=6.0, total=25.0)
"""Agora recommends waits of 1, 3, and 6 seconds. The total is shorter than common gateway timeouts."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """Customer ID and secret of an Agora account, for the REST API. Not the app ID and certificate of a project."""

    customer_id: str
    customer_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgoraOperation(Generic[T]):
    """A request to Agora, and the parser of its response. `seconds` is the timeout per read and write."""

    name: str
    method: str
    path: str
    read: Callable[[Body], T]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    seconds: float = QUERY_SECONDS
    retry_policy: RetryPolicy = QUERY_RETRY_POLICY


class AgoraClient:
    """The REST API for one project. Methods may be called concurrently.

    After the last retry, methods raise `ProviderUnavailable` if Agora is unreachable, overloaded, or sends unusable
    responses. Other failures raise `ProviderRefused`: `AgoraBadRequest` for 400, `AgoraUnauthorized` for 401 and 403,
    `AgoraNotFound` for 404.
    """

    def __init__(
        self,
        app_id: str,
        keys: CustomerKeys,
        clock: Callable[[], datetime],
        *,
        hosts: tuple[str, ...] = HOSTS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Attempts alternate between `hosts` that answer. `transport` replaces the network in tests."""
        self._app_id = app_id
        self._clock = clock
        self._hosts = hosts
        self._rate_limiter = RateLimiter(MAX_CALLS_PER_SECOND)
        self._circuit_breakers = {host: CircuitBreaker("Agora", app_id) for host in hosts}
        # Beside the limit of the connection pool: waiting for a connection is no failure of the vendor.
        self._concurrency = asyncio.Semaphore(MAX_CONNECTIONS)
        self._http = httpx.AsyncClient(
            auth=httpx.BasicAuth(keys.customer_id, keys.customer_secret),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=MAX_IDLE_SECONDS),
            verify=create_tls_context(),
            transport=transport,
        )

    @property
    def circuit(self) -> CircuitStatus:
        """Whether requests are sent to the account. Closed if one of the hosts answers."""
        return min((breaker.status for breaker in self._circuit_breakers.values()), key=lambda each: each.precedence)

    async def kick(self, channel: str, uid: int) -> None:
        """Disconnect a participant once. They can rejoin. Idempotent."""
        rule = {**self._rule(channel, uid), "time": 0}
        await self._perform(self._rule_operation("kick", "POST", ignore_body, rule))

    async def ban(self, channel: str, uid: int | None, seconds: int) -> int:
        """Disconnect a participant, or everyone if `uid` is None, and refuse them for `seconds`. Returns the rule's ID.

        If an attempt may have succeeded without a response, the next one searches for the rule before it creates
        another; with several matches, the highest ID is used. Agora's list can be incomplete, so a second rule is
        possible.
        """
        body = {**self._rule(channel, uid), "time_in_seconds": seconds}
        operation = self._rule_operation("ban", "POST", read_rule_id, body)
        may_exist = False

        async def attempt(number: int) -> int:
            nonlocal may_exist
            if may_exist and (existing := await self._newest_rule(channel, uid, number)):
                return existing
            try:
                return await self._send(operation, number)
            except AttemptError as failure:
                may_exist = may_exist or failure.may_have_succeeded
                raise

        return await self._retry(operation, attempt)

    async def list_rules(self) -> tuple[BanningRule, ...]:
        """The rules of the project. Agora gives this list a low priority, so it can be incomplete."""
        return await self._perform(self._list_operation())

    async def delete_rule(self, rule: int) -> None:
        """Delete a rule. An expired or deleted rule is not an error."""
        body = {"appid": self._app_id, "id": rule}
        try:
            await self._perform(self._rule_operation("delete_rule", "DELETE", ignore_body, body))
        except AgoraNotFound:
            return
        except AgoraBadRequest:
            # The response for an expired rule is not documented.
            if any(listed.id == rule for listed in await self.list_rules()):
                raise

    async def list_users(self, channel: str) -> tuple[ChannelUser, ...]:
        """The participants in the channel, in either channel profile. Empty if there is no channel."""
        path = _path("channel", "user", self._app_id, channel)
        return await self._perform(AgoraOperation("list_users", "GET", path, read_channel_users))

    async def get_user_status(self, channel: str, uid: int) -> UserStatus | None:
        """Role and join time of a participant; None if they are not in the channel."""
        path = _path("channel", "user", "property", self._app_id, str(uid), channel)
        return await self._perform(AgoraOperation("get_user_status", "GET", path, read_user_status))

    async def list_channels(self) -> None:
        """Query the channel list and discard it. Shows whether the credentials are accepted."""
        path, query = _path("channel", self._app_id), {"page_no": "0", "page_size": "1"}
        await self._perform(AgoraOperation("list_channels", "GET", path, ignore_body, query=query))

    async def aclose(self) -> None:
        await self._http.aclose()

    def _rule(self, channel: str, uid: int | None) -> dict[str, Any]:
        # A rule without a channel would apply to all channels. The effect of uid 0 is not documented.
        if not channel or uid == 0:
            raise ValueError("a rule needs a channel, and a uid that is not 0")
        person = {} if uid is None else {"uid": uid}
        return {"appid": self._app_id, "cname": channel, **person, "privileges": [JOIN_PRIVILEGE]}

    def _rule_operation(
        self, name: str, method: str, read: Callable[[Body], T], body: Mapping[str, Any] | None
    ) -> AgoraOperation[T]:
        path = _path("kicking-rule")
        return AgoraOperation(name, method, path, read, body, seconds=RULE_SECONDS, retry_policy=RULE_RETRY_POLICY)

    def _list_operation(self) -> AgoraOperation[tuple[BanningRule, ...]]:
        return AgoraOperation("list_rules", "GET", _path("kicking-rule"), read_rules, query={"appid": self._app_id})

    async def _newest_rule(self, channel: str, uid: int | None, number: int) -> int | None:
        rules = await self._send(self._list_operation(), number)
        return max((rule.id for rule in rules if rule.bans(channel, uid)), default=None)

    async def _perform(self, operation: AgoraOperation[T]) -> T:
        return await self._retry(operation, lambda number: self._send(operation, number))

    async def _retry(self, operation: AgoraOperation[T], attempt: Callable[[int], Awaitable[T]]) -> T:
        call = ProviderCall("Agora", operation.name, operation.path)
        try:
            return await retry(call, operation.retry_policy, attempt)
        except AttemptError as failure:
            raise provider_error(failure, operation.name) from failure

    async def _send(self, operation: AgoraOperation[T], number: int) -> T:
        self._circuit_breakers[self._choose_host(number)].check()
        await self._rate_limiter.wait()
        async with self._concurrency:
            host = self._choose_host(number)
            with self._circuit_breakers[host].request():
                response = await self._request(operation, host)
        return parse_response(response, operation.read)

    def _choose_host(self, number: int) -> str:
        """The host of attempt `number`. A host whose circuit is open gets no request while another one answers."""
        alternating = [self._hosts[(number - 1 + offset) % len(self._hosts)] for offset in range(len(self._hosts))]
        return min(alternating, key=lambda host: self._circuit_breakers[host].status.precedence)

    async def _request(self, operation: AgoraOperation[T], host: str) -> httpx.Response:
        timeout = httpx.Timeout(operation.seconds, connect=CONNECT_SECONDS, pool=POOL_SECONDS)
        try:
            response = await self._http.request(
                operation.method,
                host + operation.path,
                json=operation.body,
                params=operation.query or None,
                headers={"Content-Type": "application/json"},
                timeout=timeout,
            )
        except httpx.RequestError as error:
            raise AttemptError.without_answer(error) from error
        if not response.is_success:
            raise AttemptError.with_status(response, self._clock())
        return response


def _path(*segments: str) -> str:
    # Channel names can contain spaces and any of #?%&.
    return "/dev/v1/" + "/".join(quote(segment, safe="") for segment in segments)
