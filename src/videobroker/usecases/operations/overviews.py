"""Session lists, counts, and search across apps, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.calls import Call
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.overview import Section, SectionCounts, SessionListItem, TimeRange
from videobroker.domain.rooms import Room
from videobroker.domain.sessions import RegistrationResult
from videobroker.errors import SessionNotFound
from videobroker.storage.calls import calls, rooms
from videobroker.storage.joining import removals
from videobroker.storage.joining.removals import Removal
from videobroker.storage.sessions import overviews, sessions

TITLES_WITHIN = timedelta(days=15)
"""Titles and names are searched among bookings that start within this time of the chosen day."""


@dataclass(frozen=True, slots=True)
class SessionListPage:
    """One page of sessions, and the cursor of the next."""

    listed: Sequence[SessionListItem]
    next: str | None


async def count(broker: Broker, app_ids: Sequence[AppId], time_range: TimeRange, *, now: datetime) -> SectionCounts:
    """How many sessions of these apps are in each section, and how many people are in calls."""
    async with broker.store.transaction() as unit_of_work:
        return await overviews.counts(unit_of_work, app_ids, time_range, now=now)


async def list_section(
    broker: Broker,
    app_ids: Sequence[AppId],
    time_range: TimeRange,
    section: Section | None,
    *,
    now: datetime,
    limit: int,
    cursor: str | None = None,
) -> SessionListPage:
    """Bookings in this section, or in any, that start in this time range. Running sessions are listed at any start.

    Raises `InvalidCursor`.
    """
    async with broker.store.transaction() as unit_of_work:
        if section is Section.IN_PROGRESS:
            return SessionListPage(
                *await overviews.in_progress(unit_of_work, app_ids, now=now, limit=limit, cursor=cursor)
            )
        return SessionListPage(
            *await overviews.bookings(unit_of_work, app_ids, time_range, section, now=now, limit=limit, cursor=cursor)
        )


async def list_groups(
    broker: Broker, app_ids: Sequence[AppId], *, now: datetime, limit: int, cursor: str | None = None
) -> SessionListPage:
    """Groups, newest first. Raises `InvalidCursor`."""
    async with broker.store.transaction() as unit_of_work:
        return SessionListPage(*await overviews.groups(unit_of_work, app_ids, now=now, limit=limit, cursor=cursor))


async def search(
    broker: Broker, app_ids: Sequence[AppId], words: str, *, around: datetime, now: datetime, limit: int
) -> list[SessionListItem]:
    """Search sessions by prefix of their reference, by participant user ID, by title, or by participant name.

    References and user IDs match on any date; titles and names only in groups and in bookings around `around`.
    """
    within = TimeRange(around - TITLES_WITHIN, around + TITLES_WITHIN)
    async with broker.store.transaction() as unit_of_work:
        return await overviews.search(unit_of_work, app_ids, words, titles_within=within, now=now, limit=limit)


@dataclass(frozen=True, slots=True)
class SessionOverview:
    """One session with its participants, rooms, calls, and removals."""

    registered: RegistrationResult
    rooms: Sequence[Room]
    calls: Sequence[Call]
    """The newest calls, by start."""
    removals: Sequence[Removal]

    @property
    def open_call(self) -> Call | None:
        return next((call for call in self.calls if call.ended_at is None), None)


async def find_overview(broker: Broker, app: App, session_id: SessionId) -> SessionOverview:
    """Raises `SessionNotFound`."""
    async with broker.store.transaction() as unit_of_work:
        session = await sessions.find_by_id(unit_of_work, app.id, session_id)
        if session is None:
            raise SessionNotFound("This app has no session with this ID.")
        people = await sessions.participants_of(unit_of_work, app.id, session_id)
        return SessionOverview(
            registered=RegistrationResult(session, people, len(people)),
            rooms=await rooms.find(unit_of_work, app.id, session_id),
            calls=await calls.newest_of_session(unit_of_work, app.id, session_id),
            removals=await removals.of_session(unit_of_work, app.id, session_id),
        )
