"""What was not delivered is found at once"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Index the deliveries that failed: they are few among very many, and whoever looks wants them first."""
    op.create_index(
        "deliveries_failed_idx",
        "deliveries",
        ["app_id", "endpoint_id", "id"],
        postgresql_where=sa.text("state = 'failed'"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("deliveries_failed_idx", table_name="deliveries")
