"""`videobroker accounts ...`."""

from typing import Annotated, Any

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, print_json, read_changes, read_texts, show, stdout
from videobroker.domain.apps import ProviderName
from videobroker.domain.diagnostics import CheckResult, is_healthy
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.accounts import AccountView

cli = typer.Typer(help="Manage provider accounts, which are stored encrypted.", no_args_is_help=True)


@cli.callback()
def accounts() -> None:
    """Manage provider accounts, which are stored encrypted."""


@cli.command("set")
def set_account(
    app_name: Annotated[str, typer.Argument(help="Name of the app.")],
    provider: Annotated[ProviderName, typer.Argument(help="Video provider.")],
) -> None:
    """Set the account of an app at a provider. Replaces the current account.

    Reads the account from stdin as a JSON object, which keeps secrets out of the shell history. 100ms: access_key,
    secret, and optionally template_id, subdomain, api_url, prebuilt_url. Agora: app_id, app_certificate.
    """
    settings = read_texts()

    async def work(broker: Broker) -> None:
        app = await tenants.find_app(broker, app_name)
        await management.set_account(RequestContext.for_system(broker, app, broker.now()), provider, settings)

    with_broker(work)
    stdout.print(f"Set the {provider.value} account of {app_name}.")


@cli.command("update")
def update_account(
    app_name: Annotated[str, typer.Argument(help="Name of the app.")],
    provider: Annotated[ProviderName, typer.Argument(help="Video provider.")],
) -> None:
    """Change single settings of an account. The others, such as secrets, do not change.

    Reads the settings from stdin as a JSON object, which keeps secrets out of the shell history. Null removes a
    setting.
    """
    changes = read_changes()

    async def work(broker: Broker) -> None:
        await management.update_account(await _context(broker, app_name), provider, changes)

    with_broker(work)
    stdout.print(f"Updated the {provider.value} account of {app_name}.")


@cli.command("list")
def list_accounts(
    app_name: Annotated[str, typer.Argument(help="Name of the app.")],
    as_json: AsJson = False,
) -> None:
    """List the accounts of an app with their settings, without the secrets."""

    async def work(broker: Broker) -> list[AccountView]:
        return await management.list_accounts(await _context(broker, app_name))

    rows = [_row(account) for account in with_broker(work)]
    show(rows, as_json=as_json, empty=f"The app has no accounts. Add one: `videobroker accounts set {app_name} 100ms`.")


@cli.command("show")
def show_account(
    app_name: Annotated[str, typer.Argument(help="Name of the app.")],
    provider: Annotated[ProviderName, typer.Argument(help="Video provider.")],
    as_json: AsJson = False,
) -> None:
    """Show all settings that an account can have, without the values of secrets."""

    async def work(broker: Broker) -> AccountView:
        return await management.find_account(await _context(broker, app_name), provider)

    show(_setting_rows(with_broker(work)), as_json=as_json)


@cli.command("check")
def check_account(
    app_name: Annotated[str, typer.Argument(help="Name of the app.")],
    provider: Annotated[ProviderName, typer.Argument(help="Video provider.")],
    as_json: AsJson = False,
) -> None:
    """Check an account with requests to the provider. Exit code 0 if no check failed, otherwise 1."""

    async def work(broker: Broker) -> list[CheckResult]:
        return await management.check_account(await _context(broker, app_name), provider)

    findings = with_broker(work)
    rows = [
        {"check": each.check, "verdict": each.verdict.value, "sentence": each.sentence, "next_step": each.next_step}
        for each in findings
    ]
    if as_json:
        print_json(rows)
    else:
        show(rows, as_json=False)
    raise typer.Exit(0 if is_healthy(findings) else 1)


async def _context(broker: Broker, app_name: str) -> RequestContext:
    return RequestContext.for_system(broker, await tenants.find_app(broker, app_name), broker.now())


def _row(account: AccountView) -> dict[str, Any]:
    return {
        "provider": account.provider.value,
        "version": account.version,
        "settings": [each.setting.name for each in account.settings if each.is_set],
    }


def _setting_rows(account: AccountView) -> list[dict[str, Any]]:
    return [
        {
            "name": each.setting.name,
            "value": each.value if not each.setting.is_secret else "(set)" if each.is_set else None,
            "required": "yes" if each.setting.is_required else None,
            "description": each.setting.description,
        }
        for each in account.settings
    ]
