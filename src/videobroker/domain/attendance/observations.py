"""What was seen of a call: single signs, from the provider's webhooks and from asking it, in one form."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Source(StrEnum):
    """How we know. From the best evidence to the weakest."""

    OBSERVED = "observed"
    """The provider told us when it happened."""
    RECONCILED = "reconciled"
    """The provider told us later, when we asked."""
    INFERRED = "inferred"
    """Nobody told us: it follows from something else."""


class Sign(StrEnum):
    """What was seen."""

    ARRIVED = "arrived"
    LEFT = "left"
    ROLE_CHANGED = "role_changed"
    ABSENT = "absent"
    """Was there before, and is not there now; when they left is not known."""
    PRESENT = "present"
    """Is there now, whatever was concluded before."""
    OPENED = "opened"
    """The first person came."""
    EMPTIED = "emptied"
    """The last person left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One sign. Equal observations say the same thing."""

    sign: Sign
    at: datetime
    """When it happened, by the provider's clock, to the millisecond."""
    source: Source = Source.OBSERVED
    evidence: str = ""
    """Where we have it from: the id of the inbox row, or of the roll call."""
    provider_call_id: str | None = None
    """The provider's own id of this meeting, where it has one."""
    connection: str | None = None
    """One device of one person: 100ms peer id, or Agora uid. None for `OPENED` and `EMPTIED`."""
    provider_user_id: str | None = None
    """What the provider calls the person: 100ms user id, or Agora uid in decimal digits."""
    role: str | None = None
    """The provider's role; for `ROLE_CHANGED` the new one."""
    former_role: str | None = None
    """For `ROLE_CHANGED`."""
    since: datetime | None = None
    """For `LEFT` and `ROLE_CHANGED`: when this person had arrived, where the provider tells."""
    since_is_exact: bool = True
    """Whether `since` is the very moment of the arrival, or only reckoned from a duration in whole seconds."""
    order: int | None = None
    """Counts up with every sign of this connection, where the provider numbers them."""
    reason: str | None = None
    """For `LEFT`: why, in the provider's word."""


@dataclass(frozen=True, slots=True)
class ReceivedObservation:
    """An observation, and how it reached us."""

    observation: Observation
    received_at: datetime
    type: str | None
    """In the provider's word; None for a roll call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Somebody whom the provider names when it is asked."""

    connection: str
    provider_user_id: str
    role: str | None = None
    joined_at: datetime | None = None
    """None where the provider does not tell."""
    left_at: datetime | None = None
    """None while they are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceReport:
    """What the provider answers when it is asked who is in a room, or who was."""

    taken_at: datetime
    """When it was asked, to the millisecond."""
    provider_call_id: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    """When the last person left; None while somebody is there, and where the provider does not tell."""
    people: tuple[Presence, ...] = ()
    """Recorders are left out."""


def truncate_to_milliseconds(moment: datetime) -> datetime:
    """The moment to the millisecond: as exactly as every one of the providers' pages tells it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
