"""What was delivered long ago is found, to be forgotten"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Index deliveries that have come to their end by their age."""
    op.create_index(
        "deliveries_ended_idx",
        "deliveries",
        ["app_id", "created_at", "id"],
        postgresql_where=sa.text("state <> 'pending'"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("deliveries_ended_idx", table_name="deliveries")
