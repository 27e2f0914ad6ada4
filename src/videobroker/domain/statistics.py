"""Hourly counts of events, for charts. They contain no personal data, and outlive the events."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from videobroker.domain.events import EventType

HOUR = timedelta(hours=1)
MAX_STAY = timedelta(days=2)
"""Longer stays are counted only up to this length."""


class Measure(StrEnum):
    """What is counted."""

    JOINS = "joins"
    """Issued join credentials, by provider."""
    DENIALS = "refusals"
    """Denied join credentials, by reason: refusals, and waits for the start, the host, or admission."""
    SECONDS = "seconds"
    """Time of people in calls, without a label."""
    NO_SHOWS = "no_shows"
    """Reported no-shows, without a label."""
    VENDOR_ERRORS = "vendor_errors"
    """Switches to another provider and failed recordings, by event type."""


COUNTED_TYPES = frozenset(
    {
        EventType.CREDENTIALS_ISSUED,
        EventType.CREDENTIALS_DENIED,
        EventType.PARTICIPANT_LEFT,
        EventType.PARTICIPANT_NO_SHOW,
        EventType.PROVIDER_SWITCHED,
        EventType.RECORDING_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """The fields of an event that are counted."""

    type: EventType
    occurred_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class CountKey:
    """One hour, in UTC, of one measure and label."""

    hour: datetime
    measure: Measure
    label: str = ""


def hour_of(moment: datetime) -> datetime:
    """The start of the hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def count_events(events: Iterable[CountedEvent]) -> Counter[CountKey]:
    """The counts that these events add."""
    counts: Counter[CountKey] = Counter()
    for event in events:
        hour = hour_of(event.occurred_at)
        match event.type:
            case EventType.CREDENTIALS_ISSUED if not event.data.get("replayed"):
                counts[CountKey(hour, Measure.JOINS, str(event.data.get("provider", "")))] += 1
            case EventType.CREDENTIALS_DENIED:
                counts[CountKey(hour, Measure.DENIALS, str(event.data.get("reason", "")))] += 1
            case EventType.PARTICIPANT_NO_SHOW:
                counts[CountKey(hour, Measure.NO_SHOWS)] += 1
            case EventType.PROVIDER_SWITCHED | EventType.RECORDING_FAILED:
                counts[CountKey(hour, Measure.VENDOR_ERRORS, event.type.value)] += 1
            case EventType.PARTICIPANT_LEFT:
                counts.update(_seconds_by_hour(event.data))
            case _:
                pass
    return counts


def _seconds_by_hour(data: Mapping[str, Any]) -> Counter[CountKey]:
    """The seconds of a stay in each hour that it touches."""
    counts: Counter[CountKey] = Counter()
    try:
        start, end = datetime.fromisoformat(data["joined_at"]), datetime.fromisoformat(data["left_at"])
    except (KeyError, TypeError, ValueError):
        return counts
    end = min(end, start + MAX_STAY)
    while start < end:
        until = min(hour_of(start) + HOUR, end)
        counts[CountKey(hour_of(start), Measure.SECONDS)] += round((until - start).total_seconds())
        start = until
    return counts
