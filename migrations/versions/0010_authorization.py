"""Legacy families of apps; credentials are not journaled as issued to blocked people"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0010"
down_revision = "0009"

# VOLATILE: in READ COMMITTED, the query inside has a snapshot of its own, taken after the lock was granted.
MAY_ISSUE = """
create function may_issue(app uuid, session uuid, person text) returns boolean
language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('issue:' || session, 0));
    return not exists (
        select from removals where app_id = app and session_id = session and user_id = person and banned
    );
end
$$
"""


def upgrade() -> None:
    """Apps that exist keep all legacy endpoints; new apps name the families that they want."""
    op.add_column("apps", sa.Column("legacy_families", ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.execute("update apps set legacy_families = '{tutoring,appointments,groups,therapy}'")
    op.execute(MAY_ISSUE)


def downgrade() -> None:
    """Every app has all legacy endpoints again."""
    op.execute("drop function may_issue(uuid, uuid, text)")
    op.drop_column("apps", "legacy_families")
