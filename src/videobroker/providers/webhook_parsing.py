"""What reading and checking a webhook takes, whoever sent it.

A body may hold anything, also when its sender is known: people choose their own names. Nothing here, and nothing that
is read with it, raises anything but `WebhookRefused` and `WebhookUnreadable`.
"""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from videobroker.errors import WebhookRefused, WebhookUnreadable

JsonObject = Mapping[str, Any]
"""A JSON object as it came."""

MAX_TEXT_LENGTH = 512
"""Characters of an id or a name that is taken for one: the vendors' own have 36, people's user ids fewer than this."""

MAX_CLOCK_SKEW = timedelta(minutes=10)
"""So far may the vendor's clock be before ours."""


def parse_json_object(body: bytes) -> JsonObject:
    """The object that the body is. Raises `WebhookUnreadable`."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        # Said without the cause: it would quote the body.
        raise WebhookUnreadable("The webhook is not JSON. Send the body as the provider made it.") from None
    if not isinstance(value, dict):
        raise WebhookUnreadable("The webhook is not a JSON object. Send the body as the provider made it.")
    return value


def require_text(body: JsonObject, key: str) -> str:
    """The text under `key`. Raises `WebhookUnreadable` when there is none."""
    value = get_text(body, key)
    if value is None:
        raise WebhookUnreadable(f"The webhook has no {key}. Send the body as the provider made it.")
    return value


def require_number(body: JsonObject, key: str) -> int:
    """The whole number under `key`. Raises `WebhookUnreadable` when there is none, or one beyond 64 bits."""
    value = get_number(body, key)
    if value is None:
        raise WebhookUnreadable(f"The webhook has no {key}. Send the body as the provider made it.")
    return value


def require_object(body: JsonObject, key: str) -> JsonObject:
    """The object under `key`. Raises `WebhookUnreadable` when there is none."""
    value = body.get(key)
    if not isinstance(value, dict):
        raise WebhookUnreadable(f"The webhook has no {key}. Send the body as the provider made it.")
    return value


def get_text(body: JsonObject, key: str) -> str | None:
    """The text under `key`, fit to be stored; None when there is none, an empty one, or one that is no name.

    Unpaired surrogates and NUL, which no database takes and no honest name holds, are replaced.
    """
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_LENGTH:
        return None
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def get_number(body: JsonObject, key: str) -> int | None:
    """The whole number under `key`, of at most 64 bits with its sign; None when there is none."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        return None
    return value


def require_digest(given: str | None, secret: str, body: bytes, algorithm: str) -> None:
    """Make sure that `given` is the lower-case hex HMAC of the raw body. Raises `WebhookRefused`.

    It takes as long for a wrong one as for the right one.
    """
    expected = hmac.new(secret.encode(), body, algorithm).hexdigest()
    require_equal(given, expected)


def require_equal(given: str | None, expected: str) -> None:
    """Make sure that a header holds what it has to. Raises `WebhookRefused`, which tells neither."""
    if given is None or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise WebhookRefused(
            "Webhook signature missing or invalid. Compare the secret at the provider with the account's, "
            "and leave the body as it was sent."
        )


def require_fresh(sent_at: datetime | None, longest: timedelta, now: datetime) -> None:
    """Make sure that a webhook was sent at most `longest` ago, and not in the future. Raises `WebhookUnreadable`.

    One that does not tell is taken for fresh.
    """
    if sent_at is None:
        return
    if now - sent_at > longest:
        raise WebhookUnreadable(f"The webhook is older than {longest}. What it tells is found out by asking.")
    if sent_at - now > MAX_CLOCK_SKEW:
        raise WebhookUnreadable("The webhook was sent in the future. Set this machine's clock (NTP).")


def parse_unix_seconds(seconds: int | None) -> datetime | None:
    """The moment of a Unix time in whole seconds; None for one before 1970, none, or one beyond all calendars."""
    return parse_unix_milliseconds(None if seconds is None else seconds * 1000)


def parse_unix_milliseconds(milliseconds: int | None) -> datetime | None:
    """The moment of a Unix time in milliseconds; None as for `parse_unix_seconds`. Zero means that nobody knows."""
    if milliseconds is None or not 0 < milliseconds <= _LAST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
