"""`videobroker user-tokens ...`."""

from typing import Annotated

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import read_texts, stdout
from videobroker.domain.users import TokenRules
from videobroker.usecases import tenants

cli = typer.Typer(help="How an app's own user tokens are checked.", no_args_is_help=True)


@cli.callback()
def user_tokens() -> None:
    """How an app's own user tokens are checked."""


@cli.command("set")
def set_rules(app_name: Annotated[str, typer.Argument(help="The app.")]) -> None:
    """Let the app's users speak for themselves, with the tokens of its own identity provider.

    The rules are read from stdin as a JSON object: `secret` (HS256, at least 32 bytes), or `jwks_url` with `issuer`
    (RS256, ES256, EdDSA); and, where the tokens have them, `issuer` and `audience`.
    """
    texts = read_texts()
    try:
        rules = TokenRules(**texts)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error).removeprefix("TokenRules.__init__() ")) from None

    async def work(broker: Broker) -> None:
        app = await tenants.find_app(broker, app_name)
        await tenants.set_token_rules(broker, app, rules, now=broker.now())

    with_broker(work)
    stdout.print(f"User tokens of {app_name} are checked from now on.")
