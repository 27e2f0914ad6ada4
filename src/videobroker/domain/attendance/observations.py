"""Observations of a call: facts from the provider's webhooks and presence queries, in one form."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EvidenceSource(StrEnum):
    """The source of a fact. The order is from the strongest evidence to the weakest."""

    OBSERVED = "observed"
    """The provider reported it when it happened."""
    RECONCILED = "reconciled"
    """The provider reported it later, in response to a query."""
    INFERRED = "inferred"
    """Derived from other facts; the provider did not report it."""


class ObservationType(StrEnum):
    """The kind of an observation."""

    ARRIVED = "arrived"
    LEFT = "left"
    ROLE_CHANGED = "role_changed"
    ABSENT = "absent"
    """Was in the call before and is not in it now. When they left is unknown."""
    PRESENT = "present"
    """Is in the call now, even if a departure was inferred."""
    OPENED = "opened"
    """The first person arrived."""
    EMPTIED = "emptied"
    """The last person left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One fact about a call. Equal observations are duplicates."""

    sign: ObservationType
    at: datetime
    """When it happened, by the provider's clock, to the millisecond."""
    source: EvidenceSource = EvidenceSource.OBSERVED
    evidence: str = ""
    """The ID of the inbox row or of the reconciliation that it is derived from."""
    provider_call_id: str | None = None
    """The provider's ID of this meeting, if it has one."""
    connection: str | None = None
    """One device of one person: 100ms peer ID, or Agora uid. None for `OPENED` and `EMPTIED`."""
    provider_user_id: str | None = None
    """The provider's ID of the person: 100ms user ID, or Agora uid in decimal digits."""
    role: str | None = None
    """The provider role; for `ROLE_CHANGED` the new one."""
    former_role: str | None = None
    """For `ROLE_CHANGED`."""
    since: datetime | None = None
    """For `LEFT` and `ROLE_CHANGED`: when the person had arrived, if the provider reports it."""
    since_is_exact: bool = True
    """False if `since` is computed from a duration in whole seconds."""
    order: int | None = None
    """The provider's sequence number of observations of this connection, if it has one."""
    reason: str | None = None
    """For `LEFT`: the provider's reason."""


@dataclass(frozen=True, slots=True)
class ReceivedObservation:
    """An observation, and how it was received."""

    observation: Observation
    received_at: datetime
    type: str | None
    """The provider's type of the webhook; None for a presence query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """One device of one person, as reported by a presence query."""

    connection: str
    provider_user_id: str
    role: str | None = None
    joined_at: datetime | None = None
    """None if the provider does not report it."""
    left_at: datetime | None = None
    """None while they are in the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceReport:
    """The provider's response to a presence query: who is in a room, or who was in a past meeting."""

    taken_at: datetime
    """When the query was sent, to the millisecond."""
    provider_call_id: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    """When the last person left; None while the meeting runs, and if the provider does not report it."""
    people: tuple[Presence, ...] = ()
    """Without recorders."""


def truncate_to_milliseconds(moment: datetime) -> datetime:
    """Truncate to milliseconds, the common precision of the providers' APIs."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
