"""Row-level security: a transaction reads and writes the rows of one app

The policies apply to every role but the owner of the tables: see decision 53.
"""

from alembic import op

revision = "0035"
down_revision = "0034"

FORMER_CODE_MAY_RUN = True
"""As the owner of the tables, to whom the policies do not apply."""

TABLES = (
    "api_keys",
    "app_logos",
    "attempts",
    "attendance",
    "calls",
    "counters",
    "deliveries",
    "former_rooms",
    "hourly_counts",
    "idempotency",
    "inbox",
    "journal",
    "journal_hours",
    "journal_leaves",
    "journal_redactions",
    "journal_salts",
    "journal_seals",
    "lobby",
    "observations",
    "orphaned_rooms",
    "participants",
    "provider_accounts",
    "removals",
    "retention",
    "rooms",
    "sessions",
    "statistics_cursors",
    "tickets",
    "uids",
    "user_token_rules",
    "verdicts",
    "webhook_endpoints",
)
SEARCHED = ("participants", "rooms", "sessions", "uids")

# Without the setting, an error: a query that finds nothing could allow what a row forbids. CASE, because the planner
# estimates it alike for every app, so that plans remain as they were.
IS_IN_APP_SCOPE = """
create or replace function is_in_app_scope(app uuid) returns boolean language sql stable parallel safe
return case current_setting('videobroker.app_id')
    when '*' then true
    else app = current_setting('videobroker.app_id')::uuid
end
"""


def upgrade() -> None:
    """Add a policy to each table. In transactions of their own, so that locks of several tables cannot deadlock."""
    with op.get_context().autocommit_block():
        op.execute(IS_IN_APP_SCOPE)
        for table, column in (*((table, "app_id") for table in TABLES), ("apps", "id")):
            op.execute(f"drop policy if exists app_scope on {table}")
            op.execute(f"create policy app_scope on {table} using (is_in_app_scope({column}))")
            op.execute(f"alter table {table} enable row level security")
        # With a policy, PostgreSQL does not use GIN indexes: their operators are not declared leakproof. A view of the
        # owner has the same condition without this rule.
        for table in SEARCHED:
            op.execute(
                f"create or replace view {table}_in_scope as select * from {table} where is_in_app_scope(app_id)"  # noqa: S608
            )


def downgrade() -> None:
    """Remove the policies."""
    with op.get_context().autocommit_block():
        for table in SEARCHED:
            op.execute(f"drop view if exists {table}_in_scope")
        for table in (*TABLES, "apps"):
            op.execute(f"alter table {table} disable row level security")
            op.execute(f"drop policy if exists app_scope on {table}")
        op.execute("drop function if exists is_in_app_scope(uuid)")
