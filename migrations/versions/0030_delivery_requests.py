"""Attempts keep the headers of their request, and the deliveries of an endpoint have an index by time

The index is created concurrently: the service reads and writes meanwhile. If this is interrupted, run it again.
"""

from alembic import op

revision = "0030"
down_revision = "0029"

INDEX = "deliveries_app_id_endpoint_id_id_idx"


def upgrade() -> None:
    """Add the column and the index."""
    # Null for attempts of earlier versions. Rewrites no row. The column exists if the index was interrupted.
    op.execute("alter table attempts add column if not exists request_headers jsonb")
    with op.get_context().autocommit_block():
        # Does not block the service, however long it takes.
        op.execute("set statement_timeout = 0")
        op.execute("set lock_timeout = 0")
        op.execute(f"drop index concurrently if exists {INDEX}")
        op.execute(f"create index concurrently {INDEX} on deliveries (app_id, endpoint_id, id)")
        op.execute("set lock_timeout = '5s'")


def downgrade() -> None:
    """Remove them."""
    op.execute(f"drop index if exists {INDEX}")
    op.drop_column("attempts", "request_headers")
