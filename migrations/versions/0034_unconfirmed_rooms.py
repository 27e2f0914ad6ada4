"""Sessions whose room was never confirmed to be open run their next step

Former versions never closed such a room. The lifecycle finds it now, but only in sessions with a step that is due.
"""

from alembic import op

revision = "0034"
down_revision = "0033"

FORMER_CODE_MAY_RUN = True
"""Former versions find nothing to do in these sessions."""


def upgrade() -> None:
    """Make a step due. Most installations have few such rooms, or none."""
    op.execute(
        "update sessions set attend_at = now() where attend_at is null and exists (select from rooms "
        "where rooms.app_id = sessions.app_id and rooms.session_id = sessions.id and rooms.state = 'preparing')"
    )


def downgrade() -> None:
    """Change nothing: the step finds nothing to do."""
