"""`videobroker operator-keys ...`."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, print_json, show, stderr, stdout
from videobroker.domain.ids import KeyId
from videobroker.domain.operator_keys import OperatorKey
from videobroker.domain.operators import OperatorRole
from videobroker.domain.times import rfc3339
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.operator_keys import all_operator_keys

cli = typer.Typer(
    help="Manage operator keys, with which programs manage this installation over /v1/admin.", no_args_is_help=True
)


@cli.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Program that uses the key. The journal names it as the operator.")],
    role: Annotated[
        OperatorRole,
        typer.Option(help="Role of the key: viewer reads, support also tests endpoints, admin changes everything."),
    ] = OperatorRole.ADMIN,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until the key expires. Default: never.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an operator key and print it.

    The key is shown only once: the database stores only its digest.
    """

    async def work(broker: Broker) -> tuple[str, OperatorKey]:
        context = _context(broker)
        expires_at = None if days is None else context.now + timedelta(days=days)
        return await management.create_operator_key(context, name, role=role, expires_at=expires_at)

    secret, key = with_broker(work)
    if as_json:
        print_json({"operator_key": secret, **_row(key)})
    else:
        stderr.print(f"Operator key of {name}. Store it now, it is not shown again:")
        stdout.print(secret, markup=False)


@cli.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List all operator keys, without the secrets."""

    async def work(broker: Broker) -> list[OperatorKey]:
        return list(await all_operator_keys(_context(broker)))

    show([_row(key) for key in with_broker(work)], as_json=as_json, empty="There are no operator keys yet.")


@cli.command("revoke")
def revoke(key_id: Annotated[UUID, typer.Argument(help="ID of the key, from `operator-keys list`.")]) -> None:
    """Revoke a key, immediately and permanently."""

    async def work(broker: Broker) -> None:
        await management.revoke_operator_key(_context(broker), KeyId(key_id))

    with_broker(work)
    stdout.print(f"Revoked the operator key {key_id}.")


def _context(broker: Broker) -> RequestContext:
    return RequestContext.for_system(broker, tenants.SERVICE, broker.now())


def _row(key: OperatorKey) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "begins_with": key.shown,
        "role": key.role.value,
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at and rfc3339(key.expires_at),
        "revoked_at": key.revoked_at and rfc3339(key.revoked_at),
        "last_used_at": key.last_used_at and rfc3339(key.last_used_at),
    }
