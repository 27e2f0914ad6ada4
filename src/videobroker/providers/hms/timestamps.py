"""The timestamps of 100ms: RFC 3339 in UTC, with 0 to 9 fractional digits.

An unset time is `0001-01-01T00:00:00Z`, null, or missing.
Source: the samples under server-side/v2 of the 100ms docs. Their fractions differ between pages.
"""

from datetime import UTC, datetime

from videobroker.domain.attendance.observations import truncate_to_milliseconds


def parse_timestamp(value: object) -> datetime | None:
    """The time in UTC, truncated to milliseconds; None if it is unset or malformed."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or moment.year == 1:
            return None
        return truncate_to_milliseconds(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def format_timestamp(moment: datetime) -> str:
    """The format of query filters: `YYYY-MM-DDTHH:mm:ss.sssZ`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
