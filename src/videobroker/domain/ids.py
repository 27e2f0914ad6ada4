"""Identifiers: UUIDv7 (RFC 9562), with a type for each kind of entity."""

import os
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
TicketId = NewType("TicketId", UUID)


SERVICE_ID = AppId(UUID(int=0))
"""Used in place of an app's ID for events of the service itself."""

_POOL_SIZE = 256
_RANDOM_BITS = (1 << 128) - 1 ^ (0xF << 76 | 0b11 << 62)
"""All bits of a UUID except for version and variant."""

# Unused random numbers, drawn in batches because the system call is the expensive part. `list.pop` is atomic, so
# threads can share the pool. A forked child must not repeat the numbers of its parent.
_random_pool: list[int] = []
os.register_at_fork(after_in_child=_random_pool.clear)


def uuid4() -> UUID:
    """A UUIDv4: 122 random bits from the system's secure source (RFC 9562, section 5.4)."""
    return UUID(int=_draw_bits() & _RANDOM_BITS | 0x4 << 76 | 0b10 << 62)


def uuid7(now: datetime) -> UUID:
    """A UUIDv7: 48 bits of Unix milliseconds of `now`, then 74 random bits (RFC 9562, section 5.7)."""
    milliseconds = int(now.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | _draw_bits() & _RANDOM_BITS & (1 << 80) - 1 | 0x7 << 76 | 0b10 << 62)


def _draw_bits() -> int:
    while True:
        try:
            return _random_pool.pop()
        except IndexError:
            fresh = secrets.token_bytes(16 * _POOL_SIZE)
            _random_pool.extend(int.from_bytes(fresh[at : at + 16]) for at in range(0, len(fresh), 16))
