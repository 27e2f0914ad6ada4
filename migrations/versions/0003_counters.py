"""Counters, and rooms by their codes"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of the numbers that each app's things get, and the index that finds a room by its code."""
    op.create_table(
        "counters",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="counters_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "name", name="counters_pkey"),
    )
    op.create_index(
        "rooms_codes_idx", "rooms", ["codes"], postgresql_using="gin", postgresql_ops={"codes": "jsonb_path_ops"}
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("rooms_codes_idx", "rooms")
    op.drop_table("counters")
