"""`videobroker keys ...`."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, print_json, show, stderr, stdout
from videobroker.domain.api_keys import SCOPE_DESCRIPTIONS, ApiKey, Scope
from videobroker.domain.ids import KeyId
from videobroker.domain.times import rfc3339
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.keys import all_keys

cli = typer.Typer(
    help="Manage API keys. To rotate a key, create a second one, switch your backend to it, and revoke the first.",
    no_args_is_help=True,
)

AppName = Annotated[str, typer.Argument(help="Name of the app.")]


@cli.command("create")
def create(
    app_name: AppName,
    name: Annotated[str, typer.Option(help="Name of the key, such as its purpose.")] = "default",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="Scope of the key. Repeatable. Default: all scopes: " + ", ".join(SCOPE_DESCRIPTIONS) + "."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until the key expires. Default: never.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print it.

    The key is shown only once: the database stores only its digest.
    """

    async def work(broker: Broker) -> tuple[str, ApiKey]:
        app = await tenants.find_app(broker, app_name)
        now = broker.now()
        expires_at = None if days is None else now + timedelta(days=days)
        return await management.create_key(
            RequestContext.for_system(broker, app, now), name, scopes=scope or list(Scope), expires_at=expires_at
        )

    secret, key = with_broker(work)
    if as_json:
        print_json({"api_key": secret, **_row(key)})
    else:
        stderr.print(f"API key of {app_name}. Store it now, it is not shown again:")
        stdout.print(secret, markup=False)


@cli.command("list")
def list_keys(app_name: AppName, as_json: AsJson = False) -> None:
    """List the API keys of an app, without the secrets."""

    async def work(broker: Broker) -> list[ApiKey]:
        return list(
            await all_keys(RequestContext.for_system(broker, await tenants.find_app(broker, app_name), broker.now()))
        )

    show([_row(key) for key in with_broker(work)], as_json=as_json, empty="The app has no API keys yet.")


@cli.command("revoke")
def revoke(app_name: AppName, key_id: Annotated[UUID, typer.Argument(help="ID of the key, from `keys list`.")]) -> None:
    """Revoke a key, immediately and permanently."""

    async def work(broker: Broker) -> None:
        app = await tenants.find_app(broker, app_name)
        await management.revoke_key(RequestContext.for_system(broker, app, broker.now()), KeyId(key_id))

    with_broker(work)
    stdout.print(f"Revoked the key {key_id}.")


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "begins_with": key.shown,
        "scopes": sorted(scope.value for scope in key.scopes),
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at and rfc3339(key.expires_at),
        "revoked_at": key.revoked_at and rfc3339(key.revoked_at),
        "last_used_at": key.last_used_at and rfc3339(key.last_used_at),
    }
