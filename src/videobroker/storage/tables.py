"""The tables. Each of them begins with `app_id`: tenants are separate, and can be sharded by it.

Only `console_sessions` and `operator_keys` have no app: operators see all of them.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    TableClause,
    Text,
    UniqueConstraint,
    column,
    event,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.types import UserDefinedType

from videobroker.storage.journal_functions import position_functions
from videobroker.storage.search_functions import SEARCH_FUNCTIONS

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The name of the type in DDL."""
        return "xid8"


# The apps' own identifiers compare byte by byte, whatever the locale of the database.
ByteOrdered = Text(collation="C")


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


apps = Table(
    "apps",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("policy", JSONB, nullable=False),
    Column("role_maps", JSONB, nullable=False),
    Column("allowed_origins", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("legacy_families", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("branding", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _moment("created_at"),
)

app_logos = Table(
    "app_logos",
    metadata,
    Column("app_id", UUID(as_uuid=True), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("name", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
    # Written at most once in some minutes, see `storage/key_usage.py`.
    _moment("last_used_at", nullable=True),
    PrimaryKeyConstraint("app_id", "id"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
)

provider_accounts = Table(
    "provider_accounts",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("provider", Text, nullable=False),
    # All settings, encrypted: only the provider's code knows which of them are secret.
    Column("sealed_settings", LargeBinary, nullable=False),
    # The ID of the secret key that encrypted this row; null for a row that an older version wrote.
    Column("sealed_with", Text),
    Column("version", Integer, nullable=False),
    _moment("updated_at"),
    PrimaryKeyConstraint("app_id", "id"),
    UniqueConstraint("app_id", "provider"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
)

user_token_rules = Table(
    "user_token_rules",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    # Not encrypted, to find the app of a token; null if the app's tokens have no issuer.
    Column("issuer", Text),
    Column("sealed_rules", LargeBinary, nullable=False),
    Column("sealed_with", Text),
    _moment("updated_at"),
    PrimaryKeyConstraint("app_id"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
    Index("user_token_rules_issuer_idx", "issuer"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", ByteOrdered, nullable=False),
    Column("title", Text),
    Column("status", Text, nullable=False),
    Column("video", Boolean, nullable=False),
    _moment("starts_at", nullable=True),
    _moment("ends_at", nullable=True),
    Column("providers", ARRAY(Text), nullable=False),
    Column("provider", Text),
    Column("policy", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    # When the next lifecycle step is due; null if there is none.
    _moment("attend_at", nullable=True),
    # The start for which no-shows were reported.
    _moment("no_shows_reported_for", nullable=True),
    _moment("concluded_at", nullable=True),
    # When the last call was ended for everyone; null once another one has started.
    _moment("ended_for_all_at", nullable=True),
    PrimaryKeyConstraint("app_id", "id"),
    UniqueConstraint("app_id", "kind", "reference"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
    CheckConstraint("kind in ('booking', 'group')", name="kind"),
    CheckConstraint("status in ('pending', 'confirmed', 'cancelled', 'completed')", name="status"),
    CheckConstraint("(starts_at is null) = (ends_at is null) and ends_at > starts_at", name="schedule"),
    CheckConstraint("(kind = 'booking') = (starts_at is not null)", name="kind_schedule"),
    Index("sessions_app_id_kind_starts_at_idx", "app_id", "kind", "starts_at", "id"),
    # The orders of lists.
    Index("sessions_app_id_kind_created_at_idx", "app_id", "kind", "created_at", "id"),
    Index("sessions_app_id_kind_updated_at_idx", "app_id", "kind", "updated_at", "id"),
    # The filters of lists. Their functions include the app: one app's rows are not searched for another's.
    # Bookings that began long ago may not have ended yet.
    Index(
        "sessions_long_idx",
        "app_id",
        "kind",
        "ends_at",
        postgresql_where=text("ends_at - starts_at > interval '7 days'"),
    ),
    Index(
        "sessions_facets_idx",
        text("session_facets(app_id, kind, status, provider, metadata)"),
        postgresql_using="gin",
    ),
    Index("sessions_words_idx", text("session_words(app_id, title)"), postgresql_using="gin"),
    # The search of the console, as in `participants` and `uids`.
    Index(
        "sessions_search_idx",
        text("search_words(app_id, title)"),
        postgresql_using="gin",
        postgresql_where=text("title is not null"),
    ),
    Index("sessions_attend_at_idx", "attend_at", postgresql_where=text("attend_at is not null")),
)

# A hash of one value that lists can be filtered by; all of a session; and the words of its title.
SESSION_FUNCTIONS = (
    """
    create or replace function session_facet(app uuid, kind text, name text, value text) returns bigint
    language sql immutable strict parallel safe
    return hashtextextended(app::text || chr(31) || kind || chr(31) || name || chr(31) || value, 0)
    """,
    """
    create or replace function session_facets(app uuid, kind text, status text, provider text, metadata jsonb)
    returns bigint[] language sql immutable parallel safe
    return array[
        session_facet(app, kind, 'status', status), session_facet(app, kind, 'provider', coalesce(provider, ''))
    ] || array(
        select session_facet(app, kind, 'metadata.' || member.key, member.value #>> '{}')
        from jsonb_each(metadata) as member
        where jsonb_typeof(member.value) in ('string', 'number', 'boolean')
    )
    """,
    """
    create or replace function session_words(app uuid, title text) returns tsvector
    language sql immutable strict parallel safe
    return array_to_tsvector(
        array(select app::text || '/' || word.lexeme from unnest(to_tsvector('simple'::regconfig, title)) as word)
    )
    """,
    """
    create or replace function session_words_query(app uuid, words text) returns tsquery
    language sql immutable strict parallel safe
    return (
        select string_agg(quote_literal(app::text || '/' || word.lexeme), ' & ')::tsquery
        from unnest(to_tsvector('simple'::regconfig, words)) as word
    )
    """,
)
for each in (*SESSION_FUNCTIONS, *SEARCH_FUNCTIONS):
    event.listen(sessions, "before_create", DDL(each))  # type: ignore[no-untyped-call]

participants = Table(
    "participants",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", ByteOrdered, nullable=False),
    Column("role", Text, nullable=False),
    Column("display_name", Text),
    PrimaryKeyConstraint("app_id", "session_id", "user_id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    Index("participants_app_id_user_id_idx", "app_id", "user_id", "session_id"),
    Index(
        "participants_search_idx",
        text("search_words(app_id, display_name)"),
        postgresql_using="gin",
        postgresql_where=text("display_name is not null"),
    ),
)

uids = Table(
    "uids",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", ByteOrdered, nullable=False),
    Column("uid", BigInteger, nullable=False),
    # The name that a guest gave; null for participants, whose name is in their own table.
    Column("guest_name", Text),
    # A removed person gets another uid, so that credentials with the former one are useless.
    _moment("retired_at", nullable=True),
    PrimaryKeyConstraint("app_id", "session_id", "uid"),
    Index(
        "uids_one_per_user", "app_id", "session_id", "user_id", unique=True, postgresql_where=text("retired_at is null")
    ),
    Index(
        "uids_search_idx",
        text("search_words(app_id, guest_name)"),
        postgresql_using="gin",
        postgresql_where=text("guest_name is not null"),
    ),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    CheckConstraint("uid between 1 and 2147483647", name="range"),
)

rooms = Table(
    "rooms",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("provider_room_id", Text),
    # Room codes in plain text, by versions before the next three columns; empty otherwise.
    Column("codes", JSONB, nullable=False),
    Column("sealed_codes", LargeBinary),
    # A keyed digest of each role and its code, to find the room of a code.
    Column("code_digests", ARRAY(LargeBinary)),
    Column("sealed_with", Text),
    # The process that calls the provider about this room, and when its lease ends.
    Column("lease_holder", UUID(as_uuid=True)),
    _moment("lease_until", nullable=True),
    # Counts the leases. Processes that waited for one that failed read `failure` instead of trying again.
    Column("attempt", Integer, nullable=False),
    Column("failure", JSONB(none_as_null=True)),
    # What the provider needs to open the room again.
    Column("closure", Text),
    # Part of the room's name at the provider: a room whose codes are used up is replaced by the next generation.
    Column("generation", Integer, nullable=False, server_default=text("0")),
    # Whether room codes were ever created in the room that the provider has under this generation.
    Column("codes_issued", Boolean, nullable=False, server_default=text("false")),
    _moment("updated_at"),
    PrimaryKeyConstraint("app_id", "id"),
    UniqueConstraint("app_id", "session_id", "provider"),
    # Finds the session of a webhook.
    Index("rooms_app_id_provider_room_id_idx", "app_id", "provider", "provider_room_id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    CheckConstraint("state in ('preparing', 'ready', 'closing', 'closed')", name="state"),
    CheckConstraint("state <> 'ready' or provider_room_id is not null", name="ready"),
    # Finds the room of a code.
    Index("rooms_codes_idx", "codes", postgresql_using="gin", postgresql_ops={"codes": "jsonb_path_ops"}),
    Index("rooms_code_digests_idx", "code_digests", postgresql_using="gin"),
    Index("rooms_sealed_with_idx", "sealed_with", postgresql_where=text("sealed_codes is not null")),
    Index("rooms_plain_codes_idx", "app_id", "id", postgresql_where=text("codes <> '{}'::jsonb")),
)

# The tickets of links. The signed text, which allows using one, is not stored.
tickets = Table(
    "tickets",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", ByteOrdered, nullable=False),
    Column("display_name", Text),
    Column("is_guest", Boolean, nullable=False),
    # Of the API key that issued it; null for one that a user or an operator issued.
    Column("scopes", ARRAY(Text)),
    _moment("issued_at"),
    # When the issuer's credential expires, and the end that the request asked for.
    _moment("credential_expires_at", nullable=True),
    _moment("requested_until", nullable=True),
    _moment("revoked_at", nullable=True),
    PrimaryKeyConstraint("app_id", "id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    Index("tickets_app_id_session_id_idx", "app_id", "session_id", "id"),
    Index("tickets_app_id_user_id_idx", "app_id", "user_id"),
    Index("tickets_issued_at_idx", "issued_at"),
)

# Rooms of former generations: webhooks about them still belong to the session.
former_rooms = Table(
    "former_rooms",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_room_id", Text, nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    _moment("retired_at"),
    # Null until the provider has ended and disabled it.
    _moment("closed_at", nullable=True),
    PrimaryKeyConstraint("app_id", "provider", "provider_room_id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    Index("former_rooms_app_id_session_id_idx", "app_id", "session_id"),
)

# Rooms of deleted sessions, until the provider has closed them.
orphaned_rooms = Table(
    "orphaned_rooms",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_room_id", Text, nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", ByteOrdered, nullable=False),
    _moment("orphaned_at"),
    # When the next attempt to close it is due.
    _moment("due_at"),
    PrimaryKeyConstraint("app_id", "provider", "provider_room_id"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
    Index("orphaned_rooms_app_id_session_id_idx", "app_id", "session_id"),
    Index("orphaned_rooms_due_at_idx", "due_at"),
)

# The last allocated number of an app, by kind. Numbers may be skipped.
counters = Table(
    "counters",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("name", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("app_id", "name"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
)

calls = Table(
    "calls",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("provider", Text, nullable=False),
    _moment("started_at"),
    Column("started_by", Text),
    _moment("ended_at", nullable=True),
    Column("ended_by", Text),
    Column("end_reason", Text),
    Column("provider_call_ids", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("people", Integer, nullable=False, server_default=text("0")),
    Column("peak", Integer, nullable=False, server_default=text("0")),
    Column("present", Integer, nullable=False, server_default=text("0")),
    _moment("first_joined_at", nullable=True),
    _moment("last_left_at", nullable=True),
    # When the last evidence was received, when the provider was last asked, and when nothing more could be learned.
    _moment("evidence_at", nullable=True),
    _moment("asked_at", nullable=True),
    _moment("settled_at", nullable=True),
    PrimaryKeyConstraint("app_id", "id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    CheckConstraint("ended_at >= started_at", name="order"),
    Index("calls_app_id_session_id_idx", "app_id", "session_id", "id"),
    Index("calls_app_id_started_at_idx", "app_id", "started_at", "id"),
    Index("calls_app_id_provider_started_at_idx", "app_id", "provider", "started_at", "id"),
    Index(
        "calls_one_open_per_session",
        "app_id",
        "session_id",
        unique=True,
        postgresql_where=text("ended_at is null"),
    ),
    Index("calls_unsettled_idx", "asked_at", postgresql_where=text("settled_at is null")),
)

# The inbox of incoming webhooks, as received.
inbox = Table(
    "inbox",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("provider", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    # Equal for all webhooks about one occurrence, whatever their event IDs.
    Column("likeness", Text),
    Column("type", Text, nullable=False),
    Column("provider_room_id", Text),
    Column("session_id", UUID(as_uuid=True)),
    _moment("sent_at", nullable=True),
    _moment("received_at"),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text),
    PrimaryKeyConstraint("app_id", "id"),
    UniqueConstraint("app_id", "provider", "event_id"),
    UniqueConstraint("app_id", "provider", "likeness"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
    CheckConstraint("state in ('pending', 'applied', 'ignored')", name="state"),
    Index("inbox_app_id_received_at_idx", "app_id", "received_at"),
    Index("inbox_pending_idx", "app_id", "session_id", "received_at", postgresql_where=text("state = 'pending'")),
)

# Observations of calls; `attendance` is the projection of them.
observations = Table(
    "observations",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("call_id", UUID(as_uuid=True), nullable=False),
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    Column("sign", Text, nullable=False),
    _moment("at"),
    Column("source", Text, nullable=False),
    # The id of the row in the inbox, or of the roll call.
    Column("evidence", Text, nullable=False),
    # The provider's event type; null for a roll call.
    Column("type", Text),
    _moment("received_at"),
    Column("provider_call_id", Text),
    Column("connection", Text),
    Column("provider_user_id", Text),
    Column("role", Text),
    Column("former_role", Text),
    _moment("since", nullable=True),
    Column("since_is_exact", Boolean, nullable=False),
    # The provider's own numbering.
    Column("number", BigInteger),
    Column("reason", Text),
    PrimaryKeyConstraint("app_id", "call_id", "seq"),
    ForeignKeyConstraint(["app_id", "call_id"], ["calls.app_id", "calls.id"]),
    Index("observations_app_id_call_id_connection_idx", "app_id", "call_id", "connection"),
)

attendance = Table(
    "attendance",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("call_id", UUID(as_uuid=True), nullable=False),
    Column("connection", Text, nullable=False),
    _moment("joined_at"),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("provider_user_id", Text, nullable=False),
    # Null for a person who never got credentials from us.
    Column("user_id", ByteOrdered),
    Column("joined_source", Text, nullable=False),
    _moment("left_at", nullable=True),
    Column("left_source", Text),
    Column("roles", JSONB, nullable=False),
    Column("reason", Text),
    Column("evidence", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("app_id", "call_id", "connection", "joined_at"),
    ForeignKeyConstraint(["app_id", "call_id"], ["calls.app_id", "calls.id"]),
    CheckConstraint("left_at >= joined_at", name="order"),
    CheckConstraint("(left_at is null) = (left_source is null)", name="left"),
    Index("attendance_app_id_session_id_idx", "app_id", "session_id", "joined_at"),
    Index("attendance_app_id_user_id_idx", "app_id", "user_id", "call_id"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", ByteOrdered, nullable=False),
    Column("role", Text, nullable=False),
    Column("verdict", Text),
    Column("rule", Text, nullable=False),
    Column("present_seconds", Integer, nullable=False),
    Column("late_by_seconds", Integer, nullable=False),
    Column("left_early_by_seconds", Integer, nullable=False),
    _moment("first_joined_at", nullable=True),
    _moment("last_left_at", nullable=True),
    Column("source", Text),
    PrimaryKeyConstraint("app_id", "session_id", "user_id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
)

# Webhook endpoints of the app's backend.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("ordered", Boolean, nullable=False),
    Column("disabled", Text),
    Column("sealed_secrets", LargeBinary, nullable=False),
    Column("sealed_with", Text),
    # Up to which event deliveries were created; null: from the beginning of the journal.
    Column("cursor", Text),
    # Its health: see `domain/webhooks.py`.
    _moment("failing_since", nullable=True),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    _moment("probe_at", nullable=True),
    _moment("created_at"),
    PrimaryKeyConstraint("app_id", "id"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
    CheckConstraint("disabled in ('by_app', 'gone', 'failing')", name="disabled"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("endpoint_id", UUID(as_uuid=True), nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    # The event's place in the journal.
    Column("xid", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("session_id", UUID(as_uuid=True)),
    Column("state", Text, nullable=False),
    # All attempts, and those that failed since the delivery was last scheduled.
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    _moment("next_at", nullable=True),
    # What bounds an earlier retry when the endpoint recovers: see `RetrySchedule` in `domain/webhooks.py`.
    _moment("not_before", nullable=True),
    _moment("planned_at", nullable=True),
    _moment("lease_until", nullable=True),
    _moment("created_at"),
    PrimaryKeyConstraint("app_id", "id"),
    UniqueConstraint("app_id", "endpoint_id", "event_id"),
    ForeignKeyConstraint(
        ["app_id", "endpoint_id"], ["webhook_endpoints.app_id", "webhook_endpoints.id"], ondelete="CASCADE"
    ),
    CheckConstraint("state in ('pending', 'delivered', 'failed')", name="state"),
    CheckConstraint("(state = 'pending') = (next_at is not null)", name="next_at"),
    Index("deliveries_due_idx", "app_id", "endpoint_id", "xid", "seq", postgresql_where=text("state = 'pending'")),
    Index("deliveries_failed_idx", "app_id", "endpoint_id", "id", postgresql_where=text("state = 'failed'")),
    Index("deliveries_next_at_idx", "next_at", postgresql_where=text("state = 'pending'")),
    Index("deliveries_app_id_endpoint_id_id_idx", "app_id", "endpoint_id", "id"),
    # Finds completed deliveries, oldest first, for the retention policy.
    Index("deliveries_ended_idx", "app_id", "created_at", "id", postgresql_where=text("state <> 'pending'")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("delivery_id", UUID(as_uuid=True), nullable=False),
    Column("number", Integer, nullable=False),
    _moment("at"),
    Column("status", Integer),
    Column("latency_ms", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("error", Text),
    # Null for attempts that an older version made.
    Column("request_headers", JSONB),
    PrimaryKeyConstraint("app_id", "delivery_id", "number"),
    ForeignKeyConstraint(["app_id", "delivery_id"], ["deliveries.app_id", "deliveries.id"], ondelete="CASCADE"),
)

# Removed people. Credentials from before are not honored, as far as the provider can enforce it.
removals = Table(
    "removals",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", ByteOrdered, nullable=False),
    _moment("removed_at"),
    Column("banned", Boolean, nullable=False),
    # Null until the provider has enforced it.
    _moment("enforced_at", nullable=True),
    PrimaryKeyConstraint("app_id", "session_id", "user_id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    # When they were seen in the session despite the removal; null once that was handled.
    _moment("came_back_at", nullable=True),
    Index(
        "removals_unenforced_idx",
        "removed_at",
        postgresql_where=text("enforced_at is null or came_back_at is not null"),
    ),
)

# Waiting room entries and decisions. They are deleted when the session's room is closed.
lobby = Table(
    "lobby",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", ByteOrdered, nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("display_name", Text),
    Column("is_guest", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    _moment("asked_at"),
    _moment("seen_at"),
    _moment("decided_at", nullable=True),
    Column("decided_by", Text),
    PrimaryKeyConstraint("app_id", "session_id", "user_id"),
    UniqueConstraint("app_id", "id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    CheckConstraint("state in ('waiting', 'admitted', 'denied')", name="state"),
    CheckConstraint("(state = 'waiting') = (decided_at is null)", name="decided"),
    Index("lobby_seen_at_idx", "seen_at"),
)

journal = Table(
    "journal",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    # (xid, seq) orders the journal so that a reader who follows it misses nothing: see `storage/journal/journal.py`.
    Column("xid", Xid8, nullable=False, server_default=text("journal_xid()")),
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("type", Text, nullable=False),
    _moment("occurred_at"),
    Column("session_id", UUID(as_uuid=True)),
    Column("kind", Text),
    Column("reference", Text),
    Column("user_id", Text),
    Column("key_id", UUID(as_uuid=True)),
    Column("ip", Text),
    Column("user_agent", Text),
    Column("asked_by_user_id", Text),
    Column("data", JSONB, nullable=False),
    PrimaryKeyConstraint("app_id", "xid", "seq"),
    Index("journal_app_id_session_id_idx", "app_id", "session_id", "xid", "seq"),
)

for each in position_functions(shift=0, server=None):
    event.listen(journal, "before_create", DDL(each))  # type: ignore[no-untyped-call]

# Seals of the journal: see `domain/journal_proof/proof.py`.
journal_seals = Table(
    "journal_seals",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("first_xid", Xid8, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_xid", Xid8, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    _moment("oldest_at"),
    _moment("newest_at"),
    Column("root", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    _moment("sealed_at"),
    PrimaryKeyConstraint("app_id", "number"),
)

# A leaf belongs to the seal whose bounds include its position.
journal_leaves = Table(
    "journal_leaves",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("xid", Xid8, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("app_id", "xid", "seq"),
)

# The salts of the personal parts that a row still has, 32 bytes each, in the order of the parts' names.
journal_salts = Table(
    "journal_salts",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("xid", Xid8, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("salts", LargeBinary, nullable=False),
    PrimaryKeyConstraint("app_id", "xid", "seq"),
)

# What was redacted, and the event that accounts for it.
journal_redactions = Table(
    "journal_redactions",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("xid", Xid8, nullable=False),
    Column("seq", BigInteger, nullable=False),
    # Empty for the whole row.
    Column("pointer", ByteOrdered, nullable=False),
    # Its commitment in the leaf; of a whole row, the leaf. Null if it was redacted before the row was sealed.
    Column("commitment", LargeBinary),
    Column("entry_id", UUID(as_uuid=True), nullable=False),
    PrimaryKeyConstraint("app_id", "xid", "seq", "pointer"),
    Index("journal_redactions_app_id_entry_id_idx", "app_id", "entry_id"),
)

# How long the journal retains events of a class: the part of their type before the dot. Others have no limit.
# No foreign key: the service has a journal as well, and is not an app.
retention = Table(
    "retention",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("event_class", Text, nullable=False),
    Column("days", Integer, nullable=False),
    # No rows of the class are left in the seals up to this one.
    Column("done_seal", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("app_id", "event_class"),
    CheckConstraint("days >= 7", name="days"),
    CheckConstraint("event_class not in ('journal', 'person')", name="event_class"),
)

# No foreign key: requests that create apps and operator keys belong to the service.
idempotency = Table(
    "idempotency",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("lease_holder", UUID(as_uuid=True), nullable=False),
    _moment("lease_until"),
    Column("status", Integer),
    # Encrypted: an answer may hold join credentials.
    Column("sealed_answer", LargeBinary),
    # What the credential in the answer was issued for: without secrets, and without the person.
    Column("credential", JSONB(none_as_null=True)),
    # The person that the answer is about; the key itself holds no personal data.
    Column("user_id", Text),
    Column("sealed_with", Text),
    _moment("expires_at"),
    PrimaryKeyConstraint("app_id", "key"),
    Index("idempotency_expires_at_idx", "expires_at"),
    Index(
        "idempotency_user_idx",
        "app_id",
        "user_id",
        postgresql_where=text("user_id is not null"),
    ),
)

# Operators who are signed in to the console. The digest is keyed with the admin key: another key ends every session.
console_sessions = Table(
    "console_sessions",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("operator", Text, nullable=False),
    Column("role", Text, nullable=False, server_default=text("'admin'")),
    # Of a sign-in with OpenID Connect; null for one with the admin key.
    Column("issuer", Text, nullable=True),
    Column("subject", Text, nullable=True),
    Column("zone", Text, nullable=False),
    _moment("created_at"),
    # The last request of a person; a page that refreshes itself does not count.
    _moment("last_seen_at"),
    _moment("expires_at"),
    _moment("revoked_at", nullable=True),
    Index("console_sessions_expires_at_idx", "expires_at"),
)

# Credentials of programs that manage this installation.
operator_keys = Table(
    "operator_keys",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
    _moment("last_used_at", nullable=True),
)

# A link is deleted when it is used.
operator_sign_in_links = Table(
    "operator_sign_in_links",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("operator", Text, nullable=False),
    Column("role", Text, nullable=False),
    _moment("expires_at"),
)

# Counts of events by hour, for charts. They have no personal data, and outlive the events.
hourly_counts = Table(
    "hourly_counts",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("measure", Text, nullable=False),
    _moment("hour"),
    Column("label", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("app_id", "measure", "hour", "label"),
)
# The position of the first event of each hour in the journal.
journal_hours = Table(
    "journal_hours",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    _moment("hour"),
    Column("xid", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("app_id", "hour"),
)
# Up to where the journal was counted.
statistics_cursors = Table(
    "statistics_cursors",
    metadata,
    Column("app_id", UUID(as_uuid=True), primary_key=True),
    Column("xid", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
)
# Unlogged. The key names the kind of credential and the client's network, not an app: a wrong credential has none.
failed_attempts = Table(
    "failed_attempts",
    metadata,
    Column("key", ByteOrdered, primary_key=True),
    Column("count", Integer, nullable=False),
    _moment("expires_at"),
    Index("failed_attempts_expires_at_idx", "expires_at"),
    prefixes=["UNLOGGED"],
)


def _in_scope(searched: Table) -> TableClause:
    return table(f"{searched.name}_in_scope", *(column(each.name, each.type) for each in searched.c))


# Views with the condition of the policies, for queries that use GIN indexes. With a policy itself, PostgreSQL does not:
# see decision 53. A migration that adds a column to one of these tables creates its view again.
participants_in_scope = _in_scope(participants)
rooms_in_scope = _in_scope(rooms)
sessions_in_scope = _in_scope(sessions)
uids_in_scope = _in_scope(uids)
