"""Session lists have filters and orders, each with an index

The indexes are created concurrently: the service reads and writes meanwhile. If this is interrupted, run it again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

FACET = """
create or replace function session_facet(app uuid, kind text, name text, value text) returns bigint
language sql immutable strict parallel safe
return hashtextextended(app::text || chr(31) || kind || chr(31) || name || chr(31) || value, 0)
"""
FACETS = """
create or replace function session_facets(app uuid, kind text, status text, provider text, metadata jsonb)
returns bigint[] language sql immutable parallel safe
return array[session_facet(app, kind, 'status', status), session_facet(app, kind, 'provider', coalesce(provider, ''))]
    || array(
        select session_facet(app, kind, 'metadata.' || member.key, member.value #>> '{}')
        from jsonb_each(metadata) as member
        where jsonb_typeof(member.value) in ('string', 'number', 'boolean')
    )
"""
WORDS = """
create or replace function session_words(app uuid, title text) returns tsvector
language sql immutable strict parallel safe
return array_to_tsvector(
    array(select app::text || '/' || word.lexeme from unnest(to_tsvector('simple'::regconfig, title)) as word)
)
"""
WORDS_QUERY = """
create or replace function session_words_query(app uuid, words text) returns tsquery
language sql immutable strict parallel safe
return (
    select string_agg(quote_literal(app::text || '/' || word.lexeme), ' & ')::tsquery
    from unnest(to_tsvector('simple'::regconfig, words)) as word
)
"""
INDEXES = {
    "sessions_facets_idx": "using gin (session_facets(app_id, kind, status, provider, metadata))",
    "sessions_words_idx": "using gin (session_words(app_id, title))",
    "sessions_app_id_kind_created_at_idx": "(app_id, kind, created_at, id)",
    "sessions_app_id_kind_updated_at_idx": "(app_id, kind, updated_at, id)",
    "sessions_long_idx": "(app_id, kind, ends_at) where ends_at - starts_at > interval '7 days'",
}


def upgrade() -> None:
    """Add functions and indexes."""
    for statement in (FACET, FACETS, WORDS, WORDS_QUERY):
        op.execute(statement)
    with op.get_context().autocommit_block():
        # Neither blocks the service, however long it takes.
        op.execute("set statement_timeout = 0")
        op.execute("set lock_timeout = 0")
        for name, definition in INDEXES.items():
            # One that was interrupted left an invalid index.
            op.execute(f"drop index concurrently if exists {name}")
            op.execute(sa.text(f"create index concurrently {name} on sessions {definition}"))
        op.execute("set lock_timeout = '5s'")


def downgrade() -> None:
    """Remove them."""
    for name in INDEXES:
        op.execute(f"drop index if exists {name}")
    op.execute("drop function session_words_query(uuid, text)")
    op.execute("drop function session_words(uuid, text)")
    op.execute("drop function session_facets(uuid, text, text, text, jsonb)")
    op.execute("drop function session_facet(uuid, text, text, text)")
