"""Rooms, and the lease under which one process at a time calls the provider about a room.

The lease is measured with the clock of the database, because the clocks of replicas may differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Interval,
    Select,
    Text,
    Update,
    case,
    false,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, RoomId, SessionId
from videobroker.domain.rooms import FormerRoom, Room, RoomState, UnconfirmedRoom
from videobroker.errors import SessionNotFound
from videobroker.storage.calls.room_codes import columns_of, no_codes, stored_codes
from videobroker.storage.postgres.notifications import notify, room_topic
from videobroker.storage.postgres.row_mapping import PROVIDERS, Columns, RowReader, members_by_value
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import calls, former_rooms, rooms, sessions

LEASE_DURATION = timedelta(seconds=3)
"""After a crash, other processes wait for so long. The holder renews it three times in this time."""


@dataclass(frozen=True, slots=True)
class RoomClaim:
    """A room, and whether the caller has its lease."""

    room: Room
    is_ours: bool
    attempt: int
    """The number of leases of this room so far."""
    failure: Mapping[str, Any] | None
    """Why this attempt failed; None while it is under way, and after success."""
    is_free: bool = False
    """No process has the lease."""


async def claim_opening(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    room: Room,
    *,
    holder: UUID,
    with_codes: bool,
    awaited: int | None,
    now: datetime,
) -> RoomClaim:
    """Take the lease to open the room, or to add its codes, unless it is open or another process has the lease.

    `room` is inserted if the session has none at this provider. `awaited` is the attempt that the caller has been
    waiting for: if it failed, the claim has its failure, and the lease is not taken.
    """
    new_row = insert(rooms).values(
        app_id=app_id,
        id=room.id,
        session_id=room.session_id,
        provider=room.provider,
        state=RoomState.PREPARING,
        codes={},
        lease_holder=holder,
        lease_until=_lease_end(),
        attempt=1,
        updated_at=now,
    )
    lacking = rooms.c.state != RoomState.READY
    if with_codes:
        lacking = lacking | ((rooms.c.codes == _no_codes()) & rooms.c.sealed_codes.is_(None))
    statement = new_row.on_conflict_do_update(
        index_elements=["app_id", "session_id", "provider"],
        set_={
            "state": case((rooms.c.state == RoomState.READY, RoomState.READY), else_=RoomState.PREPARING),
            "lease_holder": holder,
            "lease_until": _lease_end(),
            "attempt": rooms.c.attempt + 1,
            "failure": None,
            # The codes of a closed room have been disabled.
            **{
                name: case((rooms.c.state == RoomState.READY, rooms.c[name]), else_=literal(value, rooms.c[name].type))
                for name, value in no_codes().items()
            },
            "updated_at": now,
        },
        where=lacking & _lease_is_free() & ~_failed(awaited),
    ).returning(rooms)
    row = (await unit_of_work.execute(statement)).one_or_none()
    if row is not None:
        return RoomClaim(room_from(row._mapping), is_ours=True, attempt=row.attempt, failure=None)
    return await read_claim(unit_of_work, app_id, room)


async def read_claim(unit_of_work: UnitOfWork, app_id: AppId, room: Room) -> RoomClaim:
    """The session's room at this provider; takes no lease. Raises `SessionNotFound` if it was deleted meanwhile."""
    statement = select(rooms, _lease_is_free().label("is_free")).where(
        rooms.c.app_id == app_id, rooms.c.session_id == room.session_id, rooms.c.provider == room.provider
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    if row is None:
        raise SessionNotFound("The session was deleted.")
    return RoomClaim(
        room_from(row._mapping), is_ours=False, attempt=row.attempt, failure=row.failure, is_free=row.is_free
    )


async def has_open_room_or_call(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> bool:
    """Whether a room of the session is open, or a call. Both are at the session's provider."""
    room = select(rooms.c.id).where(
        rooms.c.app_id == app_id, rooms.c.session_id == session_id, rooms.c.state == RoomState.READY
    )
    statement = select(room.exists() | _open_call(app_id, session_id).exists())
    return bool((await unit_of_work.execute(statement)).scalar_one())


def _open_call(app_id: AppId, session_id: SessionId) -> Select[Any]:
    return select(calls.c.id).where(
        calls.c.app_id == app_id, calls.c.session_id == session_id, calls.c.ended_at.is_(None)
    )


async def claim_closing(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    provider: ProviderName,
    *,
    holder: UUID,
    now: datetime,
) -> Room | None:
    """Take the lease to close the session's room at this provider, and write that it is closing.

    None if there is nothing to close.

    Skips a room with an open call, which began after the one that ended, and a room that another process is opening:
    that process reads the session again when the room is open. A process that adds codes to an open room loses the
    lease, and starts over.
    """
    statement = (
        update(rooms)
        .where(
            rooms.c.app_id == app_id,
            rooms.c.session_id == session_id,
            rooms.c.provider == provider,
            rooms.c.state.in_([RoomState.READY, RoomState.CLOSING]),
            _lease_is_free() | (rooms.c.state == RoomState.READY),
            ~_open_call(app_id, session_id).exists(),
        )
        .values(
            state=RoomState.CLOSING,
            lease_holder=holder,
            lease_until=_lease_end(),
            attempt=rooms.c.attempt + 1,
            failure=None,
            # Since when it is closing, not when that was tried last.
            updated_at=case((rooms.c.state == RoomState.CLOSING, rooms.c.updated_at), else_=now),
        )
        .returning(rooms)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else room_from(row._mapping)


async def claim_unconfirmed(
    unit_of_work: UnitOfWork, app_id: AppId, room_id: RoomId, *, holder: UUID, started_before: datetime
) -> Room | None:
    """Take the lease to close a room that `unconfirmed_of` returned.

    None if another process has the lease, began to open it at `started_before` or later, or has opened it. The state
    does not change: a process that wants to open the room waits for the lease.
    """
    statement = (
        update(rooms)
        .where(
            rooms.c.app_id == app_id,
            rooms.c.id == room_id,
            rooms.c.state.in_([RoomState.PREPARING, RoomState.CLOSING]),
            rooms.c.updated_at < started_before,
            _lease_is_free(),
        )
        .values(lease_holder=holder, lease_until=_lease_end(), attempt=rooms.c.attempt + 1, failure=None)
        .returning(rooms)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else room_from(row._mapping)


async def unconfirmed_of(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> list[UnconfirmedRoom]:
    """The session's rooms that may be open although no one is meant to be in them.

    A process began to open them, and they were not opened or closed since then; or they were to be closed when the
    session moved to another provider.
    """
    left = (rooms.c.state == RoomState.CLOSING) & (rooms.c.provider != sessions.c.provider)
    statement = (
        select(rooms)
        .join(sessions, (sessions.c.app_id == rooms.c.app_id) & (sessions.c.id == rooms.c.session_id))
        .where(
            rooms.c.app_id == app_id,
            rooms.c.session_id == session_id,
            (rooms.c.state == RoomState.PREPARING) | left,
        )
    )
    return [UnconfirmedRoom(room_from(row._mapping), row.updated_at) for row in await unit_of_work.execute(statement)]


@dataclass(frozen=True, slots=True)
class OverdueRooms:
    """Rooms that were to be closed, and are not."""

    count: int
    since: datetime | None
    """Of the oldest; None if there is none."""


async def overdue(unit_of_work: UnitOfWork, *, before: datetime, steps_until: datetime) -> OverdueRooms:
    """The rooms in all apps that have been closing, or opening, since earlier than `before`.

    Reads only sessions whose next lifecycle step is due by `steps_until`, by its index.
    """
    statement = (
        select(func.count().label("number"), func.min(rooms.c.updated_at).label("since"))
        .select_from(sessions)
        .join(rooms, (rooms.c.app_id == sessions.c.app_id) & (rooms.c.session_id == sessions.c.id))
        .where(
            sessions.c.attend_at <= steps_until,
            rooms.c.state.in_([RoomState.PREPARING, RoomState.CLOSING]),
            rooms.c.updated_at < before,
        )
    )
    row = (await unit_of_work.execute(statement)).one()
    return OverdueRooms(row.number, row.since)


async def request_closing(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, now: datetime) -> None:
    """Write that the session's open room is to be closed, by any process."""
    await unit_of_work.execute(
        update(rooms)
        .where(rooms.c.app_id == app_id, rooms.c.session_id == session_id, rooms.c.state == RoomState.READY)
        .values(state=RoomState.CLOSING, lease_holder=None, lease_until=None, updated_at=now)
    )


async def renew(unit_of_work: UnitOfWork, app_id: AppId, room_id: RoomId, holder: UUID) -> None:
    """Extend the lease."""
    await unit_of_work.execute(_with_lease(app_id, room_id, holder).values(lease_until=_lease_end()))


async def mark_open(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    room_id: RoomId,
    *,
    holder: UUID,
    provider_room_id: str,
    codes: Mapping[str, str],
    now: datetime,
) -> Room | None:
    """Write that the room is open, and notify those who wait for it. None if the lease was lost."""
    statement = (
        _with_lease(app_id, room_id, holder)
        .values(
            state=RoomState.READY,
            provider_room_id=provider_room_id,
            codes_issued=rooms.c.codes_issued | literal(bool(codes)),
            **(columns_of(unit_of_work.secret_box, app_id, codes) if codes else {}),
            closure=None,
            lease_holder=None,
            lease_until=None,
            updated_at=now,
        )
        .returning(rooms)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    await notify(unit_of_work, room_topic(room_id))
    return None if row is None else room_from(row._mapping)


async def mark_closed(
    unit_of_work: UnitOfWork, app_id: AppId, room_id: RoomId, *, holder: UUID, closure: str | None, now: datetime
) -> bool:
    """Write that the provider has closed the room. False if the lease was lost."""
    statement = (
        _with_lease(app_id, room_id, holder)
        .values(state=RoomState.CLOSED, closure=closure, lease_holder=None, lease_until=None, updated_at=now)
        .returning(rooms.c.id)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    await notify(unit_of_work, room_topic(room_id))
    return row is not None


async def mark_closed_elsewhere(
    unit_of_work: UnitOfWork, app_id: AppId, room_id: RoomId, *, holder: UUID, now: datetime
) -> None:
    """Write that an open room has to be opened again, because it is closed at the provider. Not if the lease was lost:
    then another process may be closing it.
    """
    await unit_of_work.execute(
        _with_lease(app_id, room_id, holder).values(
            state=RoomState.PREPARING, lease_holder=None, lease_until=None, updated_at=now
        )
    )
    await notify(unit_of_work, room_topic(room_id))


async def release(
    unit_of_work: UnitOfWork, app_id: AppId, room_id: RoomId, *, holder: UUID, failure: Mapping[str, Any] | None
) -> bool:
    """Release the lease, and notify those who wait for the room; `failure` is why the attempt failed.

    False if the lease was lost.
    """
    statement = (
        _with_lease(app_id, room_id, holder)
        .values(lease_holder=None, lease_until=None, failure=failure and dict(failure))
        .returning(rooms.c.id)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    await notify(unit_of_work, room_topic(room_id))
    return row is not None


async def invalidate(
    unit_of_work: UnitOfWork, app_id: AppId, room: Room, *, provider_room_id: str | None, now: datetime
) -> None:
    """Require another request to the provider, after a process sent requests without knowing that it lost its lease.

    Its requests may have undone those of another process: a room that is `ready` may be closed at the provider, and one
    that is `closed` may be open. The current holder loses the lease, and finds that out when it writes its result.
    `provider_room_id` is the room that the requests were about, if it is known.
    """
    opening = rooms.c.state.in_([RoomState.PREPARING, RoomState.READY])
    await unit_of_work.execute(
        update(rooms)
        .where(rooms.c.app_id == app_id, rooms.c.id == room.id, rooms.c.generation == room.generation)
        .values(
            state=case((opening, RoomState.PREPARING), else_=RoomState.CLOSING),
            provider_room_id=func.coalesce(rooms.c.provider_room_id, literal(provider_room_id, Text)),
            lease_holder=None,
            lease_until=None,
            updated_at=now,
        )
    )
    await unit_of_work.execute(
        update(former_rooms)
        .where(
            former_rooms.c.app_id == app_id,
            former_rooms.c.provider == room.provider,
            former_rooms.c.provider_room_id == (provider_room_id or room.provider_room_id),
        )
        .values(closed_at=None)
    )
    await notify(unit_of_work, room_topic(room.id))


async def claim_renewal(unit_of_work: UnitOfWork, app_id: AppId, room: Room, *, holder: UUID, now: datetime) -> bool:
    """Take the lease to replace this room by a new generation. False if it is closed, or was replaced already.

    A process that adds codes to it loses the lease, and starts over.
    """
    statement = (
        update(rooms)
        .where(
            rooms.c.app_id == app_id,
            rooms.c.id == room.id,
            rooms.c.state == RoomState.READY,
            rooms.c.generation == room.generation,
        )
        .values(lease_holder=holder, lease_until=_lease_end(), attempt=rooms.c.attempt + 1, failure=None)
        .returning(rooms.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def begin_generation(
    unit_of_work: UnitOfWork, app_id: AppId, room_id: RoomId, *, holder: UUID, provider_room_id: str, now: datetime
) -> Room | None:
    """Replace the provider's room by one of the next generation, which is yet to be opened.

    The former room is recorded, to be closed before the new one is opened. None if the lease was lost.
    """
    statement = (
        _with_lease(app_id, room_id, holder)
        .values(
            state=RoomState.PREPARING,
            generation=rooms.c.generation + 1,
            provider_room_id=None,
            **no_codes(),
            codes_issued=False,
            closure=None,
            updated_at=now,
        )
        .returning(rooms)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    if row is None:
        return None
    room = room_from(row._mapping)
    await unit_of_work.execute(
        insert(former_rooms)
        .values(
            app_id=app_id,
            provider=room.provider,
            provider_room_id=provider_room_id,
            session_id=room.session_id,
            retired_at=now,
        )
        .on_conflict_do_update(
            index_elements=["app_id", "provider", "provider_room_id"], set_={"retired_at": now, "closed_at": None}
        )
    )
    return room


async def former_rooms_of(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, retired_since: datetime | None = None
) -> list[FormerRoom]:
    """The former rooms of the session that are not closed yet; with `retired_since`, all that were left since then."""
    which = former_rooms.c.closed_at.is_(None) if retired_since is None else former_rooms.c.retired_at >= retired_since
    statement = (
        select(former_rooms)
        .where(former_rooms.c.app_id == app_id, former_rooms.c.session_id == session_id, which)
        .order_by(former_rooms.c.retired_at)
    )
    return [
        FormerRoom(session_id, PROVIDERS[row.provider], row.provider_room_id, row.retired_at)
        for row in await unit_of_work.execute(statement)
    ]


async def last_provider_room(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, provider: ProviderName
) -> str | None:
    """The provider's ID of the session's room; while it is being replaced, of the former one."""
    present = select(rooms.c.provider_room_id).where(
        rooms.c.app_id == app_id,
        rooms.c.session_id == session_id,
        rooms.c.provider == provider,
        rooms.c.provider_room_id.is_not(None),
    )
    left = (
        select(former_rooms.c.provider_room_id)
        .where(
            former_rooms.c.app_id == app_id,
            former_rooms.c.session_id == session_id,
            former_rooms.c.provider == provider,
        )
        .order_by(former_rooms.c.retired_at.desc())
        .limit(1)
    )
    for statement in (present, left):
        found: str | None = (await unit_of_work.execute(statement)).scalar_one_or_none()
        if found is not None:
            return found
    return None


async def mark_former_closed(unit_of_work: UnitOfWork, app_id: AppId, room: FormerRoom, *, now: datetime) -> bool:
    """Write that the provider has closed a former room. False if that was written before."""
    statement = (
        update(former_rooms)
        .where(
            former_rooms.c.app_id == app_id,
            former_rooms.c.provider == room.provider,
            former_rooms.c.provider_room_id == room.provider_room_id,
            former_rooms.c.closed_at.is_(None),
        )
        .values(closed_at=now)
        .returning(former_rooms.c.session_id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def find(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> Sequence[Room]:
    """The session's rooms: one for each provider at which it ever had one."""
    statement = select(rooms).where(rooms.c.app_id == app_id, rooms.c.session_id == session_id)
    return [room_from(row._mapping) for row in await unit_of_work.execute(statement)]


async def sessions_of_room(
    unit_of_work: UnitOfWork, app_id: AppId, provider: ProviderName, provider_room_id: str, *, limit: int
) -> list[SessionId]:
    """The sessions of a provider's room: usually one; several if the account has a fixed room."""
    statement = (
        select(rooms.c.session_id)
        .where(rooms.c.app_id == app_id, rooms.c.provider == provider, rooms.c.provider_room_id == provider_room_id)
        .order_by(rooms.c.session_id.desc())
        .limit(limit)
    )
    return list((await unit_of_work.execute(statement)).scalars())


def _no_codes() -> ColumnElement[Any]:
    return literal({}, rooms.c.codes.type)


def _with_lease(app_id: AppId, room_id: RoomId, holder: UUID) -> Update:
    return update(rooms).where(rooms.c.app_id == app_id, rooms.c.id == room_id, rooms.c.lease_holder == holder)


def _failed(attempt: int | None) -> ColumnElement[bool]:
    return (rooms.c.attempt == literal(attempt, Integer)) & rooms.c.failure.is_not(None) if attempt else false()


def _lease_end() -> ColumnElement[datetime]:
    return func.clock_timestamp() + literal(LEASE_DURATION, Interval)


def _lease_is_free() -> ColumnElement[bool]:
    return rooms.c.lease_until.is_(None) | (rooms.c.lease_until < func.clock_timestamp())


class RoomRow(NamedTuple):
    """The columns of `rooms` that make a `Room`."""

    id: RoomId
    session_id: SessionId
    provider: str
    state: str
    provider_room_id: str | None
    codes: Mapping[str, str]
    sealed_codes: bytes | None
    closure: str | None
    generation: int
    codes_issued: bool


ROOM_ROWS = RowReader(RoomRow)
_STATES = members_by_value(RoomState)


def room_from(columns: Columns, *, prefix: str = "") -> Room:
    """The room of a row."""
    row = ROOM_ROWS.read(columns, prefix)
    return Room(
        id=row.id,
        session_id=row.session_id,
        provider=PROVIDERS[row.provider],
        state=_STATES[row.state],
        provider_room_id=row.provider_room_id,
        codes=stored_codes(row.codes, row.sealed_codes),
        closure=row.closure,
        generation=row.generation,
        codes_issued=row.codes_issued,
    )
