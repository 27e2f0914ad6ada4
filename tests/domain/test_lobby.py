"""The waiting room: when a waiting person counts as inactive, and how names of guests are marked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from videobroker.domain.display_names import mark_guest_name
from videobroker.domain.ids import EntryId
from videobroker.domain.lobby import STRANDED_AFTER, EntryState, LobbyEntry

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
ENTRY = LobbyEntry(
    id=EntryId(UUID(int=1)),
    user_id="ben",
    display_name="Ben",
    is_guest=False,
    state=EntryState.WAITING,
    asked_at=NOW - timedelta(hours=1),
    seen_at=NOW,
)


@pytest.mark.parametrize(
    ("state", "silent_for", "shown"),
    [
        (EntryState.WAITING, STRANDED_AFTER - timedelta(microseconds=1), EntryState.WAITING),
        (EntryState.WAITING, STRANDED_AFTER, EntryState.STRANDED),
        (EntryState.ADMITTED, 2 * STRANDED_AFTER, EntryState.ADMITTED),
        (EntryState.DENIED, 2 * STRANDED_AFTER, EntryState.DENIED),
    ],
)
def test_only_a_waiting_person_becomes_inactive(state: EntryState, silent_for: timedelta, shown: EntryState) -> None:
    assert replace(ENTRY, state=state).state_at(NOW + silent_for) is shown


def test_a_state_starts_at_the_decision_or_else_at_the_request() -> None:
    assert ENTRY.since == ENTRY.asked_at
    assert replace(ENTRY, decided_at=NOW).since == NOW


def test_the_name_of_a_guest_is_marked_once() -> None:
    assert mark_guest_name("Gus") == mark_guest_name("Gus (guest)") == "Gus (guest)"
