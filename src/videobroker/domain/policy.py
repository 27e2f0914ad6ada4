"""The policy of a session: the settings that apps and sessions can change, with their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

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
