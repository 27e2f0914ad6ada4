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
    and_,
    case,
    column,
    exists,
    func,
    literal,
    not_,
    null,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects import postgresql

from videobroker.domain.attendance.verdicts import AttendanceVerdict
from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.overview import (
    MAX_NAMES_SHOWN,
    Lateness,
    Phase,
    Section,
    SectionCounts,
    SessionListItem,
    TimeRange,
)
from videobroker.domain.pages import Page
from videobroker.domain.policy import DEFAULT_POLICY
from videobroker.domain.sessions import Participant, SessionKind, SessionStatus
from videobroker.storage.calls.calls import call_from
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.sessions import participant_from, session_from
from videobroker.storage.tables import apps, attendance, calls, journal, participants, sessions, verdicts

_UUID = postgresql.UUID(as_uuid=True)

_running = and_(calls.c.app_id == sessions.c.app_id, calls.c.session_id == sessions.c.id, calls.c.ended_at.is_(None))
_call_columns = [each.label(f"call_{each.name}") for each in calls.c]


def each_app(app_ids: Sequence[AppId]) -> FromClause:
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


def _is_of_session(table: FromClause) -> ColumnElement[bool]:
    return and_(table.c.app_id == sessions.c.app_id, table.c.session_id == sessions.c.id)


def _exists(table: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the session has such a row of the table."""
    return exists(select(true()).select_from(table).where(_is_of_session(table), *conditions).correlate_except(table))


def _lateness(now: datetime) -> ColumnElement[str | None]:
    """Who is late, for a session that should have started; null for all others."""
    is_due = and_(
        sessions.c.kind == SessionKind.BOOKING,
        sessions.c.status == SessionStatus.CONFIRMED,
        sessions.c.video,
        sessions.c.starts_at <= now,
        sessions.c.ends_at > now,
    )
    anyone_joined = _exists(attendance)
    host_roles = func.coalesce(
        sessions.c.policy["host_roles"],
        select(apps.c.policy["host_roles"])
        .where(apps.c.id == sessions.c.app_id)
        .correlate_except(apps)
        .scalar_subquery(),
        literal(list(DEFAULT_POLICY.host_roles), postgresql.JSONB),
    )
    is_host = host_roles.has_key(participants.c.role)
    has_joined = _exists(attendance, attendance.c.user_id == participants.c.user_id)
    return case(
        (not_(is_due), null()),
        (and_(calls.c.id.is_(None), not_(anyone_joined)), Lateness.EVERYONE.value),
        # An open call without evidence: the provider has not reported who is in it.
        (not_(anyone_joined), null()),
        (
            and_(_exists(participants, is_host), not_(_exists(participants, is_host, has_joined))),
            Lateness.HOST.value,
        ),
        else_=null(),
    )


def _no_shows() -> ColumnElement[int]:
    """How many participants did not come: those reported so far, or those absent in the end."""
    has_joined = _exists(attendance, attendance.c.user_id == journal.c.user_id)
    reported = (
        select(func.count(func.distinct(journal.c.user_id)))
        .where(
            _is_of_session(journal),
            journal.c.type == EventType.PARTICIPANT_NO_SHOW,
            not_(has_joined),
        )
        .correlate(sessions)
        .scalar_subquery()
    )
    absent = (
        select(func.count())
        .where(_is_of_session(verdicts), verdicts.c.verdict == AttendanceVerdict.ABSENT)
        .correlate(sessions)
        .scalar_subquery()
    )
    return case(
        (sessions.c.status.not_in((SessionStatus.CONFIRMED, SessionStatus.COMPLETED)), 0),
        (sessions.c.concluded_at.is_not(None), absent),
        (sessions.c.no_shows_reported_for == sessions.c.starts_at, reported),
        else_=0,
    )


def _in_section(section: Section, now: datetime) -> ColumnElement[bool]:
    match section:
        case Section.LATE:
            return _lateness(now).is_not(None)
        case Section.NO_SHOW:
            return _no_shows() > 0
        case Section.UPCOMING:
            return and_(_phase(now) == Phase.UPCOMING.value, _lateness(now).is_(None))
        case _:
            return _phase(now) == section.value


def _items(now: datetime) -> Select[Any]:
    """Sessions with their open call, their lateness, and their no-shows."""
    return select(
        sessions, *_call_columns, _lateness(now).label("lateness"), _no_shows().label("no_shows")
    ).select_from(sessions.outerjoin(calls, _running))


def _bookings(stretch: TimeRange) -> ColumnElement[bool]:
    return and_(
        sessions.c.kind == SessionKind.BOOKING,
        sessions.c.starts_at >= stretch.start,
        sessions.c.starts_at < stretch.end,
    )


async def counts(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], stretch: TimeRange, *, now: datetime
) -> SectionCounts:
    """How many bookings that start in this period are in each section. Calls in progress count whenever they start."""
    chosen = [section for section in Section if section is not Section.IN_PROGRESS]
    day = (
        select(
            _phase(now).label("phase"),
            _lateness(now).is_not(None).label("is_late"),
            (_no_shows() > 0).label("has_no_show"),
        )
        .select_from(sessions.outerjoin(calls, _running))
        .where(sessions.c.app_id.in_(app_ids), _bookings(stretch))
        .subquery()
    )
    conditions = {
        Section.LATE: day.c.is_late,
        Section.NO_SHOW: day.c.has_no_show,
        Section.UPCOMING: and_(day.c.phase == Phase.UPCOMING.value, not_(day.c.is_late)),
    }
    numbers = [
        func.count().filter(conditions.get(section, day.c.phase == section.value)).label(section.value)
        for section in chosen
    ]
    found = (await unit_of_work.execute(select(*numbers))).one()
    open_calls = select(func.count().label("number"), func.coalesce(func.sum(calls.c.present), 0).label("present"))
    row = (await unit_of_work.execute(open_calls.where(calls.c.app_id.in_(app_ids), calls.c.ended_at.is_(None)))).one()
    return SectionCounts(in_progress=row.number, present=row.present, **dict(found._mapping))


async def in_progress(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], *, now: datetime, limit: int, cursor: str | None
) -> Page[SessionListItem]:
    """One page of the sessions with an open call, whatever their time, and the cursor of the next."""
    each = each_app(app_ids)
    statement = (
        _items(now)
        .where(sessions.c.app_id == each.c.app_id, calls.c.id.is_not(None))
        .order_by(calls.c.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(calls.c.id > pagination.read(cursor, UUID)[0])
    rows = await _lateral(unit_of_work, each, statement, "call_id", limit=limit)
    page = pagination.page_of(rows, limit, lambda row: pagination.write([str(row._mapping["call_id"])]))
    return Page(await _listed(unit_of_work, page.items, now), page.next_cursor)


async def bookings(
    unit_of_work: UnitOfWork,
    app_ids: Sequence[AppId],
    stretch: TimeRange,
    section: Section | None,
    *,
    now: datetime,
    limit: int,
    cursor: str | None,
) -> Page[SessionListItem]:
    """One page of the bookings that start in this period, by start, and the next cursor. None: in any section."""
    each = each_app(app_ids)
    position = (sessions.c.starts_at, sessions.c.id)
    statement = (
        _items(now)
        .where(
            sessions.c.app_id == each.c.app_id,
            _bookings(stretch),
            true() if section is None else _in_section(section, now),
        )
        .order_by(*position)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(tuple_(*position) > tuple_(*pagination.read(cursor, pagination.moment, UUID)))
    rows = await _lateral(unit_of_work, each, statement, "starts_at", "id", limit=limit)
    page = pagination.page_of(rows, limit, _booking_cursor)
    return Page(await _listed(unit_of_work, page.items, now), page.next_cursor)


def _booking_cursor(row: Row[Any]) -> str:
    return pagination.write([row._mapping["starts_at"].isoformat(), str(row._mapping["id"])])


async def groups(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], *, now: datetime, limit: int, cursor: str | None
) -> Page[SessionListItem]:
    """One page of the groups, newest first, and the cursor of the next."""
    each = each_app(app_ids)
    statement = (
        _items(now)
        .where(sessions.c.app_id == each.c.app_id, sessions.c.kind == SessionKind.GROUP)
        .order_by(sessions.c.id.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(sessions.c.id < pagination.read(cursor, UUID)[0])
    rows = await _lateral(unit_of_work, each, statement, "-id", limit=limit)
    page = pagination.page_of(rows, limit, lambda row: pagination.write([str(row._mapping["id"])]))
    return Page(await _listed(unit_of_work, page.items, now), page.next_cursor)


async def list_items(
    unit_of_work: UnitOfWork, chosen: Sequence[tuple[AppId, SessionId]], *, now: datetime
) -> list[SessionListItem]:
    """These sessions, in any order."""
    if not chosen:
        return []
    statement = _items(now).where(tuple_(sessions.c.app_id, sessions.c.id).in_(chosen))
    return await _listed(unit_of_work, (await unit_of_work.execute(statement)).all(), now)


async def _lateral(
    unit_of_work: UnitOfWork, each: Any, statement: Select[Any], *order: str, limit: int
) -> Sequence[Row[Any]]:
    """The first rows of all apps together; `statement` selects the first rows of each. `-name` orders descending."""
    own = statement.lateral("own")
    positions = [own.c[name.lstrip("-")].desc() if name.startswith("-") else own.c[name] for name in order]
    together = select(own).select_from(each.join(own, true())).order_by(*positions).limit(limit + 1)
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
            lateness=None if row._mapping["lateness"] is None else Lateness(row._mapping["lateness"]),
            no_shows=row._mapping["no_shows"],
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
