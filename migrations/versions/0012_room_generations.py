"""A session whose room has no room codes left moves to a new room

While the previous version still runs, one of its processes that reopens a closed session opens the room under the name
of generation 0 and stores its id, whatever the generation. Nothing is lost: codes that are valid there are valid for
the same session, and when that room runs out of codes, this version moves the session to the next generation and
closes it again (`former_rooms` accepts a room twice). A room that was left and is not closed yet may be closed during
such a call; people who join again get the next room. Keep the overlap of the two versions short.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Count the rooms of a session, and remember the former ones."""
    op.add_column("rooms", sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("rooms", sa.Column("codes_issued", sa.Boolean, nullable=False, server_default=sa.text("false")))
    # Rooms of which it is not known are asked about once, when they are next opened.
    op.execute("update rooms set codes_issued = true where provider = '100ms' and provider_room_id is not null")
    op.create_table(
        "former_rooms",
        sa.Column("app_id", UUID(as_uuid=True), nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_room_id", sa.Text, nullable=False),
        sa.Column("session_id", UUID(as_uuid=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("app_id", "provider", "provider_room_id", name="former_rooms_pkey"),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"],
            ["sessions.app_id", "sessions.id"],
            name="former_rooms_app_id_session_id_fkey",
        ),
    )
    op.create_index("former_rooms_app_id_session_id_idx", "former_rooms", ["app_id", "session_id"])


def downgrade() -> None:
    """Forget the former rooms; a session stays in the one it has."""
    op.drop_table("former_rooms")
    op.drop_column("rooms", "codes_issued")
    op.drop_column("rooms", "generation")
