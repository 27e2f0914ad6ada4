"""Conversion of timestamps. All timestamps in this program are aware and in UTC."""

from datetime import UTC, datetime


def utc(moment: datetime) -> datetime:
    """Convert an aware datetime to UTC. Raises `ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a datetime needs a time zone")
    return moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """Format a timestamp for the API: RFC 3339 in UTC with `Z`; microseconds only if they are not zero."""
    return utc(moment).isoformat().replace("+00:00", "Z")
