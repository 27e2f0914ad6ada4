"""Names of guests in a call, and calls that were ended for everyone"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add nullable columns: the version before neither reads nor writes them."""
    op.add_column("sessions", sa.Column("ended_for_all_at", sa.DateTime(timezone=True)))
    op.add_column("uids", sa.Column("guest_name", sa.Text))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("uids", "guest_name")
    op.drop_column("sessions", "ended_for_all_at")
