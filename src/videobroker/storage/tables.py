"""The tables. Every one of them leads with the app: tenants are apart today, and can be sharded by it tomorrow."""

from sqlalchemy import (
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
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.types import UserDefinedType

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
    _moment("created_at"),
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
    PrimaryKeyConstraint("app_id", "id"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
)

provider_accounts = Table(
    "provider_accounts",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("provider", Text, nullable=False),
    # All settings together, encrypted: which of them are secret is the vendor's business, not the table's.
    Column("sealed_settings", LargeBinary, nullable=False),
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
    # In clear, to find the app of a token; null for an app whose tokens do not name their issuer.
    Column("issuer", Text),
    Column("sealed_rules", LargeBinary, nullable=False),
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
    PrimaryKeyConstraint("app_id", "id"),
    UniqueConstraint("app_id", "kind", "reference"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
    CheckConstraint("kind in ('booking', 'group')", name="kind"),
    CheckConstraint("status in ('pending', 'confirmed', 'cancelled', 'completed')", name="status"),
    CheckConstraint("(starts_at is null) = (ends_at is null) and ends_at > starts_at", name="schedule"),
    CheckConstraint("(kind = 'booking') = (starts_at is not null)", name="kind_schedule"),
    Index("sessions_app_id_kind_starts_at_idx", "app_id", "kind", "starts_at", "id"),
)

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
)

uids = Table(
    "uids",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    Column("session_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", ByteOrdered, nullable=False),
    Column("uid", BigInteger, nullable=False),
    PrimaryKeyConstraint("app_id", "session_id", "user_id"),
    UniqueConstraint("app_id", "session_id", "uid"),
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
    Column("codes", JSONB, nullable=False),
    # Who is talking to the provider about this room, and until when the others believe it.
    Column("lease_holder", UUID(as_uuid=True)),
    _moment("lease_until", nullable=True),
    # Counts the leases; whoever waited for one that failed learns why from `failure` instead of trying again.
    Column("attempt", Integer, nullable=False),
    Column("failure", JSONB(none_as_null=True)),
    _moment("updated_at"),
    PrimaryKeyConstraint("app_id", "id"),
    UniqueConstraint("app_id", "session_id", "provider"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    CheckConstraint("state in ('preparing', 'ready', 'closing', 'closed')", name="state"),
    CheckConstraint("state <> 'ready' or provider_room_id is not null", name="ready"),
    # Whose room has this code?
    Index("rooms_codes_idx", "codes", postgresql_using="gin", postgresql_ops={"codes": "jsonb_path_ops"}),
)

# The last number that was given to something of an app, by what was numbered. Numbers may be skipped.
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
    PrimaryKeyConstraint("app_id", "id"),
    ForeignKeyConstraint(["app_id", "session_id"], ["sessions.app_id", "sessions.id"]),
    CheckConstraint("ended_at >= started_at", name="order"),
    Index("calls_app_id_session_id_idx", "app_id", "session_id", "id"),
    Index(
        "calls_one_open_per_session",
        "app_id",
        "session_id",
        unique=True,
        postgresql_where=text("ended_at is null"),
    ),
)

journal = Table(
    "journal",
    metadata,
    Column("app_id", UUID(as_uuid=True), nullable=False),
    # (xid, seq) orders the journal so that a reader who follows it misses nothing: `storage/journal.py` says why.
    Column("xid", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
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
    _moment("expires_at"),
    PrimaryKeyConstraint("app_id", "key"),
    ForeignKeyConstraint(["app_id"], ["apps.id"]),
    Index("idempotency_expires_at_idx", "expires_at"),
)
