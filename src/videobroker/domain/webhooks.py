"""Our webhooks: endpoints that want our events, and when a delivery is tried again."""

import base64
import random
import secrets
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from urllib.parse import urlsplit

from videobroker.domain.events import OPT_IN_EVENTS, EventType
from videobroker.domain.ids import AppId, DeliveryId, EndpointId, EventId
from videobroker.errors import InvalidInput

SECRET_PREFIX = "whsec_"  # noqa: S105  the standard's word, not a secret
SECRET_BYTES = 32
MAX_SIGNING_SECRETS = 10
"""Sign at once. Whoever rotates faster loses the oldest."""

RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""The wait before each further attempt: 27 h 35 min in all, after which a delivery has failed."""
RETRY_JITTER = 0.1
"""Waits are longer or shorter by up to this share, so that what failed together does not come back together."""
MAX_RETRY_AFTER = timedelta(hours=1)
"""A receiver may ask for a pause up to this."""
DISABLED_AFTER = timedelta(days=5)
"""An endpoint that has answered nothing but failures for so long is disabled."""
MAX_URL_LENGTH = 2048


class Operated(StrEnum):
    """What an operator did with an endpoint at the console."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    TESTED = "tested"
    RETRIED = "retried"
    """Put one delivery on its way once more."""
    REPLAYED = "replayed"
    """Put what happened in a stretch of time on its way once more."""


class Disabled(StrEnum):
    """Why an endpoint gets nothing."""

    BY_APP = "by_app"
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It failed for days."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """What deliveries are signed with."""

    value: str = field(repr=False)
    """`whsec_` and base64, as Standard Webhooks has it."""
    until: datetime | None = None
    """The former secret of a rotation signs until then; None for the present one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL of the app's backend that wants our events."""

    id: EndpointId
    app_id: AppId
    url: str
    description: str
    types: frozenset[EventType]
    """Only these; empty for all but those that have to be named."""
    ordered: bool
    """The events of one session come one after the other: a later one waits until an earlier one has been taken."""
    disabled: Disabled | None
    created_at: datetime
    secrets: tuple[SigningSecret, ...] = field(repr=False, default=())
    failing_since: datetime | None = None
    """The first failure since the last success."""

    def is_subscribed_to(self, event_type: EventType) -> bool:
        """Whether it gets events of this type."""
        return event_type in self.types if self.types else event_type not in OPT_IN_EVENTS

    @property
    def host(self) -> str:
        """The host of its URL, with the port if it is given."""
        return extract_host(self.url)

    def signing_secrets(self, now: datetime) -> tuple[str, ...]:
        """All that sign now, the present one first."""
        return tuple(secret.value for secret in self.secrets if secret.until is None or now < secret.until)

    def rotate_secret(self, now: datetime, *, overlap: timedelta) -> tuple[SigningSecret, ...]:
        """A new secret, the present one for as long as the overlap, and earlier ones for as long as they were given."""
        former = (
            SigningSecret(secret.value, now + overlap) if secret.until is None else secret
            for secret in self.secrets
            if secret.until is None or now < secret.until
        )
        return (SigningSecret(generate_secret()), *former)[:MAX_SIGNING_SECRETS]


def extract_host(url: str) -> str:
    """The host of a URL, with the port if it is given."""
    parts = urlsplit(url)
    return (parts.hostname or "") + ("" if parts.port is None else f":{parts.port}")


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Every attempt failed; it can be retried on request."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try to deliver."""

    number: int
    """From 1."""
    at: datetime
    status: int | None
    """The HTTP status; None when there was no answer."""
    latency_ms: int
    body: str
    """The beginning of the answer."""
    error: str | None = None
    """Why there was no answer."""

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has taken the event: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants nothing any more: 410."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    id: DeliveryId
    app_id: AppId
    endpoint_id: EndpointId
    event_id: EventId
    type: str
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    """When it is tried next; None when it is not."""
    created_at: datetime
    failures: int = 0
    """Attempts that failed since it was last queued."""


def generate_secret() -> str:
    """A fresh secret: 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def schedule_next_attempt(
    attempts: int, now: datetime, *, asked: timedelta | None, dice: random.Random
) -> datetime | None:
    """When a delivery is tried again that has failed `attempts` times; None when it has failed for good.

    `asked` is the receiver's own wish (Retry-After): it makes the wait longer, within bounds, never shorter.
    """
    if attempts > len(RETRY_DELAYS):
        return None
    wait = RETRY_DELAYS[attempts - 1] * dice.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)
    if asked is not None:
        wait = max(wait, min(asked, MAX_RETRY_AFTER))
    return now + wait


def check_endpoint_url(url: str, *, anywhere: bool) -> str:
    """The URL, if events may be sent to it. Raises `InvalidInput` saying what is wrong.

    Only what the text shows is checked here; whether the host is in a private network is checked at every connection.
    `anywhere` allows plain HTTP and addresses of this machine, for development.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput("The `url` is not a URL.") from None
    allowed = {"https", "http"} if anywhere else {"https"}
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(f"The `url` has at most {MAX_URL_LENGTH} characters, all of them printable ASCII.")
    if parts.scheme not in allowed or not host:
        raise InvalidInput("The `url` must begin with https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("The `url` must not hold a user name or a password: deliveries are signed.")
    if parts.fragment:
        raise InvalidInput("The `url` must not have a fragment: it is never sent.")
    if not anywhere and _is_private_literal(host):
        raise InvalidInput("The `url` must not name an address in a private network.")
    return url


def _is_private_literal(host: str) -> bool:
    name = host.strip("[]").rstrip(".")
    try:
        return not ip_address(name).is_global
    except ValueError:
        pass
    try:
        # 127.1, 0x7f000001 and the like: names to us, addresses to the system.
        return not IPv4Address(socket.inet_aton(name)).is_global
    except OSError:
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
