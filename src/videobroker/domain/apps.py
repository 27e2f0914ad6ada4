"""An app is a tenant: one consuming product with its accounts, role map and policy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from videobroker.domain.ids import AccountId, AppId
from videobroker.domain.policy import DEFAULT_POLICY, Policy, PolicyPatch

RoleMap = Mapping[str, str]
"""App role -> provider role."""

GUEST_ROLE = "guest"
"""The app role of somebody without a registration."""


MAX_ORIGINS = 50
_ORIGIN = re.compile(r"(https?)://((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:]+\])(?::(\d{1,5}))?", re.ASCII)
_OWN_MACHINE = re.compile(r"(.+\.)?localhost|127\.0\.0\.1|\[::1\]")
_USUAL_PORTS = {"http": "80", "https": "443"}


def normalize_origin(text: str) -> str:
    """An origin as browsers send it: `https://shop.example`. Raises `ValueError`."""
    found = _ORIGIN.fullmatch(text.lower().removesuffix("/"))
    if found is None:
        raise ValueError(f"{text!r} is not an origin. Write https://shop.example: no path, no wildcard, ASCII only.")
    scheme, host, port = found.groups()
    if scheme == "http" and not _OWN_MACHINE.fullmatch(host):
        raise ValueError(f"{text!r} is not encrypted. Use https; plain http is for localhost.")
    if port is not None and not 0 < int(port) <= 65535:
        raise ValueError(f"{text!r} has no port that exists.")
    return f"{scheme}://{host}" if port in {None, _USUAL_PORTS[scheme]} else f"{scheme}://{host}:{int(port)}"


class ProviderName(StrEnum):
    """The video providers we speak to, as the API spells them."""

    HMS = "100ms"
    AGORA = "agora"


class LegacyFamily(StrEnum):
    """Endpoints that products had before, served for the apps that enable them."""

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
    """One app's credentials with one provider. Never printed: `settings` holds secrets."""

    id: AccountId
    provider: ProviderName
    settings: Mapping[str, str] = field(repr=False)
    version: int = 1


@dataclass(frozen=True, slots=True)
class App:
    """A tenant, with everything a decision needs to know about it."""

    id: AppId
    name: str
    policy: PolicyPatch
    role_maps: Mapping[ProviderName, RoleMap]
    accounts: Mapping[ProviderName, ProviderAccount]
    allowed_origins: tuple[str, ...] = ()
    """Of its pages: they may ask from a browser for its users, and may embed ours."""
    legacy_families: frozenset[LegacyFamily] = frozenset()
    """The legacy endpoints that exist for this app."""
    own_policy: Policy = field(init=False, repr=False, compare=False)
    """The defaults, changed by the app."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "own_policy", DEFAULT_POLICY.with_changes(self.policy))

    @property
    def default_providers(self) -> tuple[ProviderName, ...]:
        """The providers of a session that names none: every account, in the order of `ProviderName`."""
        return tuple(name for name in ProviderName if name in self.accounts)

    def policy_for(self, override: PolicyPatch) -> Policy:
        """The defaults, changed by the app, changed by the session."""
        return self.own_policy.with_changes(override)

    def provider_role(self, provider: ProviderName, role: str) -> str | None:
        """What `role` is called at `provider`; None when nobody said."""
        return self.role_maps.get(provider, {}).get(role)
