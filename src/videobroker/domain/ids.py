"""Our identifiers: UUIDv7 (RFC 9562), one type for each kind of thing, so that a call is never taken for a session."""

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
"""In place of an app: the journal of the service itself, for what concerns no app or all of them."""

_AT_ONCE = 256
_ROUGH = (1 << 128) - 1 ^ (0xF << 76 | 0b11 << 62)
"""Every bit of a UUID but those of its version and its variant."""

# Random numbers that nobody has had yet. The system is asked for many at once: asking takes longer than all the rest.
# Taking one is a single step, so that threads share them; a process that is forked draws its own.
_drawn: list[int] = []
os.register_at_fork(after_in_child=_drawn.clear)


def uuid4() -> UUID:
    """A new UUIDv4: 122 random bits, from the system's secure source (RFC 9562, section 5.4)."""
    return UUID(int=_random_bits() & _ROUGH | 0x4 << 76 | 0b10 << 62)


def uuid7(now: datetime) -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds of `now`, then 74 random bits (RFC 9562, section 5.7)."""
    milliseconds = int(now.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | _random_bits() & _ROUGH & (1 << 80) - 1 | 0x7 << 76 | 0b10 << 62)


def _random_bits() -> int:
    while True:
        try:
            return _drawn.pop()
        except IndexError:
            fresh = secrets.token_bytes(16 * _AT_ONCE)
            _drawn.extend(int.from_bytes(fresh[at : at + 16]) for at in range(0, len(fresh), 16))
