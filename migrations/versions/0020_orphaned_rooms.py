"""Sessions can be deleted; their rooms are closed afterwards"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the rooms of deleted sessions."""
    op.create_table(
        "orphaned_rooms",
        sa.Column("app_id", UUID(as_uuid=True), nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_room_id", sa.Text, nullable=False),
        sa.Column("session_id", UUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("orphaned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "provider", "provider_room_id", name="orphaned_rooms_pkey"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="orphaned_rooms_app_id_fkey"),
    )
    op.create_index("orphaned_rooms_app_id_session_id_idx", "orphaned_rooms", ["app_id", "session_id"])
    op.create_index("orphaned_rooms_due_at_idx", "orphaned_rooms", ["due_at"])


def downgrade() -> None:
    """Rooms that are not closed yet stay open."""
    op.drop_table("orphaned_rooms")
