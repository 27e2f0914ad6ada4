"""The role with which the service connects: it does not own the tables, so row-level security applies to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.program import administer
from videobroker.domain.ids import AppId
from videobroker.storage.postgres import app_scope
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.privileges import grant
from videobroker.storage.postgres.unit_of_work import UnitOfWork

SERVICE_ROLE = "videobroker_service"
OWNER = "postgres"
"""The user of the embedded server."""

_CREATE = f"""
do $$ begin
    create role {SERVICE_ROLE} login;
exception when duplicate_object then null;
end $$
"""


async def as_service_role(url: str, role: str = SERVICE_ROLE) -> str:
    """The URL of a migrated database for this role, which is created if the server does not have it."""
    await administer(url, _CREATE)
    store = Store(url, pool_size=1)
    try:
        await grant(store, role)
    finally:
        await store.aclose()
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@asynccontextmanager
async def owner_transaction(store: Store) -> AsyncIterator[UnitOfWork]:
    """A transaction as the owner of the tables, for what the role of the service must not do."""
    owner = Store(store.url.set(username=OWNER).render_as_string(hide_password=False), pool_size=1)
    try:
        async with owner.cross_app_transaction() as unit_of_work:
            yield unit_of_work
    finally:
        await owner.aclose()


async def become_service(connection: AsyncConnection, url: str, app_id: AppId | None = None) -> None:
    """Let the connection of the owner continue as the service, limited to an app, or across apps: for plans."""
    await as_service_role(url)
    await connection.execute(text(f"set role {SERVICE_ROLE}"))
    await connection.execute(text(f"set {app_scope.SETTING} = '{app_id or app_scope.EVERY_APP}'"))
