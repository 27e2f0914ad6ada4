"""Tickets: the credentials in links. A ticket authenticates one person at one session, for a limited time."""

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
"""The maximum lifetime that a request or a policy can set."""
UNSCHEDULED_TICKET_LIFETIME = timedelta(hours=12)
"""Lifetime if neither a schedule, nor the policy, nor the request limits it. A call can last as long."""
MAX_ACTIVE_TICKETS_PER_PERSON = 100
"""Active links of one person at one session; a new one beyond this limit replaces the oldest.

This bounds abuse: a user token can create links without end. The oldest link is replaced, as OAuth servers do with
refresh tokens, so that a product that creates a link at every click never fails. The limit is far above what a person
needs at a time: one for each message, calendar entry, and open page.
"""
READABLE_AFTER_WINDOW = timedelta(days=1)
"""How long after the window closes a ticket can still read the visit, to show that the session is over."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The signed content: a person and a session. Scopes and expiry are in the `TicketRecord`."""

    id: UUID
    """Identifies the ticket in the database and in the journal. Not a secret."""
    session: SessionKey
    """The only session at which it is accepted."""
    user_id: str
    """For a guest, a generated ID that does not change between uses."""
    display_name: str | None
    is_guest: bool
    issued_at: datetime
    expires_at: datetime
    """In the signed text: as of the time of issue. After a check: as of now, see `TicketRecord.expires_at`."""


class TicketRecord(Struct):
    """The stored state of a ticket. The signed text is not stored."""

    id: TicketId
    session_id: SessionId
    user_id: str
    display_name: str | None
    is_guest: bool
    scopes: frozenset[Scope] | None
    """The scopes of the API key that issued it. None: issued by a user or an operator, not limited by scope."""
    issued_at: datetime
    credential_expires_at: datetime | None = None
    """When the issuer's credential expires; None if it does not."""
    requested_until: datetime | None = None
    """The expiry that the request set (`expires_in_seconds`)."""
    revoked_at: datetime | None = None

    def expires_at(self, access: AccessContext) -> datetime:
        """When the ticket expires: the earliest of all limits, by the present session and policy."""
        return min(self._limits(access, after_end=timedelta(0)))

    def readable_until(self, access: AccessContext) -> datetime:
        """Until when the holder may read the visit: `READABLE_AFTER_WINDOW` longer, within all other limits."""
        return min(self._limits(access, after_end=READABLE_AFTER_WINDOW))

    def check(self, access: AccessContext, now: datetime, *, is_read: bool = False) -> None:
        """Raise `TicketRevoked` or `TicketExpired`. `is_read` means that the request only reads the visit."""
        if self.revoked_at is not None:
            raise TicketRevoked("This link was revoked. Ask for a new link.")
        if now >= (self.readable_until(access) if is_read else self.expires_at(access)):
            raise TicketExpired("This link has expired. Ask for a new link.")

    def _limits(self, access: AccessContext, *, after_end: timedelta) -> list[datetime]:
        ends_at, seconds = compute_window_end(access), access.policy.ticket_seconds
        limits = [
            self.credential_expires_at,
            self.requested_until,
            None if seconds is None else self.issued_at + timedelta(seconds=seconds),
            None if ends_at is None else ends_at + after_end,
        ]
        found = [limit for limit in limits if limit is not None]
        is_bounded = ends_at is not None or seconds is not None or self.requested_until is not None
        return found if is_bounded else [*found, self.issued_at + UNSCHEDULED_TICKET_LIFETIME]


def compute_window_end(access: AccessContext) -> datetime | None:
    """The last moment at which a person can join, by the present state; None for a session without a schedule."""
    closes_at = access.closes_at
    return closes_at + access.policy.overrun if closes_at is not None and access.call_running else closes_at


def is_ticket(credential: str) -> bool:
    """Whether the credential has the prefix of tickets, and is not an API key or a user token."""
    return credential.startswith(TICKET_PREFIX)


def compute_requested_end(now: datetime, life: timedelta | None) -> datetime | None:
    """The end of a requested lifetime, truncated to whole seconds."""
    return None if life is None else (now + life).replace(microsecond=0)
