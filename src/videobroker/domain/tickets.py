"""A ticket: a signed link that speaks for one person at one session, for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from videobroker.domain.sessions import SessionKey
from videobroker.errors import TicketExpired

TICKET_PREFIX = "vbt_"
SHORTEST_LIFE = timedelta(minutes=1)
LONGEST_LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says. It is kept nowhere: whoever has it shows it, and every use repeats the access decision."""

    id: UUID
    """Names it in the journal without giving it away."""
    session: SessionKey
    """The only session at which it is good for anything."""
    user_id: str
    """The person; of a guest, the same at every use."""
    display_name: str | None
    is_guest: bool
    issued_at: datetime
    expires_at: datetime
    """In whole seconds."""

    def check(self, now: datetime) -> None:
        """Raise `TicketExpired` when its time is over."""
        if now >= self.expires_at:
            raise TicketExpired("This link has expired. Ask for a new one where you got it.")


def is_ticket(credential: str) -> bool:
    """Whether this is meant to be a ticket, and not a key or a user token."""
    return credential.startswith(TICKET_PREFIX)


def expiry(now: datetime, life: timedelta) -> datetime:
    """When a ticket of this life ends: in whole seconds, as the signed text has them."""
    return (now + life).replace(microsecond=0)
