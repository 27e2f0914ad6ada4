"""Endpoints are paused while they fail, and the retries of their deliveries are advanced when they recover

Versions before this one ignore the columns.
"""

from alembic import op

revision = "0032"
down_revision = "0031"

FORMER_CODE_MAY_RUN = True
"""It only adds what former versions ignore, so that they can run again after the upgrade."""


def upgrade() -> None:
    """Add the columns. Rewrites no row."""
    op.execute("alter table webhook_endpoints add column failures integer not null default 0")
    op.execute("alter table webhook_endpoints add column probe_at timestamptz")
    op.execute("alter table deliveries add column not_before timestamptz, add column planned_at timestamptz")


def downgrade() -> None:
    """Remove them."""
    op.drop_column("deliveries", "planned_at")
    op.drop_column("deliveries", "not_before")
    op.drop_column("webhook_endpoints", "probe_at")
    op.drop_column("webhook_endpoints", "failures")
