"""Apps: the tenants. An app is one consuming product with its provider accounts, role map, and policy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from videobroker.domain.branding import NO_BRANDING, Branding
from videobroker.domain.ids import AccountId, AppId
from videobroker.domain.policy import DEFAULT_POLICY, Policy, PolicyPatch
from videobroker.domain.texts import MAX_ROLE_LENGTH, is_role
from videobroker.translatable import TranslatableText

RoleMap = Mapping[str, str]
"""App role -> provider role."""

GUEST_ROLE = "guest"
"""The app role of people without a registration."""


MAX_ORIGINS = 50
MAX_MAPPED_ROLES = 100
"""In one role map."""
_ORIGIN = re.compile(r"(https?)://((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:]+\])(?::(\d{1,5}))?", re.ASCII)
_OWN_MACHINE = re.compile(r"(.+\.)?localhost|127\.0\.0\.1|\[::1\]")
_USUAL_PORTS = {"http": "80", "https": "443"}


def normalize_origin(text: str) -> str:
    """The origin as browsers send it: `https://shop.example` (RFC 6454). Raises `ValueError`."""
    found = _ORIGIN.fullmatch(text.lower().removesuffix("/"))
    if found is None:
        raise ValueError(
            TranslatableText(
                "%(origin)r is not an origin. Write https://shop.example: no path, no wildcard, ASCII only.",
                origin=text,
            )
        )
    scheme, host, port = found.groups()
    if scheme == "http" and not _OWN_MACHINE.fullmatch(host):
        raise ValueError(
            TranslatableText("%(origin)r is not encrypted. Use https; plain http is for localhost.", origin=text)
        )
    if port is not None and not 0 < int(port) <= 65535:
        raise ValueError(TranslatableText("%(origin)r has an invalid port. Use a number from 1 to 65535.", origin=text))
    return f"{scheme}://{host}" if port in {None, _USUAL_PORTS[scheme]} else f"{scheme}://{host}:{int(port)}"


def check_role_map(role_map: RoleMap) -> None:
    """Raise `ValueError` for a role map that is too large, or has roles that cannot exist."""
    if len(role_map) > MAX_MAPPED_ROLES:
        raise ValueError(TranslatableText("A role map has at most %(maximum)s roles.", maximum=MAX_MAPPED_ROLES))
    for role in (each for entry in role_map.items() for each in entry):
        if not is_role(role):
            raise ValueError(
                TranslatableText(
                    "%(role)r is not a role. Roles have 1 to %(maximum)s characters, and no control characters.",
                    role=role[:MAX_ROLE_LENGTH],
                    maximum=MAX_ROLE_LENGTH,
                )
            )


class ProviderName(StrEnum):
    """The supported video providers. The values are those of the API."""

    HMS = "100ms"
    AGORA = "agora"


DEFAULT_ROLE_MAPS: Mapping[ProviderName, RoleMap] = {
    ProviderName.HMS: {
        "tutor": "teacher",
        "teacher": "teacher",
        "student": "student",
        "doctor": "host",
        "therapist": "host",
        "admin": "host",
        "host": "host",
        "patient": "guest",
        "client": "guest",
        "member": "guest",
        "guest": "guest",
    },
    ProviderName.AGORA: dict.fromkeys(
        (
            "tutor",
            "teacher",
            "student",
            "doctor",
            "therapist",
            "admin",
            "host",
            "patient",
            "client",
            "member",
            "guest",
        ),
        "publisher",
    ),
}
"""The role map of an app without one: the usual roles of lessons, appointments, and chats."""


class LegacyFamily(StrEnum):
    """The endpoints of a former product, served for apps that enable them."""

    TUTORING = "tutoring"
    """`/api/100ms/token`, `/api/agora/token`, `/api/video-sessions/...`"""
    APPOINTMENTS = "appointments"
    """`/api/bookings...`"""
    GROUPS = "groups"
    """`/api/messenger/groups/...`"""
    THERAPY = "therapy"
    """`/api/video-calls/...`"""


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """One app's credentials with one provider. `settings` contains secrets, so its `repr` omits them."""

    id: AccountId
    provider: ProviderName
    settings: Mapping[str, str] = field(repr=False)
    version: int = 1


@dataclass(frozen=True, slots=True)
class App:
    """A tenant, with everything that decisions about its sessions depend on."""

    id: AppId
    name: str
    policy: PolicyPatch
    role_maps: Mapping[ProviderName, RoleMap]
    accounts: Mapping[ProviderName, ProviderAccount]
    allowed_origins: tuple[str, ...] = ()
    """Web origins of the app: their pages may call the API from a browser and embed the hosted page."""
    legacy_families: frozenset[LegacyFamily] = frozenset()
    """The legacy endpoints that exist for this app."""
    branding: Branding = NO_BRANDING
    """How the hosted page presents the app."""
    own_policy: Policy = field(init=False, repr=False, compare=False)
    """The default policy with the app's changes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "own_policy", DEFAULT_POLICY.with_changes(self.policy))

    @property
    def default_providers(self) -> tuple[ProviderName, ...]:
        """The providers for sessions that name none: all accounts, in the order of `ProviderName`."""
        return tuple(name for name in ProviderName if name in self.accounts)

    def policy_for(self, override: PolicyPatch) -> Policy:
        """The default policy with the app's changes, then the session's."""
        return self.own_policy.with_changes(override)

    def provider_role(self, provider: ProviderName, role: str) -> str | None:
        """The provider role that the role map assigns to the app role `role`; None without an entry."""
        return self.role_maps.get(provider, {}).get(role)
