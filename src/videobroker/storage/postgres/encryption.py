"""Encryption at rest: what is sealed here can only be read with the service's secret key."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from videobroker.errors import BrokerError

KEY_ID_BYTES = 8
_KEY_ID_PURPOSE = b"videobroker key id 1"


class SealBroken(BrokerError):
    """A stored secret cannot be read."""

    code = "seal_broken"


class SecretBox:
    """Authenticated encryption (Fernet: AES-128-CBC with HMAC-SHA256). The first key encrypts, all keys decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are Fernet keys: 32 bytes in URL-safe base64."""
        self._keys = tuple(keys)
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @cached_property
    def key_ids(self) -> tuple[str, ...]:
        """Public IDs of the keys, in their order: 16 hexadecimal digits that give nothing about a key away."""
        return tuple(derived.hex() for derived in self.derived_keys(_KEY_ID_PURPOSE, length=KEY_ID_BYTES))

    @property
    def key_id(self) -> str:
        """The ID of the key that encrypts."""
        return self.key_ids[0]

    def derived_keys(self, purpose: bytes, *, length: int = 32) -> list[bytes]:
        """One key for this purpose for each secret key, in their order (HKDF-SHA256, RFC 5869)."""
        return [
            HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(base64.urlsafe_b64decode(key))
            for key in self._keys
        ]

    def seal(self, value: Mapping[str, Any]) -> bytes:
        """The value, encrypted with the first key."""
        return self._fernet.encrypt(json.dumps(value).encode())

    def reseal(self, sealed: bytes) -> bytes:
        """The same value, encrypted with the first key. Raises `SealBroken` when none of the keys fits."""
        return self.seal(self.open(sealed))

    def open(self, sealed: bytes) -> dict[str, Any]:
        """The value again. Raises `SealBroken` when none of the keys fits."""
        try:
            opened: dict[str, Any] = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise SealBroken(
                "A stored secret was sealed with another key. Put the former key behind the new one in "
                "VIDEOBROKER_SECRET_KEY, separated by a comma."
            ) from None
        return opened


def digest(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 over the parts; their lengths are included, so that no other parts have the same digest."""
    return hmac.digest(key, b"".join(len(part).to_bytes(4, "big") + part for part in parts), "sha256")


def new_key() -> str:
    """A fresh key for `SecretBox`."""
    return Fernet.generate_key().decode()
