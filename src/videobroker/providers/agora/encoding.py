"""Binary encoding of Agora tokens (AccessToken2): little-endian, with a length before each value.

Values that cannot be encoded raise `TokenInputError`. Its message never contains the value, which may be a secret in
the wrong field.
"""

import re
import struct
from collections.abc import Mapping
from struct import Struct

_U16 = Struct("<H")
_U32 = Struct("<I")
_HEX_32 = re.compile("[0-9a-fA-F]{32}")


class TokenInputError(ValueError):
    """No valid token can be built from this input."""


def is_hex_32(value: object) -> bool:
    """Whether `value` has the format of an App ID and of an App Certificate."""
    return isinstance(value, str) and _HEX_32.fullmatch(value) is not None


def u16(value: int) -> bytes:
    """Two bytes, unsigned."""
    return _packed(_U16, value)


def u32(value: int) -> bytes:
    """Four bytes, unsigned."""
    return _packed(_U32, value)


def blob(value: bytes) -> bytes:
    """The number of bytes as `u16`, then the bytes."""
    return u16(len(value)) + value


def text(value: object) -> bytes:
    """A string as the `blob` of its UTF-8. Other types are rejected, never converted."""
    if not isinstance(value, str):
        raise TokenInputError("a text field of the token needs a string")
    try:
        return blob(value.encode())
    except UnicodeEncodeError as cause:
        raise TokenInputError("a text field of the token contains a lone surrogate") from cause


def lifetimes(entries: Mapping[int, int]) -> bytes:
    """The number of privileges as `u16`, then each privilege as `u16` and its lifetime as `u32`, in ascending order."""
    return u16(len(entries)) + b"".join(u16(key) + u32(entries[key]) for key in sorted(entries))


def _packed(layout: Struct, value: int) -> bytes:
    message = f"a number of the token does not fit into {layout.size} bytes"
    if isinstance(value, bool):
        raise TokenInputError(message)
    try:
        return layout.pack(value)
    except struct.error as cause:
        raise TokenInputError(message) from cause
