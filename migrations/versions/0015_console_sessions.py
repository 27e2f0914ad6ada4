"""Sign-ins to the console are stored, so that they can be revoked"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the table. The former version does not know it and goes on with its signed cookies."""
    op.create_table(
        "console_sessions",
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_digest", name="console_sessions_pkey"),
    )
    op.create_index("console_sessions_expires_at_idx", "console_sessions", ["expires_at"])


def downgrade() -> None:
    """Drop it: operators sign in again."""
    op.drop_table("console_sessions")
