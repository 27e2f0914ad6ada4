"""Session lists, counts, and search across apps, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
from videobroker.storage.sessions.search import FoundPerson, find_people, find_sessions, find_sessions_of
from videobroker.translatable import TranslatableText


@dataclass(frozen=True, slots=True)
class SessionListPage:
    """One page of sessions, and the cursor of the next."""

    listed: Sequence[SessionListItem]
    next: str | None


async def count(broker: Broker, app_ids: Sequence[AppId], time_range: TimeRange, *, now: datetime) -> SectionCounts:
    """How many sessions of these apps are in each section, and how many people are in calls."""
    async with broker.store.cross_app_transaction() as unit_of_work:
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
    async with broker.store.cross_app_transaction() as unit_of_work:
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
    async with broker.store.cross_app_transaction() as unit_of_work:
        return SessionListPage(*await overviews.groups(unit_of_work, app_ids, now=now, limit=limit, cursor=cursor))


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What matches a search, the latest first."""

    sessions: Sequence[SessionListItem]
    people: Sequence[FoundPerson]
    more_sessions: bool
    more_people: bool


async def search(
    broker: Broker, app_ids: Sequence[AppId], words: str, *, now: datetime, max_sessions: int, max_people: int
) -> SearchResult:
    """Sessions by the start of their reference, by the user ID or name of a person in them, or by title, and people.

    In names and titles, each word of the search is the beginning of a word. Accents and case do not matter.
    """
    async with broker.store.cross_app_transaction() as unit_of_work:
        found = await find_sessions(unit_of_work, app_ids, words, now=now, limit=max_sessions + 1)
        people = await find_people(unit_of_work, app_ids, words, limit=max_people + 1)
    return SearchResult(found[:max_sessions], people[:max_people], len(found) > max_sessions, len(people) > max_people)


async def list_sessions_of(
    broker: Broker, app_ids: Sequence[AppId], user_id: str, *, now: datetime, max_sessions: int
) -> SearchResult:
    """The latest sessions of a participant."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        found = await find_sessions_of(unit_of_work, app_ids, user_id, now=now, limit=max_sessions + 1)
    return SearchResult(found[:max_sessions], [], len(found) > max_sessions, more_people=False)


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
    async with broker.store.transaction(app.id) as unit_of_work:
        session = await sessions.find_by_id(unit_of_work, app.id, session_id)
        if session is None:
            raise SessionNotFound(TranslatableText("This app has no session with this ID."))
        people = await sessions.participants_of(unit_of_work, app.id, session_id)
        return SessionOverview(
            registered=RegistrationResult(session, people, len(people)),
            rooms=await rooms.find(unit_of_work, app.id, session_id),
            calls=await calls.newest_of_session(unit_of_work, app.id, session_id),
            removals=await removals.of_session(unit_of_work, app.id, session_id),
        )
