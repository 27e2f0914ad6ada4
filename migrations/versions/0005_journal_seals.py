"""The journal proves itself: append-only, sealed, and with an account of what was taken out"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

APPEND_ONLY = ("journal_seals", "journal_leaves", "journal_redactions")

# What a row is when these personal parts were taken out of it. Pointers are JSON Pointers (RFC 6901).
WITHOUT = """
create function journal_without(line journal, pointers text[]) returns journal
language plpgsql immutable set search_path = {schema}, pg_temp as $$
declare
    pointer text;
begin
    foreach pointer in array pointers loop
        case
            when pointer = '/asked_by_user_id' then line.asked_by_user_id := null;
            when pointer = '/ip' then line.ip := null;
            when pointer = '/reference' then line.reference := null;
            when pointer = '/user_agent' then line.user_agent := null;
            when pointer = '/user_id' then line.user_id := null;
            when pointer like '/data/%' then
                line.data := line.data #- (
                    select array_agg(replace(replace(step, '~1', '/'), '~0', '~') order by place)
                    from unnest(string_to_array(substr(pointer, 7), '/')) with ordinality as steps (step, place)
                );
            else raise exception 'the journal has no personal part %', pointer;
        end case;
    end loop;
    return line;
end
$$
"""

# Rows are only ever added. What an event of this very transaction accounts for may be taken out, and nothing else.
GUARD = """
create function journal_guard() returns trigger
language plpgsql set search_path = {schema}, pg_temp as $$
declare
    pointers text[];
begin
    if tg_op = 'UPDATE' then
        select array_agg(redaction.pointer) into pointers
        from journal_redactions redaction
        join journal entry on entry.app_id = redaction.app_id and entry.id = redaction.entry_id
        where redaction.app_id = old.app_id and redaction.xid = old.xid and redaction.seq = old.seq
          and redaction.pointer <> '' and entry.xid = pg_current_xact_id() and entry.type = 'person.erased';
        if pointers is not null and new is not distinct from journal_without(old, pointers) then
            return new;
        end if;
    elsif exists (
        select from journal_redactions redaction
        join journal entry on entry.app_id = redaction.app_id and entry.id = redaction.entry_id
        where redaction.app_id = old.app_id and redaction.xid = old.xid and redaction.seq = old.seq
          and redaction.pointer = '' and entry.xid = pg_current_xact_id() and entry.type = 'journal.retired'
          and split_part(old.type, '.', 1) = entry.data ->> 'class'
          and old.occurred_at < (entry.data ->> 'before')::timestamptz
    ) then
        return old;
    end if;
    raise exception 'the journal is append-only: % of event % refused', lower(tg_op), old.id
        using errcode = 'restrict_violation';
end
$$
"""

REFUSE = """
create function journal_refuse() returns trigger
language plpgsql set search_path = {schema}, pg_temp as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, lower(tg_op) using errcode = 'restrict_violation';
end
$$
"""

# With the rights of the tables' owner: the caller may erase what the event accounts for without having the
# right to update or delete.
REDACT = """
create function journal_redact(of_app uuid, by_entry uuid) returns void
language plpgsql security definer set search_path = {schema}, pg_temp as $$
declare
    part record;
begin
    for part in
        select xid, seq, array_agg(pointer) as pointers from journal_redactions
        where app_id = of_app and entry_id = by_entry and pointer <> ''
        group by xid, seq
    loop
        update journal set (asked_by_user_id, ip, reference, user_agent, user_id, data) = (
            select line.asked_by_user_id, line.ip, line.reference, line.user_agent, line.user_id, line.data
            from journal_without(journal, part.pointers) as line
        ) where app_id = of_app and xid = part.xid and seq = part.seq;
    end loop;
    delete from journal using journal_redactions redaction
    where redaction.app_id = of_app and redaction.entry_id = by_entry and redaction.pointer = ''
      and journal.app_id = redaction.app_id and journal.xid = redaction.xid and journal.seq = redaction.seq;
end
$$
"""


class Xid8(sa.types.UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    def get_col_spec(self, **_: object) -> str:
        """The name of the type in DDL."""
        return "xid8"


def upgrade() -> None:
    """Make the tables, and let the journal refuse everything but new rows."""
    _make_tables()
    schema = op.get_bind().execute(sa.text("select quote_ident(current_schema())")).scalar_one()
    for function in (WITHOUT, GUARD, REFUSE, REDACT):
        op.execute(function.replace("{schema}", schema))
    op.execute("revoke execute on function journal_redact(uuid, uuid) from public")
    op.execute(
        "create trigger journal_append_only before update or delete on journal "
        "for each row execute function journal_guard()"
    )
    op.execute(
        "create trigger journal_not_truncated before truncate on journal "
        "for each statement execute function journal_refuse()"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete or truncate on {table} "
            "for each statement execute function journal_refuse()"
        )
    for table in ("journal", *APPEND_ONLY):
        op.execute(f"revoke update, delete, truncate on {table} from public")


def downgrade() -> None:
    """Drop the seals: after that the journal cannot be verified."""
    op.execute("drop trigger journal_not_truncated on journal")
    op.execute("drop trigger journal_append_only on journal")
    op.execute("drop function journal_redact(uuid, uuid)")
    op.execute("drop function journal_guard()")
    op.execute("drop function journal_without(journal, text[])")
    op.drop_table("retention")
    op.drop_index("journal_redactions_app_id_entry_id_idx", table_name="journal_redactions")
    op.drop_table("journal_redactions")
    op.drop_table("journal_salts")
    op.drop_table("journal_leaves")
    op.drop_table("journal_seals")
    op.execute("drop function journal_refuse()")


def _make_tables() -> None:
    op.create_table(
        "journal_seals",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("first_xid", Xid8(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_xid", Xid8(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("oldest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("newest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "number", name="journal_seals_pkey"),
    )
    op.create_table(
        "journal_leaves",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("xid", Xid8(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "xid", "seq", name="journal_leaves_pkey"),
    )
    op.create_table(
        "journal_salts",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("xid", Xid8(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("salts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "xid", "seq", name="journal_salts_pkey"),
    )
    op.create_table(
        "journal_redactions",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("xid", Xid8(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("pointer", sa.Text(collation="C"), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=True),
        sa.Column("entry_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "xid", "seq", "pointer", name="journal_redactions_pkey"),
    )
    op.create_index("journal_redactions_app_id_entry_id_idx", "journal_redactions", ["app_id", "entry_id"])
    op.create_table(
        "retention",
        sa.Column("app_id", sa.UUID(), nullable=False),
        sa.Column("event_class", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("done_seal", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("days >= 7", name=op.f("retention_days_check")),
        sa.CheckConstraint("event_class not in ('journal', 'person')", name=op.f("retention_event_class_check")),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="retention_app_id_fkey"),
        sa.PrimaryKeyConstraint("app_id", "event_class", name="retention_pkey"),
    )
