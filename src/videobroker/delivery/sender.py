"""Sends one event to one endpoint, once: signed, within bounds, to a public address, following nothing."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

import certifi
import httpcore
from standardwebhooks import Webhook

from videobroker.delivery.ssrf_guard import Resolver, SsrfGuard, resolve_host
from videobroker.domain.redaction import redact_foreign_text
from videobroker.domain.times import parse_retry_after
from videobroker.domain.webhooks import DeliveryAttempt

MAX_DELIVERY_SECONDS = 15.0
"""For name, connection, request and answer together."""
CONNECT_SECONDS = 5.0
MAX_QUEUE_SECONDS = 12.0
"""For a free connection, before all that. Whoever leases a delivery has to reckon with both."""
STORED_RESPONSE_BYTES = 1024
"""So much of an answer is stored."""
MAX_READ_BYTES = 4096
"""So much of an answer is read: credentials are removed before it is cut, so that no part of one is left."""
MAX_CONNECTIONS = 200
MAX_IDLE_SECONDS = 4.0
"""Connections that nobody used for so long are not used again: many servers close them after 5 s (Node, uvicorn), and
a delivery that is on its way just then would fail for nothing."""

_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    OSError,
    ValueError,  # a host that cannot be in a certificate
)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What is sent."""

    url: str
    event_id: str
    """The same at every attempt."""
    body: str
    secrets: Sequence[str]
    """All of them sign: the receiver needs to know one."""
    number: int
    """Which attempt this is, from 1."""

    def __repr__(self) -> str:
        return f"Parcel(url={self.url!r}, event_id={self.event_id!r}, number={self.number!r})"


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of it."""

    attempt: DeliveryAttempt
    retry_after: timedelta | None
    """The receiver's own wish."""
    begun: bool = True
    """False: no connection became free in time, and the receiver knows nothing of it."""


@dataclass(slots=True)
class _Response:
    """What has arrived of an answer so far; filled while it is read, because reading may fail halfway."""

    status: int | None = None
    body: bytearray = field(default_factory=bytearray)
    retry_after: timedelta | None = None


class WebhookSender:
    """One per process; closed by whoever made it."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        seconds: float = MAX_DELIVERY_SECONDS,
        queue_seconds: float = MAX_QUEUE_SECONDS,
        connections: int = MAX_CONNECTIONS,
        network: httpcore.AsyncNetworkBackend | None = None,
        resolve: Resolver = resolve_host,
    ) -> None:
        """`allow_private` also delivers in private networks, for development.

        `seconds` is the bound on everything together, `connections` on what is under way at once, `queue_seconds` on
        the wait for one of them; `network` and `resolve` replace the real ones.
        """
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=MAX_IDLE_SECONDS,
            network_backend=SsrfGuard(allow_private=allow_private, network=network, resolve=resolve),
        )
        self._free = asyncio.Semaphore(connections)
        self._seconds = seconds
        self._queue_seconds = queue_seconds
        self.allow_private = allow_private

    async def send(self, parcel: WebhookRequest, *, now: datetime) -> SendResult:
        """Send it once. Whatever happens is an attempt: nothing is raised."""
        # Outside the bound: that others are slow is not this receiver's fault.
        try:
            async with asyncio.timeout(self._queue_seconds):
                await self._free.acquire()
        except TimeoutError:
            waited = round(self._queue_seconds * 1000)
            return SendResult(
                DeliveryAttempt(parcel.number, now, None, waited, "", "too much is under way"), None, begun=False
            )
        try:
            began = time.perf_counter()
            answer = _Response()
            error = None
            try:
                async with asyncio.timeout(self._seconds):
                    await self._post(parcel, answer, now)
            except TimeoutError:
                error = f"no answer within {self._seconds:g} s"
            except _FAILURES as failure:
                error = _named(failure)
            if answer.status is not None and error is not None:
                # The receiver has decided with its status line. Only the unread body is missing.
                error = f"the body of the answer was cut off ({error})"
            latency = round((time.perf_counter() - began) * 1000)
        finally:
            self._free.release()
        text = _text(bytes(answer.body))
        return SendResult(DeliveryAttempt(parcel.number, now, answer.status, latency, text, error), answer.retry_after)

    async def _post(self, parcel: WebhookRequest, answer: _Response, now: datetime) -> None:
        """Send it, and write what comes back into `answer` as it comes."""
        content = parcel.body.encode()
        async with self._pool.stream(
            "POST",
            _url(parcel.url),
            headers=[
                # Given, because the library would leave out the brackets around an IPv6 address.
                (b"host", urlsplit(parcel.url).netloc.encode()),
                (b"content-type", b"application/json"),
                (b"content-length", str(len(content)).encode()),
                (b"user-agent", b"videobroker"),
                *((name.encode(), value.encode()) for name, value in sign_headers(parcel, now).items()),
            ],
            content=content,
            extensions={"timeout": {"connect": CONNECT_SECONDS, "read": self._seconds, "pool": self._seconds}},
        ) as response:
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            answer.status, answer.retry_after = response.status, parse_retry_after(headers.get(b"retry-after"), now)
            async for part in response.aiter_stream():
                answer.body += part
                if len(answer.body) >= MAX_READ_BYTES:
                    break

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


def sign_headers(parcel: WebhookRequest, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks: id, timestamp, and one signature for each secret."""
    signatures = [
        Webhook(secret).sign(msg_id=parcel.event_id, timestamp=now, data=parcel.body) for secret in parcel.secrets
    ]
    return {
        "webhook-id": parcel.event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _url(url: str) -> httpcore.URL:
    # Put together here, because the library's own reading loses `;parameters`.
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _named(failure: Exception) -> str:
    # What the operating system says may name addresses inside: the kind of failure is enough.
    said = str(failure) if type(failure).__module__.startswith("videobroker") else ""
    return f"{type(failure).__name__}: {said}".rstrip(": ")


def _text(raw: bytes) -> str:
    """As it is stored: at most `STORED_RESPONSE_BYTES`, without credentials, which receivers repeat in their errors."""
    text = redact_foreign_text(raw[:MAX_READ_BYTES].decode("utf-8", "replace"))
    stored = text.encode()[:STORED_RESPONSE_BYTES].decode("utf-8", "ignore")
    return stored.replace("\x00", "\N{REPLACEMENT CHARACTER}")
