"""Encryption at rest, with the service's secret keys (`VIDEOBROKER_SECRET_KEY`)."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from videobroker.errors import DecryptionFailed

KEY_ID_BYTES = 8
_KEY_ID_PURPOSE = b"videobroker key id 1"
CACHE_SIZE = 4096
"""Values that `SecretBox.decrypt_cached` caches: decrypting one costs several hundred times as much as a cache hit."""


class SecretBox:
    """Authenticated encryption (Fernet: AES-128-CBC with HMAC-SHA256). The first key encrypts, all keys decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are Fernet keys: 32 bytes in URL-safe base64."""
        self._keys = tuple(keys)
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._derived_keys: dict[tuple[bytes, int], Sequence[bytes]] = {}
        self._cache = lru_cache(CACHE_SIZE)(self.decrypt)

    @cached_property
    def key_ids(self) -> tuple[str, ...]:
        """Public IDs of the keys, in their order: 16 hexadecimal digits that reveal nothing about a key."""
        return tuple(derived.hex() for derived in self.derived_keys(_KEY_ID_PURPOSE, length=KEY_ID_BYTES))

    @property
    def key_id(self) -> str:
        """The ID of the key that encrypts."""
        return self.key_ids[0]

    def derived_keys(self, purpose: bytes, *, length: int = 32) -> Sequence[bytes]:
        """One key for this purpose for each secret key, in their order (HKDF-SHA256, RFC 5869)."""
        known = self._derived_keys.get((purpose, length))
        if known is None:
            known = self._derived_keys[purpose, length] = [
                HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(base64.urlsafe_b64decode(key))
                for key in self._keys
            ]
        return known

    def encrypt(self, value: Mapping[str, Any]) -> bytes:
        """Encrypt a JSON object with the first key."""
        return self._fernet.encrypt(json.dumps(value).encode())

    def decrypt(self, encrypted: bytes) -> dict[str, Any]:
        """Raises `DecryptionFailed` when none of the keys decrypts it."""
        try:
            value: dict[str, Any] = json.loads(self._fernet.decrypt(encrypted))
        except InvalidToken:
            raise DecryptionFailed(
                "A stored secret was sealed with another key. Put the former key behind the new one in "
                "VIDEOBROKER_SECRET_KEY, separated by a comma."
            ) from None
        return value

    def decrypt_cached(self, encrypted: bytes) -> Mapping[str, Any]:
        """`decrypt`, with a cache of the values used last. The value is shared by all callers."""
        return self._cache(encrypted)

    def reencrypt(self, encrypted: bytes) -> bytes:
        """Encrypt with the first key what any of the keys encrypted. Raises `DecryptionFailed`."""
        return self.encrypt(self.decrypt(encrypted))


def digest(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 of the parts, each with its length, so that different parts never form the same message."""
    return hmac.digest(key, b"".join(len(part).to_bytes(4, "big") + part for part in parts), "sha256")


def new_key() -> str:
    """Generate a key for `SecretBox`."""
    return Fernet.generate_key().decode()
