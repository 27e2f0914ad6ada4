"""Agora's REST API for channels: the operations we use, each tried a few times within a bounded while.

Source: the pages "Channel management overview", "Create, Get, Delete banning rule", "Query channel list", "Query user
list", "Query user status" and "Ensure service reliability" of the Agora docs.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

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
"""Either serves every account; each is the other's fallback."""

CONNECT_SECONDS = 2.0
"""Reaching a healthy host takes well under one second from anywhere."""

QUERY_SECONDS = 5.0
"""For each read and write of a question: the least that the vendor asks for, and somebody is waiting."""

RULE_SECONDS = 20.0
"""The same where a rule is made or lifted: what the vendor recommends."""

POOL_SECONDS = 5.0
MAX_CONNECTIONS = 20

MAX_CALLS_PER_SECOND = 10
"""Of one account, everything together. The vendor allows 10 of each kind, and 20 queries."""

QUERY_RETRY_POLICY = RetryPolicy(attempts=4, initial_wait=0.3, max_wait=2.0, total=10.0)
RULE_RETRY_POLICY = RetryPolicy(attempts=4, initial_wait=1.0, max_wait=6.0, total=25.0)
"""The vendor asks for waits of 1, 3 and 6 seconds. Shorter than common gateway timeouts."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """The customer id and secret of one Agora account: another pair than a project's app id and certificate."""

    customer_id: str
    customer_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgoraOperation(Generic[T]):
    """One thing to ask of Agora: the request, and how its answer is read."""

    name: str
    method: str
    path: str
    read: Callable[[Body], T]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    seconds: float = QUERY_SECONDS
    retry_policy: RetryPolicy = QUERY_RETRY_POLICY


class AgoraClient:
    """One project's way to the REST API.

    Operations raise `ProviderUnavailable` when Agora, after retries, still cannot be reached, is overloaded or
    answers in pieces, and `ProviderRefused` for anything else but success: `WrongCredentials` on 401 and 403,
    `AgoraBadRequest` on 400, `AgoraNotFound` on 404.
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
        """`hosts` are asked in turn, from attempt to attempt. `transport` replaces the network."""
        self._app_id = app_id
        self._clock = clock
        self._hosts = hosts
        self._pace = RateLimiter(MAX_CALLS_PER_SECOND)
        self._http = httpx.AsyncClient(
            auth=httpx.BasicAuth(keys.customer_id, keys.customer_secret),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=MAX_IDLE_SECONDS),
            verify=create_tls_context(),
            transport=transport,
        )

    async def kick(self, channel: str, uid: int) -> None:
        """Put somebody out of the channel once: they may come back. Safe to repeat."""
        rule = {**self._rule(channel, uid), "time": 0}
        await self._perform(self._rule_operation("kick", "POST", ignore_body, rule))

    async def ban(self, channel: str, uid: int | None, seconds: int) -> int:
        """Put somebody, or without `uid` everybody, out of the channel and keep them out; the id of the rule.

        After an attempt of which nobody knows whether it did its work, the rules are searched before another is
        made: of several that fit, the one with the highest id is taken for it. The list may miss rules, so there may
        be one more than is known.
        """
        body = {**self._rule(channel, uid), "time_in_seconds": seconds}
        operation = self._rule_operation("keep_out", "POST", read_rule_id, body)
        doubtful = False

        async def attempt(number: int) -> int:
            nonlocal doubtful
            if doubtful and (made := await self._newest_rule(channel, uid, number)):
                return made
            try:
                return await self._send(operation, number)
            except AttemptError as failure:
                doubtful = doubtful or failure.may_have_succeeded
                raise

        return await self._persist(operation, attempt)

    async def list_rules(self) -> tuple[BanningRule, ...]:
        """The rules of the project, as far as Agora tells: the list is of low priority there, and may miss some."""
        return await self._perform(self._list_operation())

    async def delete_rule(self, rule: int) -> None:
        """Take a rule away. One that is over is not an error."""
        body = {"appid": self._app_id, "id": rule}
        try:
            await self._perform(self._rule_operation("lift", "DELETE", ignore_body, body))
        except AgoraNotFound:
            return
        except AgoraBadRequest:
            # What Agora answers for a rule that is over is not documented.
            if any(known.id == rule for known in await self.list_rules()):
                raise

    async def list_users(self, channel: str) -> tuple[ChannelUser, ...]:
        """The people in the channel, in either profile; none when there is no channel."""
        path = _path("channel", "user", self._app_id, channel)
        return await self._perform(AgoraOperation("list_people", "GET", path, read_channel_users))

    async def get_user_status(self, channel: str, uid: int) -> UserStatus | None:
        """What is known of somebody in the channel; None when they are not there."""
        path = _path("channel", "user", "property", self._app_id, str(uid), channel)
        return await self._perform(AgoraOperation("get_property", "GET", path, read_user_status))

    async def list_channels(self) -> None:
        """Ask for the channels, to see whether the credentials are good."""
        path, query = _path("channel", self._app_id), {"page_no": "0", "page_size": "1"}
        await self._perform(AgoraOperation("list_channels", "GET", path, ignore_body, query=query))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _rule(self, channel: str, uid: int | None) -> dict[str, Any]:
        # A rule without a channel would reach into all of them, and one for uid 0 is not documented.
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
        known = await self._send(self._list_operation(), number)
        return max((rule.id for rule in known if rule.bans(channel, uid)), default=None)

    async def _perform(self, operation: AgoraOperation[T]) -> T:
        return await self._persist(operation, lambda number: self._send(operation, number))

    async def _persist(self, operation: AgoraOperation[T], attempt: Callable[[int], Awaitable[T]]) -> T:
        call = ProviderCall("Agora", operation.name, operation.path)
        try:
            return await retry(call, operation.retry_policy, attempt)
        except AttemptError as failure:
            raise provider_error(failure, operation.name) from failure

    async def _send(self, operation: AgoraOperation[T], number: int) -> T:
        await self._pace.wait()
        host = self._hosts[(number - 1) % len(self._hosts)]
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
        return parse_response(response, operation.read)


def _path(*segments: str) -> str:
    # Names of channels may hold spaces and any of #?%&.
    return "/dev/v1/" + "/".join(quote(segment, safe="") for segment in segments)
