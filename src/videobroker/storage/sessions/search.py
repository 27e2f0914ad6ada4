"""Finds sessions and people of many apps by reference, user ID, title, or name, for operators.

Every query uses an index that begins with the app, and reads a bounded number of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    TableClause,
    Text,
    Uuid,
    column,
    func,
    literal,
    select,
    text,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, aggregate_order_by

from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.overview import SessionListItem
from videobroker.domain.sessions import SessionKind
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions.overviews import each_app, list_items
from videobroker.storage.tables import participants_in_scope as participants
from videobroker.storage.tables import sessions_in_scope as sessions
from videobroker.storage.tables import uids_in_scope as uids

MAX_MATCHES = 5_000
"""Of each app and each kind of match. With more of them, those that are shown are any of them."""
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A participant with a matching name or user ID."""

    app_id: AppId
    user_id: str
    display_name: str | None
    """In their newest session."""
    sessions: int
    """The number of their sessions with a matching name or user ID; at most `MAX_MATCHES`."""


async def find_sessions(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], words: str, *, now: datetime, limit: int
) -> list[SessionListItem]:
    """The latest sessions whose reference begins with the words, whose title or a name in it has them, or with this
    user ID. Words match the beginnings of words, without regard to accents and case."""
    return await _found(unit_of_work, select_matches(app_ids, words), words, now=now, limit=limit)


async def find_sessions_of(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], user_id: str, *, now: datetime, limit: int
) -> list[SessionListItem]:
    """The latest sessions of a person."""
    return await _found(unit_of_work, select_sessions_of(app_ids, user_id), "", now=now, limit=limit)


async def _found(
    unit_of_work: UnitOfWork, statement: Select[Any] | CompoundSelect[Any], reference: str, *, now: datetime, limit: int
) -> list[SessionListItem]:
    await _plan_for_these_values(unit_of_work)
    # In two steps: the planner does not know how few matches there are, and could read all sessions.
    matches = [(row.app_id, row.id) for row in await unit_of_work.execute(statement)]
    latest = select_latest(matches, reference).limit(limit)
    chosen = [(row.app_id, row.id) for row in await unit_of_work.execute(latest)]
    items = await list_items(unit_of_work, chosen, now=now)
    places = {key: place for place, key in enumerate(chosen)}
    return sorted(items, key=lambda each: places[each.session.key.app_id, each.session.id])


async def find_people(
    unit_of_work: UnitOfWork, app_ids: Sequence[AppId], words: str, *, limit: int
) -> list[FoundPerson]:
    """The participants with this user ID or with these words in their name, those with the newest sessions first."""
    await _plan_for_these_values(unit_of_work)
    rows = await unit_of_work.execute(select_people(app_ids, words).limit(limit))
    return [FoundPerson(row.app_id, row.user_id, row.display_name, row.number) for row in rows]


async def _plan_for_these_values(unit_of_work: UnitOfWork) -> None:
    # A plan for any values does not know how rare these words are.
    await unit_of_work.execute(text("set local plan_cache_mode = force_custom_plan"))


def select_matches(app_ids: Sequence[AppId], words: str) -> CompoundSelect[Any]:
    """The IDs of matching sessions."""
    each = each_app(app_ids)
    by_reference = select(sessions.c.id).where(
        sessions.c.app_id == each.c.app_id,
        sessions.c.kind.in_(list(SessionKind)),
        # A range, for the index: references compare byte by byte.
        sessions.c.reference >= words,
        sessions.c.reference < words + LAST_CHARACTER,
    )
    by_title = select(sessions.c.id).where(
        sessions.c.app_id == each.c.app_id, _has_words(sessions, "title", each, words)
    )
    by_person = [
        select(table.c.session_id.label("id")).where(table.c.app_id == each.c.app_id, condition)
        for table, condition in (
            (participants, participants.c.user_id == words),
            (participants, _has_words(participants, "display_name", each, words)),
            (uids, _has_words(uids, "guest_name", each, words)),
        )
    ]
    return union(*(_of_each(each, query, "id") for query in (by_reference, by_title, *by_person)))


def select_sessions_of(app_ids: Sequence[AppId], user_id: str) -> Select[Any]:
    """The IDs of the newest sessions of a person."""
    each = each_app(app_ids)
    theirs = select(participants.c.session_id.label("id")).where(
        participants.c.app_id == each.c.app_id, participants.c.user_id == user_id
    )
    return _of_each(each, theirs.order_by(participants.c.session_id.desc()), "id")


def select_latest(chosen: Sequence[tuple[AppId, SessionId]], reference: str) -> Select[Any]:
    """These sessions, latest first. One with exactly this reference comes first."""
    matches = (
        func.unnest(
            literal([app_id for app_id, _ in chosen], ARRAY(Uuid)), literal([each for _, each in chosen], ARRAY(Uuid))
        )
        .table_valued(column("app_id", Uuid), column("id", Uuid), name="matches")
        .render_derived()
    )
    latest = func.coalesce(sessions.c.starts_at, sessions.c.created_at)
    return (
        select(sessions.c.app_id, sessions.c.id)
        .join(matches, (sessions.c.app_id == matches.c.app_id) & (sessions.c.id == matches.c.id))
        .order_by((sessions.c.reference == reference).desc(), latest.desc(), sessions.c.id.desc())
    )


def select_people(app_ids: Sequence[AppId], words: str) -> Select[Any]:
    """Matching participants, those with the newest sessions first, without a limit."""
    each = each_app(app_ids)
    names = ("user_id", "session_id", "display_name")
    queries = [
        select(*(participants.c[name] for name in names)).where(participants.c.app_id == each.c.app_id, condition)
        for condition in (participants.c.user_id == words, _has_words(participants, "display_name", each, words))
    ]
    matches = union(*(_of_each(each, query, *names) for query in queries)).subquery()
    newest_first = matches.c.session_id.desc()
    newest = func.array_agg(aggregate_order_by(matches.c.session_id, newest_first), type_=ARRAY(Uuid))[1]
    name = func.array_agg(aggregate_order_by(matches.c.display_name, newest_first), type_=ARRAY(Text))[1]
    return (
        select(matches.c.app_id, matches.c.user_id, name.label("display_name"), func.count().label("number"))
        .group_by(matches.c.app_id, matches.c.user_id)
        .order_by(newest.desc())
    )


def _of_each(each: FromClause, query: Select[Any], *names: str) -> Select[Any]:
    """The first `MAX_MATCHES` rows of each app, with the app."""
    own = query.limit(MAX_MATCHES).lateral()
    return select(each.c.app_id, *(own.c[name] for name in names)).select_from(each.join(own, true()))


def _has_words(table: TableClause, name: str, each: FromClause, words: str) -> ColumnElement[bool]:
    """The condition of the indexes on `search_words`."""
    indexed = func.search_words(table.c.app_id, table.c[name])
    query = func.search_query(each.c.app_id, words, type_=TSQUERY)
    return table.c[name].is_not(None) & indexed.op("@@")(query)
