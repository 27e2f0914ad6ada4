"""Composition root: creates the objects of a process in order, and closes them in reverse order."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from videobroker.broker import Broker, Clock, OperatorSignIn
from videobroker.concurrency.progress import Progress
from videobroker.concurrency.rate_limiter import RequestLimiter
from videobroker.database import database, migrate, past_the_pooler
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import DEFAULT_ROLE_MAPS, ProviderAccount, ProviderName
from videobroker.domain.events import ChangeInterface
from videobroker.domain.ids import AccountId
from videobroker.domain.operator_sign_in import RoleRules
from videobroker.errors import AppExists, AppNotFound, StartupFailed
from videobroker.identity.jwks import JwksCache
from videobroker.identity.oidc import OidcClient, OidcSettings
from videobroker.identity.tickets import TicketSigner
from videobroker.identity.user_tokens import JwtVerifier
from videobroker.providers.agora import provider as agora
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.contract import AccountCircuit, AccountSetting, Provider
from videobroker.providers.hms import provider as hms
from videobroker.providers.hms.provider import HmsProvider
from videobroker.settings import Settings
from videobroker.storage.attendance.inbox_writer import InboxWriter
from videobroker.storage.failed_attempts import FailedAttempts
from videobroker.storage.jobs import drivers
from videobroker.storage.joining.join_context import JoinContextReader
from videobroker.storage.journal.journal import JournalWriter
from videobroker.storage.journal.notifier import JournalNotifier
from videobroker.storage.key_usage import KeyUsage
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.encryption import SecretBox, new_key
from videobroker.storage.postgres.notifications import Listener
from videobroker.storage.rejections import Rejections
from videobroker.storage.tenants.cache import TenantCache
from videobroker.storage.webhooks.delivery_writer import DeliveryWriter
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext
from videobroker.worker import work

if TYPE_CHECKING:
    from pgqueuer.db import Driver

    from videobroker.web.console.access import ConsoleAccess

__all__ = [
    "WORKER_CONNECTIONS",
    "ProviderRegistry",
    "background",
    "broker",
    "console_access",
    "database",
    "ensure_environment_app",
    "migrate",
    "past_the_pooler",
    "secret_keys",
    "utc_now",
]

WORKER_CONNECTIONS = 6


def utc_now() -> datetime:
    return datetime.now(UTC)


class ProviderRegistry:
    """Caches the provider of each account until the account changes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._providers: dict[AccountId, tuple[int, Provider]] = {}
        self._replaced: list[Provider] = []

    def provider(self, account: ProviderAccount) -> Provider:
        """The provider bound to `account`. Raises `ProviderNotConfigured` when the account lacks a setting."""
        version, provider = self._providers.get(account.id, (None, None))
        if provider is None or version != account.version:
            if provider is not None:
                self._replaced.append(provider)
            provider = self._make(account)
            self._providers[account.id] = (account.version, provider)
        return provider

    def settings_of(self, name: ProviderName) -> Sequence[AccountSetting]:
        """The settings that accounts with this provider can have."""
        return agora.ACCOUNT_SETTINGS if name is ProviderName.AGORA else hms.ACCOUNT_SETTINGS

    def circuits(self) -> list[AccountCircuit]:
        """The circuits of all accounts that this process has used in their present version."""
        return [AccountCircuit(id, provider.name, provider.circuit) for id, (_, provider) in self._providers.items()]

    def _make(self, account: ProviderAccount) -> Provider:
        if account.provider is ProviderName.AGORA:
            return AgoraProvider.from_settings(account.settings, clock=self._clock)
        return HmsProvider.from_settings(account.settings, clock=self._clock)

    async def aclose(self) -> None:
        """Close all providers, including those of former account versions."""
        for provider in (*self._replaced, *(provider for _, provider in self._providers.values())):
            await provider.aclose()


@asynccontextmanager
async def broker(settings: Settings, url: str, *, clock: Clock = utc_now) -> AsyncIterator[Broker]:
    """A broker on the database at `url`."""
    notifier = JournalNotifier()
    direct = past_the_pooler(settings, url) if settings.direct_database_url else None
    keys = secret_keys(settings)
    secret_box = SecretBox(keys)
    store = Store(url, direct=direct, pool_size=settings.pool_size, on_journal=notifier.notify, secret_box=secret_box)
    webhook_sender = WebhookSender(allow_private=settings.webhooks_anywhere)
    listener = Listener(store.direct)
    registry = ProviderRegistry(clock)
    user_tokens = JwtVerifier(JwksCache())
    oidc = _oidc_client(settings, user_tokens)
    join_contexts, journal_writer = JoinContextReader(store), JournalWriter(store)
    inbox_writer, delivery_writer = InboxWriter(store), DeliveryWriter(store)
    rejections, key_usage = Rejections(journal_writer), KeyUsage(store)
    tenant_cache = TenantCache(store, listener)
    async with AsyncExitStack() as lifetime:
        # Closed in reverse order. If one fails to close, the others are still closed.
        for resource in (
            store,
            registry,
            user_tokens,
            webhook_sender,
            notifier,
            tenant_cache,
            delivery_writer,
            inbox_writer,
            journal_writer,
            rejections,
            key_usage,
            join_contexts,
            listener,
        ):
            lifetime.push_async_callback(resource.aclose)
        if oidc is not None:
            lifetime.push_async_callback(oidc.aclose)
        listener.start()
        notifier.start(store)
        yield Broker(
            store=store,
            join_contexts=join_contexts,
            journal_writer=journal_writer,
            inbox_writer=inbox_writer,
            delivery_writer=delivery_writer,
            rejections=rejections,
            key_usage=key_usage,
            failed_attempts=FailedAttempts(store, settings.attempt_limits(), clock),
            rate_limiters={policy: RequestLimiter(policy, limit) for policy, limit in settings.rate_limits().items()},
            tenant_cache=tenant_cache,
            listener=listener,
            providers=registry,
            user_tokens=user_tokens,
            tickets=TicketSigner(keys),
            webhook_sender=webhook_sender,
            secret_box=secret_box,
            now=clock,
            retention=settings.retention_policy(),
            operator_sign_in=None if oidc is None else _operator_sign_in(settings, oidc),
        )


def _oidc_client(settings: Settings, tokens: JwtVerifier) -> OidcClient | None:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    secret = settings.oidc_client_secret
    client = OidcSettings(
        settings.oidc_issuer,
        settings.oidc_client_id,
        None if secret is None else secret.get_secret_value(),
        settings.oidc_scopes,
    )
    return OidcClient(client, tokens)


def _operator_sign_in(settings: Settings, client: OidcClient) -> OperatorSignIn:
    rules = RoleRules(settings.oidc_role_claim, settings.oidc_roles)
    return OperatorSignIn(client, client.settings.issuer, client.settings.client_id, rules)


@asynccontextmanager
async def background(broker: Broker, url: str, progress: Progress | None = None) -> AsyncIterator[None]:
    """Run a worker while the block runs. It has its own connections, so that requests do not wait for jobs.

    It records in `progress` its starts, and each success of its connections.
    """
    progress = progress or Progress()
    direct = broker.store.direct if broker.store.is_pooled else None
    store = Store(
        url,
        direct=direct,
        pool_size=WORKER_CONNECTIONS,
        on_journal=broker.store.on_journal,
        secret_box=broker.secret_box,
    )
    own = replace(broker, store=store)
    async with AsyncExitStack() as lifetime:
        lifetime.push_async_callback(store.aclose)

        def open_driver() -> "AbstractAsyncContextManager[Driver]":
            return drivers(store.direct, on_heartbeat=progress.record_success)

        task = asyncio.create_task(work(own, open_driver, on_start=progress.record_attempt), name="worker")
        lifetime.push_async_callback(_cancel, task)
        yield


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    # `wait` instead of `await`: it raises a cancellation of the caller, but not the one of the task.
    await asyncio.wait([task])


def console_access(settings: Settings) -> "ConsoleAccess | None":
    """Access control of the console; None if operators have no way to sign in."""
    if settings.admin_key is None and settings.oidc_issuer is None:
        return None
    # Imported here, because it imports the pages and FastAPI, which a worker does not need.
    from videobroker.web.console.access import ConsoleAccess  # noqa: PLC0415

    return ConsoleAccess(
        None if settings.admin_key is None else settings.admin_key.get_secret_value(),
        session_secret=secret_keys(settings)[0],
        issuer=settings.oidc_issuer,
        idle_timeout=timedelta(minutes=settings.console_idle_minutes),
    )


def secret_keys(settings: Settings) -> list[str]:
    """The secret keys of this deployment. If none is set, one is generated and stored in the data directory.

    Raises `StartupFailed` if it cannot be stored.
    """
    keys = [key.get_secret_value() for key in settings.secret_key]
    if keys:
        return keys
    path = settings.data_dir / "secret-key"
    try:
        return [_generated_key(path)]
    except OSError as error:
        raise StartupFailed(
            f"Cannot store a secret key at {path} ({error.strerror}). Set VIDEOBROKER_SECRET_KEY."
        ) from None


def _generated_key(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Written to a temporary file and linked atomically: concurrent processes must read the same, complete key.
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(new_key())
        with suppress(FileExistsError):
            path.hardlink_to(aside)
        aside.unlink()
    return path.read_text()


async def ensure_environment_app(broker: Broker, settings: Settings) -> None:
    """Create or update the app, accounts, and API key of the environment. Idempotent, and safe to run concurrently."""
    rules = settings.token_rules()
    if settings.api_key is None and not settings.accounts() and rules is None:
        return
    now, via = broker.now(), ChangeInterface.ENVIRONMENT
    try:
        app = await tenants.find_app(broker, settings.app_name)
    except AppNotFound:
        with suppress(AppExists):  # another replica was faster
            await management.create_app(
                RequestContext.for_system(broker, tenants.SERVICE, now),
                settings.app_name,
                policy={},
                role_maps=DEFAULT_ROLE_MAPS,
                via=via,
            )
        app = await tenants.find_app(broker, settings.app_name)
    if settings.legacy is not None and frozenset(settings.legacy) != app.legacy_families:
        app = await management.change_app(
            RequestContext.for_system(broker, app, now),
            policy=app.policy,
            role_maps=app.role_maps,
            legacy_families=frozenset(settings.legacy),
            via=via,
        )
    for provider, account in settings.accounts().items():
        app = await management.set_account(RequestContext.for_system(broker, app, now), provider, account, via=via)
    if rules is not None:
        await management.set_token_rules(RequestContext.for_system(broker, app, now), rules, via=via)
    if settings.api_key is not None:
        await management.create_key(
            RequestContext.for_system(broker, app, now),
            "environment",
            scopes=Scope,
            expires_at=None,
            via=via,
            key=settings.api_key.get_secret_value(),
        )
