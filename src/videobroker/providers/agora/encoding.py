"""The primitive encodings of Agora tokens, AccessToken2 and the older 006: little-endian, length first.

Writing refuses what does not fit with `TokenInputError`, reading refuses what cannot be with
`TokenFormatError`. Neither error ever repeats the value: it may be a secret in the wrong place.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from struct import Struct
from typing import TypeVar

_T = TypeVar("_T")

TEXT_LIMIT = 64 * 1024
"""Characters of a token that are looked at. Genuine tokens have a few hundred."""

_U16 = Struct("<H")
_U32 = Struct("<I")
_I16 = Struct("<h")
_HEX_32 = re.compile("[0-9a-fA-F]{32}")


class TokenInputError(ValueError):
    """No token can or may be made of this."""


class TokenFormatError(ValueError):
    """This is not a token, or not a whole one."""


def is_hex_32(value: object) -> bool:
    """Whether `value` has the shape of an App ID and of an App Certificate."""
    return isinstance(value, str) and _HEX_32.fullmatch(value) is not None


def u16(value: int) -> bytes:
    """Two bytes, unsigned."""
    return _packed(_U16, value)


def u32(value: int) -> bytes:
    """Four bytes, unsigned."""
    return _packed(_U32, value)


def i16(value: int) -> bytes:
    """Two bytes, signed."""
    return _packed(_I16, value)


def blob(value: bytes) -> bytes:
    """The number of bytes as `u16`, then the bytes."""
    return u16(len(value)) + value


def text(value: object) -> bytes:
    """A text as the `blob` of its UTF-8. Anything else is refused, never turned into a text silently."""
    if not isinstance(value, str):
        raise TokenInputError("a text field of the token needs a text")
    try:
        return blob(value.encode())
    except UnicodeEncodeError as cause:
        raise TokenInputError("a text field of the token holds half a character") from cause


def keyed(entries: Mapping[int, _T], pack: Callable[[_T], bytes]) -> bytes:
    """The number of entries as `u16`, then each key as `u16` and its packed value, keys ascending."""
    return u16(len(entries)) + b"".join(u16(key) + pack(entries[key]) for key in sorted(entries))


def _packed(layout: Struct, value: int) -> bytes:
    refusal = f"a number of the token does not fit {layout.size} bytes"
    if isinstance(value, bool):
        raise TokenInputError(refusal)
    try:
        return layout.pack(value)
    except struct.error as cause:
        raise TokenInputError(refusal) from cause


class Reader:
    """Reads the same encodings back, from the front to the end of `data`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def rest(self) -> bytes:
        """What has not been read yet; it stays unread."""
        return self._data[self._position :]

    def u16(self) -> int:
        """Two bytes, unsigned."""
        return self._number(_U16)

    def u32(self) -> int:
        """Four bytes, unsigned."""
        return self._number(_U32)

    def i16(self) -> int:
        """Two bytes, signed."""
        return self._number(_I16)

    def blob(self) -> bytes:
        """As many bytes as the `u16` before them says."""
        return self._take(self.u16())

    def text(self) -> str:
        """A `blob` that is UTF-8."""
        try:
            return self.blob().decode()
        except UnicodeDecodeError as cause:
            raise TokenFormatError("a text field of the token is not UTF-8") from cause

    def keyed(self, read: Callable[[], _T]) -> dict[int, _T]:
        """Keys, each with the value that `read` finds. A key that stands twice is refused."""
        count = self.u16()
        entries = {self.u16(): read() for _ in range(count)}
        if len(entries) != count:
            raise TokenFormatError("the token says the same thing twice")
        return entries

    def finish(self) -> None:
        """Refuse anything that follows."""
        if self.rest:
            raise TokenFormatError("the token goes on after its end")

    def _number(self, layout: Struct) -> int:
        (value,) = layout.unpack(self._take(layout.size))
        return int(value)

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise TokenFormatError("the token ends too early")
        taken = self._data[self._position : end]
        self._position = end
        return taken


def after_version(token: str, version: str) -> str:
    """What follows the three characters of `version`.

    Raises `TokenFormatError` when the token is of another version or longer than `TEXT_LIMIT`.
    """
    if len(token) > TEXT_LIMIT:
        raise TokenFormatError(f"a token has no more than {TEXT_LIMIT} characters")
    if not token.startswith(version):
        raise TokenFormatError(f"the token is not of version {version}")
    return token.removeprefix(version)


def strict_base64(encoded: str) -> bytes:
    """The bytes of standard base64 with padding, in the one spelling that an encoder gives them."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise TokenFormatError("the token is not base64") from cause
    if base64.b64encode(raw).decode() != encoded:
        raise TokenFormatError("the token is not base64 as it is written")
    return raw
