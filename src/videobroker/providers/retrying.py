"""Asking a REST API a few times within a bounded while: what counts as a failure, what is worth another attempt.

Vendors differ in how they say no; how long one waits for an answer and when one asks again is the same for all.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import httpx
import stamina
import stamina.instrumentation
import structlog

from videobroker.domain.times import parse_retry_after

MAX_MESSAGE_LENGTH = 200
"""Characters of the vendor's text that we pass on: its own are shorter, a proxy's page is not worth more."""

MAX_IDLE_SECONDS = 4.0
"""Connections that nobody used for so long are not used again. The most impatient servers close them after 5 s, and a
request that is on its way just then is lost: whether it was heard, nobody can tell."""

DEFAULT_RETRY_AFTER_SECONDS = 5.0
"""Seconds until another try when the vendor names none: our own attempts have just used up about eight."""

Body = Mapping[str, Any]
"""A JSON object as it came."""

T = TypeVar("T")

log = structlog.get_logger(__name__)

_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*")

# Each failed attempt is logged below, under the name of its operation. Stamina would log and count it again,
# with "<context block>" for a name.
stamina.instrumentation.set_on_retry_hooks(())


class ResponseError(ValueError):
    """The answer is JSON, and not what the page of the operation promises."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one operation is tried. All but `attempts` are seconds."""

    attempts: int = 4
    """Two failures in a row happen; four mean that it is down."""
    initial_wait: float = 0.1
    max_wait: float = 1.0
    jitter: float = 0.4
    """Up to this much is added to each wait, so that those who failed together do not come back together."""
    max_retry_after: float = 3.0
    """When the vendor asks for more, the caller is told so instead: a person waits at the other end."""
    total: float = 8.0
    """Everything together: waits, attempts and signing anew. Shorter than common gateway timeouts."""


class AttemptError(Exception):
    """One request that brought nothing usable. Its text is free of tokens."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        was_not_sent: bool = False,
    ) -> None:
        """`status` is None when no answer came; `retry_after` is in seconds, from `Retry-After`.

        `was_not_sent` is told by who knows that the request did not arrive.
        """
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.was_not_sent = was_not_sent

    def __str__(self) -> str:
        return ", ".join(str(part) for part in (self.status, self.message) if part)

    @property
    def is_transient(self) -> bool:
        """Another attempt may fare better: no answer, one in pieces, too many requests, a broken server."""
        return self.status is None or self.status == 429 or self.status >= 500 or 200 <= self.status < 300

    @property
    def may_have_succeeded(self) -> bool:
        """The vendor may have done what was asked all the same."""
        return self.is_transient and self.status != 429 and not self.was_not_sent

    @classmethod
    def without_answer(cls, error: httpx.RequestError) -> "AttemptError":
        """The connection failed, broke or took too long."""
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        return cls(sanitize_message(f"{type(error).__name__} {error}"), was_not_sent=unsent)

    @classmethod
    def with_status(cls, response: httpx.Response, now: datetime) -> "AttemptError":
        """The answer has a status other than 2xx. `now` is what a `Retry-After` date is measured from."""
        wait = parse_retry_after(response.headers.get("Retry-After"), now)
        return cls(
            _vendor_message(response),
            status=response.status_code,
            retry_after=None if wait is None else wait.total_seconds(),
        )


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """What is said of an operation when it fails."""

    vendor: str
    operation: str
    path: str


async def retry(call: ProviderCall, policy: RetryPolicy, attempt: Callable[[int], Awaitable[T]]) -> T:
    """What `attempt` brings, called with 1 and, while it fails in a way that may pass, with 2, 3 and so on.

    Raises the `AttemptError` of the last one; when the time is up, one without a status.
    """
    try:
        async with asyncio.timeout(policy.total):
            return await _try_repeatedly(call, policy, attempt)
    except TimeoutError as error:
        log.warning("provider.timed_out", vendor=call.vendor, operation=call.operation, path=call.path)
        raise AttemptError(f"not done within {policy.total:g} s") from error


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
    """Seconds until the next attempt; True for the usual wait, False for giving up."""
    if not isinstance(error, AttemptError) or not error.is_transient:
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= policy.max_retry_after else False


async def _try_once(call: ProviderCall, attempt: Callable[[int], Awaitable[T]], number: int) -> T:
    try:
        return await attempt(number)
    except AttemptError as failure:
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


def parse_response(response: httpx.Response, read: Callable[[Body], T]) -> T:
    """What `read` makes of a 2xx answer. Raises `AttemptError` when it is cut short or lacks what matters."""
    try:
        return read(_object(response))
    except ResponseError as error:
        raise AttemptError(f"unusable answer: {error}", status=response.status_code) from error
    except ValueError as error:
        raise AttemptError("unusable answer: not JSON", status=response.status_code) from error


def sanitize_message(text: str) -> str:
    """One short line, with nothing in it that looks like a token."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return _TOKEN.sub("[token]", " ".join(printable.split()))[:MAX_MESSAGE_LENGTH]


@cache
def create_tls_context() -> ssl.SSLContext:
    """One for all accounts: loading the certificates holds up the event loop for 20 ms."""
    return httpx.create_ssl_context()


def _vendor_message(response: httpx.Response) -> str:
    """`message`, and the first of `details`, of an error body; empty when the body has another shape."""
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
