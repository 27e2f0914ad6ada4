"""User tokens"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of how each app's user tokens are checked; the journal says which user asked."""
    op.create_table(
        "user_token_rules",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("sealed_rules", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="user_token_rules_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", name="user_token_rules_pkey"),
    )
    op.add_column("journal", sa.Column("asked_by_user_id", sa.Text(), nullable=True))
    op.create_index("user_token_rules_issuer_idx", "user_token_rules", ["issuer"])


def downgrade() -> None:
    """Drop it."""
    op.drop_column("journal", "asked_by_user_id")
    op.drop_table("user_token_rules")
