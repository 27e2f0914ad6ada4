"""The policy of a session: the settings that apps and sessions can change, with their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from videobroker.domain.struct import Struct
from videobroker.domain.texts import MAX_ROLE_LENGTH, is_role
from videobroker.translatable import TranslatableText

PolicyPatch = Mapping[str, Any]
"""Fields of `Policy` with other values, in their JSON form. Already validated."""

EMPTY_MAPPING: Mapping[str, Any] = MappingProxyType({})


class WaitingRoom(StrEnum):
    """Who has to wait although the window is open."""

    OFF = "off"
    UNTIL_HOST = "until_host"
    ADMIT = "admit"


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of one session. Durations are whole seconds."""

    opens_before_seconds: int = 600
    """The window opens this long before the start."""
    opens_before_seconds_by_role: Mapping[str, int] = field(default_factory=lambda: EMPTY_MAPPING)
    """Exceptions from `opens_before_seconds` by app role."""
    grace_seconds: int = 900
    """The window closes this long after the end."""
    overrun_seconds: int = 3600
    """A call that still runs when the window closes stays open for joining this much longer."""
    waiting_room: WaitingRoom = WaitingRoom.OFF
    host_roles: tuple[str, ...] = ("host", "admin", "tutor", "teacher", "doctor", "therapist", "moderator")
    """App roles that never wait in the waiting room."""
    call_roles: tuple[str, ...] = ()
    """App roles that may start a call with a user token, besides the host roles. Only host roles may end one."""
    booking_roles: tuple[str, ...] = ()
    """App roles that may create, move, and cancel sessions of their own with a user token.

    A user token names no role: anyone in the app can create a session in which they have one of these roles.
    """
    guests_allowed: bool = False
    token_seconds: int | None = None
    """Maximum lifetime of a participant's token; None: the provider's default (100ms 24 h, Agora 1 h)."""
    guest_token_seconds: int = 7200
    """Maximum lifetime of a guest's token."""
    ticket_seconds: int | None = None
    """Maximum lifetime of a link from its creation; None: until the window closes (without a schedule: 12 hours)."""
    late_after_seconds: int = 300
    """A person who arrives later than this after the start is late."""
    left_early_before_seconds: int = 300
    """A person who leaves earlier than this before the end has left early."""
    minimum_presence_seconds: int = 60
    """A person who was present for less than this was absent."""
    no_show_after_seconds: int = 600
    """A person who has not arrived this long after the start is reported as a no-show."""
    empty_seconds: int = 300
    """A group's call ends after it has been empty for this long."""

    def with_changes(self, patch: PolicyPatch) -> "Policy":
        """This policy with the fields of `patch`. Unknown fields are ignored, because newer versions may add some."""
        if not patch:
            return self
        changes = {name: value for name, value in patch.items() if name in _FIELDS}
        if "waiting_room" in changes:
            changes["waiting_room"] = WaitingRoom(changes["waiting_room"])
        for listed in {"host_roles", "call_roles", "booking_roles"} & changes.keys():
            changes[listed] = tuple(changes[listed])
        return replace(self, **changes)

    def opens_before(self, role: str) -> timedelta:
        """How long before the start people with this app role may join."""
        return timedelta(seconds=self.opens_before_seconds_by_role.get(role, self.opens_before_seconds))

    @property
    def grace(self) -> timedelta:
        """How long after the end people may still join."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def overrun(self) -> timedelta:
        """How much longer than `grace` people may join while a call is running."""
        return timedelta(seconds=self.overrun_seconds)

    @property
    def left_early_before(self) -> timedelta:
        """How long before the end people may leave without a `left_early` verdict."""
        return timedelta(seconds=self.left_early_before_seconds)

    @property
    def no_show_after(self) -> timedelta:
        """How long after the start no-shows are reported."""
        return timedelta(seconds=self.no_show_after_seconds)

    @property
    def empty_for(self) -> timedelta:
        """How long a group's call may be empty before it ends."""
        return timedelta(seconds=self.empty_seconds)

    def token_lifetime(self, *, guest: bool, default: timedelta) -> timedelta:
        """The maximum lifetime of a token. `default` is the provider's, used if the policy sets none."""
        life = default if self.token_seconds is None else timedelta(seconds=self.token_seconds)
        return min(life, timedelta(seconds=self.guest_token_seconds)) if guest else life


_FIELDS = frozenset(each.name for each in fields(Policy))
DEFAULT_POLICY = Policy()


class SettingKind(StrEnum):
    """The type of a setting's value."""

    SECONDS = "seconds"
    SECONDS_BY_ROLE = "seconds_by_role"
    ROLES = "roles"
    SWITCH = "switch"
    WAITING_ROOM = "waiting_room"


class PolicySetting(Struct):
    """The values that a setting can have."""

    kind: SettingKind
    minimum: int = 0
    """Of `SECONDS` and `SECONDS_BY_ROLE`."""
    maximum: int = 7 * 24 * 3600


MAX_ROLES = 50
"""In one setting."""
_TOKEN_LIFETIME = PolicySetting(SettingKind.SECONDS, 60, 24 * 3600)

POLICY_SETTINGS: Mapping[str, PolicySetting] = MappingProxyType(
    {
        "opens_before_seconds": PolicySetting(SettingKind.SECONDS),
        "opens_before_seconds_by_role": PolicySetting(SettingKind.SECONDS_BY_ROLE),
        "grace_seconds": PolicySetting(SettingKind.SECONDS),
        "overrun_seconds": PolicySetting(SettingKind.SECONDS),
        "waiting_room": PolicySetting(SettingKind.WAITING_ROOM),
        "host_roles": PolicySetting(SettingKind.ROLES),
        "call_roles": PolicySetting(SettingKind.ROLES),
        "booking_roles": PolicySetting(SettingKind.ROLES),
        "guests_allowed": PolicySetting(SettingKind.SWITCH),
        "token_seconds": _TOKEN_LIFETIME,
        "guest_token_seconds": _TOKEN_LIFETIME,
        "ticket_seconds": PolicySetting(SettingKind.SECONDS, 60, 30 * 24 * 3600),
        "late_after_seconds": PolicySetting(SettingKind.SECONDS),
        "left_early_before_seconds": PolicySetting(SettingKind.SECONDS),
        "minimum_presence_seconds": PolicySetting(SettingKind.SECONDS),
        "no_show_after_seconds": PolicySetting(SettingKind.SECONDS),
        "empty_seconds": PolicySetting(SettingKind.SECONDS, 30),
    }
)
"""Every setting of `Policy`."""


def find_policy_errors(patch: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the settings of a patch in its JSON form, by name. Empty if they are valid."""
    errors = {name: _find_setting_error(name, value) for name, value in patch.items()}
    return {name: error for name, error in errors.items() if error is not None}


def _find_setting_error(name: str, value: Any) -> str | None:
    setting = POLICY_SETTINGS.get(name)
    if setting is None:
        return TranslatableText("unknown setting")
    match setting.kind:
        case SettingKind.SECONDS:
            return _find_seconds_error(setting, value)
        case SettingKind.SECONDS_BY_ROLE:
            return _find_seconds_by_role_error(setting, value)
        case SettingKind.ROLES:
            return (
                _find_roles_error(value)
                if isinstance(value, list | tuple)
                else TranslatableText("must be a list of roles")
            )
        case SettingKind.SWITCH:
            return None if isinstance(value, bool) else TranslatableText("must be true or false")
        case SettingKind.WAITING_ROOM:
            return (
                None
                if value in set(WaitingRoom)
                else TranslatableText("must be one of: %(values)s", values=", ".join(WaitingRoom))
            )


def _find_seconds_error(setting: PolicySetting, value: Any) -> str | None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if is_integer and setting.minimum <= value <= setting.maximum:
        return None
    return TranslatableText(
        "must be a number of seconds from %(minimum)s to %(maximum)s", minimum=setting.minimum, maximum=setting.maximum
    )


def _find_seconds_by_role_error(setting: PolicySetting, value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return TranslatableText("must be an object of seconds by role")
    wrong = (_find_seconds_error(setting, seconds) for seconds in value.values())
    return _find_roles_error(list(value)) or next(filter(None, wrong), None)


def _find_roles_error(roles: Any) -> str | None:
    if len(roles) > MAX_ROLES:
        return TranslatableText("must have at most %(maximum)s roles", maximum=MAX_ROLES)
    if not all(isinstance(role, str) and is_role(role) for role in roles):
        return TranslatableText(
            "must have roles of 1 to %(maximum)s characters, without control characters", maximum=MAX_ROLE_LENGTH
        )
    return None
