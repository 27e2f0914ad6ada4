"""Times of observations have the precision that all providers have."""

from datetime import UTC, datetime

import pytest

from videobroker.domain.attendance.observations import truncate_to_milliseconds


@pytest.mark.parametrize(
    ("microsecond", "truncated"), [(0, 0), (999, 0), (1000, 1000), (1999, 1000), (999_000, 999_000), (999_999, 999_000)]
)
def test_times_are_truncated_to_milliseconds(microsecond: int, truncated: int) -> None:
    moment = datetime(2026, 3, 12, 14, 0, 0, microsecond, tzinfo=UTC)
    assert truncate_to_milliseconds(moment) == moment.replace(microsecond=truncated)
