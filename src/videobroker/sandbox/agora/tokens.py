"""Agora's AccessToken2, version 007: parsing and verification."""

import base64
import binascii
import hashlib
import hmac
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

VERSION = "007"
MAX_LIFETIME_SECONDS = 86_400
"""Token builders accept longer lifetimes; the platform truncates them to this."""

RTC = 1
RTM = 2
JOIN, PUBLISH_AUDIO = 1, 2
_MAX_TOKEN_CHARACTERS, _MAX_CONTENT_BYTES = 65_536, 262_144


class InvalidAgoraToken(Exception):
    """A token is refused; the message has the reason."""


@dataclass(frozen=True, slots=True)
class RtcGrant:
    """The right to be in one channel, or in all channels if the name is a wildcard."""

    channel: str
    uid: str
    privileges: dict[int, int]
    """Privilege to lifetime, in seconds from the creation of the token."""

    def matches(self, channel: str, uid: int) -> bool:
        """Whether it is about this channel and this user."""
        return self.channel in ("", "*", channel) and self.uid in ("", "*", str(uid))


@dataclass(frozen=True, slots=True)
class AgoraToken:
    """The content of a token, and its signature."""

    app_id: str
    issued: int
    expire: int
    salt: int
    services: tuple[RtcGrant, ...]
    signature: bytes
    body: bytes

    def signed_with(self, certificate: str) -> bool:
        """Whether the signature was made with this App Certificate."""
        # The numbers are the HMAC keys, and the secret is the message, as Agora defines it.
        key = _hmac(struct.pack("<I", self.issued), certificate.encode())
        key = _hmac(struct.pack("<I", self.salt), key)
        return hmac.compare_digest(_hmac(key, self.body), self.signature)

    def ends(self, lifetime: int) -> int:
        """The expiry for a lifetime, in Unix seconds; zero is the longest lifetime."""
        life = min(self.expire or MAX_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS)
        return self.issued + min(lifetime or life, life)


def check_token(text: str, app_id: str, certificate: str, channel: str, uid: int, now: datetime) -> RtcGrant:
    """Verify a token for `uid` in `channel`, and return its right. Raises `InvalidAgoraToken`."""
    token = read_token(text)
    if token.app_id != app_id:
        raise InvalidAgoraToken("the token is of another App ID")
    if not token.signed_with(certificate):
        raise InvalidAgoraToken("the signature of the token is wrong")
    service = next((service for service in token.services if service.matches(channel, uid)), None)
    if service is None:
        raise InvalidAgoraToken("the token is for another channel or uid")
    if JOIN not in service.privileges:
        raise InvalidAgoraToken("the token has no privilege to join")
    if now.timestamp() >= token.ends(service.privileges[JOIN]):
        raise InvalidAgoraToken("the token is expired")
    return service


def join_expiry(text: str, grant: RtcGrant) -> datetime:
    """The expiry of the right to be in the channel, for a verified token."""
    return datetime.fromtimestamp(read_token(text).ends(grant.privileges[JOIN]), tz=UTC)


def read_token(text: str) -> AgoraToken:
    """Parse a token without verifying its signature. Raises `InvalidAgoraToken` if it is malformed."""
    if len(text) > _MAX_TOKEN_CHARACTERS or not text.startswith(VERSION):
        raise InvalidAgoraToken("this is no 007 token")
    try:
        return _parse(_decompress(base64.b64decode(text[len(VERSION) :], validate=True)))
    except (binascii.Error, zlib.error, struct.error, ValueError) as error:
        raise InvalidAgoraToken("the token is malformed") from error


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(data, _MAX_CONTENT_BYTES)
    if not stream.eof or stream.unused_data:
        raise ValueError("not one whole stream")
    return content


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.rest = content

    def number(self, form: str) -> int:
        size = struct.calcsize(form)
        (value,) = struct.unpack(form, self.take(size))
        return int(value)

    def data(self) -> bytes:
        return self.take(self.number("<H"))

    def text(self) -> str:
        return self.data().decode()

    def privileges(self) -> dict[int, int]:
        return {self.number("<H"): self.number("<I") for _ in range(self.number("<H"))}

    def take(self, size: int) -> bytes:
        if len(self.rest) < size:
            raise ValueError("cut short")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken


def _parse(content: bytes) -> AgoraToken:
    reader = _Reader(content)
    signature = reader.data()
    body = reader.rest
    app_id = reader.text()
    issued, expire, salt = (reader.number("<I") for _ in range(3))
    services: list[RtcGrant] = []
    for _ in range(reader.number("<H")):
        kind = reader.number("<H")
        privileges = reader.privileges()
        if kind == RTC:
            services.append(RtcGrant(reader.text(), reader.text(), privileges))
        elif kind == RTM:
            reader.text()
        else:
            # The rest cannot be parsed. Services are in ascending order, so RTC precedes an unknown one.
            break
    return AgoraToken(app_id, issued, expire, salt, tuple(services), signature, body)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
