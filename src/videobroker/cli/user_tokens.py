"""`videobroker user-tokens ...`."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, print_json, read_changes, read_texts, show, stdout
from videobroker.domain.times import rfc3339
from videobroker.domain.user_tokens import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS, StoredRules, TokenRules
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext

RULE_NAMES = ("secret", "jwks_url", "issuer", "audience")

cli = typer.Typer(help="Configure which user tokens an app accepts.", no_args_is_help=True)


@cli.callback()
def user_tokens() -> None:
    """Configure which user tokens an app accepts."""


@cli.command("set")
def set_rules(
    app_name: Annotated[str, typer.Argument(help="Name of the app.")],
    max_lifetime_seconds: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_LIFETIME_SECONDS,
            help="Maximum lifetime of a user token (`exp` minus `iat`), up to 2592000 (30 days).",
        ),
    ] = DEFAULT_LIFETIME_SECONDS,
) -> None:
    """Accept user tokens of the app's identity provider.

    Reads the rules from stdin as a JSON object: `secret` (HS256, at least 32 bytes), or `jwks_url` with `issuer`
    (RS256, ES256, EdDSA), and optionally `issuer` and `audience`. Replaces the current rules.

    A token must be valid for one app only. Apps that share an identity provider need different audiences, and apps with
    secrets need different secrets.
    """
    texts = read_texts()
    _require_known(texts)
    try:
        rules = TokenRules(**texts, max_lifetime_seconds=max_lifetime_seconds)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None

    async def work(broker: Broker) -> None:
        app = await tenants.find_app(broker, app_name)
        await management.set_token_rules(RequestContext.for_system(broker, app, broker.now()), rules)

    with_broker(work)
    stdout.print(f"Set the user token rules of {app_name}.")


@cli.command("remove")
def remove_rules(app_name: Annotated[str, typer.Argument(help="Name of the app.")]) -> None:
    """Stop accepting user tokens for an app. Links and API keys remain valid."""

    async def work(broker: Broker) -> None:
        await management.remove_token_rules(
            RequestContext.for_system(broker, await tenants.find_app(broker, app_name), broker.now())
        )

    with_broker(work)
    stdout.print(f"Removed the user token rules of {app_name}.")


@cli.command("update")
def update_rules(
    app_name: Annotated[str, typer.Argument(help="Name of the app.")],
    max_lifetime_seconds: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_LIFETIME_SECONDS, help="Maximum lifetime of a user token (`exp` minus `iat`)."),
    ] = None,
) -> None:
    """Change single rules. The others, such as the secret, do not change.

    Reads the rules from stdin as a JSON object, like `user-tokens set`. Null removes a rule.
    """
    changes: dict[str, Any] = dict(read_changes())
    _require_known(changes)
    if max_lifetime_seconds is not None:
        changes["max_lifetime_seconds"] = max_lifetime_seconds

    async def work(broker: Broker) -> None:
        context = RequestContext.for_system(broker, await tenants.find_app(broker, app_name), broker.now())
        await management.update_token_rules(context, changes)

    with_broker(work)
    stdout.print(f"Updated the user token rules of {app_name}.")


@cli.command("show")
def show_rules(app_name: Annotated[str, typer.Argument(help="Name of the app.")], as_json: AsJson = False) -> None:
    """Show the rules of an app, without the secret."""

    async def work(broker: Broker) -> StoredRules:
        context = RequestContext.for_system(broker, await tenants.find_app(broker, app_name), broker.now())
        return await management.find_token_rules(context)

    stored = with_broker(work)
    row = {
        "has_secret": stored.rules.secret is not None,
        "jwks_url": stored.rules.jwks_url,
        "issuer": stored.rules.issuer,
        "audience": stored.rules.audience,
        "max_lifetime_seconds": stored.rules.max_lifetime_seconds,
        "updated_at": rfc3339(stored.updated_at),
    }
    if as_json:
        print_json(row)
    else:
        show([row], as_json=False)


def _require_known(names: Iterable[str]) -> None:
    unknown = sorted(set(names) - set(RULE_NAMES))
    if unknown:
        raise typer.BadParameter(f"unknown: {', '.join(unknown)}. Allowed: {', '.join(RULE_NAMES)}.")
