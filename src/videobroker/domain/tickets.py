"""Tickets: a ticket is the credential in a link. It speaks for one person at one session, for a limited time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from videobroker.domain.access import AccessContext
from videobroker.domain.api_keys import Scope
from videobroker.domain.ids import SessionId, TicketId
from videobroker.domain.sessions import SessionKey
from videobroker.domain.struct import Struct
from videobroker.errors import TicketExpired, TicketRevoked

TICKET_PREFIX = "vbt_"
MIN_TICKET_LIFETIME = timedelta(minutes=1)
MAX_TICKET_LIFETIME = timedelta(days=30)
"""The longest lifetime that a request or a policy can ask for."""
UNSCHEDULED_TICKET_LIFETIME = timedelta(hours=12)
"""Lifetime where nothing else limits it: no schedule, no policy, no request. As long as a call can last."""
MAX_ACTIVE_TICKETS_PER_PERSON = 100
"""Active links of one person at one session; a new one beyond that replaces the oldest.

An abuse bound: a user token can create links all day. Replacing instead of refusing, as OAuth servers do with refresh
tokens, so that a product which creates a link at every click never fails to, and the link of a person's last click
works. Far above what a person needs at the same time: one in each message, calendar entry, and open page.
"""
READABLE_AFTER_WINDOW = timedelta(days=1)
"""How long after the window's end a ticket still shows that the session is over. It can do nothing else then."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The signed content: a person and a session. What it may do, and until when, is in its `TicketRecord`."""

    id: UUID
    """Identifies it in the database and in the journal; does not allow using it."""
    session: SessionKey
    """The only session at which it is accepted."""
    user_id: str
    """For a guest, the same ID at every use."""
    display_name: str | None
    is_guest: bool
    issued_at: datetime
    expires_at: datetime
    """In the signed text, as of its issue. Of a ticket that was checked, as of now: see `TicketRecord.expires_at`."""


class TicketRecord(Struct):
    """What the database stores of a ticket. The signed text is not stored."""

    id: TicketId
    session_id: SessionId
    user_id: str
    display_name: str | None
    is_guest: bool
    scopes: frozenset[Scope] | None
    """Those of the API key that issued it. None: issued by a user or an operator, not limited by scope."""
    issued_at: datetime
    credential_expires_at: datetime | None = None
    """When the credential of its issuer expires; None if it does not."""
    requested_until: datetime | None = None
    """The end that the request asked for (`expires_in_seconds`)."""
    revoked_at: datetime | None = None

    def expires_at(self, door: AccessContext) -> datetime:
        """When it expires, as the session and its policy are now: the earliest of all limits that apply."""
        return min(self._limits(door, after_end=timedelta(0)))

    def readable_until(self, door: AccessContext) -> datetime:
        """Until when its holder may still read the visit: after the window's end, and not past any other limit."""
        return min(self._limits(door, after_end=READABLE_AFTER_WINDOW))

    def check(self, door: AccessContext, now: datetime, *, is_read: bool = False) -> None:
        """Raise `TicketRevoked` or `TicketExpired`. With `is_read`, the request only reads the visit."""
        if self.revoked_at is not None:
            raise TicketRevoked("This link was revoked. Ask for a new one where you got it.")
        if now >= (self.readable_until(door) if is_read else self.expires_at(door)):
            raise TicketExpired("This link has expired. Ask for a new one where you got it.")

    def _limits(self, door: AccessContext, *, after_end: timedelta) -> list[datetime]:
        ends_at, seconds = compute_window_end(door), door.policy.ticket_seconds
        limits = [
            self.credential_expires_at,
            self.requested_until,
            None if seconds is None else self.issued_at + timedelta(seconds=seconds),
            None if ends_at is None else ends_at + after_end,
        ]
        found = [limit for limit in limits if limit is not None]
        is_bounded = ends_at is not None or seconds is not None or self.requested_until is not None
        return found if is_bounded else [*found, self.issued_at + UNSCHEDULED_TICKET_LIFETIME]


def compute_window_end(door: AccessContext) -> datetime | None:
    """The last moment at which anyone can join, as things are now; None for a session without a schedule."""
    closes_at = door.closes_at
    return closes_at + door.policy.overrun if closes_at is not None and door.call_running else closes_at


def is_ticket(credential: str) -> bool:
    """Whether this is meant to be a ticket, and not a key or a user token."""
    return credential.startswith(TICKET_PREFIX)


def compute_requested_end(now: datetime, life: timedelta | None) -> datetime | None:
    """The end of a requested lifetime, in whole seconds."""
    return None if life is None else (now + life).replace(microsecond=0)
