"""The waiting room: people who asked to be admitted, and the decisions about them."""

from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.ids import EntryId
from videobroker.domain.struct import Struct

STRANDED_AFTER = timedelta(seconds=30)
"""Time without a poll after which a waiting person counts as gone. People poll every 5 seconds, so that a network drop
of 10 seconds does not count."""
EXPIRED_AFTER = timedelta(days=1)
"""Time without a poll and without a call after which an entry is ignored."""


class EntryState(StrEnum):
    """The state of an entry in the waiting room."""

    WAITING = "waiting"
    STRANDED = "stranded"
    """Waiting, but without a recent poll. Never stored: `state_at` derives it from `seen_at`."""
    ADMITTED = "admitted"
    DENIED = "denied"


class LobbyEntry(Struct):
    """One person's entry in the waiting room of a session."""

    id: EntryId
    user_id: str
    """For a guest, the generated ID."""
    display_name: str | None
    is_guest: bool
    state: EntryState
    asked_at: datetime
    seen_at: datetime
    """The time of the last poll."""
    decided_at: datetime | None = None
    decided_by: str | None = None
    """The host's user ID; None if a backend decided."""

    @property
    def since(self) -> datetime:
        """When the entry entered its stored state."""
        return self.decided_at or self.asked_at

    def state_at(self, now: datetime) -> EntryState:
        """The state at `now`, including `STRANDED`."""
        if self.state is EntryState.WAITING and now - self.seen_at >= STRANDED_AFTER:
            return EntryState.STRANDED
        return self.state
