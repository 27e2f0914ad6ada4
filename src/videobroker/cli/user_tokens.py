"""`videobroker user-tokens ...`."""

from typing import Annotated

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import read_texts, stdout
from videobroker.domain.user_tokens import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS, TokenRules
from videobroker.usecases import tenants

RULE_NAMES = ("secret", "jwks_url", "issuer", "audience")

cli = typer.Typer(help="How an app's own user tokens are checked.", no_args_is_help=True)


@cli.callback()
def user_tokens() -> None:
    """How an app's own user tokens are checked."""


@cli.command("set")
def set_rules(
    app_name: Annotated[str, typer.Argument(help="The app.")],
    max_lifetime_seconds: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_LIFETIME_SECONDS,
            help="Refuse user tokens with a longer lifetime (`exp` minus `iat`); at most 2592000, which is 30 days.",
        ),
    ] = DEFAULT_LIFETIME_SECONDS,
) -> None:
    """Let the app's users speak for themselves, with the tokens of its own identity provider.

    The rules are read from stdin as a JSON object: `secret` (HS256, at least 32 bytes), or `jwks_url` with `issuer`
    (RS256, ES256, EdDSA); and, where the tokens have them, `issuer` and `audience`. They replace the
    app's former rules.

    No token may be valid for two apps. Apps that share an identity provider need an `audience` each; apps with secrets
    need a secret each.
    """
    texts = read_texts()
    unknown = sorted(texts.keys() - RULE_NAMES)
    if unknown:
        raise typer.BadParameter(f"unknown: {', '.join(unknown)}. Send {', '.join(RULE_NAMES)}.")
    try:
        rules = TokenRules(**texts, max_lifetime_seconds=max_lifetime_seconds)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None

    async def work(broker: Broker) -> None:
        app = await tenants.find_app(broker, app_name)
        await tenants.set_token_rules(broker, app, rules, now=broker.now())

    with_broker(work)
    stdout.print(f"User tokens of {app_name} are checked from now on.")


@cli.command("remove")
def remove_rules(app_name: Annotated[str, typer.Argument(help="The app.")]) -> None:
    """Accept no user tokens for the app from now on. Links and API keys go on working."""

    async def work(broker: Broker) -> None:
        await tenants.remove_token_rules(broker, await tenants.find_app(broker, app_name), now=broker.now())

    with_broker(work)
    stdout.print(f"User tokens of {app_name} are not accepted from now on.")
