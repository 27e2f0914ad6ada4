"""Takes in what providers tell. Notices that come together share a round trip to find out whose rooms they speak of,
and another one that writes them into the inbox, with the jobs that apply them.
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
from videobroker.domain.ids import AppId, NoticeId, SessionId
from videobroker.storage import jobs
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query, table_of, told
from videobroker.storage.tables import former_rooms, inbox, rooms

FLIGHTS = 1
"""Queries of each kind under way at a time."""
LARGEST = 64
"""Notices in one statement: each may be large, and its session is named in one job with those of all others."""
SHARING = 2
"""It matters whether a room is one session's or that of several, not how many they are."""


@dataclass(frozen=True, slots=True)
class Address:
    """A room, as its provider calls it."""

    app_id: AppId
    provider: ProviderName
    provider_room_id: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A notice, as it is written. `ignored` says why nothing follows from it; without a reason it is to be applied."""

    app_id: AppId
    id: NoticeId
    provider: ProviderName
    event_id: str
    likeness: str | None
    type: str
    provider_room_id: str | None
    session_id: SessionId | None
    sent_at: datetime | None
    received_at: datetime
    body: bytes
    ignored: str | None


def _look() -> Select[tuple[object, ...]]:
    asked = table_of(
        "asked",
        column("place", Integer),
        column("app_id", Uuid),
        column("provider", Text),
        column("provider_room_id", Text),
    )

    def named_in(table: Table) -> LateralFromClause:
        # Ordering by the last column of the index makes the planner choose the index while the table is small, too.
        named = table.c.provider_room_id
        return (
            select(table.c.session_id)
            .where(
                table.c.app_id == asked.c.app_id,
                table.c.provider == asked.c.provider,
                named.between(asked.c.provider_room_id, asked.c.provider_room_id),
            )
            .order_by(named)
            .limit(literal_column(str(SHARING)))
            .lateral(f"found_in_{table.name}")
        )

    present, past = named_in(rooms), named_in(former_rooms)
    session_id = func.coalesce(present.c.session_id, past.c.session_id).label("session_id")
    # A room is either the present one of a session or a former one; the present one decides.
    return (
        select(asked.c.place, session_id)
        .select_from(asked)
        .outerjoin(present, true())
        .outerjoin(past, true())
        .where(session_id.is_not(None))
    )


def _write() -> Select[tuple[object, ...]]:
    written = [each for each in inbox.c if each.name in _WRITTEN]
    # As arrays, and not as one text: JSON has no bytes.
    arrived = func.unnest(*(bindparam(each.name, type_=ARRAY(each.type)) for each in written)).table_valued(
        *(column(each.name, each.type) for each in written), name="arrived"
    )
    kept = (
        insert(inbox)
        .from_select([each.name for each in written], select(*arrived.render_derived().c))
        .on_conflict_do_nothing()
        .returning(inbox.c.id, inbox.c.app_id, inbox.c.session_id, inbox.c.state)
        .cte("kept")
    )
    waiting = select(kept.c.app_id, kept.c.session_id).where(kept.c.state == literal_column("'pending'"))
    return select(kept.c.id).add_cte(*jobs.applying(waiting.subquery("waiting")))


class InboxWriter:
    """Takes in notices."""

    def __init__(self, store: Store) -> None:
        self._wires: list[DedicatedConnection] = []
        self._looks = Batcher[Address, Sequence[SessionId]](
            "addresses", [partial(_look_up_all, self._wire(store)) for _ in range(FLIGHTS)]
        )
        self._arrived = Batcher[Arrived, bool](
            "inbox", [partial(_keep_all, self._wire(store)) for _ in range(FLIGHTS)], largest=LARGEST
        )

    async def sharing(self, address: Address) -> Sequence[SessionId]:
        """Whose room this is: nobody's, usually one session's, or two of those that share it."""
        return await self._looks.ask(address)

    async def keep(self, arrived: Arrived) -> bool:
        """Write a notice; False when it is there already, under this id or under another.

        It is on disk when this returns, and so is a job that applies it where it is to be applied.
        """
        return await self._arrived.ask(arrived)

    async def aclose(self) -> None:
        """Take in nothing any more."""
        await self._looks.aclose()
        await self._arrived.aclose()
        for wire in self._wires:
            await wire.aclose()

    def _wire(self, store: Store) -> DedicatedConnection:
        self._wires.append(DedicatedConnection(store))
        return self._wires[-1]


async def _look_up_all(wire: DedicatedConnection, asked: Sequence[Address]) -> list[list[SessionId]]:
    rows = [
        {
            "place": place,
            "app_id": str(each.app_id),
            "provider": each.provider.value,
            "provider_room_id": each.provider_room_id,
        }
        for place, each in enumerate(asked)
    ]
    found: list[list[SessionId]] = [[] for _ in asked]
    for row in await wire.fetch(LOOK, told(rows)):
        found[row["place"]].append(SessionId(row["session_id"]))
    return found


async def _keep_all(wire: DedicatedConnection, arrived: Sequence[Arrived]) -> list[bool]:
    # In the same order everywhere: two processes that are told the same at the same time must not wait for each other.
    lines = sorted(arrived, key=lambda each: (each.app_id, each.provider, each.likeness or "", each.event_id))
    values = {name: [getattr(each, name) for each in lines] for name in _AS_ARRIVED}
    states = {"state": ["pending" if each.ignored is None else "ignored" for each in lines]}
    notes = {"note": [each.ignored for each in lines]}
    kept = {row["id"] for row in await wire.fetch(WRITE, values | states | notes)}
    return [each.id in kept for each in arrived]


_AS_ARRIVED = (
    "app_id",
    "id",
    "provider",
    "event_id",
    "likeness",
    "type",
    "provider_room_id",
    "session_id",
    "sent_at",
    "received_at",
    "body",
)
_WRITTEN = (*_AS_ARRIVED, "state", "note")
LOOK = Query(_look())
WRITE = Query(_write())
