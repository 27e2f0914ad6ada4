"""Operators have roles, and may sign in with OpenID Connect

Sessions that exist were started with the admin key: they have the role of an administrator.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the columns. The default serves replicas of the previous version during the upgrade."""
    op.add_column("console_sessions", sa.Column("role", sa.Text, nullable=False, server_default="admin"))
    op.add_column("console_sessions", sa.Column("issuer", sa.Text, nullable=True))
    op.add_column("console_sessions", sa.Column("subject", sa.Text, nullable=True))


def downgrade() -> None:
    """End all sessions that have no administrator's role, and remove the columns."""
    op.execute("delete from console_sessions where role <> 'admin'")
    for column in ("subject", "issuer", "role"):
        op.drop_column("console_sessions", column)
