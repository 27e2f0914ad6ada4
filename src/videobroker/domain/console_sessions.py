"""A sign-in to the console."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.domain.operators import OperatorRole


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """The sign-in of one operator in one browser."""

    operator: str
    role: OperatorRole
    zone: str
    """IANA name of the time zone of their browser."""
    expires_at: datetime
    """The absolute end. It does not move with activity."""
    issuer: str | None = None
    """The OpenID Connect issuer that vouched for them; None for a sign-in with the admin key."""
    subject: str | None = None
    """Their identifier at the issuer."""
