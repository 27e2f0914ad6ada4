"""Identifiers: UUIDv7 (RFC 9562), with a type for each kind of thing, so that a call is never taken for a session.

`uuid_utils` draws them from a cryptographically secure generator, in a fraction of the time that the system needs for
each. A forked process seeds its own.
"""

from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

import uuid_utils.compat as uuid_utils

AppId = NewType("AppId", UUID)
KeyId = NewType("KeyId", UUID)
AccountId = NewType("AccountId", UUID)
SessionId = NewType("SessionId", UUID)
RoomId = NewType("RoomId", UUID)
CallId = NewType("CallId", UUID)
EventId = NewType("EventId", UUID)
WebhookId = NewType("WebhookId", UUID)
EndpointId = NewType("EndpointId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
EntryId = NewType("EntryId", UUID)
TicketId = NewType("TicketId", UUID)


SERVICE_ID = AppId(UUID(int=0))
"""Used in place of an app's ID for events of the service itself."""


def uuid7(now: datetime) -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds of `now`, then 74 random bits (RFC 9562, section 5.7)."""
    return uuid_utils.uuid7(nanoseconds=int(now.timestamp() * 1000) * 1_000_000)


def first_uuid7(moment: datetime) -> UUID:
    """The bound of the UUIDv7 of this millisecond and later ones: those of earlier ones are less."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def time_of(identifier: UUID) -> datetime:
    """When a UUIDv7 was created, to the millisecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=identifier.int >> 80)
