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
from videobroker.usecases import tenants

cli = typer.Typer(
    help="API keys. To rotate: create a second key, move your backend to it, revoke the first.", no_args_is_help=True
)

AppName = Annotated[str, typer.Argument(help="The app.")]


@cli.command("create")
def create(
    app_name: AppName,
    name: Annotated[str, typer.Option(help="What the key is for, to tell keys apart.")] = "default",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What the key may do; repeat it. All when left out: " + ", ".join(SCOPE_DESCRIPTIONS) + "."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Expire after so many days; never if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print it. It is shown only once: the database has only its digest."""

    async def work(broker: Broker) -> tuple[str, ApiKey]:
        app = await tenants.find_app(broker, app_name)
        now = broker.now()
        expires_at = None if days is None else now + timedelta(days=days)
        return await tenants.create_key(broker, app, name, scopes=scope or list(Scope), expires_at=expires_at, now=now)

    secret, key = with_broker(work)
    if as_json:
        print_json({"api_key": secret, **_row(key)})
    else:
        stderr.print(f"A key for {app_name}; keep it, it is not shown again:")
        stdout.print(secret, markup=False)


@cli.command("list")
def list_keys(app_name: AppName, as_json: AsJson = False) -> None:
    """Show the app's keys, without the keys themselves."""

    async def work(broker: Broker) -> list[ApiKey]:
        return list(await tenants.list_keys(broker, await tenants.find_app(broker, app_name)))

    show([_row(key) for key in with_broker(work)], as_json=as_json, empty="The app has no key yet.")


@cli.command("revoke")
def revoke(app_name: AppName, key_id: Annotated[UUID, typer.Argument(help="The id that `keys list` shows.")]) -> None:
    """Make a key worthless, at once and for good."""

    async def work(broker: Broker) -> None:
        app = await tenants.find_app(broker, app_name)
        await tenants.revoke_key(broker, app, KeyId(key_id), now=broker.now())

    with_broker(work)
    stdout.print(f"Revoked {key_id}.")


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "begins_with": key.shown,
        "scopes": sorted(scope.value for scope in key.scopes),
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at and rfc3339(key.expires_at),
        "revoked_at": key.revoked_at and rfc3339(key.revoked_at),
    }
