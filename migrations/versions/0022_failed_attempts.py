"""Wrong credentials are counted for all replicas"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the counts. Not logged: they live for an hour at most, and may be lost in a crash of PostgreSQL."""
    op.create_table(
        "failed_attempts",
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="failed_attempts_pkey"),
        prefixes=["UNLOGGED"],
    )
    op.create_index("failed_attempts_expires_at_idx", "failed_attempts", ["expires_at"])


def downgrade() -> None:
    """All counts are forgotten."""
    op.drop_table("failed_attempts")
