"""Webhook sender: one signed request to one endpoint (Standard Webhooks, https://www.standardwebhooks.com).

No retries and no redirects. Time, size, and number of connections are bounded; the SSRF guard checks the address.
"""

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

from videobroker import tracing
from videobroker.delivery.ssrf_guard import PrivateAddress, Resolver, SsrfGuard, resolve_host
from videobroker.domain.redaction import redact_foreign_text
from videobroker.domain.times import parse_retry_after
from videobroker.domain.webhooks import DeliveryAttempt

MAX_DELIVERY_SECONDS = 15.0
"""DNS lookup, connection, request, and response together."""
CONNECT_SECONDS = 5.0
MAX_QUEUE_SECONDS = 12.0
"""Wait for a free connection, before that. The lease of a delivery must cover both."""
STORED_RESPONSE_BYTES = 1024
"""Of a response. Longer ones are truncated."""
MAX_READ_BYTES = 4096
"""More than is stored: credentials are redacted before the text is truncated, so that no part of one remains."""
MAX_CONNECTIONS = 200
MAX_IDLE_SECONDS = 4.0
"""Idle connections are dropped before the server closes them (Node and uvicorn: after 5 s). Otherwise a delivery that
is sent at that moment would fail."""

_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    OSError,
    ValueError,  # a host name that no certificate can contain
)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One attempt to deliver one event."""

    url: str
    event_id: str
    """Does not change between attempts: receivers use it to detect duplicates."""
    body: str
    secrets: Sequence[str]
    """One signature for each, so that the receiver can verify with any of them during a rotation."""
    number: int
    """Number of the attempt, from 1."""

    def __repr__(self) -> str:
        return f"WebhookRequest(url={self.url!r}, event_id={self.event_id!r}, number={self.number!r})"


@dataclass(frozen=True, slots=True)
class SendResult:
    """The outcome of one attempt."""

    attempt: DeliveryAttempt
    retry_after: timedelta | None
    """From the `Retry-After` header of the response."""
    begun: bool = True
    """False if no connection was free in time: nothing was sent."""
    is_unreachable: bool = False
    """Nothing accepts connections at this address: nothing was sent."""


@dataclass(slots=True)
class _Response:
    """The response as far as it was received, and the headers of its request. Mutable: reading it can fail halfway."""

    request_headers: dict[str, str] = field(default_factory=dict)
    """Of the request; set before it is sent."""
    status: int | None = None
    body: bytearray = field(default_factory=bytearray)
    retry_after: timedelta | None = None


class WebhookSender:
    """A connection pool for all endpoints. Use one per process, and close it with `aclose`."""

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
        """`allow_private` turns the SSRF guard off, for development.

        `seconds` limits one attempt, `queue_seconds` the wait for a free connection, and `connections` the number of
        concurrent attempts. `network` and `resolve` replace sockets and DNS in tests.
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

    async def send(self, request: WebhookRequest, *, now: datetime) -> SendResult:
        """Send the request once. Failures are part of the result, not raised; cancellation is.

        `now` is the time of the signature. Takes at most `queue_seconds` plus `seconds`.
        """
        # Not part of `seconds`: this receiver is not responsible for the wait.
        try:
            async with asyncio.timeout(self._queue_seconds):
                await self._free.acquire()
        except TimeoutError:
            waited_ms = round(self._queue_seconds * 1000)
            return SendResult(
                DeliveryAttempt(request.number, now, None, waited_ms, "", "too many deliveries are in progress"),
                None,
                begun=False,
            )
        try:
            started = time.perf_counter()
            response = _Response()
            error = None
            is_unreachable = False
            try:
                async with asyncio.timeout(self._seconds):
                    await self._post(request, response, now)
            except TimeoutError:
                error = f"no response within {self._seconds:g} s"
            except _FAILURES as failure:
                error = _describe(failure)
                is_unreachable = _is_unreachable(failure)
            if response.status is not None and error is not None:
                # The status decides about the attempt. Only a part of the body is missing.
                error = f"the response body was cut off ({error})"
            latency = round((time.perf_counter() - started) * 1000)
        finally:
            self._free.release()
        text = _stored_text(bytes(response.body))
        return SendResult(
            DeliveryAttempt(request.number, now, response.status, latency, text, error, response.request_headers),
            response.retry_after,
            is_unreachable=is_unreachable,
        )

    async def _post(self, request: WebhookRequest, response: _Response, now: datetime) -> None:
        """Send the request and fill `response` while it is read. Raises `_FAILURES`."""
        with tracing.span("POST", tracing.SpanKind.CLIENT, _span_attributes(request)) as span:
            try:
                await self._post_traced(request, response, now, span.ids)
            finally:
                span.set({"http.response.status_code": response.status})
                if response.status is not None and response.status >= 400:
                    span.fail(str(response.status))

    async def _post_traced(
        self, request: WebhookRequest, response: _Response, now: datetime, trace: tracing.TraceIds | None
    ) -> None:
        content = request.body.encode()
        response.request_headers = _headers(request, len(content), now, trace)
        async with self._pool.stream(
            "POST",
            _url(request.url),
            headers=[(name.encode(), value.encode()) for name, value in response.request_headers.items()],
            content=content,
            extensions={"timeout": {"connect": CONNECT_SECONDS, "read": self._seconds, "pool": self._seconds}},
        ) as received:
            headers = {name.lower(): value.decode("latin-1") for name, value in received.headers}
            response.status, response.retry_after = received.status, parse_retry_after(headers.get(b"retry-after"), now)
            async for part in received.aiter_stream():
                response.body += part
                if len(response.body) >= MAX_READ_BYTES:
                    break

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


def _span_attributes(request: WebhookRequest) -> tracing.Attributes:
    # Without the path and the query, which can contain a secret of the receiver.
    host = urlsplit(request.url)
    return {
        "http.request.method": "POST",
        "server.address": host.hostname,
        "server.port": host.port or (443 if host.scheme == "https" else 80),
        "http.request.resend_count": request.number - 1 or None,
        "videobroker.event_id": request.event_id,
    }


def _headers(
    request: WebhookRequest, length: int, now: datetime, trace: tracing.TraceIds | None = None
) -> dict[str, str]:
    return {
        # Set explicitly: httpcore leaves out the brackets around an IPv6 address.
        "host": urlsplit(request.url).netloc,
        "content-type": "application/json",
        "content-length": str(length),
        "user-agent": "videobroker",
        **sign_headers(request, now),
        **({} if trace is None else {"traceparent": trace.traceparent}),
    }


def sign_headers(request: WebhookRequest, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks: ID, timestamp in Unix seconds, and one signature for each secret."""
    signatures = [
        Webhook(secret).sign(msg_id=request.event_id, timestamp=now, data=request.body) for secret in request.secrets
    ]
    return {
        "webhook-id": request.event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _url(url: str) -> httpcore.URL:
    # Built from parts: httpcore drops `;parameters` when it parses a URL.
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _is_unreachable(failure: Exception) -> bool:
    # Failures of TLS are connection errors, too, and so are those of the SSRF guard.
    is_refused_here = isinstance(failure, PrivateAddress) or isinstance(failure.__cause__, ssl.SSLError)
    return isinstance(failure, httpcore.ConnectError) and not is_refused_here


def _describe(failure: Exception) -> str:
    # Messages of the operating system can contain internal addresses, so only our own are used.
    message = str(failure) if type(failure).__module__.startswith("videobroker") else ""
    return f"{type(failure).__name__}: {message}".rstrip(": ")


def _stored_text(raw: bytes) -> str:
    """At most `STORED_RESPONSE_BYTES`, with credentials redacted: receivers repeat them in error messages."""
    text = redact_foreign_text(raw[:MAX_READ_BYTES].decode("utf-8", "replace"))
    stored = text.encode()[:STORED_RESPONSE_BYTES].decode("utf-8", "ignore")
    return stored.replace("\x00", "\N{REPLACEMENT CHARACTER}")
