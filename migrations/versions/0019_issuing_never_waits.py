"""A line that issues credentials does not wait for a removal of its person, nor do lines in the same round trip"""

from alembic import op

revision = "0019"
down_revision = "0018"

# Both are VOLATILE: in READ COMMITTED, the query inside has a snapshot of its own, taken after the locks were granted.
MAY_ISSUE = """
create or replace function may_issue(app uuid, session uuid, person text) returns boolean
language plpgsql volatile as $$
begin
    if not pg_try_advisory_xact_lock_shared(issue_lock_key(session, person)) then
        return false;
    end if;
    perform from removals where app_id = app and session_id = session and user_id = person and banned;
    return not found;
end
$$
"""
BLOCKED_LINES = """
create or replace function blocked_lines(lines uuid[], apps uuid[], sessions uuid[], people text[]) returns uuid[]
language plpgsql volatile strict as $$
declare
    contended uuid[] := '{}';
begin
    for i in 1 .. cardinality(lines) loop
        -- An expression is evaluated much faster than a query.
        if not pg_try_advisory_xact_lock_shared(issue_lock_key(sessions[i], people[i])) then
            contended := contended || lines[i];
        end if;
    end loop;
    return contended || array(
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
    perform pg_advisory_xact_lock_shared(issue_lock_key(session, person));
    perform from removals where app_id = app and session_id = session and user_id = person and banned;
    return not found;
end
$$
"""
FORMER_BLOCKED_LINES = """
create or replace function blocked_lines(lines uuid[], apps uuid[], sessions uuid[], people text[]) returns uuid[]
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


def upgrade() -> None:
    """Replace functions."""
    for statement in (MAY_ISSUE, BLOCKED_LINES):
        op.execute(statement)


def downgrade() -> None:
    """Lines wait again."""
    for statement in (FORMER_MAY_ISSUE, FORMER_BLOCKED_LINES):
        op.execute(statement)
