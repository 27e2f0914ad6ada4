"""Whether credentials may be journaled is decided for many lines at once, and a block delays only its person"""

from alembic import op

revision = "0017"
down_revision = "0016"

LOCK_KEY = """
create function issue_lock_key(session uuid, person text) returns bigint
language sql immutable parallel safe as $$
    select hashtextextended('issue:' || session || '/' || person, 0)
$$
"""
# Both are VOLATILE: in READ COMMITTED, the query inside has a snapshot of its own, taken after the lock was granted.
MAY_ISSUE = """
create or replace function may_issue(app uuid, session uuid, person text) returns boolean
language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(issue_lock_key(session, person));
    perform from removals where app_id = app and session_id = session and user_id = person and banned;
    return not found;
end
$$
"""
BLOCKED_LINES = """
create function blocked_lines(lines uuid[], apps uuid[], sessions uuid[], people text[]) returns uuid[]
language plpgsql volatile strict as $$
begin
    for i in 1 .. cardinality(lines) loop
        -- An expression is evaluated much faster than a query.
        if not pg_try_advisory_xact_lock_shared(issue_lock_key(sessions[i], people[i])) then
            perform pg_advisory_xact_lock_shared(issue_lock_key(sessions[i], people[i]));
        end if;
    end loop;
    return array(
        select line from unnest(lines, apps, sessions, people) as asked(line, app, session, person)
        where exists (
            select from removals where app_id = app and session_id = session and user_id = person and banned
        )
    );
end
$$
"""
FORMER_MAY_ISSUE = """
create or replace function may_issue(app uuid, session uuid, person text) returns boolean
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
    """Add and replace functions."""
    for statement in (LOCK_KEY, MAY_ISSUE, BLOCKED_LINES):
        op.execute(statement)


def downgrade() -> None:
    """The lock is that of the session again."""
    op.execute("drop function blocked_lines(uuid[], uuid[], uuid[], text[])")
    op.execute(FORMER_MAY_ISSUE)
    op.execute("drop function issue_lock_key(uuid, text)")
