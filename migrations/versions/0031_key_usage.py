"""Keys show when they were last used"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

FORMER_CODE_MAY_RUN = True
"""It only adds what former versions ignore, so that they can run again after the upgrade."""

TABLES = ("api_keys", "operator_keys")


def upgrade() -> None:
    """Add the columns. Rewrites no row."""
    for table in TABLES:
        op.add_column(table, sa.Column("last_used_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Remove them."""
    for table in TABLES:
        op.drop_column(table, "last_used_at")
