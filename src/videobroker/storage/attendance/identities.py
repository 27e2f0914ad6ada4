"""Maps the IDs of people at a provider to our user IDs, and back, from the roster and the journal."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from videobroker.domain.apps import ProviderName
from videobroker.domain.calls import MAX_CLOCK_SKEW
from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, EventId, SessionId
from videobroker.storage.joining import provider_uids
from videobroker.storage.journal.journal import TICKET
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import journal, participants, rooms

MAX_CREDENTIAL_AGE = timedelta(days=2)
"""Older credentials have expired at every provider."""
MAX_EVENTS_SINCE_JOIN = 1_000


async def user_ids_by_provider_id(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    provider_user_ids: Collection[str],
    *,
    numbered: bool,
) -> dict[str, str]:
    """Our user IDs of people in a session. A person who is missing never got credentials from us.

    `numbered`: the provider knows people only by the uids that we allocated.
    """
    if numbered:
        return await _numbered(unit_of_work, app_id, session_id, provider_user_ids)
    found = await _on_roster(unit_of_work, app_id, session_id, provider_user_ids)
    return found | await _journalled(unit_of_work, app_id, session_id, set(provider_user_ids) - found.keys())


async def _numbered(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, provider_user_ids: Collection[str]
) -> dict[str, str]:
    numbers = {int(each): each for each in provider_user_ids if each.isascii() and each.isdecimal()}
    owners = await provider_uids.user_ids_of(unit_of_work, app_id, session_id, list(numbers)) if numbers else {}
    return {numbers[number]: user_id for number, user_id in owners.items()}


async def _on_roster(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_ids: Collection[str]
) -> dict[str, str]:
    if not user_ids:
        return {}
    statement = select(participants.c.user_id).where(
        participants.c.app_id == app_id,
        participants.c.session_id == session_id,
        participants.c.user_id.in_(list(user_ids)),
    )
    return {user_id: user_id for user_id in (await unit_of_work.execute(statement)).scalars()}


async def _journalled(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, provider_user_ids: Collection[str]
) -> dict[str, str]:
    if not provider_user_ids:
        return {}
    called = func.coalesce(journal.c.data["provider_user_id"].astext, journal.c.user_id)
    statement = (
        select(called.label("called"), journal.c.user_id)
        .where(_issued(app_id), journal.c.session_id == session_id, called.in_(list(provider_user_ids)))
        .distinct()
    )
    return {row.called: row.user_id for row in await unit_of_work.execute(statement)}


async def session_of(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    provider: ProviderName,
    provider_room_id: str,
    provider_user_id: str,
    *,
    at: datetime,
) -> SessionId | None:
    """The session, of those that share a room, for which this person got credentials last before `at`."""
    statement = (
        select(journal.c.session_id)
        .join(rooms, (rooms.c.app_id == journal.c.app_id) & (rooms.c.session_id == journal.c.session_id))
        .where(
            _issued(app_id),
            rooms.c.provider == provider,
            rooms.c.provider_room_id == provider_room_id,
            journal.c.occurred_at > at - MAX_CREDENTIAL_AGE,
            journal.c.occurred_at <= at + MAX_CLOCK_SKEW,
            or_(
                journal.c.user_id == provider_user_id,
                journal.c.data["provider_user_id"].astext == provider_user_id,
            ),
        )
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(1)
    )
    return (await unit_of_work.execute(statement)).scalar_one_or_none()


async def provider_ids_of_user(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str
) -> set[str]:
    """Every ID that the provider may use for this person, besides uids."""
    statement = (
        select(journal.c.data["provider_user_id"].astext)
        .where(_issued(app_id), journal.c.session_id == session_id, journal.c.user_id == user_id)
        .distinct()
    )
    return {user_id, *(each for each in (await unit_of_work.execute(statement)).scalars() if each)}


async def code_ids_of_user(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> set[str]:
    """The IDs of the room codes that this person got (`rooms.code_id`)."""
    token_id = journal.c.data["token_id"].astext
    statement = (
        select(token_id)
        .where(
            _issued(app_id),
            journal.c.session_id == session_id,
            journal.c.user_id == user_id,
            token_id.startswith("code:"),
        )
        .distinct()
    )
    return set((await unit_of_work.execute(statement)).scalars())


async def last_issued_at(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, user_id: str | None, since: datetime
) -> datetime | None:
    """When credentials were issued last, to `user_id` or to anyone; None if not since `since`."""
    statement = select(func.max(journal.c.occurred_at)).where(
        _issued(app_id), journal.c.session_id == session_id, journal.c.occurred_at >= since
    )
    if user_id is not None:
        statement = statement.where(journal.c.user_id == user_id)
    latest: datetime | None = (await unit_of_work.execute(statement)).scalar_one_or_none()
    return latest


async def latest_join(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> EventId | None:
    """The event of the newest credentials that this person got with a ticket.

    Reads only the newest events of the session, so that its cost does not grow with them. Repeated responses to
    idempotent requests are not joins.
    """
    newest = (
        select(journal.c.id, journal.c.type, journal.c.user_id, journal.c.data, journal.c.xid, journal.c.seq)
        .where(journal.c.app_id == app_id, journal.c.session_id == session_id)
        .order_by(journal.c.xid.desc(), journal.c.seq.desc())
        .limit(MAX_EVENTS_SINCE_JOIN)
        .subquery()
    )
    statement = (
        select(newest.c.id)
        .where(
            newest.c.type == EventType.CREDENTIALS_ISSUED,
            newest.c.user_id == user_id,
            newest.c.data[TICKET].is_not(None),
            newest.c.data["replayed"].is_(None),
        )
        .order_by(newest.c.xid.desc(), newest.c.seq.desc())
        .limit(1)
    )
    return (await unit_of_work.execute(statement)).scalar_one_or_none()


async def was_guest(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str) -> bool:
    """Whether this ID was given to a guest of the session."""
    statement = select(
        select(journal.c.seq)
        .where(
            journal.c.app_id == app_id,
            journal.c.session_id == session_id,
            journal.c.user_id == user_id,
            journal.c.type.in_([EventType.CREDENTIALS_ISSUED, EventType.CREDENTIALS_DENIED, EventType.LINK_ISSUED]),
            journal.c.data["guest"].as_boolean(),
        )
        .exists()
    )
    return bool((await unit_of_work.execute(statement)).scalar_one())


def _issued(app_id: AppId) -> ColumnElement[Any]:
    return (journal.c.app_id == app_id) & (journal.c.type == EventType.CREDENTIALS_ISSUED)
