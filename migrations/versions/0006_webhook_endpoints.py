"""Webhook endpoints, deliveries and attempts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables of who wants our events, and of what became of each on its way there."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("ordered", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Text(), nullable=True),
        sa.Column("sealed_secrets", sa.LargeBinary(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("disabled in ('by_app', 'gone', 'failing')", name=op.f("webhook_endpoints_disabled_check")),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="webhook_endpoints_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "id", name="webhook_endpoints_pkey"),
    )
    op.create_table(
        "deliveries",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("endpoint_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state in ('pending', 'delivered', 'failed')", name=op.f("deliveries_state_check")),
        sa.CheckConstraint("(state = 'pending') = (next_at is not null)", name=op.f("deliveries_next_at_check")),
        sa.ForeignKeyConstraint(
            ["app_id", "endpoint_id"],
            ["webhook_endpoints.app_id", "webhook_endpoints.id"],
            name="deliveries_app_id_endpoint_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("app_id", "id", name="deliveries_pkey"),
        sa.UniqueConstraint("app_id", "endpoint_id", "event_id", name="deliveries_app_id_endpoint_id_event_id_key"),
    )
    op.create_index(
        "deliveries_due_idx",
        "deliveries",
        ["app_id", "endpoint_id", "xid", "seq"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("deliveries_next_at_idx", "deliveries", ["next_at"], postgresql_where=sa.text("state = 'pending'"))
    op.create_table(
        "attempts",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id", "delivery_id"],
            ["deliveries.app_id", "deliveries.id"],
            name="attempts_app_id_delivery_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("app_id", "delivery_id", "number", name="attempts_pkey"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("attempts")
    op.drop_table("deliveries")
    op.drop_table("webhook_endpoints")
