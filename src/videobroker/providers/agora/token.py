"""AccessToken2, version "007": the content of an RTC token and its signature.

Sources: the Agora pages "Deploy a token server" and "Upgrade to AccessToken2". Test vectors of the official builders
(`tests/vectors/agora.json`) verify it. Time and salt are parameters, so that equal values give equal tokens.

A token is signed, not encrypted: everyone who has it can read all of it. Agora's tokens may contain several services;
this module builds the only one that we issue.
"""

import base64
import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from videobroker.providers.agora import encoding
from videobroker.providers.agora.encoding import TokenInputError

VERSION = "007"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtcService:
    """Access to audio and video. Privileges: 1 join, 2 publish audio, 3 publish video, 4 publish data."""

    TYPE = 1

    channel: str
    """Empty: every channel."""
    uid: str
    """A decimal number, or an account. Empty: any user."""
    privileges: Mapping[int, int]
    """Privilege number to lifetime in seconds from the token's issue."""

    def pack(self) -> bytes:
        """The binary form of the service. Raises `TokenInputError`."""
        head = encoding.u16(self.TYPE) + encoding.lifetimes(self.privileges)
        return head + encoding.text(self.channel) + encoding.text(self.uid)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The content of a token.

    Accepts everything that can be encoded, including values that should not be issued (a lifetime of 54 years, an empty
    channel). `rtc_token.build_rtc_token` builds the tokens for people and is strict.
    """

    app_id: str
    """32 hexadecimal characters. Upper and lower case matter."""
    issue_ts: int
    """Unix seconds."""
    expire: int
    """Lifetime in seconds from `issue_ts`."""
    salt: int
    """Any unsigned 32-bit number."""
    service: RtcService

    def encode(self, certificate: str) -> str:
        """The text of the token, signed with the App Certificate. Equal values give equal tokens.

        Raises `TokenInputError` for a malformed certificate or field.
        """
        key = signing_key(certificate, issue_ts=self.issue_ts, salt=self.salt)
        body = self.signed_body()
        content = encoding.blob(_hmac(key, body)) + body
        return VERSION + base64.b64encode(zlib.compress(content)).decode()

    def signed_body(self) -> bytes:
        """The bytes that are signed. Raises `TokenInputError`."""
        if not encoding.is_hex_32(self.app_id):
            raise TokenInputError("the App ID must be 32 hexadecimal characters")
        service_count = 1
        return b"".join(
            (
                encoding.text(self.app_id),
                encoding.u32(self.issue_ts),
                encoding.u32(self.expire),
                encoding.u32(self.salt),
                encoding.u16(service_count),
                self.service.pack(),
            )
        )


def signing_key(certificate: str, *, issue_ts: int, salt: int) -> bytes:
    """The 32-byte key that signs one token. Raises `TokenInputError`.

    Agora swaps the roles: the public numbers are the HMAC keys, and the secret is the message (its 32 characters, not
    the 16 bytes that they encode).
    """
    if not encoding.is_hex_32(certificate):
        raise TokenInputError("the App Certificate must be 32 hexadecimal characters")
    return _hmac(encoding.u32(salt), _hmac(encoding.u32(issue_ts), certificate.encode()))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
