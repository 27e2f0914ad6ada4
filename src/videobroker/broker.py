"""The dependencies of all use cases, created by `wiring` and passed explicitly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from videobroker.concurrency.rate_limiter import RequestLimiter
from videobroker.concurrency.singleflight import SingleFlight
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.operator_sign_in import RoleRules
from videobroker.domain.rate_limits import RateLimitPolicy
from videobroker.domain.retention import RetentionPolicy
from videobroker.errors import ProviderNotConfigured
from videobroker.identity.contract import OperatorIdentityProvider, UserTokenVerifier
from videobroker.identity.tickets import TicketSigner
from videobroker.providers.contract import Provider, ProviderLookup
from videobroker.storage.attendance.inbox_writer import InboxWriter
from videobroker.storage.failed_attempts import FailedAttempts
from videobroker.storage.joining.join_context import JoinContextReader
from videobroker.storage.journal.journal import JournalWriter
from videobroker.storage.key_usage import KeyUsage
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.encryption import SecretBox
from videobroker.storage.postgres.notifications import Listener
from videobroker.storage.rejections import Rejections
from videobroker.storage.tenants.cache import TenantCache
from videobroker.storage.webhooks.delivery_writer import DeliveryWriter

Clock = Callable[[], datetime]
"""Returns the current time, timezone-aware and in UTC."""


@dataclass(frozen=True, slots=True)
class OperatorSignIn:
    """Sign-in of operators with OpenID Connect."""

    provider: OperatorIdentityProvider
    issuer: str
    client_id: str
    rules: RoleRules


@dataclass(frozen=True, slots=True)
class Broker:
    """The service without HTTP and command line."""

    store: Store
    join_contexts: JoinContextReader
    journal_writer: JournalWriter
    inbox_writer: InboxWriter
    delivery_writer: DeliveryWriter
    rejections: Rejections
    key_usage: KeyUsage
    failed_attempts: FailedAttempts
    rate_limiters: Mapping[RateLimitPolicy, RequestLimiter]
    """Without an entry, there is no limit."""
    tenant_cache: TenantCache
    listener: Listener
    providers: ProviderLookup
    user_tokens: UserTokenVerifier
    tickets: TicketSigner
    webhook_sender: WebhookSender
    secret_box: SecretBox
    now: Clock
    single_flight: SingleFlight = field(default_factory=SingleFlight)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    operator_sign_in: OperatorSignIn | None = None
    """None: operators sign in with the admin key only."""

    def provider(self, app: App, name: ProviderName) -> Provider:
        """The app's provider of this name. Raises `ProviderNotConfigured`."""
        account = app.accounts.get(name)
        if account is None:
            raise ProviderNotConfigured(
                f"The app has no account with {name}. Add one with `videobroker accounts set {app.name} {name}`."
            )
        return self.providers.provider(account)
