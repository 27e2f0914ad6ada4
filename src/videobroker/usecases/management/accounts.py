"""Manages the accounts of an app with video providers.

There is no operation that removes an account: rooms at the provider have to be closed with it. Replace it instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videobroker.domain.apps import App, ProviderAccount, ProviderName
from videobroker.domain.diagnostics import CheckResult
from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.ids import AccountId, uuid7
from videobroker.domain.operators import OperatorRole
from videobroker.domain.set_up import list_changed_names
from videobroker.errors import AccountInvalid, AccountNotFound, ProviderNotConfigured
from videobroker.providers.contract import AccountSetting
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.changes import record_change
from videobroker.usecases.operations.diagnostics import check_account as examine_account
from videobroker.usecases.preconditions import Precondition
from videobroker.usecases.tenants import find_app

MAX_SETTING_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting of an account. The value of a secret is never shown."""

    setting: AccountSetting
    is_set: bool
    value: str | None
    """None for a secret, and for a setting that is not set."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account without its secrets."""

    provider: ProviderName
    version: int
    """Incremented with each change."""
    settings: Sequence[SettingView]


async def list_accounts(context: RequestContext) -> list[AccountView]:
    """The app's accounts, in the order in which sessions use them by default. Raises `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    app = await find_app(context.broker, context.app.name)
    return [view_account(context, app.accounts[name]) for name in app.default_providers]


async def find_account(context: RequestContext, provider: ProviderName) -> AccountView:
    """Raises `AccountNotFound`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    app = await find_app(context.broker, context.app.name)
    return view_account(context, _account(app, provider))


async def set_account(
    context: RequestContext,
    provider: ProviderName,
    settings: Mapping[str, str],
    *,
    precondition: Precondition[ProviderAccount] | None = None,
    via: ChangeInterface | None = None,
) -> App:
    """Set or replace the app's account with a provider.

    The journal records the names of changed settings, but no values. Raises `AccountInvalid`, `PreconditionFailed`.
    """
    return await _save(context, provider, settings, precondition, via, replaces=True)


async def update_account(
    context: RequestContext,
    provider: ProviderName,
    changes: Mapping[str, str | None],
    *,
    precondition: Precondition[ProviderAccount] | None = None,
) -> App:
    """Change these settings of an account; None removes a setting.

    Raises `AccountNotFound`, `AccountInvalid`, `PreconditionFailed`.
    """
    return await _save(context, provider, changes, precondition, None, replaces=False)


async def check_account(context: RequestContext, provider: ProviderName) -> list[CheckResult]:
    """Check the account with requests to the provider, as `videobroker doctor` does.

    Raises `AccountNotFound`, `OperatorRoleMayNot`.
    """
    require_operator(context.actor, OperatorRole.VIEWER)
    app = await find_app(context.broker, context.app.name)
    _account(app, provider)
    return await examine_account(context.broker, app, provider)


def describe_account(context: RequestContext, app: App, provider: ProviderName) -> AccountView:
    """The account of an app without its secrets; version 0, with settings that are not set, if there is none.

    Raises `OperatorRoleMayNot`.
    """
    require_operator(context.actor, OperatorRole.VIEWER)
    account = app.accounts.get(provider)
    if account is not None:
        return view_account(context, account)
    return AccountView(provider, 0, [_view(each, None) for each in context.broker.providers.settings_of(provider)])


def view_account(context: RequestContext, account: ProviderAccount) -> AccountView:
    """The account without its secrets."""
    known = context.broker.providers.settings_of(account.provider)
    return AccountView(
        account.provider, account.version, [_view(setting, account.settings.get(setting.name)) for setting in known]
    )


def _view(setting: AccountSetting, value: str | None) -> SettingView:
    return SettingView(setting, bool(value), None if setting.is_secret else value or None)


async def _save(
    context: RequestContext,
    provider: ProviderName,
    settings: Mapping[str, str | None],
    precondition: Precondition[ProviderAccount] | None,
    via: ChangeInterface | None,
    *,
    replaces: bool,
) -> App:
    require_operator(context.actor, OperatorRole.ADMIN)
    async with context.transaction() as unit_of_work:
        app = await apps.lock_app(unit_of_work, context.app.id) or context.app
        former = app.accounts.get(provider)
        if precondition is not None:
            precondition(former)
        base = {} if replaces else _account(app, provider).settings
        merged = {name: value for name, value in {**base, **settings}.items() if value is not None}
        account = ProviderAccount(AccountId(uuid7(context.now)), provider, merged)
        _check_account(context, account)
        await apps.save_account(unit_of_work, app.id, account, now=context.now)
        changed = list_changed_names({} if former is None else former.settings, merged)
        if changed or former is None:
            await record_change(
                context,
                unit_of_work,
                EventType.PROVIDER_ACCOUNT_CHANGED,
                via=via,
                provider=provider.value,
                changed=changed,
                is_new=former is None,
            )
    context.broker.tenant_cache.invalidate(app.id)
    return await find_app(context.broker, app.name)


def _account(app: App, provider: ProviderName) -> ProviderAccount:
    account = app.accounts.get(provider)
    if account is None:
        raise AccountNotFound(
            TranslatableText(
                "The app has no account with %(provider)s. Add one with "
                "`videobroker accounts set %(app)s %(provider)s`.",
                provider=provider,
                app=app.name,
            )
        )
    return account


def _check_account(context: RequestContext, account: ProviderAccount) -> None:
    known = {setting.name for setting in context.broker.providers.settings_of(account.provider)}
    if unknown := sorted(account.settings.keys() - known):
        raise AccountInvalid(
            TranslatableText(
                "A %(provider)s account has no setting %(unknown)s. It has: %(known)s.",
                provider=account.provider,
                unknown=", ".join(unknown),
                known=", ".join(sorted(known)),
            )
        )
    for name, value in account.settings.items():
        if len(value) > MAX_SETTING_LENGTH or not value.isprintable():
            raise AccountInvalid(
                TranslatableText(
                    "The setting %(name)s must have at most %(maximum)s characters, and no control characters.",
                    name=name,
                    maximum=MAX_SETTING_LENGTH,
                )
            )
    try:
        context.broker.providers.provider(account)
    except ProviderNotConfigured as error:
        raise AccountInvalid(error.detail) from None
