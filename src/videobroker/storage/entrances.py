"""The hot path's look at the database: session, person, room, call and uid of many askers in one round trip."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.selectable import LateralFromClause

from videobroker.domain.entrance import Entrance
from videobroker.domain.sessions import Participant, SessionKey
from videobroker.storage.batching import Batcher
from videobroker.storage.calls import call_from
from videobroker.storage.rooms import room_from
from videobroker.storage.sessions import session_of
from videobroker.storage.store import Store
from videobroker.storage.tables import calls, participants, removals, rooms, sessions, uids
from videobroker.storage.wires import Query, Record, Wire

FLIGHTS = 1
"""Queries under way at a time."""

_Asked = tuple[SessionKey, str | None]


def _look() -> Select[tuple[object, ...]]:
    asked = func.unnest(
        bindparam("app_ids", type_=ARRAY(Uuid)),
        bindparam("kinds", type_=ARRAY(Text)),
        bindparam("references", type_=ARRAY(Text)),
        bindparam("user_ids", type_=ARRAY(Text)),
    ).table_valued(
        column("app_id", Uuid),
        column("kind", Text),
        column("reference", Text),
        column("user_id", Text),
        with_ordinality="place",
        name="asked",
    )
    asked = asked.render_derived()

    def of_person(
        table: Table, *columns: ColumnElement[Any], only: ColumnElement[bool] | None = None
    ) -> LateralFromClause:
        # LIMIT keeps the planner from taking everybody of the session and looking for the person among them.
        found = select(*columns).where(
            table.c.app_id == sessions.c.app_id,
            table.c.session_id == sessions.c.id,
            table.c.user_id == asked.c.user_id,
        )
        return (found if only is None else found.where(only)).limit(literal_column("1")).lateral(f"own_{table.name}")

    person = of_person(
        participants,
        participants.c.role.label("participant_role"),
        participants.c.display_name.label("participant_name"),
    )
    number = of_person(uids, uids.c.uid, only=uids.c.retired_at.is_(None))
    removal = of_person(removals, removals.c.banned)
    return (
        select(
            asked.c.place,
            sessions,
            *person.c,
            *number.c,
            *removal.c,
            *(each.label(f"room_{each.name}") for each in rooms.c),
            *(each.label(f"call_{each.name}") for each in calls.c),
        )
        .select_from(asked)
        .join(
            sessions,
            and_(
                sessions.c.app_id == asked.c.app_id,
                sessions.c.kind == asked.c.kind,
                sessions.c.reference == asked.c.reference,
            ),
        )
        .outerjoin(person, true())
        .outerjoin(number, true())
        .outerjoin(removal, true())
        .outerjoin(
            rooms,
            and_(
                rooms.c.app_id == sessions.c.app_id,
                rooms.c.session_id == sessions.c.id,
                rooms.c.provider == sessions.c.provider,
            ),
        )
        .outerjoin(
            calls,
            and_(
                calls.c.app_id == sessions.c.app_id,
                calls.c.session_id == sessions.c.id,
                calls.c.ended_at.is_(None),
            ),
        )
    )


_LOOK = Query(_look())


class Entrances:
    """Looks through doors. Those who look at the same time share a round trip."""

    def __init__(self, store: Store) -> None:
        self._wires = [Wire(store) for _ in range(FLIGHTS)]
        carriers = [partial(_look_through_all, wire) for wire in self._wires]
        self._looks = Batcher[_Asked, Entrance | None]("entrances", carriers)

    async def look(self, key: SessionKey, user_id: str | None) -> Entrance | None:
        """The session as this person finds it; `user_id` is None for somebody without a registration."""
        return await self._looks.ask((key, user_id))

    async def aclose(self) -> None:
        """Stop looking."""
        await self._looks.aclose()
        for wire in self._wires:
            await wire.aclose()


async def _look_through_all(wire: Wire, asked: Sequence[_Asked]) -> list[Entrance | None]:
    values = {
        "app_ids": [key.app_id for key, _ in asked],
        "kinds": [key.kind for key, _ in asked],
        "references": [key.reference for key, _ in asked],
        "user_ids": [user_id for _, user_id in asked],
    }
    found: list[Entrance | None] = [None] * len(asked)
    for row in await wire.fetch(_LOOK, values):
        place = row["place"] - 1
        found[place] = _entrance_from(row, asked[place][1])
    return found


def _entrance_from(columns: Record, user_id: str | None) -> Entrance:
    role = columns["participant_role"]
    return Entrance(
        session=session_of(columns),
        participant=None if role is None else Participant(user_id or "", role, columns["participant_name"]),
        room=None if columns["room_id"] is None else room_from(columns, prefix="room_"),
        call=None if columns["call_id"] is None else call_from(columns, prefix="call_"),
        uid=columns["uid"],
        banned=bool(columns["banned"]),
    )
