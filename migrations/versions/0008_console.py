"""What was not delivered is found at once"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Index failed deliveries: they are few among many, and listed first."""
    op.create_index(
        "deliveries_failed_idx",
        "deliveries",
        ["app_id", "endpoint_id", "id"],
        postgresql_where=sa.text("state = 'failed'"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("deliveries_failed_idx", table_name="deliveries")
