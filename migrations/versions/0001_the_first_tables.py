"""The first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


class Xid8(sa.types.UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    def get_col_spec(self, **_: object) -> str:
        """The name of the type in DDL."""
        return "xid8"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "apps",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("role_maps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="apps_pkey"),
        sa.UniqueConstraint("name", name="apps_name_key"),
    )
    op.create_table(
        "journal",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("key_id", sa.UUID(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "xid", "seq", name="journal_pkey"),
    )
    op.create_index("journal_app_id_session_id_idx", "journal", ["app_id", "session_id", "xid", "seq"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="api_keys_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "id", name="api_keys_pkey"),
        sa.UniqueConstraint("digest", name="api_keys_digest_key"),
    )
    op.create_table(
        "idempotency",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("lease_holder", sa.UUID(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("sealed_answer", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="idempotency_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "key", name="idempotency_pkey"),
    )
    op.create_index("idempotency_expires_at_idx", "idempotency", ["expires_at"], unique=False)
    op.create_table(
        "provider_accounts",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sealed_settings", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="provider_accounts_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "id", name="provider_accounts_pkey"),
        sa.UniqueConstraint("app_id", "provider", name="provider_accounts_app_id_provider_key"),
    )
    op.create_table(
        "sessions",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("video", sa.Boolean(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("providers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'booking') = (starts_at is not null)", name=op.f("sessions_kind_schedule_check")),
        sa.CheckConstraint("kind in ('booking', 'group')", name=op.f("sessions_kind_check")),
        sa.CheckConstraint(
            "status in ('pending', 'confirmed', 'cancelled', 'completed')", name=op.f("sessions_status_check")
        ),
        sa.CheckConstraint(
            "(starts_at is null) = (ends_at is null) and ends_at > starts_at", name=op.f("sessions_schedule_check")
        ),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="sessions_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "id", name="sessions_pkey"),
        sa.UniqueConstraint("app_id", "kind", "reference", name="sessions_app_id_kind_reference_key"),
    )
    op.create_index(
        "sessions_app_id_kind_starts_at_idx", "sessions", ["app_id", "kind", "starts_at", "id"], unique=False
    )
    op.create_table(
        "calls",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("calls_order_check")),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"], ["sessions.app_id", "sessions.id"], name="calls_app_id_session_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "id", name="calls_pkey"),
    )
    op.create_index("calls_app_id_session_id_idx", "calls", ["app_id", "session_id", "id"], unique=False)
    op.create_index(
        "calls_one_open_per_session",
        "calls",
        ["app_id", "session_id"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "participants",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"],
            ["sessions.app_id", "sessions.id"],
            name="participants_app_id_session_id_fkey",
        ),
        sa.PrimaryKeyConstraint("app_id", "session_id", "user_id", name="participants_pkey"),
    )
    op.create_index(
        "participants_app_id_user_id_idx", "participants", ["app_id", "user_id", "session_id"], unique=False
    )
    op.create_table(
        "rooms",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provider_room_id", sa.Text(), nullable=True),
        sa.Column("codes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lease_holder", sa.UUID(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failure", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state <> 'ready' or provider_room_id is not null", name=op.f("rooms_ready_check")),
        sa.CheckConstraint("state in ('preparing', 'ready', 'closing', 'closed')", name=op.f("rooms_state_check")),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"], ["sessions.app_id", "sessions.id"], name="rooms_app_id_session_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "id", name="rooms_pkey"),
        sa.UniqueConstraint("app_id", "session_id", "provider", name="rooms_app_id_session_id_provider_key"),
    )
    op.create_table(
        "uids",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("uid between 1 and 2147483647", name=op.f("uids_range_check")),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"], ["sessions.app_id", "sessions.id"], name="uids_app_id_session_id_fkey"
        ),
        sa.PrimaryKeyConstraint("app_id", "session_id", "user_id", name="uids_pkey"),
        sa.UniqueConstraint("app_id", "session_id", "uid", name="uids_app_id_session_id_uid_key"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("uids")
    op.drop_table("rooms")
    op.drop_index("participants_app_id_user_id_idx", table_name="participants")
    op.drop_table("participants")
    op.drop_index("calls_one_open_per_session", table_name="calls", postgresql_where=sa.text("ended_at is null"))
    op.drop_index("calls_app_id_session_id_idx", table_name="calls")
    op.drop_table("calls")
    op.drop_index("sessions_app_id_kind_starts_at_idx", table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("provider_accounts")
    op.drop_index("idempotency_expires_at_idx", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_table("api_keys")
    op.drop_index("journal_app_id_session_id_idx", table_name="journal")
    op.drop_table("journal")
    op.drop_table("apps")
