"""Our identifiers: UUIDv7 (RFC 9562), one type for each kind of thing, so that a call is never taken for a session."""

import secrets
from datetime import datetime
from typing import NewType
from uuid import UUID

AppId = NewType("AppId", UUID)
KeyId = NewType("KeyId", UUID)
AccountId = NewType("AccountId", UUID)
SessionId = NewType("SessionId", UUID)
RoomId = NewType("RoomId", UUID)
CallId = NewType("CallId", UUID)
EventId = NewType("EventId", UUID)
NoticeId = NewType("NoticeId", UUID)
EndpointId = NewType("EndpointId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
EntryId = NewType("EntryId", UUID)


def uuid7(now: datetime) -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds of `now`, then 74 random bits (RFC 9562, section 5.7)."""
    milliseconds = int(now.timestamp() * 1000)
    random_bits = secrets.randbits(74)
    high, low = random_bits >> 62, random_bits & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
