"""A sign-in to the console."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """The sign-in of one operator in one browser."""

    operator: str
    zone: str
    """IANA name of the time zone of their browser."""
    expires_at: datetime
    """The absolute end. It does not move with activity."""
