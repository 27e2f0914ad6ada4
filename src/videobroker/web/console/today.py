"""All sessions of a day by how far they have come, and the search."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response

from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.domain.overview import Phase, TimeRange
from videobroker.errors import InvalidInput
from videobroker.usecases.operations import overviews
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, Looking
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name
from videobroker.web.http.schemas import EARLIEST_YEAR, LATEST_YEAR

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

SHOWN_AT_FIRST = 12
SHOWN_ON_A_PAGE = 50
MOST_FOUND = 50
TITLES = {
    Phase.IN_PROGRESS: "In progress",
    Phase.UPCOMING: "Upcoming",
    Phase.COMPLETED: "Completed",
    Phase.CANCELLED: "Cancelled",
}
"""In the order in which an operator wants to see them."""

AppChoice = Annotated[UUID | Literal[""], Query(alias="app")]
Day = Annotated[date | Literal[""], Query()]
Words = Annotated[str, Query(max_length=128)]
Cursor = Annotated[str, Query(max_length=500)]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the list shows."""

    day: date
    today: date
    app: App | None
    apps: list[App]
    zone: tzinfo

    @property
    def app_ids(self) -> list[AppId]:
        """The apps that are shown."""
        return [each.id for each in ([self.app] if self.app else self.apps)]

    @property
    def names(self) -> dict[AppId, str]:
        """How apps are called."""
        return {each.id: each.name for each in self.apps}

    @property
    def stretch(self) -> TimeRange:
        """The day, as it begins and ends in this zone."""
        return TimeRange(_midnight(self.day, self.zone), _midnight(self.day + timedelta(days=1), self.zone))

    def url(self, path: str = "/console", **others: str) -> str:
        """The same choice, on this page, with these changes."""
        chosen = {
            "app": "" if self.app is None else str(self.app.id),
            "day": "" if self.day == self.today else self.day.isoformat(),
            **others,
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{path}?{query}" if query else path


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


async def _choice(visit: ConsoleRequest, app: UUID | Literal[""], day: date | Literal[""]) -> Choice:
    apps = await visit.apps()
    chosen = None
    if app:
        chosen = next((each for each in apps if each.id == app), None) or await visit.app(app)
    today = visit.now.astimezone(visit.zone).date()
    wanted = day or today
    if not EARLIEST_YEAR <= wanted.year <= LATEST_YEAR:
        raise InvalidInput(f"The year must be between {EARLIEST_YEAR} and {LATEST_YEAR}.")
    return Choice(wanted, today, chosen, apps, visit.zone)


@router.get("")
async def console_today(visit: Looking, app: AppChoice = "", day: Day = "", q: Words = "") -> Response:
    """The day by status or, with words, what they find."""
    choice = await _choice(visit, app, day)
    if words := q.strip().replace("\x00", ""):
        return await _found(visit, choice, words)
    counts = await overviews.count(visit.broker, choice.app_ids, choice.stretch, now=visit.now)
    sections = [
        (
            phase,
            title,
            counts.count(phase),
            await overviews.list_phase(
                visit.broker, choice.app_ids, choice.stretch, phase, now=visit.now, limit=SHOWN_AT_FIRST
            ),
        )
        for phase, title in TITLES.items()
    ]
    return rendered(
        "today.html",
        operator=visit.operator,
        here="today",
        choice=choice,
        counts=counts,
        sections=sections,
        now=visit.now,
        words="",
        one_day=timedelta(days=1),
    )


async def _found(visit: ConsoleRequest, choice: Choice, words: str) -> Response:
    around = choice.stretch.start
    found = await overviews.search(visit.broker, choice.app_ids, words, around=around, now=visit.now, limit=MOST_FOUND)
    return rendered(
        "search.html",
        operator=visit.operator,
        here="today",
        choice=choice,
        words=words,
        found=found,
        most=MOST_FOUND,
        now=visit.now,
        days=overviews.TITLES_WITHIN.days,
        one_day=timedelta(days=1),
    )


@router.get("/list/{phase}")
async def console_list(
    visit: Looking, phase: Phase, app: AppChoice = "", day: Day = "", cursor: Cursor = ""
) -> Response:
    """All of one status, page by page."""
    choice = await _choice(visit, app, day)
    page = await overviews.list_phase(
        visit.broker,
        choice.app_ids,
        choice.stretch,
        phase,
        now=visit.now,
        limit=SHOWN_ON_A_PAGE,
        cursor=cursor or None,
    )
    return _list(visit, choice, page, TITLES[phase], f"/console/list/{phase.value}", first=not cursor)


@router.get("/groups")
async def console_groups(visit: Looking, app: AppChoice = "", cursor: Cursor = "") -> Response:
    """The groups, page by page."""
    choice = await _choice(visit, app, "")
    page = await overviews.list_groups(
        visit.broker, choice.app_ids, now=visit.now, limit=SHOWN_ON_A_PAGE, cursor=cursor or None
    )
    return _list(visit, choice, page, "Groups", "/console/groups", first=not cursor)


def _list(
    visit: ConsoleRequest, choice: Choice, page: overviews.Page, title: str, path: str, *, first: bool
) -> Response:
    return rendered(
        "list.html",
        operator=visit.operator,
        here="groups" if path.endswith("groups") else "today",
        choice=choice,
        page=page,
        title=title,
        path=path,
        first=first,
        now=visit.now,
        words="",
        one_day=timedelta(days=1),
    )
