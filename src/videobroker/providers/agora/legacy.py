"""Reads tokens of version 006, the predecessor that SDKs still accept. We never issue them.

Unlike its successor a 006 token counts its times absolutely, and keeps only a checksum of channel and user.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from videobroker.providers.agora import encoding
from videobroker.providers.agora.encoding import Reader, TokenFormatError, TokenInputError

VERSION = "006"


@dataclass(frozen=True, slots=True)
class LegacyToken:
    """What a 006 token says. Not to be believed before `verify`."""

    app_id: str
    channel_crc: int
    """CRC-32 of the channel; of the user id in a Signaling token."""
    uid_crc: int
    """CRC-32 of the uid as text; 0 when the token is for anybody."""
    salt: int
    expires_ts: int
    """Unix seconds: a day after the issue."""
    privileges: Mapping[int, int]
    """Number of the privilege -> its end in Unix seconds; 0 sets no end of its own."""
    signature: bytes = field(repr=False)
    message: bytes = field(repr=False)

    def verify(self, certificate: str, *, channel: str, uid: str) -> bool:
        """Whether this certificate signed the token for this channel and uid (empty: anybody).

        Takes the same time wherever the signatures differ. Raises `TokenInputError` for a malformed
        certificate.
        """
        if not encoding.is_hex_32(certificate):
            raise TokenInputError("the App Certificate has to be 32 hexadecimal characters")
        signed = f"{self.app_id}{channel}{uid}".encode() + self.message
        return hmac.compare_digest(hmac.digest(certificate.encode(), signed, "sha256"), self.signature)


def parse_006(text: str) -> LegacyToken:
    """Read a 006 token. Raises `TokenFormatError` for anything that is not exactly one whole token."""
    rest = encoding.after_version(text, VERSION)
    app_id, encoded = rest[:32], rest[32:]
    if not encoding.is_hex_32(app_id):
        raise TokenFormatError("the App ID of the token has to be 32 hexadecimal characters")
    reader = Reader(encoding.strict_base64(encoded))
    signature, channel_crc, uid_crc, message = reader.blob(), reader.u32(), reader.u32(), reader.blob()
    reader.finish()
    inner = Reader(message)
    salt, expires_ts, privileges = inner.u32(), inner.u32(), inner.keyed(inner.u32)
    inner.finish()
    return LegacyToken(app_id, channel_crc, uid_crc, salt, expires_ts, privileges, signature, message)
