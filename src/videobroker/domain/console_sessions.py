"""A sign-in to the console."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """An operator who is signed in."""

    operator: str
    zone: str
    """IANA name of the time zone of their browser."""
    expires_at: datetime
    """The absolute end, whatever they do until then."""
