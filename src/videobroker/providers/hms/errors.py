"""What can go wrong between us and 100ms, and which of our errors it becomes.

Source: server-side/v2/how-to-guides/make-api-calls and get-started/v2/security-and-tokens of the 100ms docs.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from videobroker.errors import ProviderError, ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.answers import AnswerError, Body

DEFAULT_RETRY_AFTER = 5.0
"""Seconds until another try when 100ms names none: our own attempts have just used up about eight."""

LONGEST_MESSAGE = 200
"""Characters of the vendor's text that we pass on: its own are shorter, a proxy's page is not worth more."""

_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*")

_ADVICE = {
    401: "check the access key and the secret (HMS_ACCESS_KEY, HMS_SECRET), and that the clock here is right",
    403: "the room is disabled, belongs to another workspace, or the access key lacks the permission",
    404: "check that the access key is of the workspace in which the room and its template were made",
}
_TEMPLATE_ADVICE = "check template_id (HMS_TEMPLATE_ID): it has to be a template of the same workspace"
_OTHER_ADVICE = "sending the same again will not help"

T = TypeVar("T")


class Forbidden(ProviderRefused):
    """The video provider does not permit this."""


class Absent(ProviderRefused):
    """The video provider does not know this."""


class AttemptError(Exception):
    """One request that brought nothing usable. Its text is free of tokens."""

    def __init__(self, message: str, *, status: int | None = None, asked_wait: float | None = None) -> None:
        """`status` is None when no answer came; `asked_wait` is in seconds, from `Retry-After`."""
        super().__init__(message)
        self.message = message
        self.status = status
        self.asked_wait = asked_wait

    def __str__(self) -> str:
        return ", ".join(str(part) for part in (self.status, self.message) if part)

    @property
    def transient(self) -> bool:
        """Another attempt may fare better: no answer, one in pieces, too many requests, a broken server."""
        return self.status is None or self.status == 429 or self.status >= 500 or 200 <= self.status < 300

    @classmethod
    def without_answer(cls, error: httpx.RequestError) -> "AttemptError":
        """The connection failed, broke or took too long."""
        return cls(_presentable(f"{type(error).__name__} {error}"))

    @classmethod
    def with_status(cls, response: httpx.Response, now: datetime) -> "AttemptError":
        """The answer has a status other than 2xx. `now` is what a `Retry-After` date is measured from."""
        return cls(
            _vendor_message(response),
            status=response.status_code,
            asked_wait=asked_wait(response.headers.get("Retry-After"), now),
        )


_REFUSALS: dict[int | None, type[ProviderRefused]] = {403: Forbidden, 404: Absent}


def answer(response: httpx.Response, read: Callable[[Body], T]) -> T:
    """What `read` makes of a 2xx answer. Raises `AttemptError` when it is cut short or lacks what matters."""
    try:
        return read(_object(response))
    except AnswerError as error:
        raise AttemptError(f"unusable answer: {error}", status=response.status_code) from error
    except ValueError as error:
        raise AttemptError("unusable answer: not JSON", status=response.status_code) from error


def provider_error(failure: AttemptError, operation: str) -> ProviderError:
    """Our error for an operation whose last attempt ended in `failure`."""
    if failure.transient:
        return ProviderUnavailable(
            f"100ms did not complete {operation} ({failure}). Try again later.",
            retry_after=failure.asked_wait or DEFAULT_RETRY_AFTER,
        )
    detail = f"100ms refused {operation} ({failure}): {_advice(failure)}."
    return _REFUSALS.get(failure.status, ProviderRefused)(detail)


def asked_wait(header: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks us to wait: a number or a date (RFC 9110, section 10.2.3).

    None when there is no header, or none that can be read.
    """
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _advice(failure: AttemptError) -> str:
    if "template not found" in failure.message.lower():
        return _TEMPLATE_ADVICE
    return _ADVICE.get(failure.status or 0, _OTHER_ADVICE)


def _vendor_message(response: httpx.Response) -> str:
    """`message`, and the first of `details`, of an error body; empty when the body has another shape."""
    try:
        body = _object(response)
    except ValueError:
        return ""
    details = body.get("details")
    texts = [body.get("message"), *(details[:1] if isinstance(details, list) else [])]
    return _presentable(": ".join(text for text in texts if isinstance(text, str) and text))


def _object(response: httpx.Response) -> Body:
    body = response.json()
    if not isinstance(body, dict):
        raise AnswerError("the body is not an object")
    return body


def _presentable(text: str) -> str:
    """One short line, with nothing in it that looks like a token."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return _TOKEN.sub("[token]", " ".join(printable.split()))[:LONGEST_MESSAGE]
