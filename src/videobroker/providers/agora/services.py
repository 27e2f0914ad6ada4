"""The services a token can open, as they stand inside it (Agora "AccessToken2").

On the wire a service is its type, its privileges and its own fields. Here everything that fits the wire is
allowed; what we are willing to issue is decided in `rtc`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from videobroker.providers.agora import encoding
from videobroker.providers.agora.encoding import Reader

Permissions = Mapping[int, Mapping[int, tuple[str, ...]]]
"""RTM2: resource type (0 message channels .. 4 users) -> kind (0 read, 1 write) -> names."""

NO_ROLE = -1
"""The role of an `Apaas` service that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One thing the token opens. The own fields of most services are texts, in the order of the class."""

    TYPE: ClassVar[int]
    privileges: Mapping[int, int]
    """Number of the privilege -> its lifetime in seconds, counted from the token's issue."""

    def pack(self) -> bytes:
        """The service as it stands in the token. Raises `TokenInputError` when a value does not fit."""
        return encoding.u16(self.TYPE) + encoding.keyed(self.privileges, encoding.u32) + self._pack_own()

    @classmethod
    def read(cls, source: Reader) -> Self:
        """The service that follows in `source`, whose type has been read. Raises `TokenFormatError`."""
        return cls(privileges=source.keyed(source.u32), **cls._read_own(source))

    def _pack_own(self) -> bytes:
        return b"".join(encoding.text(getattr(self, name)) for name in _own_fields(type(self)))

    @classmethod
    def _read_own(cls, source: Reader) -> dict[str, Any]:
        return {name: source.text() for name in _own_fields(cls)}


def _own_fields(kind: type[Service]) -> list[str]:
    return [field.name for field in fields(kind) if field.name != "privileges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rtc(Service):
    """Audio and video. Privileges: 1 join, 2 publish audio, 3 publish video, 4 publish data."""

    TYPE: ClassVar[int] = 1
    channel: str
    """Empty opens every channel."""
    uid: str
    """The number in decimal, or an account. Empty lets anybody in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rtm(Service):
    """Signaling. Privileges: 1 login."""

    TYPE: ClassVar[int] = 2
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming(Service):
    """Media push. Privileges: 1 publish the mixed stream, 2 publish the raw stream."""

    TYPE: ClassVar[int] = 3
    channel: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fpa(Service):
    """Full-path acceleration. Privileges: 1 login."""

    TYPE: ClassVar[int] = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat(Service):
    """Chat. Privileges: 1 user, 2 app."""

    TYPE: ClassVar[int] = 5
    user_id: str
    """Empty in a token for the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fcdn(Service):
    """Fusion CDN. Privileges: 1 publish, 2 play."""

    TYPE: ClassVar[int] = 6
    channel: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Apaas(Service):
    """Flexible classroom. Privileges: 1 room user, 2 user, 3 app."""

    TYPE: ClassVar[int] = 7
    room_uuid: str
    user_uuid: str
    role: int = NO_ROLE

    def _pack_own(self) -> bytes:
        return encoding.text(self.room_uuid) + encoding.text(self.user_uuid) + encoding.i16(self.role)

    @classmethod
    def _read_own(cls, source: Reader) -> dict[str, Any]:
        return {"room_uuid": source.text(), "user_uuid": source.text(), "role": source.i16()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rtm2(Service):
    """Signaling with permissions per resource. Privileges: 1 login."""

    TYPE: ClassVar[int] = 8
    user_id: str
    permissions: Permissions

    def _pack_own(self) -> bytes:
        return encoding.text(self.user_id) + _pack_permissions(self.permissions)

    @classmethod
    def _read_own(cls, source: Reader) -> dict[str, Any]:
        return {"user_id": source.text(), "permissions": _read_permissions(source)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationalAi(Service):
    """Conversational AI, beside an RTC and an RTM service. It has no privileges."""

    TYPE: ClassVar[int] = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechToText(Service):
    """Speech to text, beside an RTC and an RTM service. It has no privileges."""

    TYPE: ClassVar[int] = 10


KNOWN: Mapping[int, type[Service]] = {
    kind.TYPE: kind for kind in (Rtc, Rtm, Streaming, Fpa, Chat, Fcdn, Apaas, Rtm2, ConversationalAi, SpeechToText)
}
"""The services by their type."""


def _pack_permissions(permissions: Permissions) -> bytes:
    return encoding.keyed(permissions, lambda kinds: encoding.keyed(kinds, _pack_names))


def _pack_names(names: tuple[str, ...]) -> bytes:
    return encoding.u16(len(names)) + b"".join(map(encoding.text, names))


def _read_permissions(source: Reader) -> Permissions:
    return source.keyed(lambda: source.keyed(lambda: _read_names(source)))


def _read_names(source: Reader) -> tuple[str, ...]:
    return tuple(source.text() for _ in range(source.u16()))
