"""The tokens we are willing to issue for a call: one channel, one person, one role, at most a day.

The official builders pack nearly anything: a missing uid may become a token for everybody, an absolute time
a lifetime of 54 years. Here every input is checked first, by the rules of the Agora pages "Deploy a token
server" and "Use tokens" and of the Web SDK reference; where they disagree, the narrower one holds.
"""

import string
from enum import Enum, IntEnum, StrEnum
from typing import Final

from videobroker.providers.agora import encoding
from videobroker.providers.agora.encoding import TokenInputError
from videobroker.providers.agora.services import Rtc
from videobroker.providers.agora.token import AccessToken

LONGEST_SECONDS = 86_400
"""The platform ends every token after a day, whatever it says."""

LARGEST_UID = 2**32 - 1
LARGEST_SALT = 99_999_999

CHANNEL_BYTES = 63
"""The pages allow 63 or 64 bytes."""
_CHANNEL_CHARACTERS = frozenset(string.ascii_letters + string.digits + " !#$%&()+-:;<=.>?@[]^_{}|~,")


class Role(StrEnum):
    """What the token lets a person do."""

    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"


class Privilege(IntEnum):
    """What is counted separately inside a token."""

    JOIN = 1
    PUBLISH_AUDIO = 2
    PUBLISH_VIDEO = 3
    PUBLISH_DATA = 4


_PRIVILEGES = {Role.PUBLISHER: tuple(Privilege), Role.SUBSCRIBER: (Privilege.JOIN,)}


class AnyUser(Enum):
    """The type of `ANYONE`."""

    ANYONE = "anyone"


ANYONE: Final = AnyUser.ANYONE
"""Instead of a uid: the token is not bound to a person. Only a subscriber may have it."""


def rtc_token(
    *,
    app_id: str,
    channel: str,
    uid: int | AnyUser,
    role: Role,
    issue_ts: int,
    expire: int,
    salt: int,
    privilege_expire: int | None = None,
) -> AccessToken:
    """The token with which `uid`, and nobody else, enters `channel`.

    Lifetimes are whole seconds from 1 to 86400, counted from `issue_ts` (Unix seconds). The privileges live
    as long as the token unless `privilege_expire` says less; better leave it out, for the pages disagree on
    what happens when the two differ.

    Raises `TokenInputError` for everything else, a missing, boolean or zero uid included.
    """
    if not encoding.is_hex_32(app_id):
        raise TokenInputError("the App ID has to be 32 hexadecimal characters")
    checked_role = _role(role)
    lifetime = _whole_number("the lifetime of the token in seconds", expire, 1, LONGEST_SECONDS)
    granted = lifetime if privilege_expire is None else _privilege_lifetime(privilege_expire, lifetime)
    service = Rtc(
        channel=checked_channel(channel),
        uid=_uid_text(uid, checked_role),
        privileges={int(privilege): granted for privilege in _PRIVILEGES[checked_role]},
    )
    return AccessToken(
        app_id=app_id,
        issue_ts=_whole_number("the time of issue in Unix seconds", issue_ts, 0, 2**32 - 1),
        expire=lifetime,
        salt=_whole_number("the salt", salt, 1, LARGEST_SALT),
        services=(service,),
    )


def checked_channel(name: object) -> str:
    """`name`, when a channel can be called that. Raises `TokenInputError`.

    Allowed are 1 to 63 ASCII letters, digits, spaces and ``!#$%&()+-:;<=.>?@[]^_{}|~,``. A star is a
    wildcard and no part of a name.
    """
    if not isinstance(name, str):
        raise TokenInputError("the channel has to be a text")
    if not 1 <= len(name) <= CHANNEL_BYTES:
        raise TokenInputError(f"the name of a channel has 1 to {CHANNEL_BYTES} characters")
    if not _CHANNEL_CHARACTERS.issuperset(name):
        raise TokenInputError(
            "the name of a channel holds ASCII letters, digits, spaces and !#$%&()+-:;<=.>?@[]^_{}|~, only"
        )
    return name


def _uid_text(uid: object, role: Role) -> str:
    if uid is not ANYONE:
        return str(_whole_number("the uid", uid, 1, LARGEST_UID))
    if role is not Role.SUBSCRIBER:
        raise TokenInputError("a token for anyone may only subscribe")
    return ""


def _role(role: object) -> Role:
    if not isinstance(role, Role):
        raise TokenInputError("the role has to be publisher or subscriber")
    return role


def _privilege_lifetime(seconds: object, longest: int) -> int:
    return _whole_number("the lifetime of the privileges in seconds", seconds, 1, longest)


def _whole_number(what: str, value: object, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise TokenInputError(f"{what} has to be a whole number from {lowest} to {highest}")
    return value
