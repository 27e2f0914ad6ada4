"""Retries for the REST APIs of all vendors, with exponential backoff, jitter, and a total time limit.

Each vendor's package maps an `AttemptError` to the errors of this service.
"""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import httpx
import stamina
import stamina.instrumentation
import structlog
from prometheus_client import Histogram

from videobroker import tracing
from videobroker.domain.times import parse_retry_after

MAX_MESSAGE_LENGTH = 200
"""Characters of a vendor's error message that are logged and returned. Longer ones are error pages of proxies."""

MAX_IDLE_SECONDS = 4.0
"""Idle connections are dropped before the server closes them (after 5 s at the earliest). A request that is sent at
that moment fails, and it is unknown whether it was processed."""

DEFAULT_RETRY_AFTER_SECONDS = 5.0
"""Returned to clients if the vendor sends no `Retry-After`. Our own attempts have already taken about eight seconds."""

Body = Mapping[str, Any]
"""A decoded JSON object, not validated."""

T = TypeVar("T")

REQUESTS = Histogram(
    "videobroker_vendor_request_seconds",
    "Time from a request to a vendor to its response, for each attempt.",
    ["vendor", "operation", "outcome"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

log = structlog.get_logger(__name__)

_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*")

# Failed attempts are logged in `_try_once`. Stamina's own hooks would log and count each again, as "<context block>".
stamina.instrumentation.set_on_retry_hooks(())


class ResponseError(ValueError):
    """The response is JSON, but does not match the vendor's documentation."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The limits of one operation. All values except `attempts` are seconds."""

    attempts: int = 4
    """Two failures in a row are common; four mean an outage."""
    initial_wait: float = 0.1
    max_wait: float = 1.0
    jitter: float = 0.4
    """The maximum random addition to each wait, so that clients that failed together do not retry together."""
    max_retry_after: float = 3.0
    """If `Retry-After` is longer, the operation fails with it at once: a person is waiting for the result."""
    total: float = 8.0
    """For all attempts and waits together. Shorter than common gateway timeouts."""


class AttemptError(Exception):
    """One request failed. Tokens are removed from the message."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        was_not_sent: bool = False,
        is_local: bool = False,
    ) -> None:
        """`status` is None without a response; `retry_after` is the `Retry-After` header in seconds.

        `was_not_sent` means that the vendor certainly did not receive the request. `is_local` means that the failure
        says nothing about the vendor.
        """
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.was_not_sent = was_not_sent
        self.is_local = is_local

    def __str__(self) -> str:
        return ", ".join(str(part) for part in (self.status, self.message) if part)

    @property
    def is_transient(self) -> bool:
        """Whether another attempt may succeed: after no response, an unusable 2xx response, 429, or 5xx."""
        return self.status is None or self.status == 429 or self.status >= 500 or 200 <= self.status < 300

    @property
    def is_outage(self) -> bool:
        """Whether the vendor did not answer, or with a 5xx. Other responses are answers of a healthy vendor."""
        return not self.is_local and (self.status is None or self.status >= 500)

    @property
    def may_have_succeeded(self) -> bool:
        """Whether the vendor may have performed the operation despite the failure."""
        return self.is_transient and self.status != 429 and not self.was_not_sent

    @property
    def outcome(self) -> str:
        """A class of errors, for metrics."""
        if self.status is None:
            return "unanswered"
        if self.status == 429:
            return "throttled"
        return "rejected" if 400 <= self.status < 500 else "failed"

    @classmethod
    def without_answer(cls, error: httpx.RequestError) -> "AttemptError":
        """For a connection that failed, broke, or timed out."""
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        # Waited too long for a connection, which other requests of this process are using.
        is_local = isinstance(error, httpx.PoolTimeout)
        return cls(sanitize_message(f"{type(error).__name__} {error}"), was_not_sent=unsent, is_local=is_local)

    @classmethod
    def with_status(cls, response: httpx.Response, now: datetime) -> "AttemptError":
        """For a status other than 2xx. A date in `Retry-After` is relative to `now`."""
        wait = parse_retry_after(response.headers.get("Retry-After"), now)
        return cls(
            _vendor_message(response),
            status=response.status_code,
            retry_after=None if wait is None else wait.total_seconds(),
        )


class CircuitOpen(AttemptError):
    """The request was not sent, because the last ones failed. Not retried."""

    def __init__(self, failures: int, *, retry_after: float) -> None:
        """`failures` is the number of consecutive ones, `retry_after` the time until the next probe in seconds."""
        message = f"not sent, because the last {failures} requests failed"
        super().__init__(message, retry_after=retry_after, was_not_sent=True, is_local=True)


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """The description of an operation in logs and errors."""

    vendor: str
    operation: str
    path: str


async def retry(call: ProviderCall, policy: RetryPolicy, attempt: Callable[[int], Awaitable[T]]) -> T:
    """The result of `attempt`, which is called with the numbers 1, 2, 3, and so on while its error is transient.

    Raises the `AttemptError` of the last attempt, or one without a status after `policy.total` seconds.
    """
    try:
        async with asyncio.timeout(policy.total):
            return await _try_repeatedly(call, policy, attempt)
    except TimeoutError as error:
        log.warning("provider.timed_out", vendor=call.vendor, operation=call.operation, path=call.path)
        raise AttemptError(f"not completed within {policy.total:g} s") from error


async def _try_repeatedly(call: ProviderCall, policy: RetryPolicy, attempt: Callable[[int], Awaitable[T]]) -> T:
    attempts = stamina.retry_context(
        on=lambda error: _wait_after(error, policy),
        attempts=policy.attempts,
        timeout=None,
        wait_initial=policy.initial_wait,
        wait_max=policy.max_wait,
        wait_jitter=policy.jitter,
    )
    async for context in attempts:
        with context:
            return await _try_once(call, attempt, context.num)
    raise AssertionError("the last attempt returns or raises")


def _wait_after(error: Exception, policy: RetryPolicy) -> bool | float:
    """Seconds until the next attempt; True for the backoff of the policy, False for no further attempt."""
    if not isinstance(error, AttemptError) or not error.is_transient or isinstance(error, CircuitOpen):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= policy.max_retry_after else False


async def _try_once(call: ProviderCall, attempt: Callable[[int], Awaitable[T]], number: int) -> T:
    # Without the path, which contains the IDs of rooms and people. The header `traceparent` is not sent to vendors.
    attributes: tracing.Attributes = {
        "videobroker.vendor": call.vendor,
        "videobroker.operation": call.operation,
        "http.request.resend_count": number - 1 or None,
    }
    with tracing.span(f"{call.vendor} {call.operation}", tracing.SpanKind.CLIENT, attributes) as span:
        return await _measured(call, attempt, number, span)


async def _measured(
    call: ProviderCall, attempt: Callable[[int], Awaitable[T]], number: int, span: tracing.TraceSpan
) -> T:
    began = time.perf_counter()
    outcome: str | None = "canceled"
    try:
        result = await attempt(number)
        outcome = "ok"
    except CircuitOpen:
        outcome = None
        raise
    except AttemptError as failure:
        outcome = failure.outcome
        span.set({"http.response.status_code": failure.status, "videobroker.outcome": outcome})
        span.fail(str(failure.status or outcome))
        log.log(
            logging.WARNING if failure.is_transient else logging.INFO,
            "provider.request_failed",
            vendor=call.vendor,
            operation=call.operation,
            path=call.path,
            attempt=number,
            status=failure.status,
            problem=failure.message,
        )
        raise
    else:
        return result
    finally:
        if outcome is not None:
            REQUESTS.labels(call.vendor, call.operation, outcome).observe(time.perf_counter() - began)


def parse_response(response: httpx.Response, read: Callable[[Body], T]) -> T:
    """Parse a 2xx response with `read`. Raises `AttemptError` if it is truncated or lacks a required field."""
    try:
        return read(_object(response))
    except ResponseError as error:
        raise AttemptError(f"unusable response: {error}", status=response.status_code) from error
    except ValueError as error:
        raise AttemptError("unusable response: not JSON", status=response.status_code) from error


def sanitize_message(text: str) -> str:
    """One line of at most `MAX_MESSAGE_LENGTH` printable characters. Replaces everything that looks like a JWT."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return _TOKEN.sub("[token]", " ".join(printable.split()))[:MAX_MESSAGE_LENGTH]


@cache
def create_tls_context() -> ssl.SSLContext:
    """Shared by all accounts, because loading the certificates blocks the event loop for 20 ms."""
    return httpx.create_ssl_context()


def _vendor_message(response: httpx.Response) -> str:
    """`message` and the first of `details` of an error body; empty if the body has another format."""
    try:
        body = _object(response)
    except ValueError:
        return ""
    details = body.get("details")
    texts = [body.get("message"), *(details[:1] if isinstance(details, list) else [])]
    return sanitize_message(": ".join(text for text in texts if isinstance(text, str) and text))


def _object(response: httpx.Response) -> Body:
    body = response.json()
    if not isinstance(body, dict):
        raise ResponseError("the body is not an object")
    return body
