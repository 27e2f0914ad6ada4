"""Phases of sessions as operators see them, and the periods of their lists."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from videobroker.domain.apps import ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.ids import AppId, CallId, SessionId
from videobroker.domain.overview import (
    MAX_TIME_RANGE,
    Phase,
    Section,
    SectionCounts,
    SessionListItem,
    TimeRange,
    determine_phase,
)
from videobroker.domain.sessions import Session, SessionKey, SessionKind, SessionStatus, SessionTerms

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CALL = Call(CallId(UUID(int=3)), SessionId(UUID(int=2)), ProviderName.HMS, started_at=NOW, started_by=None)


def session(status: SessionStatus = SessionStatus.CONFIRMED, *, begins: timedelta, video: bool = True) -> Session:
    """A session of one hour."""
    return Session(
        id=SessionId(UUID(int=2)),
        key=SessionKey(AppId(UUID(int=1)), SessionKind.BOOKING, "lesson-1"),
        terms=SessionTerms(
            status=status, video=video, starts_at=NOW + begins, ends_at=NOW + begins + timedelta(hours=1)
        ),
        provider=None,
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(
    ("status", "begins", "call", "phase"),
    [
        (SessionStatus.CONFIRMED, MINUTE, None, Phase.UPCOMING),
        (SessionStatus.CONFIRMED, -MINUTE, None, Phase.UPCOMING),
        (SessionStatus.CONFIRMED, -timedelta(hours=1) + MINUTE, None, Phase.UPCOMING),
        (SessionStatus.CONFIRMED, -timedelta(hours=1), None, Phase.COMPLETED),
        (SessionStatus.COMPLETED, MINUTE, None, Phase.COMPLETED),
        (SessionStatus.COMPLETED, MINUTE, CALL, Phase.IN_PROGRESS),
        (SessionStatus.CONFIRMED, -timedelta(hours=2), CALL, Phase.IN_PROGRESS),
        (SessionStatus.CONFIRMED, MINUTE, replace(CALL, ended_at=NOW), Phase.UPCOMING),
        (SessionStatus.CANCELLED, MINUTE, CALL, Phase.CANCELLED),
    ],
)
def test_the_phase_depends_on_status_running_call_and_end(
    status: SessionStatus, begins: timedelta, call: Call | None, phase: Phase
) -> None:
    assert determine_phase(session(status, begins=begins), call, NOW) is phase


def test_a_group_is_upcoming_without_a_call() -> None:
    group = replace(session(begins=MINUTE), terms=SessionTerms())
    assert determine_phase(group, None, NOW) is Phase.UPCOMING


def test_a_period_is_not_empty_and_not_too_long() -> None:
    assert TimeRange(NOW, NOW + timedelta(microseconds=1)).end > NOW
    assert TimeRange(NOW, NOW + MAX_TIME_RANGE).start == NOW
    for end in (NOW, NOW - MINUTE, NOW + MAX_TIME_RANGE + timedelta(microseconds=1)):
        with pytest.raises(ValueError, match=r"^a period must end after its start, and at most 31 days later$"):
            TimeRange(NOW, end)


def test_an_item_of_a_list_has_the_phase_of_its_session() -> None:
    item = SessionListItem(session(begins=-MINUTE), CALL, people=(), more_people=False, now=NOW)
    assert item.phase is Phase.IN_PROGRESS


def test_every_section_is_counted_separately() -> None:
    counts = SectionCounts(in_progress=1, late=2, no_show=3, upcoming=4, completed=5, cancelled=6, present=7)
    assert [counts.count(section) for section in Section] == [1, 2, 3, 4, 5, 6]
