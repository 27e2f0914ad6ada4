"""Whether and when a request is sent again: pure functions, for both transports."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from videobroker_client._requests import ApiRequest
from videobroker_client.errors import ApiError

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 8.0
MAX_RETRY_AFTER_SECONDS = 60.0
"""The longest wait that the service can ask for. Errors that ask for a longer one are raised at once."""
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures before the service received anything."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt."""

    error: ApiError | httpx.TransportError
    attempt: int
    """From 1."""


def retry_delay(request: ApiRequest, failure: Failure, *, max_retries: int, jitter: random.Random) -> float | None:
    """Seconds until the next attempt. None if there is none."""
    if failure.attempt > max_retries or not _is_temporary(request, failure.error):
        return None
    asked = failure.error.retry_after if isinstance(failure.error, ApiError) else None
    if asked is not None and asked > MAX_RETRY_AFTER_SECONDS:
        return None
    delay: float = min(FIRST_DELAY_SECONDS * 2 ** (failure.attempt - 1), MAX_DELAY_SECONDS) * jitter.uniform(0.5, 1.0)
    return max(delay, asked or 0.0)


def _is_temporary(request: ApiRequest, error: ApiError | httpx.TransportError) -> bool:
    if isinstance(error, ApiError):
        # The service did nothing with a request that it answered like this. `request_in_flight`: an earlier attempt
        # with the same idempotency key has not finished.
        return error.status in {429, 503} or error.code == "request_in_flight"
    return request.is_repeatable or isinstance(error, NOT_SENT)


def parse_retry_after(header: str | None) -> float | None:
    """Seconds from a `Retry-After` header, which has a number or a date."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0) if moment.tzinfo else None
