"""Hourly counts of events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from videobroker.domain.events import EventType
from videobroker.domain.statistics import CountedEvent, CountKey, Measure, count_events

AT = datetime(2026, 3, 12, 14, 59, 30, tzinfo=UTC)
HOUR = datetime(2026, 3, 12, 14, tzinfo=UTC)


def counted(event_type: EventType, **data: Any) -> dict[CountKey, int]:
    return dict(count_events([CountedEvent(event_type, AT, data)]))


@pytest.mark.parametrize(
    ("event_type", "data", "key"),
    [
        (EventType.CREDENTIALS_ISSUED, {"provider": "100ms"}, CountKey(HOUR, Measure.JOINS, "100ms")),
        (EventType.CREDENTIALS_DENIED, {"reason": "too_early"}, CountKey(HOUR, Measure.DENIALS, "too_early")),
        (EventType.PARTICIPANT_NO_SHOW, {}, CountKey(HOUR, Measure.NO_SHOWS)),
        (EventType.PROVIDER_SWITCHED, {}, CountKey(HOUR, Measure.VENDOR_ERRORS, "provider.switched")),
        (EventType.RECORDING_FAILED, {}, CountKey(HOUR, Measure.VENDOR_ERRORS, "recording.failed")),
    ],
)
def test_each_type_has_its_measure(event_type: EventType, data: dict[str, Any], key: CountKey) -> None:
    assert counted(event_type, **data) == {key: 1}


def test_credentials_that_are_returned_again_and_other_events_do_not_count() -> None:
    assert counted(EventType.CREDENTIALS_ISSUED, provider="100ms", replayed=True) == {}
    assert counted(EventType.SESSION_REGISTERED) == {}


def test_a_stay_counts_in_every_hour_that_it_touches() -> None:
    found = counted(EventType.PARTICIPANT_LEFT, joined_at="2026-03-12T13:50:00Z", left_at="2026-03-12T15:10:00Z")
    assert {key.hour.hour: seconds for key, seconds in found.items()} == {13: 600, 14: 3600, 15: 600}


@pytest.mark.parametrize("data", [{}, {"joined_at": None, "left_at": "x"}, {"joined_at": "2026-03-12T13:50:00Z"}])
def test_a_stay_without_times_does_not_count(data: dict[str, Any]) -> None:
    assert counted(EventType.PARTICIPANT_LEFT, **data) == {}
