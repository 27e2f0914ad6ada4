"""The calls of an app are listed, by their start, their provider, and the people in them

The indexes are created concurrently: the service reads and writes meanwhile. If this is interrupted, run it again.
"""

from alembic import op

revision = "0023"
down_revision = "0022"

INDEXES = {
    "calls_app_id_started_at_idx": "calls (app_id, started_at, id)",
    "calls_app_id_provider_started_at_idx": "calls (app_id, provider, started_at, id)",
    "attendance_app_id_user_id_idx": "attendance (app_id, user_id, call_id)",
}


def upgrade() -> None:
    """Add indexes."""
    with op.get_context().autocommit_block():
        # Neither blocks the service, however long it takes.
        op.execute("set statement_timeout = 0")
        op.execute("set lock_timeout = 0")
        for name, definition in INDEXES.items():
            # One that was interrupted left an invalid index.
            op.execute(f"drop index concurrently if exists {name}")
            op.execute(f"create index concurrently {name} on {definition}")
        op.execute("set lock_timeout = '5s'")


def downgrade() -> None:
    """Remove them."""
    for name in INDEXES:
        op.execute(f"drop index if exists {name}")
