"""Privileges of the role with which the service connects, if that is not the owner of the tables."""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from videobroker.errors import InvalidInput
from videobroker.storage.jobs import SETTINGS
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import journal, journal_leaves, journal_redactions, journal_seals

_POSITION = ("xid", "seq")
"""Columns of the journal that only their defaults set."""
_APPENDED = (journal_seals.name, journal_leaves.name, journal_redactions.name)

_ROLE = text("select rolsuper or rolbypassrls as is_exempt from pg_roles where rolname = :role")
_SCHEMA = text("select quote_ident(current_schema()) as schema, quote_ident(:role) as role")
_IS_ACTIVE = text("select row_security_active('sessions')")
_OWNS = text("select pg_has_role(:role, relowner, 'member') from pg_class where oid = 'sessions'::regclass")


class TenantIsolation(StrEnum):
    """Whether the database enforces that a transaction sees the rows of one app only."""

    ENFORCED = "enforced"
    NOT_ENFORCED = "not enforced"
    """The service connects as the owner of the tables, or as a superuser."""


def grants(schema: str, role: str) -> Sequence[str]:
    """Statements that let a role run the service, and no more. Both names are quoted.

    The role can neither change nor delete events, nor choose their position.
    """
    columns = ", ".join(column.name for column in journal.c if column.name not in _POSITION)
    appended = ", ".join(f"{schema}.{name}" for name in _APPENDED)
    jobs = SETTINGS.db_schema
    return (
        f"grant usage on schema {schema}, {jobs} to {role}",
        f"grant select, insert, update, delete on all tables in schema {schema}, {jobs} to {role}",
        f"grant usage, select on all sequences in schema {schema}, {jobs} to {role}",
        f"revoke insert, update, delete on {schema}.alembic_version from {role}",
        f"revoke insert, update, delete on {schema}.{journal.name} from {role}",
        f"grant insert ({columns}) on {schema}.{journal.name} to {role}",
        f"revoke update, delete on {appended} from {role}",
        f"grant execute on function {schema}.journal_redact(uuid, uuid) to {role}",
    )


async def grant(store: Store, role: str) -> None:
    """Grant a role what the service needs. Run it after each migration: new tables have no privileges.

    Raises `InvalidInput` if the role does not exist, or if policies would not apply to it.
    """
    async with store.translated(), store.engine.begin() as connection:
        await _check(connection, role)
        names = (await connection.execute(_SCHEMA, {"role": role})).one()
        for statement in grants(names.schema, names.role):
            await connection.execute(text(statement))


async def _check(connection: AsyncConnection, role: str) -> None:
    found = (await connection.execute(_ROLE, {"role": role})).one_or_none()
    if found is None:
        raise InvalidInput(
            f"The database has no role {role!r}. Create it with `create role ... login password '...'`, and try again."
        )
    if found.is_exempt or await connection.scalar(_OWNS, {"role": role}):
        raise InvalidInput(
            f"The role {role!r} owns the tables, is a superuser, or bypasses row-level security. Choose another one."
        )


async def tenant_isolation(unit_of_work: UnitOfWork) -> TenantIsolation:
    """Whether row-level security applies to the role of this connection."""
    is_active = await unit_of_work.scalar(_IS_ACTIVE)
    return TenantIsolation.ENFORCED if is_active else TenantIsolation.NOT_ENFORCED
