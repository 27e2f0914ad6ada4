"""`videobroker accounts ...`."""

from typing import Annotated

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import read_texts, stdout
from videobroker.domain.apps import ProviderName
from videobroker.usecases import tenants

cli = typer.Typer(help="Accounts with video providers, stored encrypted.", no_args_is_help=True)


@cli.callback()
def accounts() -> None:
    """Accounts with video providers, stored encrypted."""


@cli.command("set")
def set_account(
    app_name: Annotated[str, typer.Argument(help="The app.")],
    provider: Annotated[ProviderName, typer.Argument(help="The provider.")],
) -> None:
    """Give an app an account, in place of the one it had.

    The settings are read from stdin as a JSON object, so that no secret is in the shell's history. For 100ms:
    access_key, secret, and optionally template_id, subdomain, api_url, prebuilt_url. For Agora: app_id,
    app_certificate.
    """
    settings = read_texts()

    async def work(broker: Broker) -> None:
        app = await tenants.find_app(broker, app_name)
        await tenants.set_account(broker, app, provider, settings, now=broker.now())

    with_broker(work)
    stdout.print(f"The app {app_name} has an account with {provider.value}.")
