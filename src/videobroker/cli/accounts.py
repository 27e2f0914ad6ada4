"""`videobroker accounts ...`."""

from typing import Annotated

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import read_texts, stdout
from videobroker.domain.apps import ProviderName
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext

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
