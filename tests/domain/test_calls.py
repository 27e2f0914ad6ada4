"""A call, from start to end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.apps import ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.ids import CallId, SessionId

START = datetime(2026, 3, 12, 14, tzinfo=UTC)
CALL = Call(CallId(UUID(int=1)), SessionId(UUID(int=2)), ProviderName.HMS, started_at=START, started_by="tutor-1")


def test_an_open_call_has_no_duration_yet() -> None:
    assert CALL.duration_seconds is None


@pytest.mark.parametrize(
    ("lasted", "seconds"),
    [
        (timedelta(), 0),
        (timedelta(milliseconds=999), 0),
        (timedelta(minutes=44, seconds=30, milliseconds=999), 2670),
        (timedelta(days=2), 172_800),
    ],
)
def test_a_call_that_ended_lasted_its_completed_seconds(lasted: timedelta, seconds: int) -> None:
    assert replace(CALL, ended_at=START + lasted).duration_seconds == seconds


@given(st.timedeltas(timedelta(), timedelta(days=30)))
def test_a_duration_is_never_negative_and_never_a_second_off(lasted: timedelta) -> None:
    seconds = replace(CALL, ended_at=START + lasted).duration_seconds
    assert seconds is not None
    assert seconds >= 0
    assert timedelta() <= lasted - timedelta(seconds=seconds) < timedelta(seconds=1)
