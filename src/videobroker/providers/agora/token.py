"""AccessToken2, version "007": what a token says, how it is signed, and how it is read back.

Described by the Agora pages "Deploy a token server" and "Upgrade to AccessToken2", and held against the
official builders by test vectors. Nothing here reads a clock or draws a number: the time of issue and the
salt are part of the value.

A token is signed, not encrypted: whoever holds it can read all of it. Its text is compressed, and the
official builders compress differently, so two texts may be the same token: compare what `parse` gives.
"""

import base64
import hmac
import zlib
from dataclasses import dataclass, field

from videobroker.providers.agora import encoding
from videobroker.providers.agora.encoding import Reader, TokenFormatError, TokenInputError
from videobroker.providers.agora.services import KNOWN, Service

VERSION = "007"

CONTENT_LIMIT = 256 * 1024
"""Bytes that a token may inflate to: 64 KiB of text could otherwise become 48 MiB."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Everything a token says.

    Whatever fits the wire is allowed, also what nobody should issue (a lifetime of 54 years, an empty
    channel). Tokens for people come from `rtc.rtc_token`, which is strict.
    """

    app_id: str
    """32 hexadecimal characters; upper and lower case are kept and matter."""
    issue_ts: int
    """Unix seconds."""
    expire: int
    """Lifetime in seconds, counted from `issue_ts`."""
    salt: int
    """Any unsigned 32-bit number."""
    services: tuple[Service, ...]
    """At least one. They are written in the order of their types; equal types keep this order."""

    def encode(self, certificate: str) -> str:
        """The token as clients take it, signed with the App Certificate. Equal values give equal tokens.

        Raises `TokenInputError` when the certificate or a field cannot be right, and never gives an empty
        token.
        """
        key = signing_key(certificate, issue_ts=self.issue_ts, salt=self.salt)
        body = self.signed_body()
        content = encoding.blob(_hmac(key, body)) + body
        return VERSION + base64.b64encode(zlib.compress(content)).decode()

    def signed_body(self) -> bytes:
        """The bytes that the signature is made over. Raises `TokenInputError`."""
        if not encoding.is_hex_32(self.app_id):
            raise TokenInputError("the App ID has to be 32 hexadecimal characters")
        if not self.services:
            raise TokenInputError("a token needs a service")
        return b"".join(
            (
                encoding.text(self.app_id),
                encoding.u32(self.issue_ts),
                encoding.u32(self.expire),
                encoding.u32(self.salt),
                encoding.u16(len(self.services)),
                *(service.pack() for service in sorted(self.services, key=lambda service: service.TYPE)),
            )
        )


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A token as somebody handed it in. What it says is not to be believed before `verify`."""

    token: AccessToken
    signature: bytes = field(repr=False)
    """32 bytes."""
    signed_body: bytes = field(repr=False)
    """The bytes as they came: packing them again might hide a difference."""
    unread_services: int = 0
    """How many services were left unread, because the first of them is of an unknown type."""

    def verify(self, certificate: str) -> bool:
        """Whether this certificate signed the token. Takes the same time wherever the signatures differ.

        Says nothing about time: an expired token verifies. Raises `TokenInputError` for a malformed
        certificate.
        """
        key = signing_key(certificate, issue_ts=self.token.issue_ts, salt=self.token.salt)
        return hmac.compare_digest(_hmac(key, self.signed_body), self.signature)


def signing_key(certificate: str, *, issue_ts: int, salt: int) -> bytes:
    """The 32 bytes that sign one token. Raises `TokenInputError`.

    The vendor turned it around: the public numbers are the keys, and the secret is the message (its 32
    characters, not the 16 bytes they spell).
    """
    if not encoding.is_hex_32(certificate):
        raise TokenInputError("the App Certificate has to be 32 hexadecimal characters")
    return _hmac(encoding.u32(salt), _hmac(encoding.u32(issue_ts), certificate.encode()))


def parse(text: str, *, lenient: bool = False) -> ParsedToken:
    """Read a token. Raises `TokenFormatError` for anything that is not exactly one whole token.

    A service of an unknown type is refused as well, unless `lenient`: then reading stops there, the services
    before it are kept, and the signature can still be verified.
    """
    reader = Reader(_inflated(encoding.strict_base64(encoding.after_version(text, VERSION))))
    signature = reader.blob()
    if len(signature) != 32:
        raise TokenFormatError("the signature of the token has to be 32 bytes")
    body = reader.rest
    token, unread_services = _read_token(reader, lenient=lenient)
    return ParsedToken(token, signature, body, unread_services)


def _inflated(compressed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(compressed, CONTENT_LIMIT + 1)
    except zlib.error as cause:
        raise TokenFormatError("the token is not a zlib stream") from cause
    if len(content) > CONTENT_LIMIT:
        raise TokenFormatError(f"a token holds no more than {CONTENT_LIMIT} bytes")
    if not stream.eof:
        raise TokenFormatError("the token ends too early")
    if stream.unused_data:
        raise TokenFormatError("the token goes on after its end")
    return content


def _read_token(reader: Reader, *, lenient: bool) -> tuple[AccessToken, int]:
    app_id = reader.text()
    if not encoding.is_hex_32(app_id):
        raise TokenFormatError("the App ID of the token has to be 32 hexadecimal characters")
    issue_ts, expire, salt = reader.u32(), reader.u32(), reader.u32()
    count = reader.u16()
    services = _read_services(reader, count, lenient=lenient)
    return AccessToken(app_id, issue_ts, expire, salt, services), count - len(services)


def _read_services(reader: Reader, count: int, *, lenient: bool) -> tuple[Service, ...]:
    services: list[Service] = []
    for _ in range(count):
        kind = KNOWN.get(reader.u16())
        if kind is None and lenient:
            return tuple(services)
        if kind is None:
            raise TokenFormatError("the token has a service of an unknown type")
        services.append(kind.read(reader))
    reader.finish()
    return tuple(services)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
