"""Time, as the whole program sees it: aware, in UTC."""

from datetime import UTC, datetime


def utc(moment: datetime) -> datetime:
    """The same moment in UTC. A naive datetime is refused with `ValueError`: it names no moment."""
    if moment.tzinfo is None:
        raise ValueError("a datetime needs a time zone")
    return moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """The moment as the API writes it: RFC 3339, UTC, `Z`, microseconds where it has any."""
    return utc(moment).isoformat().replace("+00:00", "Z")
