"""Points in time: aware, in UTC."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER = timedelta(hours=1)
"""The longest `Retry-After`: in our responses, and from vendors and receivers of webhooks."""
_MAX_SECONDS_DIGITS = 9
"""A number of seconds with more digits exceeds `MAX_RETRY_AFTER`, and so do its first nine digits."""


def utc(moment: datetime) -> datetime:
    """Convert an aware datetime to UTC. Raises `ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a datetime needs a time zone")
    return moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """Format a timestamp for the API: RFC 3339 in UTC with `Z`; microseconds only if they are not zero."""
    return utc(moment).isoformat().replace("+00:00", "Z")


def parse_retry_after(header: str | None, now: datetime) -> timedelta | None:
    """How long a `Retry-After` header asks to wait (RFC 9110, section 10.2.3), at most `MAX_RETRY_AFTER`.

    None without a header, and for one that is neither a number of seconds nor a date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        # int() rejects very long strings of digits.
        digits = text.lstrip("0") or "0"
        return min(timedelta(seconds=int(digits[:_MAX_SECONDS_DIGITS])), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), MAX_RETRY_AFTER)
