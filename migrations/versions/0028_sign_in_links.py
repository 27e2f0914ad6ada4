"""One-time links sign operators in"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "operator_sign_in_links",
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_digest", name="operator_sign_in_links_pkey"),
    )


def downgrade() -> None:
    """All links stop working."""
    op.drop_table("operator_sign_in_links")
