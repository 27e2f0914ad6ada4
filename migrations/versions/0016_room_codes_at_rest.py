"""Room codes are encrypted, and every encrypted row names its key

Versions before this one go on with `rooms.codes`, which stays. What they write there is read and encrypted later.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

SEALED = ("provider_accounts", "user_token_rules", "webhook_endpoints", "idempotency", "rooms")


def upgrade() -> None:
    """Add columns that may be null, and what finds the rows by them."""
    for table in SEALED:
        op.add_column(table, sa.Column("sealed_with", sa.Text))
    op.add_column("rooms", sa.Column("sealed_codes", sa.LargeBinary))
    op.add_column("rooms", sa.Column("code_digests", postgresql.ARRAY(sa.LargeBinary)))
    op.create_index("rooms_code_digests_idx", "rooms", ["code_digests"], postgresql_using="gin")
    op.create_index(
        "rooms_sealed_with_idx", "rooms", ["sealed_with"], postgresql_where=sa.text("sealed_codes is not null")
    )
    op.create_index(
        "rooms_plain_codes_idx", "rooms", ["app_id", "id"], postgresql_where=sa.text("codes <> '{}'::jsonb")
    )


def downgrade() -> None:
    """Drop them. Codes that were encrypted are lost: the provider gives the same ones again."""
    for index in ("rooms_plain_codes_idx", "rooms_sealed_with_idx", "rooms_code_digests_idx"):
        op.drop_index(index, table_name="rooms")
    op.drop_column("rooms", "code_digests")
    op.drop_column("rooms", "sealed_codes")
    for table in SEALED:
        op.drop_column(table, "sealed_with")
