"""An app is a tenant: one consuming product with its accounts, role map and policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from videobroker.domain.ids import AccountId, AppId
from videobroker.domain.policy import DEFAULT_POLICY, Policy, PolicyPatch

RoleMap = Mapping[str, str]
"""App role -> provider role."""

GUEST_ROLE = "guest"
"""The app role of somebody without a registration."""


class ProviderName(StrEnum):
    """The video providers we speak to, as the API spells them."""

    HMS = "100ms"
    AGORA = "agora"


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

    @property
    def default_providers(self) -> tuple[ProviderName, ...]:
        """The providers of a session that names none: every account, in the order of `ProviderName`."""
        return tuple(name for name in ProviderName if name in self.accounts)

    def policy_for(self, override: PolicyPatch) -> Policy:
        """The defaults, changed by the app, changed by the session."""
        return DEFAULT_POLICY.changed_by(self.policy).changed_by(override)

    def provider_role(self, provider: ProviderName, role: str) -> str | None:
        """What `role` is called at `provider`; None when nobody said."""
        return self.role_maps.get(provider, {}).get(role)
