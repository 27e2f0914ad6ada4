"""What tests of clients need to know of the service."""

from dataclasses import dataclass

from tenants import Tenant


@dataclass(frozen=True)
class ClientTenant:
    """An app, and the URL of the service."""

    tenant: Tenant
    url: str

    @property
    def key(self) -> str:
        return self.tenant.key
