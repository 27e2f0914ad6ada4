"""Timestamps as the vendor writes them: UTC with `Z`, and fractions of several lengths."""

from datetime import UTC, datetime

UNSET = "0001-01-01T00:00:00Z"
"""How the vendor writes a time that was never set."""


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def stored(moment: datetime) -> str:
    """The form of stored objects: milliseconds, trailing zeros trimmed."""
    return _written(moment, f"{moment.microsecond // 1000:03d}")


def live(moment: datetime) -> str:
    """The form of running calls: nanoseconds, trailing zeros trimmed."""
    # Python knows no nanoseconds. Invented digits, the same every time for one moment, keep readers honest.
    nanoseconds = moment.microsecond * 37 % 1000
    return _written(moment, f"{moment.microsecond:06d}{nanoseconds:03d}")


def whole_seconds(moment: datetime) -> str:
    """The form without a fraction, as around webhooks."""
    return _written(moment, "")


def as_stored(moment: datetime) -> datetime:
    """`moment` cut to what `stored` shows, so that filters agree with what callers have read."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _written(moment: datetime, fraction: str) -> str:
    digits = fraction.rstrip("0")
    whole = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"
