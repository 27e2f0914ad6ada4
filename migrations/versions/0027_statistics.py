"""Events are counted by hour, and the journal has an index of hours

The worker fills the tables from the beginning of the journal, in batches.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "hourly_counts",
        sa.Column("app_id", UUID(as_uuid=True), nullable=False),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("app_id", "measure", "hour", "label", name="hourly_counts_pkey"),
    )
    op.create_table(
        "journal_hours",
        sa.Column("app_id", UUID(as_uuid=True), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("xid", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("app_id", "hour", name="journal_hours_pkey"),
    )
    op.create_table(
        "statistics_cursors",
        sa.Column("app_id", UUID(as_uuid=True), nullable=False),
        sa.Column("xid", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("app_id", name="statistics_cursors_pkey"),
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("statistics_cursors", "journal_hours", "hourly_counts"):
        op.drop_table(table)
