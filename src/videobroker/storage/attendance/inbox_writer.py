"""Writes incoming webhooks into the inbox, together with the jobs that process them.

Webhooks that arrive at the same time share a round trip that finds the sessions of their rooms, and one that writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import ARRAY, Integer, Select, Table, Text, Uuid, bindparam, column, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import LateralFromClause

from videobroker.concurrency.batcher import Batcher
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, SessionId, WebhookId
from videobroker.storage import jobs
from videobroker.storage.postgres.app_scope import scoped_rows
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query, json_rows, json_table
from videobroker.storage.tables import former_rooms, inbox, rooms

CONCURRENT_QUERIES = 1
"""Of each kind."""
MAX_BATCH_ROWS = 64
"""Webhooks in one statement: each may be large, and one job names the sessions of all."""
MAX_SESSIONS = 2
"""Callers only distinguish a room of one session from a room that several share."""


@dataclass(frozen=True, slots=True)
class RoomAddress:
    """A room by the provider's ID."""

    app_id: AppId
    provider: ProviderName
    provider_room_id: str


@dataclass(frozen=True, slots=True)
class IncomingWebhook:
    """A row of the inbox to be written."""

    app_id: AppId
    id: WebhookId
    provider: ProviderName
    event_id: str
    dedup_key: str | None
    """Equal for all webhooks about one occurrence, whatever their event IDs."""
    type: str
    provider_room_id: str | None
    session_id: SessionId | None
    sent_at: datetime | None
    received_at: datetime
    body: bytes
    ignored: str | None
    """Why it is not processed; None if it is to be processed."""


def _find_sessions() -> Select[tuple[object, ...]]:
    sent = json_table(
        "sent",
        column("place", Integer),
        column("app_id", Uuid),
        column("provider", Text),
        column("provider_room_id", Text),
    )
    addresses = scoped_rows(sent, "addresses")

    def named_in(table: Table) -> LateralFromClause:
        # ORDER BY the last column of the index makes the planner choose the index while the table is small, too.
        named = table.c.provider_room_id
        return (
            select(table.c.session_id)
            .where(
                table.c.app_id == addresses.c.app_id,
                table.c.provider == addresses.c.provider,
                named.between(addresses.c.provider_room_id, addresses.c.provider_room_id),
            )
            .order_by(named)
            .limit(literal_column(str(MAX_SESSIONS)))
            .lateral(f"found_in_{table.name}")
        )

    present, past = named_in(rooms), named_in(former_rooms)
    # A room is either the present one of a session or a former one; the present one decides.
    session_id = func.coalesce(present.c.session_id, past.c.session_id).label("session_id")
    return (
        select(addresses.c.place, session_id)
        .select_from(addresses)
        .outerjoin(present, true())
        .outerjoin(past, true())
        .where(session_id.is_not(None))
    )


def _insert() -> Select[tuple[object, ...]]:
    written = [each for each in inbox.c if each.name in _WRITTEN]
    # Arrays instead of `json_table`: JSON has no bytes.
    sent = func.unnest(*(bindparam(each.name, type_=ARRAY(each.type)) for each in written)).table_valued(
        *(column(each.name, each.type) for each in written), name="sent"
    )
    webhooks = scoped_rows(sent.render_derived(), "webhooks")
    inserted = (
        insert(inbox)
        .from_select([each.name for each in written], select(*(webhooks.c[each.name] for each in written)))
        .on_conflict_do_nothing()
        .returning(inbox.c.id, inbox.c.app_id, inbox.c.session_id, inbox.c.state)
        .cte("inserted")
    )
    pending = select(inserted.c.app_id, inserted.c.session_id).where(inserted.c.state == literal_column("'pending'"))
    return select(inserted.c.id).add_cte(*jobs.enqueue_processing(pending.subquery("pending")))


class InboxWriter:
    """Batcher: concurrent webhooks share their round trips."""

    def __init__(self, store: Store) -> None:
        self._connections: list[DedicatedConnection] = []
        self._addresses = Batcher[RoomAddress, Sequence[SessionId]](
            "addresses", [partial(_find_all, self._connection(store)) for _ in range(CONCURRENT_QUERIES)]
        )
        self._webhooks = Batcher[IncomingWebhook, bool](
            "inbox",
            [partial(_insert_all, self._connection(store)) for _ in range(CONCURRENT_QUERIES)],
            max_batch_size=MAX_BATCH_ROWS,
        )

    async def sessions_of_room(self, address: RoomAddress) -> Sequence[SessionId]:
        """The sessions of a room: none, usually one, or two of those that share it."""
        return await self._addresses.submit(address)

    async def record(self, webhook: IncomingWebhook) -> bool:
        """Write a webhook; False if it is stored already, under its event ID or its likeness.

        When this returns, the webhook and the job that processes it are committed.
        """
        return await self._webhooks.submit(webhook)

    async def aclose(self) -> None:
        """Finish the current queries, and close the connections."""
        await self._addresses.aclose()
        await self._webhooks.aclose()
        for connection in self._connections:
            await connection.aclose()

    def _connection(self, store: Store) -> DedicatedConnection:
        self._connections.append(DedicatedConnection(store))
        return self._connections[-1]


async def _find_all(connection: DedicatedConnection, addresses: Sequence[RoomAddress]) -> list[list[SessionId]]:
    rows = [
        {
            "place": place,
            "app_id": str(each.app_id),
            "provider": each.provider.value,
            "provider_room_id": each.provider_room_id,
        }
        for place, each in enumerate(addresses)
    ]
    found: list[list[SessionId]] = [[] for _ in addresses]
    for row in await connection.fetch(FIND_SESSIONS, json_rows(rows)):
        found[row["place"]].append(SessionId(row["session_id"]))
    return found


async def _insert_all(connection: DedicatedConnection, webhooks: Sequence[IncomingWebhook]) -> list[bool]:
    # One order in all processes, so that two of them that receive the same webhooks at once do not deadlock.
    rows = sorted(webhooks, key=lambda each: (each.app_id, each.provider, each.dedup_key or "", each.event_id))
    values = {name: [getattr(each, name) for each in rows] for name in _FIELDS}
    keys = {"likeness": [each.dedup_key for each in rows]}
    states = {"state": ["pending" if each.ignored is None else "ignored" for each in rows]}
    notes = {"note": [each.ignored for each in rows]}
    inserted = {row["id"] for row in await connection.fetch(INSERT, values | keys | states | notes)}
    return [each.id in inserted for each in webhooks]


_FIELDS = (
    "app_id",
    "id",
    "provider",
    "event_id",
    "type",
    "provider_room_id",
    "session_id",
    "sent_at",
    "received_at",
    "body",
)
_WRITTEN = (*_FIELDS, "likeness", "state", "note")
FIND_SESSIONS = Query(_find_sessions())
INSERT = Query(_insert())
