"""Incoming webhooks, attendance, and time-driven steps"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables of webhooks and attendance. Open sessions are checked again."""
    op.create_table(
        "inbox",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("likeness", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("provider_room_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.UUID(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('pending', 'applied', 'ignored')", name=op.f("inbox_state_check")),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="inbox_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "id", name="inbox_pkey"),
        sa.UniqueConstraint("app_id", "provider", "event_id", name="inbox_app_id_provider_event_id_key"),
        sa.UniqueConstraint("app_id", "provider", "likeness", name="inbox_app_id_provider_likeness_key"),
    )
    op.create_index("inbox_app_id_received_at_idx", "inbox", ["app_id", "received_at"])
    op.create_index(
        "inbox_pending_idx",
        "inbox",
        ["app_id", "session_id", "received_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "removals",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("banned", sa.Boolean(), nullable=False),
        sa.Column("enforced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("came_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"], ["sessions.app_id", "sessions.id"], name="removals_app_id_session_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "session_id", "user_id", name="removals_pkey"),
    )
    op.create_index(
        "removals_unenforced_idx",
        "removals",
        ["removed_at"],
        postgresql_where=sa.text("enforced_at is null or came_back_at is not null"),
    )
    op.create_table(
        "verdicts",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("present_seconds", sa.Integer(), nullable=False),
        sa.Column("late_by_seconds", sa.Integer(), nullable=False),
        sa.Column("left_early_by_seconds", sa.Integer(), nullable=False),
        sa.Column("first_joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"], ["sessions.app_id", "sessions.id"], name="verdicts_app_id_session_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "session_id", "user_id", name="verdicts_pkey"),
    )
    op.create_table(
        "attendance",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("call_id", sa.UUID(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("provider_user_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=True),
        sa.Column("joined_source", sa.Text(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_source", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("(left_at is null) = (left_source is null)", name=op.f("attendance_left_check")),
        sa.CheckConstraint("left_at >= joined_at", name=op.f("attendance_order_check")),
        sa.ForeignKeyConstraint(
            ["app_id", "call_id"], ["calls.app_id", "calls.id"], name="attendance_app_id_call_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "call_id", "connection", "joined_at", name="attendance_pkey"),
    )
    op.create_index("attendance_app_id_session_id_idx", "attendance", ["app_id", "session_id", "joined_at"])
    op.create_table(
        "observations",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("call_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sign", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider_call_id", sa.Text(), nullable=True),
        sa.Column("connection", sa.Text(), nullable=True),
        sa.Column("provider_user_id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("former_role", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since_is_exact", sa.Boolean(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id", "call_id"], ["calls.app_id", "calls.id"], name="observations_app_id_call_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "call_id", "seq", name="observations_pkey"),
    )
    op.create_index("observations_app_id_call_id_connection_idx", "observations", ["app_id", "call_id", "connection"])
    op.add_column("calls", sa.Column("end_reason", sa.Text(), nullable=True))
    op.add_column(
        "calls",
        sa.Column(
            "provider_call_ids", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
    )
    op.add_column("calls", sa.Column("people", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("calls", sa.Column("peak", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("calls", sa.Column("present", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("calls", sa.Column("first_joined_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("calls", sa.Column("last_left_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("calls", sa.Column("evidence_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("calls", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("calls", sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("calls_unsettled_idx", "calls", ["asked_at"], postgresql_where=sa.text("settled_at is null"))
    op.add_column("rooms", sa.Column("closure", sa.Text(), nullable=True))
    op.create_index("rooms_app_id_provider_room_id_idx", "rooms", ["app_id", "provider", "provider_room_id"])
    op.add_column("sessions", sa.Column("attend_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("no_shows_reported_for", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("concluded_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "sessions_attend_at_idx", "sessions", ["attend_at"], postgresql_where=sa.text("attend_at is not null")
    )
    op.add_column("uids", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint("uids_app_id_session_id_uid_key", "uids", type_="unique")
    op.drop_constraint("uids_pkey", "uids", type_="primary")
    op.create_primary_key("uids_pkey", "uids", ["app_id", "session_id", "uid"])
    op.create_index(
        "uids_one_per_user",
        "uids",
        ["app_id", "session_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("retired_at is null"),
    )
    op.execute("update calls set settled_at = ended_at where ended_at is not null")
    op.execute(
        """
        update sessions set attend_at = now()
        where exists (select from rooms
                      where rooms.app_id = sessions.app_id and rooms.session_id = sessions.id and state <> 'closed')
           or exists (select from calls
                      where calls.app_id = sessions.app_id and calls.session_id = sessions.id and ended_at is null)
        """
    )
    op.execute("update sessions set attend_at = starts_at where attend_at is null and ends_at > now()")
    op.execute(
        """
        update sessions set no_shows_reported_for = starts_at where starts_at < now()
        """
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("uids_one_per_user", table_name="uids", postgresql_where=sa.text("retired_at is null"))
    op.execute("delete from uids where retired_at is not null")
    op.drop_constraint("uids_pkey", "uids", type_="primary")
    op.create_primary_key("uids_pkey", "uids", ["app_id", "session_id", "user_id"])
    op.create_unique_constraint("uids_app_id_session_id_uid_key", "uids", ["app_id", "session_id", "uid"])
    op.drop_column("uids", "retired_at")
    op.drop_index("sessions_attend_at_idx", table_name="sessions", postgresql_where=sa.text("attend_at is not null"))
    op.drop_column("sessions", "concluded_at")
    op.drop_column("sessions", "no_shows_reported_for")
    op.drop_column("sessions", "attend_at")
    op.drop_index("rooms_app_id_provider_room_id_idx", table_name="rooms")
    op.drop_column("rooms", "closure")
    op.drop_index("calls_unsettled_idx", table_name="calls", postgresql_where=sa.text("settled_at is null"))
    op.drop_column("calls", "settled_at")
    op.drop_column("calls", "asked_at")
    op.drop_column("calls", "evidence_at")
    op.drop_column("calls", "last_left_at")
    op.drop_column("calls", "first_joined_at")
    op.drop_column("calls", "present")
    op.drop_column("calls", "peak")
    op.drop_column("calls", "people")
    op.drop_column("calls", "provider_call_ids")
    op.drop_column("calls", "end_reason")
    op.drop_table("observations")
    op.drop_index("attendance_app_id_session_id_idx", table_name="attendance")
    op.drop_table("attendance")
    op.drop_table("verdicts")
    op.drop_table("removals")
    op.drop_index("inbox_pending_idx", table_name="inbox", postgresql_where=sa.text("state = 'pending'"))
    op.drop_table("inbox")
