"""Lobby entries: who waits in the waiting room, and who was admitted. They last until the session's room is closed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Select,
    Uuid,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.ids import AppId, EntryId, SessionId
from videobroker.domain.lobby import EXPIRED_AFTER, EntryState, LobbyEntry
from videobroker.domain.sessions import Session
from videobroker.storage.postgres.row_mapping import Columns, RowReader
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.sessions import session_from
from videobroker.storage.tables import calls, lobby, participants, removals, sessions

MIN_REFRESH_INTERVAL = timedelta(seconds=3)
"""Between two writes of `seen_at`."""


@dataclass(frozen=True, slots=True)
class EntryContext:
    """A lobby entry, with what the roster and the removals have about the person now."""

    entry: LobbyEntry
    role: str | None
    """The app role; None for a person who is not on the roster."""
    banned: bool


async def add_entry(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, entry: LobbyEntry) -> bool:
    """Write that a person asks to be admitted. False, without a change, if they have an entry already."""
    statement = (
        insert(lobby)
        .values(
            app_id=app_id,
            session_id=session_id,
            user_id=entry.user_id,
            id=entry.id,
            display_name=entry.display_name,
            is_guest=entry.is_guest,
            state=EntryState.WAITING,
            asked_at=entry.asked_at,
            seen_at=entry.seen_at,
        )
        .on_conflict_do_nothing(index_elements=["app_id", "session_id", "user_id"])
        .returning(lobby.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def refresh_entry(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    user_id: str,
    *,
    display_name: str | None = None,
    now: datetime,
) -> None:
    """Write that a person still waits, and their current display name; at most once per `MIN_REFRESH_INTERVAL`."""
    await unit_of_work.execute(
        update(lobby)
        .where(
            *_is_of(app_id, session_id, user_id),
            lobby.c.state == EntryState.WAITING,
            or_(
                lobby.c.seen_at < now - MIN_REFRESH_INTERVAL,
                lobby.c.display_name != func.coalesce(display_name, lobby.c.display_name),
            ),
        )
        .values(
            seen_at=func.greatest(lobby.c.seen_at, now),
            display_name=func.coalesce(display_name, lobby.c.display_name),
        )
    )


async def entries_of_session(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, limit: int
) -> list[EntryContext]:
    """The entries of a session: waiting people first, longest waiting first."""
    statement = _found(app_id, session_id).order_by(lobby.c.decided_at.nulls_first(), lobby.c.asked_at, lobby.c.id)
    return [_found_from(row) for row in await unit_of_work.execute(statement.limit(limit))]


async def find_entry(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, entry_id: EntryId
) -> EntryContext | None:
    statement = _found(app_id, session_id).where(lobby.c.id == entry_id)
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _found_from(row)


async def has_entry(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> bool:
    statement = select(exists().where(*_is_of(app_id, session_id, user_id)))
    return bool((await unit_of_work.execute(statement)).scalar_one())


async def find_entry_of_user(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str
) -> LobbyEntry | None:
    statement = select(lobby).where(*_is_of(app_id, session_id, user_id))
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else entry_from(row._mapping)


async def entries_of(
    unit_of_work: UnitOfWork, app_id: AppId, session_ids: Collection[SessionId], user_id: str
) -> dict[SessionId, LobbyEntry]:
    """This person's entries, by session."""
    statement = select(lobby).where(
        lobby.c.app_id == app_id, lobby.c.session_id.in_(list(session_ids)), lobby.c.user_id == user_id
    )
    return {row.session_id: entry_from(row._mapping) for row in await unit_of_work.execute(statement)}


async def decide(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    entry_id: EntryId,
    state: EntryState,
    *,
    out_of: Collection[EntryState],
    by: str | None,
    now: datetime,
) -> bool:
    """Write the decision about an entry. False, without a change, if its state is not one of `out_of`."""
    statement = (
        update(lobby)
        .where(lobby.c.app_id == app_id, lobby.c.id == entry_id, lobby.c.state.in_(list(out_of)))
        .values(state=state, decided_at=now, decided_by=by)
        .returning(lobby.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def admit_many(
    unit_of_work: UnitOfWork, app_id: AppId, entry_ids: Collection[EntryId], *, by: str | None, now: datetime
) -> list[LobbyEntry]:
    """Admit those of these people who still wait, in one round trip; returns their entries."""
    statement = (
        update(lobby)
        .where(
            lobby.c.app_id == app_id,
            lobby.c.id == func.any(literal(list(entry_ids), ARRAY(Uuid))),
            lobby.c.state == EntryState.WAITING,
        )
        .values(state=EntryState.ADMITTED, decided_at=now, decided_by=by)
        .returning(lobby)
    )
    return [entry_from(row._mapping) for row in await unit_of_work.execute(statement)]


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """An entry of a person who waits, with its session."""

    found: EntryContext
    session: Session
    call_running: bool


async def waiting_of_apps(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], *, seen_after: datetime, limit: int
) -> list[WaitingEntry]:
    """People of these apps who wait and were seen after this moment, longest waiting first."""
    running = exists().where(
        calls.c.app_id == lobby.c.app_id, calls.c.session_id == lobby.c.session_id, calls.c.ended_at.is_(None)
    )
    statement = (
        _with_person(*sessions.c, *(each.label(f"entry_{each.name}") for each in lobby.c), running.label("running"))
        .join(sessions, and_(sessions.c.app_id == lobby.c.app_id, sessions.c.id == lobby.c.session_id))
        .where(lobby.c.seen_at > seen_after, lobby.c.state == EntryState.WAITING, lobby.c.app_id.in_(app_ids))
        .order_by(lobby.c.asked_at, lobby.c.id)
        .limit(limit)
    )
    return [
        WaitingEntry(
            EntryContext(entry_from(row._mapping, prefix="entry_"), row.role, bool(row.banned)),
            session_from(row._mapping),
            row.running,
        )
        for row in await unit_of_work.execute(statement)
    ]


async def waiting_page(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, after: LobbyEntry | None, limit: int
) -> list[EntryContext]:
    """A page of the waiting people, longest waiting first; `after` is the last entry of the previous page."""
    statement = (
        _found(app_id, session_id)
        .where(lobby.c.state == EntryState.WAITING)
        .order_by(lobby.c.asked_at, lobby.c.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(
            tuple_(lobby.c.asked_at, lobby.c.id)
            > tuple_(literal(after.asked_at, lobby.c.asked_at.type), literal(after.id, lobby.c.id.type))
        )
    return [_found_from(row) for row in await unit_of_work.execute(statement)]


async def delete_entry(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> bool:
    """Delete a person's entry, so that they have to ask again. False if there was none."""
    statement = delete(lobby).where(*_is_of(app_id, session_id, user_id)).returning(lobby.c.id)
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def withdraw(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> EntryId | None:
    """Delete the entry of a person who waits. None, without a change, if there is none or it was decided."""
    statement = (
        delete(lobby)
        .where(*_is_of(app_id, session_id, user_id), lobby.c.state == EntryState.WAITING)
        .returning(lobby.c.id)
    )
    entry_id = (await unit_of_work.execute(statement)).scalar_one_or_none()
    return None if entry_id is None else EntryId(entry_id)


async def delete_entries_of_session(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> None:
    await unit_of_work.execute(delete(lobby).where(lobby.c.app_id == app_id, lobby.c.session_id == session_id))


async def delete_old(unit_of_work: UnitOfWork, *, now: datetime, limit: int) -> int:
    """Delete entries that have not been refreshed for long, of sessions without an open call; returns how many."""
    before = now - EXPIRED_AFTER
    running = exists().where(
        calls.c.app_id == lobby.c.app_id, calls.c.session_id == lobby.c.session_id, calls.c.ended_at.is_(None)
    )
    old = (
        select(lobby.c.app_id, lobby.c.id)
        .where(lobby.c.seen_at < before, func.coalesce(lobby.c.decided_at, lobby.c.asked_at) < before, ~running)
        .limit(limit)
    )
    statement = delete(lobby).where(tuple_(lobby.c.app_id, lobby.c.id).in_(old)).returning(lobby.c.id)
    return len((await unit_of_work.execute(statement)).all())


async def admitted(
    unit_of_work: UnitOfWork, app_id: AppId, session_ids: Collection[SessionId], user_id: str | None
) -> set[SessionId]:
    """The sessions to which this person was admitted."""
    if user_id is None:
        return set()
    statement = select(lobby.c.session_id).where(
        lobby.c.app_id == app_id,
        lobby.c.session_id.in_(list(session_ids)),
        lobby.c.user_id == user_id,
        lobby.c.state == EntryState.ADMITTED,
    )
    return set((await unit_of_work.execute(statement)).scalars())


class EntryRow(NamedTuple):
    """The columns of `lobby` that make a `LobbyEntry`."""

    id: EntryId
    user_id: str
    display_name: str | None
    is_guest: bool
    state: str
    asked_at: datetime
    seen_at: datetime
    decided_at: datetime | None
    decided_by: str | None


ENTRY_ROWS = RowReader(EntryRow)


def entry_from(columns: Columns, *, prefix: str = "") -> LobbyEntry:
    """The lobby entry of a row."""
    row = ENTRY_ROWS.read(columns, prefix)
    return LobbyEntry(
        id=row.id,
        user_id=row.user_id,
        display_name=row.display_name,
        is_guest=row.is_guest,
        state=EntryState(row.state),
        asked_at=row.asked_at,
        seen_at=row.seen_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )


def _is_of(app_id: AppId, session_id: SessionId, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return lobby.c.app_id == app_id, lobby.c.session_id == session_id, lobby.c.user_id == user_id


def _found(app_id: AppId, session_id: SessionId) -> Select[Any]:
    return _with_person(*lobby.c).where(lobby.c.app_id == app_id, lobby.c.session_id == session_id)


def _with_person(*columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*columns, participants.c.role, removals.c.banned)
        .select_from(lobby)
        .outerjoin(
            participants,
            and_(
                participants.c.app_id == lobby.c.app_id,
                participants.c.session_id == lobby.c.session_id,
                participants.c.user_id == lobby.c.user_id,
            ),
        )
        .outerjoin(
            removals,
            and_(
                removals.c.app_id == lobby.c.app_id,
                removals.c.session_id == lobby.c.session_id,
                removals.c.user_id == lobby.c.user_id,
            ),
        )
    )


def _found_from(row: Row[Any]) -> EntryContext:
    return EntryContext(entry_from(row._mapping), row.role, bool(row.banned))
