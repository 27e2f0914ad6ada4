"""Who may use the console: the admin key, sessions, and the throttle for wrong keys."""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from ipaddress import ip_address, ip_network
from zoneinfo import ZoneInfo, available_timezones

from videobroker.broker import Broker
from videobroker.domain.console_sessions import ConsoleSession
from videobroker.errors import NotSignedIn, TooManyAttempts
from videobroker.usecases.operations import console_sessions
from videobroker.usecases.operations.console_sessions import ClientInfo

COOKIE = "videobroker_console"
LIFETIME = timedelta(hours=12)
"""Absolute lifetime of a session, from sign-in."""
IDLE_TIMEOUT = timedelta(minutes=30)
"""The default of the setting."""
MAX_TOKEN_LENGTH = 200

UNDELAYED_ATTEMPTS = 5
"""Wrong keys from one network before it is slowed down; each further one doubles the wait."""
MAX_WAIT = timedelta(minutes=15)
FORGET_FAILURES_AFTER = timedelta(hours=1)
MAX_NETWORKS = 10_000
ATTEMPTS_PER_MINUTE = 60
"""Wrong keys from all networks together before every sender of a wrong key is slowed down."""
MAX_DELAY = timedelta(seconds=2)
MAX_DELAYED = 20
"""Responses delayed at the same time; delaying more would let an attacker hold connections open."""


@cache
def zones() -> frozenset[str]:
    """Every IANA time zone; `available_timezones` reads the file system on each call."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who is signed in."""

    name: str
    """As entered at sign-in; the journal records it with each of their actions."""
    zone: ZoneInfo
    """The time zone of their browser."""
    csrf: str = field(repr=False)
    """Proves that a form was rendered for this session."""


@dataclass(frozen=True, slots=True)
class _FailureCount:
    count: int
    last_at: datetime


@dataclass(slots=True)
class SignInThrottle:
    """Slows down wrong keys, per network and in total, in this process.

    It never decides about a correct key: check the key first, so that an attacker cannot lock operators out.
    """

    _networks: OrderedDict[str, _FailureCount] = field(default_factory=OrderedDict)
    _minute: datetime | None = None
    _in_minute: int = 0

    def record_failure(self, address: str | None, now: datetime) -> timedelta:
        """Count a wrong key. Returns how long the sender should wait before the next; zero while that is free."""
        return max(self._network_wait(_network(address), now), self._global_wait(now))

    def record_success(self, address: str | None) -> None:
        """Forget the wrong keys of this network."""
        self._networks.pop(_network(address), None)

    def _network_wait(self, network: str, now: datetime) -> timedelta:
        before = self._networks.pop(network, None)
        count = 1 if before is None or now - before.last_at > FORGET_FAILURES_AFTER else before.count + 1
        # The wait is bounded; bounding the exponent as well keeps the numbers small.
        wait = (
            timedelta(seconds=2 ** min(count - UNDELAYED_ATTEMPTS, 20)) if count > UNDELAYED_ATTEMPTS else timedelta(0)
        )
        wait = min(wait, MAX_WAIT)
        self._networks[network] = _FailureCount(count, now)
        while len(self._networks) > MAX_NETWORKS:
            self._networks.popitem(last=False)
        return wait

    def _global_wait(self, now: datetime) -> timedelta:
        if self._minute is None or not timedelta(0) <= now - self._minute < timedelta(minutes=1):
            self._minute, self._in_minute = now, 0
        self._in_minute += 1
        over = self._in_minute > ATTEMPTS_PER_MINUTE
        return self._minute + timedelta(minutes=1) - now if over else timedelta(0)


def _network(address: str | None) -> str:
    """The IPv4 address, or the IPv6 /64 network: subscribers are assigned whole /64 networks."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return "unknown"
    return str(ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


class ConsoleAccess:
    """Admits operators who know the admin key."""

    def __init__(
        self,
        admin_key: str,
        *,
        idle_timeout: timedelta = IDLE_TIMEOUT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._digest = _digest(admin_key)
        # Sessions are stored under a keyed digest of their token, so a new admin key ends all sessions.
        self._session_key = hmac.digest(self._digest, b"videobroker console session", "sha256")
        self._idle_timeout = idle_timeout
        self._throttle = SignInThrottle()
        self._sleep = sleep
        self._delayed = 0

    async def sign_in(
        self,
        broker: Broker,
        key: str,
        *,
        name: str,
        zone: str,
        origin: ClientInfo,
        replaces: str | None,
        now: datetime,
    ) -> str | None:
        """Returns the token of a new session, or None for a wrong key. Raises `TooManyAttempts`.

        The correct key is always accepted. Ends the session of the token `replaces`.
        """
        # In constant time, and before the throttle counts.
        if not hmac.compare_digest(_digest(key), self._digest):
            console_sessions.reject(broker, origin, now=now)
            await self._refuse(origin.ip, now)
            return None
        self._throttle.record_success(origin.ip)
        token = secrets.token_urlsafe(32)
        session = ConsoleSession(name, zone if zone in zones() else "UTC", now + LIFETIME)
        former = self._token_digest(replaces) if replaces else None
        await console_sessions.start(
            broker, self._token_digest(token), session, replaces=former, origin=origin, now=now
        )
        return token

    async def operator(self, broker: Broker, token: str | None, *, is_activity: bool, now: datetime) -> Operator:
        """The operator with this session token. `is_activity` restarts the idle timeout. Raises `NotSignedIn`."""
        session = None
        if token and len(token) <= MAX_TOKEN_LENGTH:
            session = await console_sessions.authenticate(
                broker, self._token_digest(token), idle_timeout=self._idle_timeout, is_activity=is_activity, now=now
            )
        if session is None or token is None:
            raise NotSignedIn("Sign in to use the console.")
        csrf = hmac.digest(self._session_key, b"csrf " + _digest(token), "sha256").hex()
        return Operator(session.operator, ZoneInfo(session.zone), csrf)

    async def sign_out(
        self, broker: Broker, token: str | None, *, operator: str, origin: ClientInfo, now: datetime
    ) -> None:
        """End the operator's session of this token, on every replica."""
        if token:
            await console_sessions.revoke(broker, self._token_digest(token), operator=operator, origin=origin, now=now)

    async def _refuse(self, address: str | None, now: datetime) -> None:
        wait = self._throttle.record_failure(address, now)
        if not wait:
            return
        if self._delayed < MAX_DELAYED:
            self._delayed += 1
            try:
                await self._sleep(min(wait, MAX_DELAY).total_seconds())
            finally:
                self._delayed -= 1
        seconds = max(1, round(wait.total_seconds()))
        unit = "second" if seconds == 1 else "seconds"
        raise TooManyAttempts(
            f"Too many failed attempts. Try again in {seconds} {unit}.", retry_after=wait.total_seconds()
        )

    def _token_digest(self, token: str) -> bytes:
        return hmac.digest(self._session_key, b"token " + _digest(token), "sha256")


def secrets_equal(one: str, other: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(_digest(one), _digest(other))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
