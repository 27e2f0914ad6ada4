"""The tokens that we issue for a call: one channel, one person, one role, at most a day.

The official builders accept nearly everything: a missing uid becomes a token for every user, an absolute time a
lifetime of 54 years. This module validates every input first, by the rules of the Agora pages "Deploy a token server"
and "Use tokens" and of the Web SDK reference. Where they disagree, the stricter rule applies.
"""

import string
from enum import IntEnum, StrEnum

from videobroker.providers.agora import encoding
from videobroker.providers.agora.encoding import TokenInputError
from videobroker.providers.agora.token import AccessToken, RtcService

MAX_LIFETIME_SECONDS = 86_400
"""The platform ends every token after a day, even if its lifetime is longer."""

MAX_UID = 2**32 - 1
MAX_SALT = 99_999_999

MAX_CHANNEL_BYTES = 63
"""Agora's pages disagree: 63 or 64 bytes."""
_CHANNEL_CHARACTERS = frozenset(string.ascii_letters + string.digits + " !#$%&()+-:;<=.>?@[]^_{}|~,")


class Role(StrEnum):
    """A provider role."""

    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"


class Privilege(IntEnum):
    """A right in the token that has its own lifetime."""

    JOIN = 1
    PUBLISH_AUDIO = 2
    PUBLISH_VIDEO = 3
    PUBLISH_DATA = 4


_PRIVILEGES = {Role.PUBLISHER: tuple(Privilege), Role.SUBSCRIBER: (Privilege.JOIN,)}


def build_rtc_token(
    *,
    app_id: str,
    channel: str,
    uid: int,
    role: Role,
    issue_ts: int,
    expire: int,
    salt: int,
    privilege_expire: int | None = None,
) -> AccessToken:
    """A token that is valid for this `uid` in this `channel` only.

    Lifetimes are whole seconds from 1 to 86400, counted from `issue_ts` (Unix seconds). `privilege_expire` defaults to
    the lifetime of the token. Prefer the default: Agora's pages disagree on what happens when the two differ.

    Raises `TokenInputError` for other values, including a missing, Boolean, or zero uid.
    """
    if not encoding.is_hex_32(app_id):
        raise TokenInputError("the App ID must be 32 hexadecimal characters")
    checked_role = _role(role)
    lifetime = _whole_number("the lifetime of the token in seconds", expire, 1, MAX_LIFETIME_SECONDS)
    granted = lifetime if privilege_expire is None else _privilege_lifetime(privilege_expire, lifetime)
    service = RtcService(
        channel=check_channel(channel),
        uid=str(_whole_number("the uid", uid, 1, MAX_UID)),
        privileges={int(privilege): granted for privilege in _PRIVILEGES[checked_role]},
    )
    return AccessToken(
        app_id=app_id,
        issue_ts=_whole_number("the time of issue in Unix seconds", issue_ts, 0, 2**32 - 1),
        expire=lifetime,
        salt=_whole_number("the salt", salt, 1, MAX_SALT),
        service=service,
    )


def check_channel(name: object) -> str:
    """`name`, if it is a valid channel name. Raises `TokenInputError`.

    Valid are 1 to 63 ASCII letters, digits, spaces and ``!#$%&()+-:;<=.>?@[]^_{}|~,``. A star is a wildcard and not
    part of a name.
    """
    if not isinstance(name, str):
        raise TokenInputError("the channel must be a string")
    if not 1 <= len(name) <= MAX_CHANNEL_BYTES:
        raise TokenInputError(f"the channel name must have 1 to {MAX_CHANNEL_BYTES} characters")
    if not _CHANNEL_CHARACTERS.issuperset(name):
        raise TokenInputError(
            "the channel name may contain ASCII letters, digits, spaces and !#$%&()+-:;<=.>?@[]^_{}|~, only"
        )
    return name


def _role(role: object) -> Role:
    if not isinstance(role, Role):
        raise TokenInputError("the role must be publisher or subscriber")
    return role


def _privilege_lifetime(seconds: object, longest: int) -> int:
    return _whole_number("the lifetime of the privileges in seconds", seconds, 1, longest)


def _whole_number(name: str, value: object, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise TokenInputError(f"{name} must be a whole number from {lowest} to {highest}")
    return value
