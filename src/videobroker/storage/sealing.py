"""Secrets at rest: what is sealed here can only be read with the service's secret key."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from videobroker.errors import BrokerError


class SealBroken(BrokerError):
    """A stored secret cannot be read."""

    code = "seal_broken"


class Seal:
    """Authenticated encryption (Fernet: AES-128-CBC with HMAC-SHA256). The first key seals, all keys open."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are Fernet keys: 32 bytes in URL-safe base64."""
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, value: Mapping[str, Any]) -> bytes:
        """The value, unreadable."""
        return self._fernet.encrypt(json.dumps(value).encode())

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


def new_key() -> str:
    """A fresh key for `Seal`."""
    return Fernet.generate_key().decode()
