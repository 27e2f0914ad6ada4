"""Timestamps in the vendor's formats: UTC with `Z`, and fractions of different lengths."""

from datetime import UTC, datetime

UNSET = "0001-01-01T00:00:00Z"
"""The vendor's value for a time that was never set."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def stored(moment: datetime) -> str:
    """Format of stored objects: milliseconds, without trailing zeros."""
    return _format(moment, f"{moment.microsecond // 1000:03d}")


def live(moment: datetime) -> str:
    """Format of running calls: nanoseconds, without trailing zeros."""
    # Python has no nanoseconds. The digits are derived from the time, so that readers have to parse them.
    nanoseconds = moment.microsecond * 37 % 1000
    return _format(moment, f"{moment.microsecond:06d}{nanoseconds:03d}")


def whole_seconds(moment: datetime) -> str:
    """Format without a fraction, as in the envelope of webhooks."""
    return _format(moment, "")


def as_stored(moment: datetime) -> datetime:
    """`moment` truncated to the precision of `stored`, so that filters match the values that callers have read."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _format(moment: datetime, fraction: str) -> str:
    digits = fraction.rstrip("0")
    whole = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"
