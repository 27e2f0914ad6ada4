"""Positions in the journal are shifted after a restore on another server

Versions before this one work with these functions as long as no restore has shifted the positions.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

FORMER_CODE_MAY_RUN = True
"""It only adds what former versions ignore, so that they can run again after the upgrade."""


def upgrade() -> None:
    """Create the functions, and let the journal use them."""
    op.execute("create function journal_xid() returns xid8 language sql stable as 'select pg_current_xact_id()'")
    op.execute(
        "create function journal_horizon() returns xid8 language sql stable "
        "as 'select pg_snapshot_xmin(pg_current_snapshot())'"
    )
    op.execute(f"create function journal_server() returns bigint language sql stable as 'select {_server()}::bigint'")
    op.execute("alter table journal alter column xid set default journal_xid()")
    _replace_in_guard("pg_current_xact_id()", "journal_xid()")


def downgrade() -> None:
    """Use transaction IDs again."""
    _replace_in_guard("journal_xid()", "pg_current_xact_id()")
    op.execute("alter table journal alter column xid set default pg_current_xact_id()")
    for name in ("journal_server", "journal_horizon", "journal_xid"):
        op.execute(f"drop function {name}()")


def _server() -> str:
    """The identifier of the server, or null if this user must not read it."""
    connection = op.get_bind()
    if not connection.scalar(sa.text("select has_function_privilege('pg_control_system()', 'execute')")):
        return "null"
    return str(connection.scalar(sa.text("select system_identifier from pg_control_system()")))


def _replace_in_guard(former: str, new: str) -> None:
    definition = op.get_bind().scalar(sa.text("select pg_get_functiondef('journal_guard'::regproc)"))
    op.get_bind().exec_driver_sql(definition.replace(former, new))
