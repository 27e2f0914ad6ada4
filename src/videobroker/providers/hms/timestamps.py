"""Time, as 100ms writes it: RFC 3339 in UTC, with 0 to 9 digits of a fraction.

`0001-01-01T00:00:00Z`, null and nothing at all mean that it is not set.
Source: the samples under server-side/v2 of the 100ms docs, which differ in their fractions from page to page.
"""

from datetime import UTC, datetime

from videobroker.domain.attendance.observations import truncate_to_milliseconds


def parse_timestamp(value: object) -> datetime | None:
    """The moment to the millisecond, in UTC; None when it is not set, or cannot be read."""
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
    """The moment as filters take it: `YYYY-MM-DDTHH:mm:ss.sssZ`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
