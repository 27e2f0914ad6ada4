"""Times: aware datetimes in UTC, formatted as RFC 3339."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.attendance.observations import truncate_to_milliseconds
from videobroker.domain.times import MAX_RETRY_AFTER, parse_retry_after, rfc3339, utc

IN_INDIA = timezone(timedelta(hours=5, minutes=30))
_days = (datetime(2000, 1, 2), datetime(2199, 12, 30))  # noqa: DTZ001 Hypothesis wants them bare
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(*_days, timezones=_offsets)


@pytest.mark.parametrize("convert", [utc, rfc3339])
def test_naive_datetimes_are_rejected(convert: object) -> None:
    assert callable(convert)
    with pytest.raises(ValueError, match="time zone"):
        convert(datetime(2026, 3, 12, 14))  # noqa: DTZ001 that is the point


@given(moments)
def test_conversion_to_utc_preserves_the_time(moment: datetime) -> None:
    converted = utc(moment)
    assert converted == moment
    assert converted.tzinfo is UTC


def test_times_are_formatted_in_utc_with_a_z() -> None:
    assert rfc3339(datetime(2026, 3, 12, 19, 30, tzinfo=IN_INDIA)) == "2026-03-12T14:00:00Z"


def test_fractions_of_a_second_are_formatted_only_if_not_zero() -> None:
    moment = datetime(2026, 3, 12, 14, tzinfo=UTC)
    assert rfc3339(moment.replace(microsecond=82_451)) == "2026-03-12T14:00:00.082451Z"
    assert rfc3339(moment) == "2026-03-12T14:00:00Z"


@given(moments)
def test_formatted_times_are_rfc_3339_and_round_trip(moment: datetime) -> None:
    written = rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", written)
    assert datetime.fromisoformat(written) == moment


NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("0", 0),
        ("0000000005", 5),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120),
        (format_datetime(NOW - timedelta(minutes=2), usegmt=True), 0),
        ("Thu, 12 Mar 2026 14:02:00 -0000", 120),
        ("Thu, 12 Mar 2026 15:02:00 +0100", 120),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Thu, 32 Mar 2026 14:02:00 GMT", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("Thu, 12 Mar 2026 14:02:00 +99999999999999999999", None),
        ("Thu, 12 Mar 99999 14:02:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(header: str | None, seconds: int | None) -> None:
    assert parse_retry_after(header, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "header", ["999999999", "1000000000", "00" + "9" * 10, "9" * 5000, "Thu, 12 Mar 9999 14:02:00 GMT"]
)
def test_retry_after_is_bounded(header: str) -> None:
    assert parse_retry_after(header, NOW) == MAX_RETRY_AFTER


@given(
    st.text()
    | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1"))
    | st.text("0123456789 -+:,MonJanGT", max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,30} Mar [0-9]{1,30} [0-9:]{1,20} (GMT|[+-][0-9]{4,9})")
)
def test_no_retry_after_header_raises(header: str) -> None:
    wait = parse_retry_after(header, NOW)
    assert wait is None or timedelta(0) <= wait <= MAX_RETRY_AFTER


def test_times_are_truncated_to_milliseconds() -> None:
    moment = datetime(2026, 3, 12, 14, 5, 6, 123_999, tzinfo=UTC)
    assert truncate_to_milliseconds(moment) == moment.replace(microsecond=123_000)
