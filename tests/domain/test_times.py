"""Time is aware, in UTC, and written as RFC 3339."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.times import rfc3339, utc

IN_INDIA = timezone(timedelta(hours=5, minutes=30))
_days = (datetime(2000, 1, 2), datetime(2199, 12, 30))  # noqa: DTZ001 Hypothesis wants them bare
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(*_days, timezones=_offsets)


@pytest.mark.parametrize("convert", [utc, rfc3339])
def test_a_naive_datetime_is_refused_because_it_names_no_moment(convert: object) -> None:
    assert callable(convert)
    with pytest.raises(ValueError, match="time zone"):
        convert(datetime(2026, 3, 12, 14))  # noqa: DTZ001 that is the point


@given(moments)
def test_utc_is_the_same_moment_in_utc(moment: datetime) -> None:
    converted = utc(moment)
    assert converted == moment
    assert converted.tzinfo is UTC


def test_a_moment_is_written_in_utc_with_a_z() -> None:
    assert rfc3339(datetime(2026, 3, 12, 19, 30, tzinfo=IN_INDIA)) == "2026-03-12T14:00:00Z"


def test_fractions_of_a_second_are_written_only_where_there_are_any() -> None:
    moment = datetime(2026, 3, 12, 14, tzinfo=UTC)
    assert rfc3339(moment.replace(microsecond=82_451)) == "2026-03-12T14:00:00.082451Z"
    assert rfc3339(moment) == "2026-03-12T14:00:00Z"


@given(moments)
def test_what_is_written_is_rfc_3339_and_reads_back_as_the_same_moment(moment: datetime) -> None:
    written = rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", written)
    assert datetime.fromisoformat(written) == moment
