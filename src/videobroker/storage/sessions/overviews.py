"""Sessions of many apps at once, for operators.

Every query is bounded: by a period, by the open calls, or by an index. It reads app by app (lateral), because the
indexes begin with the app.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    String,
    and_,
    case,
    column,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects import postgresql

from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.overview import MAX_NAMES_SHOWN, Phase, PhaseCounts, SessionListItem, TimeRange
from videobroker.domain.pages import Page
from videobroker.domain.sessions import Participant, SessionKind, SessionStatus
from videobroker.storage.calls.calls import call_from
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.sessions import participant_from, session_from
from videobroker.storage.tables import calls, participants, sessions

GROUPS_SEARCHED = 5_000
"""The newest groups of an app that are searched by title."""
_UUID = postgresql.UUID(as_uuid=True)
LAST_CHARACTER = "\U0010ffff"

_running = and_(calls.c.app_id == sessions.c.app_id, calls.c.session_id == sessions.c.id, calls.c.ended_at.is_(None))
_call_columns = [each.label(f"call_{each.name}") for each in calls.c]


def _each(app_ids: Sequence[AppId]) -> FromClause:
    """The apps as a table, for lateral joins."""
    values = func.unnest(literal(list(app_ids), postgresql.ARRAY(_UUID))).table_valued(
        column("app_id", _UUID), name="each_app"
    )
    return values.render_derived()


def _phase(now: datetime) -> ColumnElement[str]:
    """`domain.overview.phase_of` in SQL."""
    return case(
        (sessions.c.status == SessionStatus.CANCELLED, Phase.CANCELLED.value),
        (calls.c.id.is_not(None), Phase.IN_PROGRESS.value),
        (sessions.c.status == SessionStatus.COMPLETED, Phase.COMPLETED.value),
        (sessions.c.ends_at <= now, Phase.COMPLETED.value),
        else_=Phase.UPCOMING.value,
    )


def _bookings(stretch: TimeRange) -> ColumnElement[bool]:
    return and_(
        sessions.c.kind == SessionKind.BOOKING,
        sessions.c.starts_at >= stretch.start,
        sessions.c.starts_at < stretch.end,
    )


async def counts(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], stretch: TimeRange, *, now: datetime
) -> PhaseCounts:
    """How many bookings that start in this period are in each phase. Sessions in progress count whenever they start."""
    phase = _phase(now).label("phase")
    statement = (
        select(phase, func.count().label("number"))
        .select_from(sessions.outerjoin(calls, _running))
        .where(sessions.c.app_id.in_(app_ids), _bookings(stretch))
        .group_by(phase)
    )
    found = {row.phase: row.number for row in await unit_of_work.execute(statement)}
    open_calls = select(func.count().label("number"), func.coalesce(func.sum(calls.c.present), 0).label("present"))
    row = (await unit_of_work.execute(open_calls.where(calls.c.app_id.in_(app_ids), calls.c.ended_at.is_(None)))).one()
    return PhaseCounts(
        upcoming=found.get(Phase.UPCOMING, 0),
        in_progress=row.number,
        completed=found.get(Phase.COMPLETED, 0),
        cancelled=found.get(Phase.CANCELLED, 0),
        present=row.present,
    )


async def in_progress(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], *, now: datetime, limit: int, cursor: str | None
) -> Page[SessionListItem]:
    """One page of the sessions with an open call, whatever their time, and the cursor of the next."""
    apps = _each(app_ids)
    statement = (
        select(sessions, *_call_columns)
        .join(calls, _running)
        .where(sessions.c.app_id == apps.c.app_id)
        .order_by(calls.c.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(calls.c.id > pagination.read(cursor, UUID)[0])
    rows = await _lateral(unit_of_work, apps, statement, "call_id", limit=limit)
    page = pagination.page_of(rows, limit, lambda row: pagination.write([str(row._mapping["call_id"])]))
    return Page(await _listed(unit_of_work, page.items, now), page.next_cursor)


async def bookings(
    unit_of_work: UnitOfWork,
    app_ids: Sequence[AppId],
    stretch: TimeRange,
    phase: Phase,
    *,
    now: datetime,
    limit: int,
    cursor: str | None,
) -> Page[SessionListItem]:
    """One page of the bookings that start in this period and are in this phase, by start, and the next cursor."""
    apps = _each(app_ids)
    position = (sessions.c.starts_at, sessions.c.id)
    statement = (
        select(sessions, *_call_columns)
        .outerjoin(calls, _running)
        .where(sessions.c.app_id == apps.c.app_id, _bookings(stretch), _phase(now) == phase.value)
        .order_by(*position)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(tuple_(*position) > tuple_(*pagination.read(cursor, pagination.moment, UUID)))
    rows = await _lateral(unit_of_work, apps, statement, "starts_at", "id", limit=limit)
    page = pagination.page_of(rows, limit, _booking_cursor)
    return Page(await _listed(unit_of_work, page.items, now), page.next_cursor)


def _booking_cursor(row: Row[Any]) -> str:
    return pagination.write([row._mapping["starts_at"].isoformat(), str(row._mapping["id"])])


async def groups(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], *, now: datetime, limit: int, cursor: str | None
) -> Page[SessionListItem]:
    """One page of the groups, newest first, and the cursor of the next."""
    apps = _each(app_ids)
    statement = (
        select(sessions, *_call_columns)
        .outerjoin(calls, _running)
        .where(sessions.c.app_id == apps.c.app_id, sessions.c.kind == SessionKind.GROUP)
        .order_by(sessions.c.id.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(sessions.c.id < pagination.read(cursor, UUID)[0])
    rows = await _lateral(unit_of_work, apps, statement, "-id", limit=limit)
    page = pagination.page_of(rows, limit, lambda row: pagination.write([str(row._mapping["id"])]))
    return Page(await _listed(unit_of_work, page.items, now), page.next_cursor)


async def search(
    unit_of_work: UnitOfWork,
    app_ids: Sequence[AppId],
    words: str,
    *,
    titles_within: TimeRange,
    now: datetime,
    limit: int,
) -> list[SessionListItem]:
    """Sessions whose reference begins with the words, or with a participant with this user ID, or whose title or
    participants' names contain the words.

    Titles and names have no index: only those of bookings in `titles_within` and of the newest groups are searched.
    """
    found: dict[SessionId, SessionListItem] = {}
    for chosen in (
        _by_reference(app_ids, words),
        _by_person(app_ids, words),
        *_by_title(app_ids, words, titles_within),
        *_by_name(app_ids, words, titles_within),
    ):
        if len(found) >= limit:
            break
        statement = (
            select(sessions, *_call_columns)
            .outerjoin(calls, _running)
            .where(tuple_(sessions.c.app_id, sessions.c.id).in_(chosen.limit(limit)))
        )
        rows = (await unit_of_work.execute(statement)).all()
        found |= {each.session.id: each for each in await _listed(unit_of_work, rows, now)}
    return sorted(found.values(), key=_recency, reverse=True)[:limit]


def _recency(each: SessionListItem) -> tuple[datetime, UUID]:
    return each.session.terms.starts_at or each.session.created_at, each.session.id


def _by_reference(app_ids: Sequence[AppId], words: str) -> Select[Any]:
    return select(sessions.c.app_id, sessions.c.id).where(
        sessions.c.app_id.in_(app_ids),
        sessions.c.kind.in_(list(SessionKind)),
        # A range, for the index: references compare byte by byte.
        sessions.c.reference >= words,
        sessions.c.reference < words + LAST_CHARACTER,
    )


def _by_person(app_ids: Sequence[AppId], words: str) -> Select[Any]:
    return (
        select(participants.c.app_id, participants.c.session_id)
        .where(participants.c.app_id.in_(app_ids), participants.c.user_id == words)
        .order_by(participants.c.session_id.desc())
    )


def _by_title(app_ids: Sequence[AppId], words: str, within: TimeRange) -> list[Select[Any]]:
    apps = _each(app_ids)
    groups_of_each = _newest_groups(apps)
    return [
        select(sessions.c.app_id, sessions.c.id).where(
            sessions.c.app_id.in_(app_ids), _bookings(within), _contains(sessions.c.title, words)
        ),
        select(groups_of_each.c.app_id, groups_of_each.c.id)
        .select_from(apps.join(groups_of_each, true()))
        .where(_contains(groups_of_each.c.title, words)),
    ]


def _by_name(app_ids: Sequence[AppId], words: str, within: TimeRange) -> list[Select[Any]]:
    """Reads the names of the participants of a bounded number of sessions."""
    apps = _each(app_ids)
    groups_of_each = _newest_groups(apps)
    named = _contains(participants.c.display_name, words)
    of_booking = and_(participants.c.app_id == sessions.c.app_id, participants.c.session_id == sessions.c.id)
    of_group = and_(participants.c.app_id == groups_of_each.c.app_id, participants.c.session_id == groups_of_each.c.id)
    return [
        select(sessions.c.app_id, sessions.c.id)
        .join(participants, of_booking)
        .where(sessions.c.app_id.in_(app_ids), _bookings(within), named)
        .distinct(),
        select(groups_of_each.c.app_id, groups_of_each.c.id)
        .select_from(apps.join(groups_of_each, true()).join(participants, of_group))
        .where(named)
        .distinct(),
    ]


def _newest_groups(apps: FromClause) -> FromClause:
    return (
        select(sessions.c.app_id, sessions.c.id, sessions.c.title)
        .where(sessions.c.app_id == apps.c.app_id, sessions.c.kind == SessionKind.GROUP)
        .order_by(sessions.c.id.desc())
        .limit(GROUPS_SEARCHED)
        .lateral("newest")
    )


def _contains(text: ColumnElement[Any], words: str) -> ColumnElement[bool]:
    """Whether the text contains the words, ignoring case, also beyond ASCII in a database with the C locale."""
    spellings = sorted({words, words.lower(), words.upper(), words.title(), words.capitalize()})
    found = [func.strpos(func.lower(text), func.lower(literal(words, String))) > 0]
    return or_(*found, *(func.strpos(text, literal(each, String)) > 0 for each in spellings if not each.isascii()))


async def _lateral(
    unit_of_work: UnitOfWork, apps: Any, statement: Select[Any], *order: str, limit: int
) -> Sequence[Row[Any]]:
    """The first rows of all apps together; `statement` selects the first rows of each. `-name` orders descending."""
    own = statement.lateral("own")
    positions = [own.c[name.lstrip("-")].desc() if name.startswith("-") else own.c[name] for name in order]
    together = select(own).select_from(apps.join(own, true())).order_by(*positions).limit(limit + 1)
    return (await unit_of_work.execute(together)).all()


async def _listed(unit_of_work: UnitOfWork, rows: Sequence[Row[Any]], now: datetime) -> list[SessionListItem]:
    people = await _first_people(unit_of_work, rows)
    return [
        SessionListItem(
            session=session_from(row._mapping),
            call=None if row._mapping["call_id"] is None else call_from(row._mapping, prefix="call_"),
            people=tuple(people.get(row._mapping["id"], ())[:MAX_NAMES_SHOWN]),
            more_people=len(people.get(row._mapping["id"], ())) > MAX_NAMES_SHOWN,
            now=now,
        )
        for row in rows
    ]


async def _first_people(unit_of_work: UnitOfWork, rows: Sequence[Row[Any]]) -> dict[SessionId, list[Participant]]:
    if not rows:
        return {}
    few = [
        select(participants)
        .where(participants.c.app_id == row._mapping["app_id"], participants.c.session_id == row._mapping["id"])
        .order_by(participants.c.user_id)
        .limit(MAX_NAMES_SHOWN + 1)
        .subquery()
        for row in rows
    ]
    found: dict[SessionId, list[Participant]] = {}
    for person in await unit_of_work.execute(union_all(*(select(each) for each in few))):
        found.setdefault(person.session_id, []).append(participant_from(person))
    return {session_id: sorted(each, key=lambda one: one.user_id) for session_id, each in found.items()}
