"""The sessions of a day by section, and who is waiting."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response

from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.domain.overview import Section, TimeRange
from videobroker.errors import InvalidInput
from videobroker.usecases.joining import waiting_room
from videobroker.usecases.operations import overviews
from videobroker.web.console.i18n import N_
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, ViewRequest
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name
from videobroker.web.http.schemas import MAX_YEAR, MIN_YEAR

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

INITIAL_ROWS = 12
ROWS_PER_PAGE = 50
MAX_WAITING_SHOWN = 20
TITLES = {
    Section.IN_PROGRESS: N_("In progress"),
    Section.LATE: N_("Late"),
    Section.NO_SHOW: N_("No-shows"),
    Section.UPCOMING: N_("Upcoming"),
    Section.COMPLETED: N_("Completed"),
    Section.CANCELLED: N_("Canceled"),
}
"""In the order of the page."""
EMPTY_TEXTS = {
    Section.IN_PROGRESS: N_("No calls in progress."),
    Section.LATE: N_("No late sessions."),
    Section.NO_SHOW: N_("No no-shows."),
    Section.UPCOMING: N_("Nothing scheduled."),
    Section.COMPLETED: N_("No completed sessions."),
    Section.CANCELLED: N_("No canceled sessions."),
}
DONE_TEXTS = {"admitted": N_("Admitted."), "denied": N_("Request declined.")}

AppChoice = Annotated[UUID | Literal[""], Query(alias="app")]
Day = Annotated[date | Literal[""], Query()]
Cursor = Annotated[str, Query(max_length=500)]
Did = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class DaySelection:
    """The selected day and app."""

    day: date
    today: date
    app: App | None
    apps: list[App]
    zone: tzinfo

    @property
    def app_ids(self) -> list[AppId]:
        return [each.id for each in ([self.app] if self.app else self.apps)]

    @property
    def names(self) -> dict[AppId, str]:
        return {each.id: each.name for each in self.apps}

    @property
    def time_range(self) -> TimeRange:
        """The day in the operator's time zone."""
        return TimeRange(_midnight(self.day, self.zone), _midnight(self.day + timedelta(days=1), self.zone))

    def url(self, path: str = "/console", **others: str) -> str:
        """The URL of this choice on the page at `path`, with other query parameters."""
        chosen = {
            "app": "" if self.app is None else str(self.app.id),
            "day": "" if self.day == self.today else self.day.isoformat(),
            **others,
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{path}?{query}" if query else path


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


async def select_day(console: ConsoleRequest, app: UUID | Literal[""], day: date | Literal[""]) -> DaySelection:
    """The day and the app of a request. Raises `InvalidInput`, `AppNotFound`."""
    apps = await console.apps()
    chosen = None
    if app:
        chosen = next((each for each in apps if each.id == app), None) or await console.app(app)
    today = console.now.astimezone(console.zone).date()
    wanted = day or today
    if not MIN_YEAR <= wanted.year <= MAX_YEAR:
        raise InvalidInput(_("The year must be between %(first)s and %(last)s.", first=MIN_YEAR, last=MAX_YEAR))
    return DaySelection(wanted, today, chosen, apps, console.zone)


@router.get("")
async def console_today(console: ViewRequest, app: AppChoice = "", day: Day = "", did: Did = "") -> Response:
    """The day by section."""
    choice = await select_day(console, app, day)
    counts = await overviews.count(console.broker, choice.app_ids, choice.time_range, now=console.now)
    chosen_apps = [choice.app] if choice.app else choice.apps
    waiting = await waiting_room.list_waiting(console.broker, chosen_apps, now=console.now)
    # Sections without sessions need no query.
    sections = [
        (section, title, counts.count(section), await _first_rows(console, choice, section, counts.count(section)))
        for section, title in TITLES.items()
    ]
    return rendered(
        "today.html",
        operator=console.operator,
        here="today",
        choice=choice,
        counts=counts,
        sections=sections,
        waiting=waiting[:MAX_WAITING_SHOWN],
        waiting_count=len(waiting),
        most_waiting=waiting_room.MAX_WAITING,
        titles=TITLES,
        empty_texts=EMPTY_TEXTS,
        notice_text=_(DONE_TEXTS[did]) if did in DONE_TEXTS else "",
        now=console.now,
        one_day=timedelta(days=1),
    )


async def _first_rows(
    console: ConsoleRequest, choice: DaySelection, section: Section, number: int
) -> overviews.SessionListPage:
    if number == 0:
        return overviews.SessionListPage([], None)
    return await overviews.list_section(
        console.broker, choice.app_ids, choice.time_range, section, now=console.now, limit=INITIAL_ROWS
    )


@router.get("/waiting")
async def console_waiting(console: ViewRequest, app: AppChoice = "", did: Did = "") -> Response:
    """Who waits now, in all sessions."""
    choice = await select_day(console, app, "")
    chosen_apps = [choice.app] if choice.app else choice.apps
    return rendered(
        "waiting.html",
        operator=console.operator,
        here="today",
        choice=choice,
        waiting=await waiting_room.list_waiting(console.broker, chosen_apps, now=console.now),
        most_waiting=waiting_room.MAX_WAITING,
        notice_text=_(DONE_TEXTS[did]) if did in DONE_TEXTS else "",
        now=console.now,
    )


@router.get("/list/{section}")
async def console_list(
    console: ViewRequest, section: Section, app: AppChoice = "", day: Day = "", cursor: Cursor = ""
) -> Response:
    """The sessions of one section, paginated."""
    choice = await select_day(console, app, day)
    page = await overviews.list_section(
        console.broker,
        choice.app_ids,
        choice.time_range,
        section,
        now=console.now,
        limit=ROWS_PER_PAGE,
        cursor=cursor or None,
    )
    return _list(console, choice, page, TITLES[section], f"/console/list/{section.value}", first=not cursor)


@router.get("/groups")
async def console_groups(console: ViewRequest, app: AppChoice = "", cursor: Cursor = "") -> Response:
    """The groups, paginated."""
    choice = await select_day(console, app, "")
    page = await overviews.list_groups(
        console.broker, choice.app_ids, now=console.now, limit=ROWS_PER_PAGE, cursor=cursor or None
    )
    return _list(console, choice, page, N_("Groups"), "/console/groups", first=not cursor)


def _list(
    console: ConsoleRequest,
    choice: DaySelection,
    page: overviews.SessionListPage,
    title: str,
    path: str,
    *,
    first: bool,
) -> Response:
    return rendered(
        "list.html",
        operator=console.operator,
        here="groups" if path.endswith("groups") else "today",
        choice=choice,
        page=page,
        title=title,
        titles=TITLES,
        path=path,
        first=first,
        now=console.now,
        one_day=timedelta(days=1),
    )
