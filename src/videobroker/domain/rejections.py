"""Rejected authentication, aggregated: one event counts all rejections of an app for one reason in a period."""

from dataclasses import dataclass, replace
from datetime import datetime

from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import AppId, EventId, uuid7
from videobroker.domain.times import rfc3339

MAX_ADDRESSES = 100
"""Distinct IP addresses that are counted."""


@dataclass(frozen=True, slots=True)
class RejectionTally:
    """The rejections of one app for one reason."""

    app_id: AppId
    """`SERVICE_ID` if the credential belongs to no app."""
    reason: str
    """The error code."""
    count: int
    first_at: datetime
    last_at: datetime
    addresses: frozenset[str]

    def plus(self, address: str | None, now: datetime) -> "RejectionTally":
        """This tally with one more rejection."""
        addresses = self.addresses
        if address is not None and len(addresses) < MAX_ADDRESSES:
            addresses |= {address}
        return replace(self, count=self.count + 1, last_at=max(self.last_at, now), addresses=addresses)

    def event(self) -> Event:
        """The event for the journal. It names the IP address if there was only one."""
        return Event(
            id=EventId(uuid7(self.last_at)),
            type=EventType.AUTHENTICATION_REJECTED,
            occurred_at=self.last_at,
            actor=Actor(self.app_id, ip=next(iter(self.addresses)) if len(self.addresses) == 1 else None),
            data={
                "reason": self.reason,
                "count": self.count,
                "addresses": len(self.addresses),
                "first_at": rfc3339(self.first_at),
                "last_at": rfc3339(self.last_at),
            },
        )


def start_tally(app_id: AppId, reason: str, address: str | None, now: datetime) -> RejectionTally:
    """A tally of one rejection."""
    return RejectionTally(app_id, reason, 1, now, now, frozenset() if address is None else frozenset({address}))


def merge_tallies(one: RejectionTally, other: RejectionTally) -> RejectionTally:
    """The sum of two tallies of one app and one reason."""
    return replace(
        one,
        count=one.count + other.count,
        first_at=min(one.first_at, other.first_at),
        last_at=max(one.last_at, other.last_at),
        addresses=frozenset(sorted(one.addresses | other.addresses)[:MAX_ADDRESSES]),
    )
