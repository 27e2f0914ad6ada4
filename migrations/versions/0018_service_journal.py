"""The journal of the service has a retention, too

The service is no row in `apps`. Versions before this one neither write nor need such a row.
"""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Drop the foreign key."""
    op.drop_constraint("retention_app_id_fkey", "retention", type_="foreignkey")


def downgrade() -> None:
    """Delete what has no app, and restore the foreign key."""
    op.execute("delete from retention where not exists (select from apps where apps.id = retention.app_id)")
    op.create_foreign_key("retention_app_id_fkey", "retention", "apps", ["app_id"], ["id"])
