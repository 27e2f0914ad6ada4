"""The waiting room: who has asked to be let in, and what became of it."""

from datetime import datetime, timedelta
from enum import StrEnum

from videobroker.domain.ids import EntryId
from videobroker.domain.struct import Struct

STRANDED_AFTER = timedelta(seconds=30)
"""Without a sign. A network drop of ten seconds is shorter, also for somebody who asks every five."""
EXPIRED_AFTER = timedelta(days=1)
"""Without a sign, and without a call: nobody waits so long for a meeting."""


class EntryState(StrEnum):
    """How far somebody has come."""

    WAITING = "waiting"
    STRANDED = "stranded"
    """They wait, but gave no sign lately. Never stored: it follows from when they were seen."""
    ADMITTED = "admitted"
    DENIED = "denied"


class LobbyEntry(Struct):
    """Somebody's place in the waiting room of a session."""

    id: EntryId
    user_id: str
    """Of a guest, the id that they were given."""
    display_name: str | None
    is_guest: bool
    state: EntryState
    asked_at: datetime
    seen_at: datetime
    """When they gave the last sign that they still wait."""
    decided_at: datetime | None = None
    decided_by: str | None = None
    """The host; None when it was the backend."""

    @property
    def since(self) -> datetime:
        """Since when it is as it is."""
        return self.decided_at or self.asked_at

    def state_at(self, now: datetime) -> EntryState:
        """The state as it shows now."""
        if self.state is EntryState.WAITING and now - self.seen_at >= STRANDED_AFTER:
            return EntryState.STRANDED
        return self.state
