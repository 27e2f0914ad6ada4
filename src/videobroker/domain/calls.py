"""A call: one actual meeting of a session, from start to end."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import CallId, SessionId


@dataclass(frozen=True, slots=True)
class Call:
    """One call. At most one call of a session is open."""

    id: CallId
    session_id: SessionId
    provider: ProviderName
    started_at: datetime
    started_by: str | None
    """The user whose join or start opened it; None when the backend named nobody."""
    ended_at: datetime | None = None
    ended_by: str | None = None

    @property
    def duration_seconds(self) -> int | None:
        """Whole seconds from start to end; None while the call is open."""
        return None if self.ended_at is None else int((self.ended_at - self.started_at).total_seconds())
