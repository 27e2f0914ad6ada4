"""`videobroker operators ...`."""

from typing import Annotated

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import stderr, stdout
from videobroker.domain.operators import OperatorIdentity, OperatorRole
from videobroker.settings import Settings
from videobroker.usecases.operations import sign_in_links

cli = typer.Typer(help="Let operators into the console.", no_args_is_help=True)


@cli.callback()
def operators() -> None:
    """Let operators into the console."""


@cli.command("sign-in-link")
def sign_in_link(
    name: Annotated[str, typer.Argument(help="Name of the operator, for the audit log.")],
    role: Annotated[OperatorRole, typer.Option(help="Role of the operator.")] = OperatorRole.ADMIN,
    url: Annotated[
        str | None, typer.Option(help="Base URL of the service. Default: VIDEOBROKER_PUBLIC_URL, or this machine.")
    ] = None,
) -> None:
    """Print a link that signs an operator in to the console once, within 10 minutes."""
    settings = Settings()

    async def work(broker: Broker) -> str:
        return await sign_in_links.create(broker, OperatorIdentity(name, role), now=broker.now())

    base = url or settings.public_url or f"http://127.0.0.1:{settings.port}"
    path = with_broker(work)
    stderr.print(f"Works once, within {sign_in_links.LIFETIME.seconds // 60} minutes, for {name} ({role}):")
    stdout.print(f"{base.rstrip('/')}{path}", markup=False, soft_wrap=True)
