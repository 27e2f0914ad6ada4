"""Tickets can be listed and revoked, and carry the scopes of their issuer"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, UUID

revision = "0011"
down_revision = "0010"

# Tickets of the former version have only a line in the journal. It becomes their record, with the limits of the API key
# that issued them. A user token lived for at most a day, so theirs end a day after they were issued at the latest.
_RECORDS = """
    insert into tickets (
        app_id, id, session_id, user_id, is_guest, scopes, issued_at, credential_expires_at, requested_until
    )
    select
        journal.app_id,
        (journal.data ->> 'token_id')::uuid,
        journal.session_id,
        journal.user_id,
        coalesce((journal.data ->> 'guest')::boolean, false),
        case when journal.key_id is not null then coalesce(api_keys.scopes, '{}') end,
        journal.occurred_at,
        case
            when journal.key_id is not null then api_keys.expires_at
            when journal.asked_by_user_id is not null then journal.occurred_at + interval '1 day'
        end,
        (journal.data ->> 'expires_at')::timestamptz
    from journal
    join sessions on sessions.app_id = journal.app_id and sessions.id = journal.session_id
    left join api_keys on api_keys.app_id = journal.app_id and api_keys.id = journal.key_id
    where journal.type = 'link.issued'
        and journal.occurred_at > now() - interval '31 days'
        and journal.user_id is not null
        and (journal.data ->> 'expires_at')::timestamptz > now()
    on conflict do nothing
"""


def upgrade() -> None:
    """Store tickets, and let keys that could create links before still do it."""
    op.create_table(
        "tickets",
        sa.Column("app_id", UUID(as_uuid=True), nullable=False),
        sa.Column("id", UUID(as_uuid=True), nullable=False),
        sa.Column("session_id", UUID(as_uuid=True), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("display_name", sa.Text()),
        sa.Column("is_guest", sa.Boolean(), nullable=False),
        sa.Column("scopes", ARRAY(sa.Text())),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("credential_expires_at", sa.DateTime(timezone=True)),
        sa.Column("requested_until", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("app_id", "id", name="tickets_pkey"),
        sa.ForeignKeyConstraint(
            ["app_id", "session_id"], ["sessions.app_id", "sessions.id"], name="tickets_app_id_session_id_fkey"
        ),
    )
    op.create_index("tickets_app_id_session_id_idx", "tickets", ["app_id", "session_id", "id"])
    op.create_index("tickets_app_id_user_id_idx", "tickets", ["app_id", "user_id"])
    op.create_index("tickets_issued_at_idx", "tickets", ["issued_at"])
    op.execute(
        "update api_keys set scopes = array_append(scopes, 'links:write')"
        " where 'join' = any(scopes) and not 'links:write' = any(scopes)"
    )
    op.execute(_RECORDS)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("tickets")
    op.execute("update api_keys set scopes = array_remove(scopes, 'links:write')")
