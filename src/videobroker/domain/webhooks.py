"""Outgoing webhooks: endpoints, signing secrets, deliveries, and the retry schedule."""

import base64
import json
import random
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from videobroker.domain.events import OPT_IN_EVENTS, EventType
from videobroker.domain.ids import AppId, DeliveryId, EndpointId, EventId
from videobroker.domain.times import MAX_RETRY_AFTER
from videobroker.errors import InvalidInput
from videobroker.translatable import TranslatableText

SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix of Standard Webhooks, not a secret
SECRET_BYTES = 32
MAX_SIGNING_SECRETS = 10
"""Secrets that sign at the same time. A further rotation drops the oldest."""

RETRY_DELAYS = (
    timedelta(seconds=1),
    timedelta(seconds=2),
    timedelta(seconds=5),
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""The delay before each retry: 27 h 51 min in total, after which a delivery has failed."""
RETRY_JITTER = 0.1
"""Delays vary by up to this fraction, so that deliveries that failed together are not retried together."""
PAUSED_AFTER_FAILURES = 3
"""Failures without a success between them, after which an endpoint is paused: it gets single attempts as probes.

More than one, so that an event that its receiver rejects does not delay the others.
"""
PROBE_DELAYS = (
    timedelta(seconds=1),
    timedelta(seconds=2),
    timedelta(seconds=5),
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
)
"""The delay before each probe of a paused endpoint; the last one before all later probes."""
EARLY_PROBE_AFTER = timedelta(minutes=15)
"""How long a paused endpoint is not probed because no delivery is due. Then one that is not due is attempted.

After a long outage, the next retries are hours away, and new events of an ordered endpoint wait behind them.
"""
DISABLED_AFTER = timedelta(days=5)
"""An endpoint is disabled after all deliveries to it failed for this long."""
MAX_URL_LENGTH = 2048


class EndpointAction(StrEnum):
    """An operator's action on an endpoint in the console."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    TESTED = "tested"
    RETRIED = "retried"
    """Queued one delivery again."""
    REPLAYED = "replayed"
    """Queued the events of a period again."""


class DisabledReason(StrEnum):
    """Why an endpoint is disabled."""

    BY_APP = "by_app"
    GONE = "gone"
    """It answered 410 Gone."""
    FAILING = "failing"
    """All deliveries failed for `DISABLED_AFTER`."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret that signs deliveries (Standard Webhooks)."""

    value: str = field(repr=False)
    """`whsec_` and base64."""
    until: datetime | None = None
    """A rotated secret signs until then; None for the current one."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What the last attempts at an endpoint say about it. A circuit breaker: a paused endpoint gets single probes."""

    failing_since: datetime | None = None
    """The first failure since the last success."""
    failures: int = 0
    """Failures since the last success. Those of attempts that began before a pause do not count."""
    probe_at: datetime | None = None
    """When a paused endpoint gets the next attempt. None: it is not paused."""

    @property
    def is_paused(self) -> bool:
        """Whether the endpoint gets one attempt at a time."""
        return self.probe_at is not None

    def may_attempt(self, now: datetime) -> bool:
        """Whether an attempt may begin."""
        return self.probe_at is None or self.probe_at <= now

    def may_probe_early(self, now: datetime) -> bool:
        """Whether a delivery that is not due may be attempted, if no other is."""
        return self.probe_at is not None and self.probe_at + EARLY_PROBE_AFTER <= now

    def probe_at_once(self, now: datetime) -> "EndpointHealth":
        """The health with a probe that is due: what the endpoint was paused for may have changed."""
        return self if self.may_attempt(now) else replace(self, probe_at=now)

    def after_failure(self, now: datetime, *, retry_after: timedelta | None, dice: random.Random) -> "EndpointHealth":
        """The health after an attempt that failed at `now`."""
        since = self.failing_since or now
        if not self.may_attempt(now):
            return replace(self, failing_since=since)
        failures = self.failures + 1
        if failures < PAUSED_AFTER_FAILURES:
            return EndpointHealth(since, failures)
        delay = PROBE_DELAYS[min(failures - PAUSED_AFTER_FAILURES, len(PROBE_DELAYS) - 1)]
        return EndpointHealth(since, failures, now + _wait(delay, retry_after, dice))


WORKING = EndpointHealth()
"""After a success."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL of the app's backend that receives events."""

    id: EndpointId
    app_id: AppId
    url: str
    description: str
    types: frozenset[EventType]
    """The subscribed types; empty: all types except `OPT_IN_EVENTS`."""
    ordered: bool
    """Deliver the events of one session in order: each waits until the earlier ones have been accepted."""
    disabled: DisabledReason | None
    created_at: datetime
    secrets: tuple[SigningSecret, ...] = field(repr=False, default=())
    health: EndpointHealth = WORKING

    @property
    def failing_since(self) -> datetime | None:
        """The first failure since the last success."""
        return self.health.failing_since

    def is_subscribed_to(self, event_type: EventType) -> bool:
        """Whether the endpoint receives events of this type."""
        return event_type in self.types if self.types else event_type not in OPT_IN_EVENTS

    @property
    def host(self) -> str:
        """The host of the URL, with the port if the URL contains one."""
        return extract_host(self.url)

    def signing_secrets(self, now: datetime) -> tuple[str, ...]:
        """All secrets that sign at `now`, the current one first."""
        return tuple(secret.value for secret in self.secrets if secret.until is None or now < secret.until)

    def rotate_secret(self, now: datetime, *, overlap: timedelta) -> tuple[SigningSecret, ...]:
        """The secrets after a rotation: a new one, the current one until the end of the overlap, and earlier ones."""
        former = (
            SigningSecret(secret.value, now + overlap) if secret.until is None else secret
            for secret in self.secrets
            if secret.until is None or now < secret.until
        )
        return (SigningSecret(generate_secret()), *former)[:MAX_SIGNING_SECRETS]


def extract_host(url: str) -> str:
    """The host of a URL, with the port if the URL contains one."""
    parts = urlsplit(url)
    return (parts.hostname or "") + ("" if parts.port is None else f":{parts.port}")


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """All attempts failed. It can be retried on request."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt to deliver an event."""

    number: int
    """Starting at 1."""
    at: datetime
    status: int | None
    """The HTTP status; None without a response."""
    latency_ms: int
    body: str
    """The beginning of the response body."""
    error: str | None = None
    """Why there is no response, or no complete one."""
    request_headers: Mapping[str, str] | None = None
    """As sent, with the signatures. None for attempts that an older version made."""

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver accepted the event: any 2xx status."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver asked to stop deliveries: 410 Gone."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint."""

    id: DeliveryId
    app_id: AppId
    endpoint_id: EndpointId
    event_id: EventId
    type: str
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    """When the next attempt is due; None if there is none."""
    created_at: datetime
    failures: int = 0
    """Failed attempts since it was last queued."""


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries an operator searches for. None matches every delivery."""

    endpoint: EndpointId | None = None
    type: EventType | None = None
    state: DeliveryState | None = None
    since: datetime | None = None
    """When it was queued."""
    until: datetime | None = None

    @property
    def names(self) -> list[str]:
        """The names of the filters in use."""
        return [each.name for each in fields(self) if getattr(self, each.name) is not None]


@dataclass(frozen=True, slots=True)
class FoundDelivery:
    """A delivery and its newest attempt."""

    delivery: Delivery
    last_attempt: DeliveryAttempt | None


def generate_secret() -> str:
    """A new signing secret with 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def render_body(event: Mapping[str, Any]) -> str:
    """The body of a delivery of an event in its JSON form. Deterministic, so that every attempt sends equal bytes."""
    body = {"type": event["type"], "timestamp": event["occurred_at"], "data": event}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """When a delivery is attempted next."""

    failures: int
    """Failed attempts, without those that were made earlier than planned."""
    next_at: datetime | None
    """None: the delivery has failed permanently."""
    not_before: datetime | None = None
    """The receiver has asked to wait until then, even if its endpoint recovers earlier."""
    planned_at: datetime | None = None
    """When a retry was planned that was made early because the endpoint had recovered. It is not advanced again."""


def schedule_next_attempt(
    failures: int,
    now: datetime,
    *,
    retry_after: timedelta | None,
    due_at: datetime | None = None,
    planned_at: datetime | None = None,
    dice: random.Random,
) -> RetrySchedule:
    """When to retry a delivery that failed at `now`, after `failures` earlier failures.

    `retry_after` is the receiver's `Retry-After`: it can lengthen the delay up to `MAX_RETRY_AFTER`, never shorten it.

    An attempt before `due_at` (an early probe) or `planned_at` was an additional one: its failure changes nothing. So
    each planned retry is made early once at most when the endpoint recovers, however often it does, and a delivery
    fails no earlier than without recoveries and probes.
    """
    not_before = None if retry_after is None else now + min(retry_after, MAX_RETRY_AFTER)
    scheduled = [each for each in (due_at, planned_at) if each is not None and now < each]
    if scheduled:
        next_at = max([*scheduled, *([] if not_before is None else [not_before])])
        return RetrySchedule(failures, next_at, not_before, planned_at=None if planned_at is None else next_at)
    if failures >= len(RETRY_DELAYS):
        return RetrySchedule(failures + 1, None)
    next_at = now + _wait(RETRY_DELAYS[failures], retry_after, dice)
    return RetrySchedule(failures + 1, next_at, not_before)


def _wait(delay: timedelta, retry_after: timedelta | None, dice: random.Random) -> timedelta:
    """The delay with jitter, at least as long as the receiver asks for, up to `MAX_RETRY_AFTER`."""
    varied = delay * dice.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)
    return varied if retry_after is None else max(varied, min(retry_after, MAX_RETRY_AFTER))


def check_endpoint_url(url: str, *, allow_private: bool) -> str:
    """Return the URL if events may be sent to it. Raises `InvalidInput` with the reason.

    Only the text of the URL is checked here; the SSRF guard checks the addresses of its host at every connection.
    `allow_private` permits plain HTTP and private addresses, for development.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput(TranslatableText("The `url` is not a URL.")) from None
    allowed = {"https", "http"} if allow_private else {"https"}
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(
            TranslatableText(
                "The `url` has at most %(maximum)s characters, all of them printable ASCII.", maximum=MAX_URL_LENGTH
            )
        )
    if parts.scheme not in allowed or not host:
        raise InvalidInput(TranslatableText("The `url` must begin with https:// and name a host."))
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(
            TranslatableText("The `url` must not contain a user name or a password: deliveries are signed.")
        )
    if parts.fragment:
        raise InvalidInput(TranslatableText("The `url` must not have a fragment: it is never sent."))
    if not allow_private and _is_private_literal(host):
        raise InvalidInput(TranslatableText("The `url` must not name an address in a private network."))
    return url


def _is_private_literal(host: str) -> bool:
    name = host.strip("[]").rstrip(".")
    try:
        return not ip_address(name).is_global
    except ValueError:
        pass
    try:
        # Short forms such as 127.1 and 0x7f000001: `ip_address` rejects them, the operating system resolves them.
        return not IPv4Address(socket.inet_aton(name)).is_global
    except OSError:
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
