"""A search in the journal of one app."""

from dataclasses import dataclass, fields
from datetime import datetime

from videobroker.domain.events import EventType


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """What an operator searches for. None matches every event."""

    types: frozenset[EventType] | None = None
    user_id: str | None = None
    reference: str | None = None
    operator: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def names(self) -> list[str]:
        """The names of the filters in use. Their values may be personal data, and are not journaled."""
        return [each.name for each in fields(self) if getattr(self, each.name) is not None]
