"""Verification and parsing of webhooks, for all vendors.

A verified body is still untrusted input: participants choose their own names. The functions raise no errors except
`WebhookRefused` and `WebhookUnreadable`.
"""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from videobroker.errors import WebhookRefused, WebhookUnreadable

JsonObject = Mapping[str, Any]
"""A decoded JSON object, not validated."""

MAX_TEXT_LENGTH = 512
"""Characters of an ID or a name. The vendors' IDs have 36, and our user IDs are shorter than this limit."""

MAX_CLOCK_SKEW = timedelta(minutes=10)
"""The most that the vendor's clock may be ahead of ours."""


def parse_json_object(body: bytes) -> JsonObject:
    """Decode a body. Raises `WebhookUnreadable` if it is not a JSON object."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        # Without the cause, whose message quotes the body.
        raise WebhookUnreadable("The webhook is not JSON. Send the body as the provider made it.") from None
    if not isinstance(value, dict):
        raise WebhookUnreadable("The webhook is not a JSON object. Send the body as the provider made it.")
    return value


def require_text(body: JsonObject, key: str) -> str:
    """Like `get_text`, but raises `WebhookUnreadable` instead of returning None."""
    value = get_text(body, key)
    if value is None:
        raise WebhookUnreadable(f"The webhook has no {key}. Send the body as the provider made it.")
    return value


def require_number(body: JsonObject, key: str) -> int:
    """Like `get_number`, but raises `WebhookUnreadable` instead of returning None."""
    value = get_number(body, key)
    if value is None:
        raise WebhookUnreadable(f"The webhook has no {key}. Send the body as the provider made it.")
    return value


def require_object(body: JsonObject, key: str) -> JsonObject:
    """The object under `key`. Raises `WebhookUnreadable` for a missing key or another type."""
    value = body.get(key)
    if not isinstance(value, dict):
        raise WebhookUnreadable(f"The webhook has no {key}. Send the body as the provider made it.")
    return value


def get_text(body: JsonObject, key: str) -> str | None:
    """The text under `key`; None if it is missing, empty, longer than `MAX_TEXT_LENGTH`, or not a string.

    Replaces unpaired surrogates and NUL, which PostgreSQL cannot store.
    """
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_LENGTH:
        return None
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def get_number(body: JsonObject, key: str) -> int | None:
    """The integer under `key`; None if it is missing, not an integer, or does not fit into 64 bits (signed)."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        return None
    return value


def require_digest(given: str | None, secret: str, body: bytes, algorithm: str) -> None:
    """Raises `WebhookRefused` unless `given` is the lower-case hex HMAC of the raw body. Runs in constant time."""
    expected = hmac.new(secret.encode(), body, algorithm).hexdigest()
    require_equal(given, expected)


def require_equal(given: str | None, expected: str) -> None:
    """Raises `WebhookRefused` unless the values are equal. Runs in constant time; the error contains neither value."""
    if given is None or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise WebhookRefused(
            "Webhook signature missing or invalid. Compare the secret at the provider with the account's, "
            "and leave the body as it was sent."
        )


def require_fresh(sent_at: datetime | None, max_age: timedelta, now: datetime) -> None:
    """Raises `WebhookUnreadable` if the webhook is older than `max_age`, or from the future by `MAX_CLOCK_SKEW`.

    A webhook without a timestamp is accepted.
    """
    if sent_at is None:
        return
    if now - sent_at > max_age:
        raise WebhookUnreadable(
            f"The webhook is older than {max_age}. Its content is fetched from the provider instead."
        )
    if sent_at - now > MAX_CLOCK_SKEW:
        raise WebhookUnreadable("The webhook was sent in the future. Check the clock of this machine (NTP).")


def parse_unix_seconds(seconds: int | None) -> datetime | None:
    """The UTC time of a Unix time in seconds; None for zero, before 1970, and after the year 9999."""
    return parse_unix_milliseconds(None if seconds is None else seconds * 1000)


def parse_unix_milliseconds(milliseconds: int | None) -> datetime | None:
    """The UTC time of a Unix time in milliseconds; None for zero, before 1970, and after the year 9999.

    The vendors send zero for an unknown time.
    """
    if milliseconds is None or not 0 < milliseconds <= _LAST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")
