"""Programs manage this installation with operator keys

Requests that create apps and operator keys have idempotency keys, too. They belong to the service, which is no row in
`apps`. Versions before this one neither write nor need such rows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add the table, and drop the foreign key."""
    op.create_table(
        "operator_keys",
        sa.Column("id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="operator_keys_pkey"),
        sa.UniqueConstraint("digest", name="operator_keys_digest_key"),
    )
    op.drop_constraint("idempotency_app_id_fkey", "idempotency", type_="foreignkey")


def downgrade() -> None:
    """Delete what has no app, and restore the foreign key."""
    op.execute("delete from idempotency where not exists (select from apps where apps.id = idempotency.app_id)")
    op.create_foreign_key("idempotency_app_id_fkey", "idempotency", "apps", ["app_id"], ["id"])
    op.drop_table("operator_keys")
