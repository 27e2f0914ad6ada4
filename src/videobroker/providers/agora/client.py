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

from videobroker.providers.agora.errors import Absent, Malformed, provider_error
from videobroker.providers.agora.rate_limit import RateLimiter
from videobroker.providers.agora.responses import (
    JOIN,
    Present,
    Property,
    Rule,
    nothing,
    present,
    rule_id,
    rules,
    user_property,
)
from videobroker.providers.retrying import (
    IDLE_SECONDS,
    AttemptError,
    Body,
    Patience,
    ProviderCall,
    answer,
    persist,
    tls,
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
CONNECTIONS = 20

CALLS_PER_SECOND = 10
"""Of one account, everything together. The vendor allows 10 of each kind, and 20 queries."""

QUERY_PATIENCE = Patience(attempts=4, first_wait=0.3, longest_wait=2.0, total=10.0)
RULE_PATIENCE = Patience(attempts=4, first_wait=1.0, longest_wait=6.0, total=25.0)
"""The vendor asks for waits of 1, 3 and 6 seconds. Shorter than common gateway timeouts."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """The customer id and secret of one Agora account: another pair than a project's app id and certificate."""

    customer_id: str
    customer_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One thing to ask of Agora: the request, and how its answer is read."""

    name: str
    method: str
    path: str
    read: Callable[[Body], T]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    seconds: float = QUERY_SECONDS
    patience: Patience = QUERY_PATIENCE


class AgoraClient:
    """One project's way to the REST API.

    Operations raise `ProviderUnavailable` when Agora, after retries, still cannot be reached, is overloaded or
    answers in pieces, and `ProviderRefused` for anything else but success: `WrongCredentials` on 401 and 403,
    `Malformed` on 400, `Absent` on 404.
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
        self._pace = RateLimiter(CALLS_PER_SECOND)
        self._http = httpx.AsyncClient(
            auth=httpx.BasicAuth(keys.customer_id, keys.customer_secret),
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS),
            verify=tls(),
            transport=transport,
        )

    async def kick(self, channel: str, uid: int) -> None:
        """Put somebody out of the channel once: they may come back. Safe to repeat."""
        rule = {**self._rule(channel, uid), "time": 0}
        await self._perform(self._rule_operation("kick", "POST", nothing, rule))

    async def keep_out(self, channel: str, uid: int | None, seconds: int) -> int:
        """Put somebody, or without `uid` everybody, out of the channel and keep them out; the id of the rule.

        After an attempt of which nobody knows whether it did its work, the rules are searched before another is
        made: of several that fit, the one with the highest id is taken for it. The list may miss rules, so there may
        be one more than is known.
        """
        body = {**self._rule(channel, uid), "time_in_seconds": seconds}
        operation = self._rule_operation("keep_out", "POST", rule_id, body)
        doubtful = False

        async def attempt(number: int) -> int:
            nonlocal doubtful
            if doubtful and (made := await self._newest_rule(channel, uid, number)):
                return made
            try:
                return await self._send(operation, number)
            except AttemptError as failure:
                doubtful = doubtful or failure.doubtful
                raise

        return await self._persist(operation, attempt)

    async def list_rules(self) -> tuple[Rule, ...]:
        """The rules of the project, as far as Agora tells: the list is of low priority there, and may miss some."""
        return await self._perform(self._list_operation())

    async def lift(self, rule: int) -> None:
        """Take a rule away. One that is over is not an error."""
        body = {"appid": self._app_id, "id": rule}
        try:
            await self._perform(self._rule_operation("lift", "DELETE", nothing, body))
        except Absent:
            return
        except Malformed:
            # What Agora answers for a rule that is over is not documented.
            if any(known.id == rule for known in await self.list_rules()):
                raise

    async def list_people(self, channel: str) -> tuple[Present, ...]:
        """The people in the channel, in either profile; none when there is no channel."""
        path = _path("channel", "user", self._app_id, channel)
        return await self._perform(Operation("list_people", "GET", path, present))

    async def get_property(self, channel: str, uid: int) -> Property | None:
        """What is known of somebody in the channel; None when they are not there."""
        path = _path("channel", "user", "property", self._app_id, str(uid), channel)
        return await self._perform(Operation("get_property", "GET", path, user_property))

    async def list_channels(self) -> None:
        """Ask for the channels, to see whether the credentials are good."""
        path, query = _path("channel", self._app_id), {"page_no": "0", "page_size": "1"}
        await self._perform(Operation("list_channels", "GET", path, nothing, query=query))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _rule(self, channel: str, uid: int | None) -> dict[str, Any]:
        # A rule without a channel would reach into all of them, and one for uid 0 is not documented.
        if not channel or uid == 0:
            raise ValueError("a rule needs a channel, and a uid that is not 0")
        person = {} if uid is None else {"uid": uid}
        return {"appid": self._app_id, "cname": channel, **person, "privileges": [JOIN]}

    def _rule_operation(
        self, name: str, method: str, read: Callable[[Body], T], body: Mapping[str, Any] | None
    ) -> Operation[T]:
        path = _path("kicking-rule")
        return Operation(name, method, path, read, body, seconds=RULE_SECONDS, patience=RULE_PATIENCE)

    def _list_operation(self) -> Operation[tuple[Rule, ...]]:
        return Operation("list_rules", "GET", _path("kicking-rule"), rules, query={"appid": self._app_id})

    async def _newest_rule(self, channel: str, uid: int | None, number: int) -> int | None:
        known = await self._send(self._list_operation(), number)
        return max((rule.id for rule in known if rule.shuts(channel, uid)), default=None)

    async def _perform(self, operation: Operation[T]) -> T:
        return await self._persist(operation, lambda number: self._send(operation, number))

    async def _persist(self, operation: Operation[T], attempt: Callable[[int], Awaitable[T]]) -> T:
        errand = ProviderCall("Agora", operation.name, operation.path)
        try:
            return await persist(errand, operation.patience, attempt)
        except AttemptError as failure:
            raise provider_error(failure, operation.name) from failure

    async def _send(self, operation: Operation[T], number: int) -> T:
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
        return answer(response, operation.read)


def _path(*segments: str) -> str:
    # Names of channels may hold spaces and any of #?%&.
    return "/dev/v1/" + "/".join(quote(segment, safe="") for segment in segments)
