"""The waiting room, and the origins of an app's pages"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table of who waits to be let in, and keep with each app where its pages are."""
    op.create_table(
        "lobby",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("is_guest", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('waiting', 'admitted', 'denied')", name=op.f("lobby_state_check")),
        sa.CheckConstraint("(state = 'waiting') = (decided_at is null)", name=op.f("lobby_decided_check")),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"], ["sessions.app_id", "sessions.id"], name="lobby_app_id_session_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "session_id", "user_id", name="lobby_pkey"),
        sa.UniqueConstraint("app_id", "id", name="lobby_app_id_id_key"),
    )
    op.create_index("lobby_seen_at_idx", "lobby", ["seen_at"])
    op.add_column(
        "apps",
        sa.Column(
            "allowed_origins", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_column("apps", "allowed_origins")
    op.drop_table("lobby")
