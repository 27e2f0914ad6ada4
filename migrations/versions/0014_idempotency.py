"""Stored answers carry what their credential was issued for, and the person they are about"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Answers from before have neither: their credentials are issued again instead of returned."""
    op.add_column("idempotency", sa.Column("credential", JSONB))
    op.add_column("idempotency", sa.Column("user_id", sa.Text))
    op.create_index(
        "idempotency_user_idx", "idempotency", ["app_id", "user_id"], postgresql_where=sa.text("user_id is not null")
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_index("idempotency_user_idx", table_name="idempotency")
    op.drop_column("idempotency", "user_id")
    op.drop_column("idempotency", "credential")
