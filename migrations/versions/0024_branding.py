"""Apps have a branding"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add the branding, and the logos apart from it: apps are read with every request, logos seldom."""
    op.add_column(
        "apps", sa.Column("branding", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"))
    )
    op.create_table(
        "app_logos",
        sa.Column("app_id", sa.Uuid, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("app_id", name="app_logos_pkey"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="app_logos_app_id_fkey"),
    )


def downgrade() -> None:
    """All brandings are lost."""
    op.drop_table("app_logos")
    op.drop_column("apps", "branding")
